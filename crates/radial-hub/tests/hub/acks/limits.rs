//! There is a limit to everything that is kept for acknowledgements.

use std::time::Duration;

use radial_hub::{AckQuery, AckState, Start};
use radial_protocol::Code;
use radial_protocol::names::EventId;

use super::support::{Test, all, tenant, user};

#[tokio::test]
async fn there_is_a_limit_to_everything() {
    let test = Test::with(|acks| {
        (acks.sessions, acks.remembered, acks.debts, acks.events) = (2, 3, 4, 20);
    });
    let (anna, bert) = (user("anna"), user("bert"));
    drop(test.open(&anna, "main", Start::Now).await);
    test.time.pass(Duration::from_secs(1));
    let mut connection = test.open(&bert, "main", Start::Now).await;
    let third = test.open(&user("carl"), "main", Start::Now).await;
    // Nobody is away: one more owes nothing.
    let mut fourth = test.open(&user("dora"), "main", Start::Now).await;
    let names: Vec<String> = (0..10).map(|n| format!("e-{n}")).collect();
    for name in &names {
        test.publish(name).await;
    }
    test.time.pass(Duration::from_secs(30));
    assert_eq!(test.again(&mut fourth), [""; 0]);
    assert_eq!(test.standing("e-0").len(), 2, "anna was forgotten for carl");
    // Only the oldest debts are followed; the others once half of them are settled.
    assert_eq!(test.again(&mut connection).len(), 4);
    assert_eq!(test.ack(&bert, &["e-0", "e-1"]).await, all(&["e-0", "e-1"]));
    while test.hub.keep_acks() {}
    test.time.pass(Duration::from_mins(1));
    let again = test.again(&mut connection);
    assert!(again.contains(&"e-5 x 2".to_owned()), "{again:?}");
    // More acknowledgements than are remembered: what is older than they are is given up.
    test.ack(&bert, &["e-7", "e-8", "e-9"]).await;
    assert!(!test.standing("e-2").contains(&("bert".into(), AckState::Ended)));
    test.ack(&bert, &["e-6", "e-5"]).await;
    assert!(test.standing("e-2").contains(&("bert".into(), AckState::Ended)));
    for name in 10..40 {
        test.publish(&format!("e-{name}")).await;
    }
    while test.hub.keep_acks() {}
    let tallies = test.hub.ack_tallies();
    assert_eq!((tallies.sessions, tallies.events), (2, 20), "{tallies:?}");
    assert!(tallies.debts <= 8);
    assert!(tallies.forgotten.contains(&("too-many", 1)), "{tallies:?}");
    assert!(tallies.forgotten.contains(&("untracked", 1)), "{tallies:?}");
    for (reason, count) in &tallies.given_up {
        assert!(*count > 0 || *reason == "expired", "{tallies:?}");
    }
    let gone = AckQuery {
        tenant: tenant(),
        event: EventId::new("e-0").unwrap(),
        state: None,
        after: None,
        limit: 1,
    };
    assert_eq!(test.hub.acks_of(&gone).unwrap_err().code, Code::NotFound);
    drop(third);
}

#[tokio::test]
async fn the_session_that_was_away_for_longest_makes_room() {
    let test = Test::with(|acks| acks.sessions = 3);
    let step = Duration::from_secs(1);
    let mut there = Vec::new();
    for name in ["anna", "bert", "carl"] {
        there.push(test.open(&user(name), "main", Start::Now).await);
    }
    test.publish("e").await;
    // They leave in this order, and the first one comes and goes once more.
    for connection in there {
        test.time.pass(step);
        drop(connection);
    }
    test.time.pass(step);
    drop(test.open(&user("anna"), "main", Start::Now).await);
    let dora = test.open(&user("dora"), "main", Start::Now).await;
    while test.hub.keep_acks() {}
    let names = || test.standing("e").into_iter().map(|(name, _)| name).collect::<Vec<_>>();
    assert_eq!(names(), ["anna", "carl"], "bert was forgotten for dora, who came after the event");
    let erik = test.open(&user("erik"), "main", Start::Now).await;
    assert_eq!(names(), ["anna"], "and carl for erik");
    drop((dora, erik));
}
