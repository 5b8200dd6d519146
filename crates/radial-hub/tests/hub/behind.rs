//! A reader that is behind is spared what newer events replace, and ends with the same state.

use std::collections::BTreeMap;
use std::sync::Arc;

use radial_hub::{Frame, Start, SubscribeRequest, Subscription};
use radial_protocol::control::Control;
use radial_protocol::{Event, Offset};
use serde_json::{Value, json};

use crate::support::{TestHub, history, request, selection};

fn types() -> Value {
    let versions = json!({"1": {"schema": {}}});
    // Cards coalesce by their zone, which is not what tells one card from another.
    let card = |entity: Value| {
        let mut policy = json!({"persistence": "durable", "versions": versions, "entity": {
            "type": "piece", "id": "/id", "conflict": "lastWriteWins"}});
        for (name, value) in entity.as_object().unwrap() {
            policy["entity"][name] = value.clone();
        }
        policy
    };
    let mut put = card(json!({"state": "replace"}));
    put["coalesceKey"] = json!(["/zone"]);
    json!({
        "pointer.at": {"persistence": "recent", "coalesceKey": ["/who"], "versions": versions},
        "note.added": {"persistence": "durable", "versions": versions},
        "piece.put": put,
        "piece.changed": card(json!({"state": "merge"})),
        "piece.removed": card(json!({"deletes": true})),
    })
}

/// What a client makes of events, in whatever way it got them.
#[derive(Debug, Default, PartialEq)]
struct World {
    pointers: BTreeMap<String, Value>,
    notes: Vec<Value>,
    pieces: BTreeMap<String, Option<Value>>,
}

impl World {
    fn take(&mut self, event: &Event) {
        let data: Value = serde_json::from_str(&event.data()).unwrap();
        let id = data["id"].to_string();
        match event.head.event_type.as_str() {
            "pointer.at" => {
                // Without a value at its key an event stands for itself.
                let key = data
                    .get("who")
                    .map_or_else(|| event.head.event_id.to_string(), Value::to_string);
                self.pointers.insert(format!("{} {key}", event.head.channel), data);
            }
            "piece.put" => drop(self.pieces.insert(id, Some(data))),
            "piece.changed" => {
                let piece = self.pieces.entry(id).or_default().get_or_insert_with(|| json!({}));
                piece.as_object_mut().unwrap().extend(data.as_object().unwrap().clone());
            }
            "piece.removed" => drop(self.pieces.insert(id, None)),
            _ => self.notes.push(data),
        }
    }
}

fn random_event(rng: &mut fastrand::Rng, number: usize) -> Value {
    let (event_type, data) = match rng.u8(..20) {
        0..9 => ("pointer.at", json!({"who": rng.u8(..4), "x": number})),
        9 => ("pointer.at", json!({"x": number})),
        10..15 => ("piece.put", json!({"id": rng.u8(..4), "zone": rng.u8(..2), "x": number})),
        15..17 => ("piece.changed", json!({"id": rng.u8(..4), "y": number})),
        17 => ("piece.removed", json!({"id": rng.u8(..4)})),
        _ => ("note.added", json!({"n": number})),
    };
    let channel = if rng.bool() { "a" } else { "b" };
    json!({"eventType": event_type, "eventData": data, "channel": channel,
        "eventId": format!("e-{number}")})
}

async fn subscribe(test: &TestHub, start: Start) -> Subscription {
    let request = SubscribeRequest { selection: selection(&["*"]), start, snapshot: vec![] };
    test.hub.subscribe(Arc::clone(&test.grants), request).await.unwrap()
}

/// All events of the log, as history shows them: whole.
fn log_of(test: &TestHub) -> Vec<Arc<Event>> {
    let query = history(100_000);
    let page = test.hub.history(&test.grants, &query).unwrap();
    assert!(page.complete);
    page.events
}

