//! A server's key that stands for a sink streams what the registry routes there, and a key that does
//! not never sees what is not broadcast.

use std::collections::BTreeSet;

use radial_testkit::credentials::{api_key, issuers, token};
use radial_testkit::websocket::WebSocket;
use radial_testkit::{Frame, TestServer};
use serde_json::{Value, json};

const TYPES: &str = r#"
[types."usage.clicked"]
persistence = "durable"
broadcast = false
routes = ["analytics"]
[types."usage.clicked".versions.1.schema]

[types."usage.felt"]
persistence = "live"
broadcast = false
routes = ["analytics", "mails"]
[types."usage.felt".versions.1.schema]

[types."staff.said"]
persistence = "durable"
subscribeRoles = ["staff"]
scope = "user"
routes = ["analytics"]
[types."staff.said".versions.1.schema]

[types."debug.noted"]
persistence = "durable"
broadcast = false
[types."debug.noted".versions.1.schema]

[types."open.said"]
persistence = "durable"
[types."open.said".versions.1.schema]

[types."open.sent"]
persistence = "durable"
routes = ["analytics", "mails"]
[types."open.sent".versions.1.schema]
"#;

/// Who reads, with what grants, and which events they see; `live` ones are seen live alone.
fn readers() -> Vec<(&'static str, Value, &'static [&'static str])> {
    vec![
        ("analytics", json!({"routes": ["analytics"]}), &["clicked", "felt", "staff"]),
        ("mails", json!({"routes": ["mails"]}), &["felt"]),
        ("no sink", json!({"routes": ["other"]}), &[]),
        ("all types", json!({"subscribe": ["*"]}), &["open"]),
        (
            "both",
            json!({"subscribe": ["open.*"], "routes": ["analytics"]}),
            &["clicked", "felt", "open", "staff"],
        ),
        ("one channel", json!({"routes": ["analytics"], "channels": ["board:1"]}), &[]),
        (
            "for a user",
            json!({"routes": ["analytics"], "subscribe": ["*"], "act_as": true}),
            &["open"],
        ),
    ]
}

fn said(id: &str) -> Value {
    let (event_type, audience) = match id {
        "clicked" => ("usage.clicked", Some(json!({"users": ["u9"]}))),
        "felt" => ("usage.felt", None),
        "staff" => ("staff.said", Some(json!({"roles": ["staff"]}))),
        "debug" => ("debug.noted", None),
        _ => ("open.said", None),
    };
    let mut event = json!({"eventType": event_type, "eventId": id, "eventData": {}});
    if let Some(audience) = audience {
        event["audience"] = audience;
    }
    event
}

fn ids<'a>(events: impl IntoIterator<Item = &'a Value>) -> BTreeSet<String> {
    events.into_iter().map(|event| event["eventId"].as_str().unwrap().to_owned()).collect()
}

fn events(frames: &[Frame]) -> Vec<Value> {
    frames.iter().filter(|frame| frame.is_event()).map(|frame| frame.json().unwrap()).collect()
}

/// A heartbeat that names the place of the last event.
fn has_come_to(offset: u64) -> impl Fn(&Frame) -> bool {
    let end = format!(".{offset}");
    move |frame| {
        frame.is_control("heartbeat")
            && frame.json().unwrap()["cursor"].as_str().unwrap().ends_with(&end)
    }
}

struct World {
    hub: TestServer,
    _registry: tempfile::TempDir,
    keys: Vec<String>,
}

impl World {
    async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("said.toml"), TYPES).unwrap();
        let (mut keys, mut records) = (Vec::new(), Vec::new());
        for (number, (_, grants, _)) in (1..).zip(readers()) {
            let mut grants = grants;
            grants["tenants"] = json!(["dev"]);
            grants["history"] = json!(true);
            let (key, record) = api_key(number, &grants);
            keys.push(key);
            records.push(record);
        }
        let (registry, records) = (folder.path().display().to_string(), json!(records).to_string());
        let settings = [
            ("hub.registry", &*registry),
            ("auth.keys", &*records),
            ("auth.issuers", &issuers()),
            ("stream.heartbeat", "100ms"),
        ];
        let hub = TestServer::serve(&settings).await.unwrap();
        Self { hub, _registry: folder, keys }
    }

    async fn publish(&self, events: impl IntoIterator<Item = Value>) {
        let publisher =
            token(&json!({"sub": "u1", "roles": ["staff"], "radial": {"publish": ["*"]}}));
        for event in events {
            let answer = self.hub.publish_as(&publisher, &event).await.unwrap();
            assert_eq!(answer.status, 201, "{event}: {:?}", answer.json());
        }
    }
}

