//! What a publish comes to, and what of it is seen.

use std::sync::Arc;

use radial_hub::{Frame, HistoryQuery, Start, SubscribeRequest};
use radial_protocol::event::Persistence;
use radial_protocol::grants::Grants;
use radial_protocol::names::UserId;
use radial_protocol::{Code, Pattern};
use serde_json::{Value, json};

use crate::support::{TestHub, fill, history, request, selection};

async fn publish(test: &TestHub, event: Value) -> Result<radial_protocol::answer::Accepted, Code> {
    let mut results = test.hub.publish(&test.grants, vec![request(&event)]).await.unwrap();
    results.pop().unwrap().map_err(|problem| problem.code)
}

#[tokio::test]
async fn the_registry_decides_the_persistence() {
    let test = TestHub::new();
    for (event, class) in [
        (json!({"eventType": "user.updated", "eventData": {"userId": "u"}}), Persistence::Durable),
        (json!({"eventType": "session.activity", "eventData": {}}), Persistence::Recent),
        (json!({"eventType": "test:event", "eventData": 1}), Persistence::Live),
    ] {
        let accepted = publish(&test, event).await.unwrap();
        assert_eq!(accepted.persistence, class);
        assert_eq!(accepted.cursor.is_none(), class == Persistence::Live);
    }
}

#[tokio::test]
async fn each_refusal_has_its_code() {
    let test = TestHub::new();
    let updated = |extra: Value| {
        let mut event = json!({"eventType": "user.updated", "eventData": {"userId": "u"}});
        event.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        event
    };
    for (event, code) in [
        (json!({"eventType": "no.such", "eventData": 1}), Code::UnknownEventType),
        (json!({"eventType": "user.updated", "eventData": {}}), Code::SchemaViolation),
        (updated(json!({"version": "99"})), Code::UnknownVersion),
        (updated(json!({"priority": "critical"})), Code::PolicyConflict),
        (updated(json!({"routes": ["nowhere"]})), Code::PolicyConflict),
        (updated(json!({"expectedVersion": 1})), Code::PolicyConflict),
        (
            json!({"eventType": "card.deleted", "eventData": {"cardId": "c"}, "expectedVersion": 4}),
            Code::VersionConflict,
        ),
        (updated(json!({"tenantId": "globex"})), Code::Forbidden),
        (
            json!({"eventType": "session.activity", "eventData": {}, "broadcast": true}),
            Code::PolicyConflict,
        ),
        (
            json!({"eventType": "ui.themeChanged", "eventData": {"theme": "dark"}}),
            Code::ScopeWithoutIdentity,
        ),
    ] {
        assert_eq!(publish(&test, event.clone()).await.unwrap_err(), code, "{event}");
    }
    let refused: u64 =
        test.hub.stats().tallies().refused_events.iter().map(|(_, count)| count).sum();
    assert_eq!(refused, 10);
}

#[tokio::test]
async fn an_unknown_type_is_answered_with_the_nearest_that_may_be_published() {
    let test = TestHub::new();
    let detail = |grants: Grants, event_type: &str| {
        let event = json!({"eventType": event_type, "eventData": {}});
        let (hub, grants) = (Arc::clone(&test.hub), Arc::new(grants));
        async move {
            let mut results = hub.publish(&grants, vec![request(&event)]).await.unwrap();
            results.pop().unwrap().unwrap_err().detail
        }
    };
    let all = Grants::clone(&test.grants);
    let told = detail(all.clone(), "card.move").await;
    assert_eq!(told, "card.move is not in the registry; did you mean card.moved?");
    let mut only = all.clone();
    Arc::make_mut(&mut only.rights).publish = vec![Pattern::new("card.updated").unwrap()];
    assert!(detail(only, "card.move").await.ends_with("did you mean card.updated?"));
    let mut none = all;
    Arc::make_mut(&mut none.rights).publish = Vec::new();
    assert_eq!(detail(none, "card.move").await, "card.move is not in the registry");
}

#[tokio::test]
async fn a_page_of_history_ends_after_so_many_events_and_goes_on_from_there() {
    let folder = tempfile::tempdir().unwrap();
    fill(folder.path(), 101_000).await;
    let test = TestHub::with_config(|config| config.folder = folder.path().to_owned());
    let wanted = json!({"eventType": "notification:new", "eventData": {
        "id": "n", "type": "info", "title": "t"}});
    publish(&test, wanted).await.unwrap();
    let mut types = selection(&["*"]);
    types.types = vec![Pattern::new("notification:*").unwrap()];
    let mut query = HistoryQuery { selection: types, ..history(10) };
    let first = test.hub.history(&test.grants, &query).unwrap();
    assert_eq!((first.events.len(), first.complete), (0, false));
    assert_eq!(first.cursor.offset.get(), 100_000);
    query.start = Start::After(first.cursor);
    let second = test.hub.history(&test.grants, &query).unwrap();
    assert_eq!((second.events.len(), second.complete), (1, true));
    assert_eq!(second.cursor.offset.get(), 101_001);
}

