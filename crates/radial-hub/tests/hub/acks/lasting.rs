//! What outlasts a connection, and a hub: debts, acknowledgements, and who owes what.

use std::time::Duration;

use radial_hub::{AckState, AtOnce, Start};
use serde_json::json;

use super::support::{DAY_MS, Test, all, read_to_live, user};

#[tokio::test]
async fn a_restart_forgets_neither_what_is_owed_nor_what_was_acknowledged() {
    for clean in [true, false] {
        let test = Test::new();
        let (anna, bert) = (user("anna"), user("bert"));
        let mut connection = test.open(&anna, "main", Start::Now).await;
        drop(test.open(&bert, "main", Start::Now).await);
        for id in ["a", "b", "c"] {
            test.publish(id).await;
        }
        let place = read_to_live(&mut connection.0).await;
        test.publish_with("d", json!({"audience": {"users": ["anna"]}})).await;
        test.ack(&anna, &["b"]).await;
        // Without a clean stop, the folder is what a killed process leaves.
        if clean {
            drop(connection);
        }
        let test = test.restart(clean);
        while test.hub.keep_acks() {}
        let unknown = AckState::Unknown;
        assert_eq!(test.standing("a"), [("anna".into(), unknown), ("bert".into(), unknown)]);
        assert_eq!(test.standing("b")[0], ("anna".into(), AckState::Acknowledged));
        assert_eq!(test.standing("d"), [("anna".into(), unknown)], "it is not for bert");
        let mut connection = test.open(&anna, "main", Start::After(place)).await;
        assert_eq!(test.again(&mut connection), ["a x 2", "c x 2"]);
        assert_eq!(test.standing("a"), [("anna".into(), AckState::Owed), ("bert".into(), unknown)]);
        assert_eq!(test.ack(&anna, &["a", "b", "c", "d"]).await, all(&["a", "b", "c", "d"]));
        let test = test.restart(false);
        let mut connection = test.open(&anna, "main", Start::After(place)).await;
        assert_eq!(test.again(&mut connection), [""; 0]);
    }
}

#[tokio::test]
async fn a_session_that_nobody_has_seen_for_a_day_owes_nothing() {
    let test = Test::new();
    let anna = user("anna");
    let mut connection = test.open(&anna, "main", Start::Now).await;
    test.publish("a").await;
    test.time.pass(Duration::from_millis(2 * DAY_MS));
    assert_eq!(test.again(&mut connection), ["a x 2"], "it is there all the time");
    drop(connection);
    test.time.pass(Duration::from_millis(DAY_MS - 1));
    let mut connection = test.open(&anna, "main", Start::Now).await;
    assert_eq!(test.again(&mut connection), ["a x 3"]);
    drop(connection);
    test.time.pass(Duration::from_millis(DAY_MS));
    let mut connection = test.open(&anna, "main", Start::Earliest).await;
    assert_eq!(test.again(&mut connection), [""; 0]);
    assert_eq!(test.standing("a"), []);
    drop(connection);
    // Nobody has to come back for it to be forgotten, on the disk too.
    test.time.pass(Duration::from_millis(DAY_MS));
    while test.hub.keep_acks() {}
    assert_eq!(test.hub.ack_tallies().sessions, 0);
    assert!(test.hub.ack_tallies().forgotten.contains(&("unseen", 2)));
    let test = test.restart(true);
    assert_eq!(test.hub.ack_tallies().sessions, 0);
}

#[tokio::test]
async fn a_poll_brings_what_is_owed_at_once_only_to_a_session_that_was_away() {
    let test = Test::new();
    let anna = user("anna");
    let start = test.open(&anna, "main", Start::Now).await.0.cursor();
    test.publish("a").await;
    let place = read_to_live(&mut test.open(&anna, "main", Start::After(start)).await.0).await;
    let poll = async |test: &Test| {
        let after = Start::After(place);
        let mut connection = test.open_as(&anna, "main", after, AtOnce::WhenBack).await;
        test.again(&mut connection)
    };
    // Its times are those of a stream: 30 s, then 60 s more, then 120 s more.
    let mut came = Vec::new();
    for second in 0..=90 {
        came.extend(poll(&test).await.into_iter().map(|again| (second, again)));
        test.time.pass(Duration::from_secs(1));
    }
    assert_eq!(came, [(30, "a x 2".to_owned()), (90, "a x 3".to_owned())]);
    test.time.pass(Duration::from_secs(58));
    assert_eq!(poll(&test).await, [""; 0], "it rested");
    test.time.pass(Duration::from_mins(1));
    assert_eq!(poll(&test).await, ["a x 4"], "it is back, a second before the time");
    assert_eq!(poll(&test).await, [""; 0]);
    let test = test.restart(false);
    while test.hub.keep_acks() {}
    assert_eq!(poll(&test).await, ["a x 2"], "the hub is back");
    assert_eq!(poll(&test).await, [""; 0]);
}