/// Reads from the beginning to the head; the reader may be cut off anywhere, and then comes back
/// with the cursor of the last event that it was sent.
async fn read(test: &TestHub, rng: &mut fastrand::Rng, cuts: bool) -> Vec<Arc<Event>> {
    let (mut seen, mut start) = (Vec::new(), Start::Earliest);
    'connection: loop {
        let mut subscription = subscribe(test, start).await;
        loop {
            for frame in subscription.next().await.unwrap() {
                match frame {
                    Frame::Event(event) => {
                        start = Start::After(event.place.unwrap());
                        seen.push(event);
                        if cuts && rng.u8(..50) == 0 {
                            continue 'connection;
                        }
                    }
                    Frame::Control(Control::Live { .. }) => return seen,
                    Frame::Control(Control::Dropped { reason: "memory", .. }) => {}
                    Frame::Control(other) => panic!("{other:?}"),
                }
            }
        }
    }
}

#[tokio::test]
async fn whoever_is_behind_gets_less_and_ends_with_the_same_state() {
    for seed in [1, 2, 3, fastrand::u64(..)] {
        println!("seed {seed}");
        let mut rng = fastrand::Rng::with_seed(seed);
        let test = TestHub::with_types(&types());
        let count = rng.usize(1_000..3_000);
        for first in (0..count).step_by(100) {
            let batch =
                (first..count.min(first + 100)).map(|n| request(&random_event(&mut rng, n)));
            let batch = batch.collect();
            // A change of a piece that was removed is refused, and then it is in no state.
            test.hub.publish(&test.grants, batch).await.unwrap();
        }
        let all = log_of(&test);
        let mut world = World::default();
        for event in &all {
            world.take(event);
        }
        for cuts in [false, true] {
            let before = test.hub.stats().tallies();
            let seen = read(&test, &mut rng, cuts).await;
            let offsets: Vec<Offset> = seen.iter().map(|event| event.offset().unwrap()).collect();
            assert!(offsets.is_sorted_by(|one, next| one < next), "in order, and none twice");
            let mut found = World::default();
            for event in &seen {
                found.take(event);
            }
            assert_eq!(found, world);
            assert!(seen.len() < all.len(), "nothing was left out of {}", all.len());
            let after = test.hub.stats().tallies();
            let (given, left_out) =
                (after.delivered - before.delivered, after.coalesced - before.coalesced);
            if !cuts {
                assert_eq!(given, seen.len() as u64);
                assert_eq!(given + left_out, all.len() as u64, "each is given or counted");
            }
        }
    }
}

fn pointer(x: u32, ttl_ms: Option<u64>) -> Value {
    let mut event =
        json!({"eventType": "pointer.at", "eventData": {"who": "ada", "x": x}, "channel": "a"});
    if let Some(ttl_ms) = ttl_ms {
        event["ttlMs"] = json!(ttl_ms);
    }
    event
}

/// Publishes these and enough behind them that they are a page that is not at the head, and gives
/// the x of the pointers that a reader gets who comes then.
async fn seen_behind(test: &TestHub, pointers: &[Value]) -> Vec<Value> {
    let note = json!({"eventType": "note.added", "eventData": "x".repeat(1_000)});
    let notes = std::iter::repeat_n(note, 100);
    let batch = pointers.iter().cloned().chain(notes).map(|event| request(&event)).collect();
    for result in test.hub.publish(&test.grants, batch).await.unwrap() {
        result.unwrap();
    }
    let events = read(test, &mut fastrand::Rng::with_seed(1), false).await;
    let pointers = events.iter().filter(|event| event.head.event_type.as_str() == "pointer.at");
    pointers
        .map(|event| serde_json::from_str::<Value>(&event.data()).unwrap()["x"].clone())
        .collect()
}

