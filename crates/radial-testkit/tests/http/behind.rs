//! What a reader that is behind gets on each transport.

use std::collections::BTreeMap;

use radial_testkit::TestServer;
use radial_testkit::websocket::WebSocket;
use serde_json::{Value, json};

/// How many events stand in the log: far more than one page.
const EVENTS: usize = 3_000;

/// A hub of these types alone, with the folder of its registry.
async fn hub(types: &Value, settings: &[(&str, &str)]) -> (TestServer, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let document = json!({ "types": types }).to_string();
    std::fs::write(folder.path().join("types.json"), document).unwrap();
    let registry = [("hub.registry", folder.path().to_str().unwrap())];
    let settings: Vec<(&str, &str)> = registry.iter().chain(settings).copied().collect();
    (TestServer::with(&settings).await.unwrap(), folder)
}

async fn publish(hub: &TestServer, events: &[Value]) {
    for batch in events.chunks(1_000) {
        assert_eq!(hub.publish(&json!(batch)).await.unwrap().status, 207);
    }
}

/// Everything from the beginning to the head, over Server-Sent Events: events and `dropped`.
async fn over_sse(hub: &TestServer) -> Vec<Value> {
    let mut stream = hub.stream("?channels=*&cursor=earliest").await.unwrap();
    let frames = stream.until(|frame| frame.is_control("live")).await.unwrap();
    let wanted = frames.iter().filter(|frame| frame.is_event() || frame.is_control("dropped"));
    wanted.map(|frame| frame.json().unwrap()).collect()
}

async fn over_websocket(hub: &TestServer) -> Vec<Value> {
    let headers = [("sec-websocket-protocol", "radial.v1")];
    let mut socket = WebSocket::open(hub.address(), "/api/ws", &headers).await.unwrap().unwrap();
    let subscribe = json!({"op": "subscribe", "channels": ["*"], "cursor": "earliest"});
    socket.send(&subscribe).await.unwrap();
    let mut found = Vec::new();
    loop {
        let message = socket.json().await.unwrap();
        match message["op"].as_str() {
            Some("live") => return found,
            None | Some("dropped") => found.push(message),
            Some(_) => {}
        }
    }
}

async fn over_poll(hub: &TestServer) -> Vec<Value> {
    let (mut found, mut cursor) = (Vec::new(), "earliest".to_owned());
    loop {
        // A limit that cuts pages anywhere.
        let path = format!("/api/poll?channels=*&cursor={cursor}&wait=0s&limit=37");
        let answer = hub.get(&path).await.unwrap().json().unwrap();
        let events = answer["events"].as_array().unwrap();
        found.extend(answer.get("dropped").cloned());
        if events.is_empty() && answer["cursor"] == json!(cursor) {
            return found;
        }
        found.extend(events.iter().cloned());
        answer["cursor"].as_str().unwrap().clone_into(&mut cursor);
    }
}

/// For each channel and pointer where it is, and all notes.
fn state(events: &[Value]) -> (BTreeMap<String, Value>, Vec<Value>) {
    let (mut pointers, mut notes) = (BTreeMap::new(), Vec::new());
    for event in events {
        let data = &event["eventData"];
        if event["eventType"] == "pointer.at" {
            pointers.insert(format!("{} {}", event["channel"], data["who"]), data.clone());
        } else {
            notes.push(data.clone());
        }
    }
    (pointers, notes)
}

#[tokio::test]
async fn the_final_state_is_the_same_without_what_newer_events_replace_on_every_transport() {
    let versions = json!({"1": {"schema": {}}});
    let (hub, _folder) = hub(
        &json!({
            "pointer.at": {"persistence": "recent", "coalesceKey": ["/who"], "versions": versions},
            "note.added": {"persistence": "durable", "versions": versions},
        }),
        &[],
    )
    .await;
    let mut rng = fastrand::Rng::with_seed(7);
    let events: Vec<Value> = (0..EVENTS)
        .map(|number| {
            let channel = if rng.bool() { "a" } else { "b" };
            let (event_type, who) =
                if rng.u8(..10) == 0 { ("note.added", 9) } else { ("pointer.at", rng.u8(..5)) };
            json!({"eventType": event_type, "channel": channel,
                "eventData": {"who": who, "number": number}})
        })
        .collect();
    publish(&hub, &events).await;
    let expected = state(&events);
    for (transport, found) in [
        ("sse", over_sse(&hub).await),
        ("websocket", over_websocket(&hub).await),
        ("poll", over_poll(&hub).await),
    ] {
        assert_eq!(state(&found), expected, "{transport}");
        assert!(found.len() < EVENTS / 2, "{transport}: {} events", found.len());
        let offsets = found.iter().map(|event| event["offset"].as_u64().unwrap());
        assert!(offsets.is_sorted_by(|one, next| one < next), "{transport}");
    }
    let metrics = String::from_utf8(hub.get("/metrics").await.unwrap().body).unwrap();
    let coalesced = metrics.lines().find(|line| line.contains("reason=\"coalesced\"")).unwrap();
    assert!(!coalesced.ends_with(" 0"), "{coalesced}");
}

#[tokio::test]
async fn whoever_is_too_far_behind_is_told_what_was_dropped_on_every_transport() {
    let versions = json!({"1": {"schema": {}}});
    let (hub, _folder) = hub(
        &json!({
            "sensor.read": {"persistence": "recent", "priority": "low", "versions": versions},
            "note.added": {"persistence": "durable", "versions": versions},
        }),
        &[("log.recent_events", "300")],
    )
    .await;
    let events: Vec<Value> = (0..EVENTS)
        .map(|number| {
            let event_type = if number % 10 == 0 { "sensor.read" } else { "note.added" };
            json!({"eventType": event_type, "eventData": number, "channel": "a"})
        })
        .collect();
    publish(&hub, &events).await;
    for (transport, found) in [
        ("sse", over_sse(&hub).await),
        ("websocket", over_websocket(&hub).await),
        ("poll", over_poll(&hub).await),
    ] {
        let of_type = |name: &str| found.iter().filter(|event| event["eventType"] == name).count();
        assert_eq!(of_type("note.added"), EVENTS * 9 / 10, "{transport}: durable events come");
        let told: Vec<&Value> = found.iter().filter(|item| item.get("reason").is_some()).collect();
        let count: u64 = told.iter().map(|dropped| dropped["count"].as_u64().unwrap()).sum();
        for dropped in told {
            assert_eq!(dropped["types"], json!(["sensor.read"]), "{transport}");
            assert_eq!(dropped["reason"], "lag", "{transport}");
        }
        let missing = (EVENTS / 10 - of_type("sensor.read")) as u64;
        assert!(missing > 0, "{transport}: nothing was shed");
        // An answer of a poll that ends inside a page is told of the whole page.
        assert!(count == missing || transport == "poll" && count > missing, "{transport} {count}");
        // What is kept for resuming comes.
        let newest = found.iter().filter(|event| event["offset"].as_u64() > Some(2_700)).count();
        assert_eq!(newest, 300, "{transport}");
    }
    let metrics = String::from_utf8(hub.get("/metrics").await.unwrap().body).unwrap();
    let shed = metrics.lines().find(|line| line.contains("reason=\"lag\"")).unwrap();
    assert!(!shed.ends_with(" 0"), "{shed}");
}
