//! What repeats the latest event of its key is not added again; what says something else is.

use std::sync::Arc;

use radial_protocol::Code;
use radial_protocol::answer::Accepted;
use radial_protocol::grants::Grants;
use radial_protocol::names::{SessionId, UserId};
use serde_json::{Value, json};

use crate::support::{TestHub, request};

const WINDOW_MS: u64 = 100;

fn hub() -> TestHub {
    let schema = json!({"1": {"schema": {}}});
    TestHub::with_types(&json!({
        "tray.opened": {"persistence": "recent", "dedupe": {"window": "100ms"}, "versions": schema},
        "tray.closed": {"persistence": "recent", "dedupe": {"window": "100ms"}, "versions": schema},
        "tray.moved": {"persistence": "durable", "versions": schema,
            "dedupe": {"window": "100ms", "key": ["/tray"]}},
        "card.named": {"persistence": "durable", "versions": schema,
            "dedupe": {"window": "100ms", "key": ["/id"]},
            "entity": {"type": "named", "id": "/id", "state": "replace", "conflict": "lastWriteWins"}},
    }))
}

async fn publish(test: &TestHub, grants: &Grants, event: Value) -> Result<Accepted, Code> {
    let results = test.hub.publish(grants, vec![request(&event)]).await.unwrap();
    results.into_iter().next().unwrap().map_err(|problem| problem.code)
}

/// Publishes these, and gives the offsets of their answers and whether nothing was added.
async fn offsets(test: &TestHub, events: &[Value]) -> Vec<(u64, bool)> {
    let mut answers = Vec::new();
    for event in events {
        let answer = publish(test, &test.grants, event.clone()).await.unwrap();
        answers.push((answer.offset.unwrap().get(), answer.duplicate));
    }
    answers
}

fn opened(data: &Value) -> Value {
    json!({"eventType": "tray.opened", "eventData": data})
}

#[tokio::test]
async fn what_repeats_the_latest_within_the_window_gets_the_first_answer() {
    let test = hub();
    let event = opened(&json!({"tray": "a"}));
    let first = publish(&test, &test.grants, event.clone()).await.unwrap();
    test.pass_ms(WINDOW_MS - 1);
    let again = publish(&test, &test.grants, event.clone()).await.unwrap();
    assert_eq!(again, Accepted { duplicate: true, ..first.clone() });
    // What was dropped does not prolong the window of what was accepted.
    test.pass_ms(1);
    let later = publish(&test, &test.grants, event).await.unwrap();
    assert_eq!((later.offset.unwrap().get(), later.duplicate), (2, false));
    assert_ne!(later.event_id, first.event_id);
    let tallies = test.hub.stats().tallies();
    assert_eq!((tallies.deduplicated, tallies.duplicates), (1, 0));
    assert_eq!(tallies.accepted, [("durable", 0), ("recent", 2), ("live", 0)]);
}

#[tokio::test]
async fn what_was_said_before_the_latest_is_said_again() {
    let test = hub();
    let (a, b) = (opened(&json!("a")), opened(&json!("b")));
    let order = [a.clone(), b.clone(), a.clone(), a.clone(), b.clone(), b, a];
    let expected =
        [(1, false), (2, false), (3, false), (3, true), (4, false), (4, true), (5, false)];
    assert_eq!(offsets(&test, &order).await, expected);
}

#[tokio::test]
async fn only_events_of_one_type_user_and_key_are_compared() {
    let test = hub();
    let moved = |tray: &str, to: u32| json!({"eventType": "tray.moved", "eventData": {"tray": tray, "to": to}});
    // What another tray does is not between.
    let order = [moved("a", 1), moved("b", 9), moved("a", 1), moved("a", 2), moved("a", 1)];
    let expected = [(1, false), (2, false), (1, true), (3, false), (4, false)];
    assert_eq!(offsets(&test, &order).await, expected);
    let closed = json!({"eventType": "tray.closed", "eventData": 1});
    let order = [opened(&json!(1)), closed.clone(), opened(&json!(1)), closed];
    assert_eq!(offsets(&test, &order).await, [(5, false), (6, false), (5, true), (6, true)]);
    let acting = |user: &str| {
        let user = Some(UserId::new(user).unwrap());
        test.grants.as_ref().clone().acting_for(user, None)
    };
    for (user, duplicate) in [("ada", false), ("bob", false), ("ada", true), ("bob", true)] {
        let answer = publish(&test, &acting(user), opened(&json!(1))).await.unwrap();
        assert_eq!(answer.duplicate, duplicate, "{user}");
    }
}