#[tokio::test]
async fn an_atomic_batch_is_refused_whole_and_leaves_nothing() {
    let test = TestHub::new();
    let good = request(&json!({"eventType": "user.updated", "eventData": {"userId": "u"}}));
    let bad = request(&json!({"eventType": "user.updated", "eventData": {}}));
    let recent = request(&json!({"eventType": "session.activity", "eventData": {}}));
    for (batch, code) in [
        (vec![good.clone(), bad], Code::SchemaViolation),
        (vec![good.clone(), recent], Code::PolicyConflict),
    ] {
        let problem = test.hub.publish_atomic(&test.grants, batch).await.unwrap_err();
        assert_eq!(problem.code, code);
    }
    let accepted = test.hub.publish_atomic(&test.grants, vec![good.clone(), good]).await.unwrap();
    let offsets: Vec<u64> = accepted.iter().map(|one| one.offset.unwrap().get()).collect();
    assert_eq!(offsets, [1, 2]);
}

#[tokio::test]
async fn history_sees_what_is_not_broadcast_and_subscribers_do_not() {
    let test = TestHub::new();
    let request =
        SubscribeRequest { selection: selection(&["*"]), start: Start::Now, snapshot: vec![] };
    let mut subscription = test.hub.subscribe(Arc::clone(&test.grants), request).await.unwrap();
    publish(&test, json!({"eventType": "session.activity", "eventData": {}})).await.unwrap();
    publish(&test, json!({"eventType": "user.updated", "eventData": {"userId": "u"}}))
        .await
        .unwrap();
    let mut seen = Vec::new();
    while seen.is_empty() {
        for frame in subscription.next().await.unwrap() {
            if let Frame::Event(event) = frame {
                seen.push(event.head.event_type.to_string());
            }
        }
    }
    assert_eq!(seen, ["user.updated"]);
    let query = history(10);
    let page = test.hub.history(&test.grants, &query).unwrap();
    let types: Vec<&str> = page.events.iter().map(|event| event.head.event_type.as_str()).collect();
    assert_eq!(types, ["session.activity", "user.updated"]);
    assert!(page.complete);
}

/// The ids that history has, and those that a poll from the beginning has.
async fn kept(test: &TestHub) -> [Vec<String>; 2] {
    let query = history(10);
    let history = test.hub.history(&test.grants, &query).unwrap().events;
    let request =
        SubscribeRequest { selection: selection(&["*"]), start: Start::Earliest, snapshot: vec![] };
    let mut poll = test.hub.subscribe(Arc::clone(&test.grants), request).await.unwrap();
    poll.leave_out_live();
    let mut polled = Vec::new();
    'polling: loop {
        for frame in poll.next().await.unwrap() {
            match frame {
                Frame::Event(event) => polled.push(event),
                Frame::Control(_) => break 'polling,
            }
        }
    }
    let id = |event: &Arc<radial_protocol::Event>| event.head.event_id.to_string();
    [history.iter().map(id).collect(), polled.iter().map(id).collect()]
}

#[tokio::test]
async fn history_and_a_poll_have_an_event_until_its_time_to_live_is_over() {
    let test = TestHub::new();
    for (id, ttl_ms) in [("long", 2_000), ("short", 1_000), ("longer", 3_000)] {
        let event = json!({"eventType": "user.updated", "eventData": {"userId": "u"},
            "eventId": id, "ttlMs": ttl_ms});
        publish(&test, event).await.unwrap();
    }
    for (ms, expected) in [
        (999, vec!["long", "short", "longer"]),
        (1, vec!["long", "longer"]),
        (999, vec!["long", "longer"]),
        (1, vec!["longer"]),
        (1_000, vec![]),
    ] {
        test.pass_ms(ms);
        assert_eq!(kept(&test).await, [expected.clone(), expected]);
    }
}

#[tokio::test]
async fn an_event_for_one_user_is_hidden_from_another_on_stream_and_history() {
    let test = TestHub::new();
    let event = json!({"eventType": "user.updated", "eventData": {"userId": "u"},
        "audience": {"users": ["ada"]}});
    publish(&test, event).await.unwrap();
    for (user, expected) in [("ada", 1), ("bob", 0)] {
        let user = Some(UserId::new(user).unwrap());
        let grants = Arc::new((*test.grants).clone().acting_for(user, None));
        let request = SubscribeRequest {
            selection: selection(&["*"]),
            start: Start::Earliest,
            snapshot: vec![],
        };
        let mut subscription = test.hub.subscribe(Arc::clone(&grants), request).await.unwrap();
        let frames = subscription.next().await.unwrap();
        let seen = frames.iter().filter(|frame| matches!(frame, Frame::Event(_))).count();
        assert_eq!(seen, expected);
    }
}

#[tokio::test]
async fn a_page_of_history_ends_by_its_bytes_and_goes_on_where_it_ended() {
    let test = TestHub::new();
    let blob = "x".repeat(200 * 1024);
    for _ in 0..30 {
        let event =
            json!({"eventType": "user.updated", "eventData": {"userId": "u", "blob": blob}});
        publish(&test, event).await.unwrap();
    }
    let mut query = history(1_000);
    let first = test.hub.history(&test.grants, &query).unwrap();
    assert!(!first.complete && first.events.len() < 30, "{} events", first.events.len());
    query.start = Start::After(first.cursor);
    let second = test.hub.history(&test.grants, &query).unwrap();
    assert!(second.complete);
    assert_eq!(first.events.len() + second.events.len(), 30);
}