#[tokio::test]
async fn nothing_gives_way_to_what_expires_sooner() {
    for (pointers, expected) in [
        (vec![pointer(1, None), pointer(2, None)], json!([2])),
        (vec![pointer(1, Some(500)), pointer(2, Some(500))], json!([2])),
        (vec![pointer(1, Some(500)), pointer(2, None)], json!([2])),
        (vec![pointer(1, None), pointer(2, Some(500))], json!([1, 2])),
        // What lives longest stands for all before it.
        (vec![pointer(1, None), pointer(2, None), pointer(3, Some(500))], json!([2, 3])),
    ] {
        let test = TestHub::with_types(&types());
        assert_eq!(json!(seen_behind(&test, &pointers).await), expected, "{pointers:?}");
    }
    // What has expired stands for nothing.
    let test = TestHub::with_types(&types());
    seen_behind(&test, &[pointer(1, None), pointer(2, Some(500))]).await;
    test.pass_ms(500);
    assert_eq!(json!(seen_behind(&test, &[]).await), json!([1]));
}

#[tokio::test]
async fn whoever_is_at_the_head_gets_everything() {
    let test = TestHub::with_types(&types());
    let mut subscription = subscribe(&test, Start::Now).await;
    subscription.next().await.unwrap();
    let batch = (0..100).map(|x| request(&pointer(x, None))).collect();
    test.hub.publish(&test.grants, batch).await.unwrap();
    let mut seen = 0;
    while seen < 100 {
        seen += subscription.next().await.unwrap().len();
    }
    assert_eq!((seen, test.hub.stats().tallies().coalesced), (100, 0));
}

/// A hub that keeps 100 `recent` events, with 1,000 events of which each tenth is one.
async fn far_behind() -> TestHub {
    let registry = TestHub::registry(&types());
    let test = TestHub::with_config(|config| {
        config.registry = registry;
        config.log.retention.keep_recent.events = Some(100);
    });
    let batch = (0..1_000).map(|n| match n % 10 {
        1 => request(&json!({"eventType": "pointer.at", "eventData": {"who": n}})),
        _ => request(&json!({"eventType": "note.added", "eventData": n})),
    });
    for result in test.hub.publish(&test.grants, batch.collect()).await.unwrap() {
        result.unwrap();
    }
    test
}

#[tokio::test]
async fn too_far_behind_what_is_durable_comes_and_the_rest_is_told_before_what_follows() {
    let test = far_behind().await;
    let mut subscription = subscribe(&test, Start::Earliest).await;
    let (mut notes, mut pointers, mut dropped) = (0, Vec::new(), 0);
    'reading: loop {
        for frame in subscription.next().await.unwrap() {
            match frame {
                Frame::Event(event) if event.head.event_type.as_str() == "pointer.at" => {
                    pointers.push(event.offset().unwrap().get());
                }
                Frame::Event(event) => {
                    let offset = event.offset().unwrap().get();
                    // Whatever is missing before this place has been told of.
                    assert!((offset + 7) / 10 <= dropped + pointers.len() as u64, "{offset}");
                    notes += 1;
                }
                Frame::Control(Control::Dropped { count, types, reason }) => {
                    assert_eq!((types, reason), (vec!["pointer.at".to_owned()], "lag"));
                    dropped += count;
                }
                Frame::Control(Control::Live { replayed, .. }) => {
                    assert_eq!(replayed, notes + pointers.len() as u64);
                    break 'reading;
                }
                Frame::Control(other) => panic!("{other:?}"),
            }
        }
    }
    // Every one is given or told.
    let tallies = test.hub.stats().tallies();
    assert_eq!(notes, 900);
    assert_eq!(dropped + pointers.len() as u64, 100);
    assert_eq!(tallies.shed_by_lag, dropped);
    assert!(dropped > 0 && pointers.last() == Some(&992), "{dropped} {pointers:?}");
}

#[tokio::test]
async fn short_of_memory_whoever_is_behind_gets_what_is_durable() {
    let test = TestHub::with_types(&types());
    test.hub.set_short_of_memory(true);
    assert_eq!(json!(seen_behind(&test, &[pointer(1, None)]).await), json!([]));
    assert_eq!(test.hub.stats().tallies().shed_for_memory, 1);
    test.hub.set_short_of_memory(false);
    assert_eq!(json!(seen_behind(&test, &[]).await), json!([1]));
}