#[tokio::test]
async fn whatever_changes_who_sees_it_or_what_it_says_is_something_else() {
    let test = hub();
    let event = opened(&json!({"n": 1, "m": 2}));
    let with = |name: &str, value: Value| {
        let mut event = event.clone();
        event[name] = value;
        event
    };
    for other in [
        with("eventData", json!({"n": 1, "m": 3})),
        with("channel", json!("board:1")),
        with("audience", json!({"roles": ["editor"]})),
        with("priority", json!("low")),
        with("ttlMs", json!(1_000)),
        with("broadcast", json!(false)),
    ] {
        let answers = offsets(&test, &[event.clone(), other.clone(), other.clone()]).await;
        let duplicates: Vec<bool> = answers.into_iter().map(|(_, duplicate)| duplicate).collect();
        assert_eq!(duplicates, [false, false, true], "{other}");
    }
    let session = |session: &str| {
        let session = Some(SessionId::new(session).unwrap());
        test.grants.as_ref().clone().acting_for(None, session)
    };
    for (name, duplicate) in [("s-1", false), ("s-2", false), ("s-2", true)] {
        let answer = publish(&test, &session(name), event.clone()).await.unwrap();
        assert_eq!(answer.duplicate, duplicate, "{name}");
    }
    test.pass_ms(WINDOW_MS);
    // What only names the request, and white space, is no difference.
    let same = [event.clone(), with("timestamp", json!(7)), with("correlationId", json!("c"))];
    let answers = offsets(&test, &same).await;
    assert_eq!(answers.iter().filter(|(_, duplicate)| *duplicate).count(), 2);
}

#[tokio::test]
async fn an_event_id_is_exact_and_decided_first() {
    let test = hub();
    let with_id = |id: &str, data: &str| json!({"eventType": "tray.opened", "eventData": data, "eventId": id});
    let (x, y) = (with_id("x", "a"), with_id("y", "a"));
    // A new id with the latest content is a repeat, and is answered with the first one's id.
    let first = publish(&test, &test.grants, x.clone()).await.unwrap();
    let repeat = publish(&test, &test.grants, y.clone()).await.unwrap();
    assert_eq!(repeat, Accepted { duplicate: true, ..first.clone() });
    // A known id with other content is refused, whatever the latest is.
    let other = publish(&test, &test.grants, with_id("x", "b")).await;
    assert_eq!(other.unwrap_err(), Code::IdempotencyMismatch);
    // A known id is answered with its own place, and is not the latest for that.
    let b = publish(&test, &test.grants, with_id("z", "b")).await.unwrap();
    assert_eq!((b.offset.unwrap().get(), b.duplicate), (2, false));
    assert_eq!(publish(&test, &test.grants, x).await.unwrap().offset, first.offset);
    let again = publish(&test, &test.grants, opened(&json!("b"))).await.unwrap();
    assert_eq!((again.offset, again.duplicate), (b.offset, true));
    // An id that was never added is free: it is added at most once.
    test.pass_ms(WINDOW_MS);
    for duplicate in [false, true] {
        let answer = publish(&test, &test.grants, y.clone()).await.unwrap();
        assert_eq!((answer.offset.unwrap().get(), answer.duplicate), (3, duplicate));
    }
    let tallies = test.hub.stats().tallies();
    assert_eq!((tallies.deduplicated, tallies.duplicates), (2, 2));
}

#[tokio::test]
async fn events_of_a_batch_repeat_each_other_and_those_of_an_atomic_one_are_all_added() {
    let test = hub();
    let batch = || ["a", "a", "b", "a"].map(|data| request(&opened(&json!(data)))).to_vec();
    let answers = test.hub.publish(&test.grants, batch()).await.unwrap();
    let places = |answers: Vec<Accepted>| -> Vec<(u64, bool)> {
        let place = |answer: Accepted| (answer.offset.unwrap().get(), answer.duplicate);
        answers.into_iter().map(place).collect()
    };
    let answers = answers.into_iter().map(Result::unwrap).collect();
    assert_eq!(places(answers), [(1, false), (1, true), (2, false), (3, false)]);
    let answers = test.hub.publish_atomic(&test.grants, batch()).await.unwrap();
    assert_eq!(places(answers), [(4, false), (5, false), (6, false), (7, false)]);
    // The last of them is what comes next is compared with.
    assert_eq!(offsets(&test, &[opened(&json!("a"))]).await, [(7, true)]);
}

#[tokio::test]
async fn about_an_entity_it_is_no_repeat_once_another_has_changed_it() {
    let test = hub();
    let user = |user: &str| {
        Arc::new(test.grants.as_ref().clone().acting_for(Some(UserId::new(user).unwrap()), None))
    };
    let named =
        |name: &str| json!({"eventType": "card.named", "eventData": {"id": "c", "name": name}});
    let (ada, bob) = (user("ada"), user("bob"));
    for (grants, name, version, duplicate) in [
        (&ada, "x", 1, false),
        (&ada, "x", 1, true),
        (&bob, "y", 2, false),
        (&ada, "x", 3, false),
        (&ada, "x", 3, true),
    ] {
        let answer = publish(&test, grants, named(name)).await.unwrap();
        assert_eq!((answer.entity_version, answer.duplicate), (Some(version), duplicate));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn whoever_publishes_at_once_the_last_thing_said_stands_last() {
    let test = Arc::new(hub());
    for round in 0..200 {
        let publish_one = |data: &'static str| {
            let test = Arc::clone(&test);
            tokio::spawn(async move {
                let answer = publish(&test, &test.grants, opened(&json!(data))).await.unwrap();
                (answer.offset.unwrap().get(), answer.duplicate)
            })
        };
        let (a, b) = (publish_one("a"), publish_one("b"));
        let (a, b) = (a.await.unwrap(), b.await.unwrap());
        // Both have been answered; whatever stood last, saying the other again adds it.
        let (other, latest) = if a.0 < b.0 { ("a", b.0) } else { ("b", a.0) };
        let (offset, duplicate) = offsets(&test, &[opened(&json!(other))]).await[0];
        assert!(!duplicate && offset > latest, "round {round}");
    }
}