/// The query of a reader: everything that there is, on `main`.
fn query(name: &str) -> &'static str {
    match name {
        "for a user" => "?userId=u3",
        "one channel" => "?channels=*",
        _ => "?types=*",
    }
}

#[tokio::test]
async fn a_key_that_stands_for_a_sink_streams_what_is_routed_there() {
    let world = World::start().await;
    let mut streams = Vec::new();
    for ((name, _, _), key) in readers().into_iter().zip(&world.keys) {
        let mut stream = world.hub.stream_as(key, query(name)).await.unwrap();
        stream.until(|frame| frame.is_control("live")).await.unwrap();
        streams.push(stream);
    }
    world.publish(["clicked", "felt", "staff", "debug", "open"].map(said)).await;
    for (((name, _, sees), key), mut stream) in readers().into_iter().zip(&world.keys).zip(streams)
    {
        let expected: BTreeSet<String> = sees.iter().map(ToString::to_string).collect();
        let live = events(&stream.until(has_come_to(4)).await.unwrap());
        assert_eq!(ids(&live), expected, "live, {name}");
        // What has no place is not replayed.
        let kept: BTreeSet<String> = expected.into_iter().filter(|id| id != "felt").collect();
        let path = format!("{}&cursor=earliest", query(name));
        let mut replay = world.hub.stream_as(key, &path).await.unwrap();
        let replayed = events(&replay.until(|frame| frame.is_control("live")).await.unwrap());
        assert_eq!(ids(&replayed), kept, "replay, {name}");
        let polled = world.hub.get_as(key, &format!("/api/poll{path}&wait=0s")).await.unwrap();
        assert_eq!(ids(polled.json().unwrap()["events"].as_array().unwrap()), kept, "poll, {name}");
        let bearer = format!("Bearer {key}");
        let headers = [("authorization", bearer.as_str())];
        let socket = WebSocket::open(world.hub.address(), "/api/ws", &headers).await.unwrap();
        let mut socket = socket.unwrap();
        let mut all = json!({"op": "subscribe", "channels": "*", "cursor": "earliest"});
        if name == "for a user" {
            all["userId"] = json!("u3");
        }
        socket.send(&all).await.unwrap();
        let mut seen = Vec::new();
        loop {
            let message = socket.json().await.unwrap();
            match message["op"].as_str() {
                None => seen.push(message),
                Some("live") => break,
                Some("error") => panic!("{message}"),
                Some(_) => {}
            }
        }
        assert_eq!(ids(&seen), kept, "WebSocket, {name}");
    }
}

#[tokio::test]
async fn a_publish_that_names_some_sinks_keeps_its_event_from_the_others_alone() {
    let world = World::start().await;
    let sent = |id: &str, wishes: Value| {
        let mut event = json!({"eventType": "open.sent", "eventId": id, "eventData": {}});
        event.as_object_mut().unwrap().append(&mut wishes.as_object().unwrap().clone());
        event
    };
    let events_of = |frames: Vec<Frame>| ids(&events(&frames)).into_iter().collect::<Vec<_>>();
    let sees: [(usize, &[&str]); 3] = [
        (0, &["everywhere"]),
        (1, &["everywhere", "mails", "mails alone"]),
        (3, &["everywhere", "mails", "no sink"]),
    ];
    let mut streams = Vec::new();
    for (key, _) in sees {
        let mut stream = world.hub.stream_as(&world.keys[key], "?types=*").await.unwrap();
        stream.until(|frame| frame.is_control("live")).await.unwrap();
        streams.push(stream);
    }
    let published = [
        sent("everywhere", json!({})),
        sent("mails", json!({"routes": ["mails"]})),
        sent("no sink", json!({"routes": []})),
        sent("mails alone", json!({"routes": ["mails"], "broadcast": false})),
        sent("nobody", json!({"routes": [], "broadcast": false})),
    ];
    world.publish(published).await;
    for ((key, expected), mut stream) in sees.into_iter().zip(streams) {
        let live = stream.until(has_come_to(5)).await.unwrap();
        assert_eq!(events_of(live), expected, "live, {key}");
        let replay = world.hub.stream_as(&world.keys[key], "?types=*&cursor=earliest").await;
        let replayed = replay.unwrap().until(|frame| frame.is_control("live")).await.unwrap();
        assert_eq!(events_of(replayed), expected, "replay, {key}");
    }
}

#[tokio::test]
async fn the_registry_shows_a_key_what_is_routed_to_it() {
    let world = World::start().await;
    let registry = world.hub.get_as(&world.keys[1], "/api/registry").await.unwrap();
    let registry = registry.json().unwrap();
    let types = registry["types"].as_array().unwrap();
    let names: Vec<&str> = types.iter().map(|each| each["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["open.sent", "usage.felt"]);
}
