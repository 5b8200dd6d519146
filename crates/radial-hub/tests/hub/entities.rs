//! Entities over publishes: versions, conflicts, state, and the snapshot that a stream begins with.

use std::collections::BTreeMap;
use std::sync::Arc;

use radial_hub::{EntityQuery, Frame, Start, SubscribeRequest};
use radial_protocol::control::Control;
use radial_protocol::grants::Grants;
use radial_protocol::names::UserId;
use radial_protocol::{Code, Name, Pattern, Problem};
use serde_json::{Value, json};

use crate::support::{TestHub, request, selection};

async fn publish(test: &TestHub, event: Value) -> Result<u64, Problem> {
    let mut results = test.hub.publish(&test.grants, vec![request(&event)]).await.unwrap();
    results.pop().unwrap().map(|accepted| accepted.entity_version.unwrap())
}

#[expect(clippy::needless_pass_by_value, reason = "it is called with values made on the spot")]
fn card(action: &str, data: Value) -> Value {
    json!({"eventType": format!("card.{action}"), "eventData": data, "channel": "board:1"})
}

fn states(test: &TestHub, grants: &Arc<Grants>, entity_type: &str) -> BTreeMap<String, Value> {
    let query = EntityQuery {
        channels: vec![Pattern::All],
        entity_type: Name::new(entity_type).unwrap(),
        id: None,
        after: None,
        limit: 1_000,
    };
    let page = test.hub.entities(grants, &query).unwrap();
    page.entities
        .into_iter()
        .map(|entity| {
            let state = serde_json::from_str(entity.state.as_deref().unwrap()).unwrap();
            (entity.entity.id.to_string(), state)
        })
        .collect()
}

#[tokio::test]
async fn a_card_is_what_its_events_made_of_it() {
    let test = TestHub::new();
    let created =
        card("created", json!({"cardId": "c1", "zone": "todo", "cardData": {"title": "x"}}));
    assert_eq!(publish(&test, created).await.unwrap(), 1);
    let moved = card("moved", json!({"cardId": "c1", "zone": "done"}));
    assert_eq!(publish(&test, moved).await.unwrap(), 2);
    let expected = json!({"cardId": "c1", "zone": "done", "cardData": {"title": "x"}});
    assert_eq!(states(&test, &test.grants, "card"), BTreeMap::from([("c1".to_owned(), expected)]));
    assert_eq!(publish(&test, card("deleted", json!({"cardId": "c1"}))).await.unwrap(), 3);
    assert!(states(&test, &test.grants, "card").is_empty());
    let late = publish(&test, card("moved", json!({"cardId": "c1", "zone": "todo"}))).await;
    assert_eq!(late.unwrap_err().code, Code::EntityDeleted);
    let again = card("created", json!({"cardId": "c1", "zone": "todo"}));
    assert_eq!(publish(&test, again).await.unwrap(), 4);
}

#[tokio::test]
async fn a_preference_is_its_users_alone() {
    let test = TestHub::new();
    let theme =
        json!({"eventType": "ui.themeChanged", "eventData": {"theme": "dark"}, "userId": "ada"});
    publish(&test, theme).await.unwrap();
    let entity_type = test
        .hub
        .registry()
        .get("ui.themeChanged")
        .and_then(|event_type| event_type.policy.entity.as_ref())
        .map(|entity| entity.entity_type.to_string())
        .unwrap();
    for (user, seen) in [("ada", 1), ("bob", 0)] {
        let user = Some(UserId::new(user).unwrap());
        let grants = Arc::new((*test.grants).clone().acting_for(user, None));
        assert_eq!(states(&test, &grants, &entity_type).len(), seen);
    }
}

/// Whenever a client begins, the snapshot and what follows make the same cards as all events do.
#[tokio::test]
async fn a_snapshot_and_what_follows_make_the_same_state_at_every_moment() {
    let seed = fastrand::u64(..);
    println!("seed {seed}");
    let mut rng = fastrand::Rng::with_seed(seed);
    let test = TestHub::with_timeline(5);
    let mut streams = Vec::new();
    for _ in 0..60 {
        for _ in 0..rng.usize(1..5) {
            let id = format!("c{}", rng.u8(..6));
            let event = match rng.u8(..4) {
                0 => card("deleted", json!({"cardId": id})),
                1 => card("created", json!({"cardId": id, "zone": "todo", "n": rng.u32(..)})),
                _ => card("moved", json!({"cardId": id, "zone": "done", "n": rng.u32(..)})),
            };
            // Some are refused, for their card is deleted: that is no event.
            let _ = publish(&test, event).await;
        }
        let request = SubscribeRequest {
            selection: selection(&["board:*"]),
            start: Start::Now,
            snapshot: vec![Name::new("card").unwrap()],
        };
        streams.push(test.hub.subscribe(Arc::clone(&test.grants), request).await.unwrap());
    }
    let expected = states(&test, &test.grants, "card");
    let marker =
        json!({"eventType": "user.updated", "eventData": {"userId": "end"}, "channel": "board:1"});
    test.hub.publish(&test.grants, vec![request(&marker)]).await.unwrap();
    for mut stream in streams {
        assert!(!stream.opening().unwrap().is_place);
        let mut cards: BTreeMap<String, Value> = BTreeMap::new();
        let mut snapshots_done = 0;
        'stream: loop {
            for frame in stream.next().await.unwrap() {
                match frame {
                    Frame::Control(Control::Snapshot(part)) => {
                        for entity in part.entities {
                            let state = serde_json::from_str(entity.state.get()).unwrap();
                            cards.insert(entity.id.to_string(), state);
                        }
                        snapshots_done += usize::from(part.done);
                    }
                    Frame::Control(Control::Live { .. }) => {}
                    Frame::Control(other) => panic!("{other:?}"),
                    Frame::Event(event) if event.head.event_type.as_str() == "user.updated" => {
                        break 'stream;
                    }
                    Frame::Event(event) => {
                        let delivered: Value = serde_json::from_slice(&event.json()).unwrap();
                        apply(&mut cards, &delivered);
                    }
                }
            }
        }
        assert_eq!(snapshots_done, 1);
        assert_eq!(cards, expected);
    }
}

/// What a client does with an event: the policies of the built-in card types.
fn apply(cards: &mut BTreeMap<String, Value>, event: &Value) {
    let id = event["entity"]["id"].as_str().unwrap().to_owned();
    let data = event["eventData"].as_object().unwrap().clone();
    match event["eventType"].as_str().unwrap() {
        "card.deleted" => drop(cards.remove(&id)),
        "card.created" => drop(cards.insert(id, Value::Object(data))),
        _ => {
            let card = cards.entry(id).or_insert_with(|| json!({}));
            card.as_object_mut().unwrap().extend(data);
        }
    }
}

#[tokio::test]
async fn a_conflict_names_the_version_and_shows_the_state_to_those_who_may_see_it() {
    let test = TestHub::new();
    publish(&test, card("created", json!({"cardId": "c1", "zone": "todo"}))).await.unwrap();
    let mut stale = card("deleted", json!({"cardId": "c1"}));
    stale["expectedVersion"] = json!(7);
    let problem = publish(&test, stale).await.unwrap_err();
    assert_eq!(problem.code, Code::VersionConflict);
    let current = problem.current.unwrap();
    assert_eq!(current.current_version, 1);
    assert_eq!(current.current_state, Some(json!({"cardId": "c1", "zone": "todo"})));
}
