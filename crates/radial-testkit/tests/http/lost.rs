//! `live` events stand in no log: a client that is too slow for the timeline loses them, and is told.

use radial_testkit::TestServer;
use radial_testkit::websocket::WebSocket;
use serde_json::{Value, json};

/// How many `live` events are published on each of two channels, and the size of those on the first:
/// more than the sockets and the timeline hold together. It must not take long, or who does not
/// read is closed.
const EVENTS: u64 = 80;
const EVENT_BYTES: usize = 150 * 1024;

async fn hub() -> (TestServer, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let versions = json!({"1": {"schema": {}}});
    let types = json!({"types": {
        "pointer.at": {"persistence": "live", "versions": versions},
        "frame.drawn": {"persistence": "live", "versions": versions},
        "note.added": {"persistence": "durable", "versions": versions},
    }});
    std::fs::write(folder.path().join("types.json"), types.to_string()).unwrap();
    let registry = folder.path().to_str().unwrap();
    let settings = [("hub.registry", registry), ("timeline.bytes", "1MiB")];
    (TestServer::with(&settings).await.unwrap(), folder)
}

/// Publishes all of them, and a durable event behind them.
async fn publish(hub: &TestServer) {
    let filler = "x".repeat(EVENT_BYTES);
    let numbers: Vec<u64> = (0..EVENTS).collect();
    for numbers in numbers.chunks(10) {
        let events = numbers.iter().flat_map(|number| {
            let event_type = if number % 2 == 0 { "pointer.at" } else { "frame.drawn" };
            [("a", &*filler), ("b", "")].map(|(channel, filler)| {
                json!({"eventType": event_type, "channel": channel,
                    "eventData": {"number": number, "filler": filler}})
            })
        });
        let events: Vec<Value> = events.collect();
        assert_eq!(hub.publish(&json!(events)).await.unwrap().status, 207);
    }
    let last = json!({"eventType": "note.added", "channel": "a", "eventData": "last"});
    assert_eq!(hub.publish(&last).await.unwrap().status, 201);
}

/// What one client was given and told.
#[derive(Default)]
struct Account {
    given: u64,
    dropped: u64,
}

impl Account {
    /// Takes an event or a `dropped`; tells whether it was the last.
    fn take(&mut self, message: &Value) -> bool {
        if let Some(count) = message.get("count") {
            assert_eq!(message["reason"], "lag");
            let count = count.as_u64().unwrap();
            let first = self.given + self.dropped;
            let both = ["pointer.at", "frame.drawn"].iter().zip(first..first + count);
            assert_eq!(message["types"].as_array().unwrap().len(), both.count());
            self.dropped += count;
            return false;
        }
        if message["eventType"] == "note.added" {
            return true;
        }
        // All that is missing before it has been told, and nothing else.
        let before = self.given + self.dropped;
        assert_eq!(message["eventData"]["number"].as_u64(), Some(before));
        self.given += 1;
        false
    }

    fn check(&self, transport: &str) {
        assert_eq!(self.given + self.dropped, EVENTS, "{transport}");
        assert!(self.dropped > 0, "{transport}: the client was not slow enough");
    }
}

#[tokio::test]
async fn whoever_is_too_slow_for_live_events_is_told_how_many_were_lost_on_every_transport() {
    let (hub, _folder) = hub().await;
    let mut stream = hub.stream("?channels=a").await.unwrap();
    stream.until(|frame| frame.is_control("live")).await.unwrap();
    let headers = [("sec-websocket-protocol", "radial.v1")];
    let mut socket = WebSocket::open(hub.address(), "/api/ws", &headers).await.unwrap().unwrap();
    socket.send(&json!({"op": "subscribe", "channels": ["a"]})).await.unwrap();
    while socket.json().await.unwrap()["op"] != "live" {}
    let poll = |cursor: &str| format!("/api/poll?channels=a&cursor={cursor}&wait=0s");
    let answer = hub.get(&poll("earliest")).await.unwrap().json().unwrap();
    let place = answer["cursor"].as_str().unwrap().to_owned();

    publish(&hub).await;

    let mut by_sse = Account::default();
    loop {
        let frame = stream.frame().await.unwrap();
        let is_told = frame.is_event() || frame.is_control("dropped");
        if is_told && by_sse.take(&frame.json().unwrap()) {
            break;
        }
    }
    by_sse.check("sse");
    let mut by_websocket = Account::default();
    loop {
        let message = socket.json().await.unwrap();
        let is_told = message.get("op").is_none_or(|op| op == "dropped");
        if is_told && by_websocket.take(&message) {
            break;
        }
    }
    by_websocket.check("websocket");
    let metrics = String::from_utf8(hub.get("/metrics").await.unwrap().body).unwrap();
    let lag = format!("reason=\"lag\"}} {}", by_sse.dropped + by_websocket.dropped);
    assert!(metrics.lines().any(|line| line.ends_with(&lag)), "{lag}: {metrics}");

    // They are never polled, so that a poll has lost none.
    let answer = hub.get(&poll(&place)).await.unwrap().json().unwrap();
    assert_eq!(answer["events"][0]["eventData"], "last");
    assert_eq!((answer["events"].as_array().unwrap().len(), answer.get("dropped")), (1, None));
}
