//! Who sees what: one table of readers and events, asked of every endpoint that shows events or
//! what they have changed. What a reader may see is worked out here once more, independently.

use std::collections::BTreeSet;

use radial_testkit::credentials::token;
use radial_testkit::websocket::WebSocket;
use radial_testkit::{Frame, Stream, TestServer};
use serde_json::{Value, json};

const TYPES: &str = r#"
[types."open.said"]
persistence = "durable"
ack = true
[types."open.said".versions.1.schema]

[types."staff.said"]
persistence = "durable"
ack = true
subscribeRoles = ["staff"]
[types."staff.said".versions.1.schema]

[types."own.said"]
persistence = "durable"
ack = true
scope = "user"
[types."own.said".versions.1.schema]

[types."tab.said"]
persistence = "durable"
ack = true
scope = "session"
[types."tab.said".versions.1.schema]

[types."doc.saved"]
persistence = "durable"
entity = { type = "doc", id = "/id", state = "replace" }
[types."doc.saved".versions.1.schema]
type = "object"
required = ["id"]

[types."paper.saved"]
persistence = "durable"
subscribeRoles = ["staff"]
entity = { type = "paper", id = "/id", state = "replace" }
[types."paper.saved".versions.1.schema]
type = "object"
required = ["id"]

[types."theme.saved"]
persistence = "durable"
scope = "user"
entity = { type = "theme", id = "$userId", state = "replace" }
[types."theme.saved".versions.1.schema]
"#;

const ENTITIES: [&str; 3] = ["doc", "paper", "theme"];

struct Reader {
    user: &'static str,
    session: &'static str,
    roles: &'static [&'static str],
}

const READERS: [Reader; 6] = [
    Reader { user: "u1", session: "s1", roles: &[] },
    Reader { user: "u1", session: "s2", roles: &[] },
    Reader { user: "u2", session: "s3", roles: &["editor"] },
    Reader { user: "u3", session: "s4", roles: &["staff"] },
    Reader { user: "u4", session: "s5", roles: &["editor", "staff"] },
    Reader { user: "u5", session: "s1x", roles: &["other"] },
];

/// Everything is published by user `u1` in session `s1`.
struct Said {
    id: String,
    event_type: &'static str,
    audience: Option<Value>,
}

fn said() -> Vec<Said> {
    let audiences = [
        None,
        Some(json!({"users": ["u2"]})),
        Some(json!({"sessions": ["s2"]})),
        Some(json!({"roles": ["editor"]})),
        Some(json!({"users": ["u1"], "roles": ["staff"]})),
    ];
    let mut all = Vec::new();
    for event_type in ["open.said", "staff.said", "own.said", "tab.said"] {
        for (number, audience) in audiences.iter().enumerate() {
            let id = format!("{event_type}-{number}");
            all.push(Said { id, event_type, audience: audience.clone() });
        }
    }
    for event_type in ["doc.saved", "paper.saved", "theme.saved"] {
        all.push(Said { id: event_type.to_owned(), event_type, audience: None });
    }
    all
}

impl Reader {
    fn may_see(&self, said: &Said) -> bool {
        let names = |list: &str, name: &str| {
            let audience = said.audience.as_ref();
            let list = audience.and_then(|audience| audience[list].as_array());
            list.is_some_and(|list| list.iter().any(|entry| entry == name))
        };
        let of_audience = said.audience.is_none()
            || names("users", self.user)
            || names("sessions", self.session)
            || self.roles.iter().any(|role| names("roles", role));
        let of_type = match said.event_type {
            "staff.said" | "paper.saved" => self.roles.contains(&"staff"),
            "own.said" | "theme.saved" => self.user == "u1",
            "tab.said" => self.session == "s1" && self.user == "u1",
            _ => true,
        };
        of_audience && of_type
    }

    fn bearer(&self) -> String {
        token(&json!({
            "sub": self.user, "sid": self.session, "roles": self.roles,
            "radial": {"history": true},
        }))
    }

    fn sees(&self, said: &[Said]) -> BTreeSet<String> {
        said.iter().filter(|said| self.may_see(said)).map(|said| said.id.clone()).collect()
    }

    /// Of what it sees, what it must acknowledge.
    fn owes(&self, said: &[Said]) -> BTreeSet<String> {
        let acks = said
            .iter()
            .filter(|said| !ENTITIES.iter().any(|entity| said.event_type.starts_with(entity)));
        acks.filter(|said| self.may_see(said)).map(|said| said.id.clone()).collect()
    }

    fn sees_entities(&self) -> BTreeSet<String> {
        let all = said();
        let of = |entity: &&str| all.iter().find(|said| said.id == format!("{entity}.saved"));
        let seen =
            ENTITIES.iter().filter(|entity| of(entity).is_some_and(|said| self.may_see(said)));
        seen.map(ToString::to_string).collect()
    }
}

fn ids<'a>(events: impl IntoIterator<Item = &'a Value>) -> BTreeSet<String> {
    events.into_iter().map(|event| event["eventId"].as_str().unwrap().to_owned()).collect()
}

fn events_of(frames: &[Frame]) -> BTreeSet<String> {
    let events: Vec<Value> =
        frames.iter().filter(|frame| frame.is_event()).map(|frame| frame.json().unwrap()).collect();
    ids(&events)
}

/// What a socket shows to this reader: with its first subscription, and as an addition to another
/// one.
async fn over_socket(hub: &TestServer, bearer: &str) -> [BTreeSet<String>; 2] {
    let mut shown = [BTreeSet::new(), BTreeSet::new()];
    for (shown, is_addition) in shown.iter_mut().zip([false, true]) {
        let socket = WebSocket::open(hub.address(), "/api/ws", &[]).await.unwrap();
        let mut socket = socket.unwrap();
        socket.send(&json!({"op": "token", "token": bearer})).await.unwrap();
        if is_addition {
            let nothing = json!({"op": "subscribe", "types": "no.such"});
            socket.send(&nothing).await.unwrap();
        }
        let all = json!({"op": "subscribe", "id": "all", "cursor": "earliest"});
        socket.send(&all).await.unwrap();
        let mut events = Vec::new();
        loop {
            let message = socket.json().await.unwrap();
            match message["op"].as_str() {
                None => events.push(message),
                Some("replay") => events.extend(message["events"].as_array().unwrap().clone()),
                Some("live") if !is_addition => break,
                Some("ok") if is_addition && message["id"] == "all" => break,
                Some("error") => panic!("{message}"),
                Some(_) => {}
            }
        }
        *shown = ids(&events);
    }
    shown
}

/// The entity types in the snapshot that a stream begins with.
async fn snapshot(stream: &mut Stream) -> BTreeSet<String> {
    let frames = stream.until(|frame| frame.is_control("live")).await.unwrap();
    let snapshots = frames.iter().filter(|frame| frame.is_control("snapshot"));
    let snapshots = snapshots.map(|frame| frame.json().unwrap());
    let filled = snapshots.filter(|chunk| !chunk["entities"].as_array().unwrap().is_empty());
    filled.map(|chunk| chunk["type"].as_str().unwrap().to_owned()).collect()
}

async fn hub() -> (TestServer, tempfile::TempDir) {
    hub_with(&[]).await
}

async fn hub_with(settings: &[(&str, &str)]) -> (TestServer, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("said.toml"), TYPES).unwrap();
    let registry = folder.path().display().to_string();
    let streams = r#"[{"path": "/feeds/all", "channels": ["*"]}]"#;
    let mut settings = settings.to_vec();
    settings.extend([("hub.registry", registry.as_str()), ("streams", streams)]);
    (TestServer::serve(&settings).await.unwrap(), folder)
}

async fn publish(hub: &TestServer, said: &[Said]) {
    let publisher = token(&json!({
        "sub": "u1", "sid": "s1", "roles": ["editor", "staff"], "radial": {"publish": ["*"]},
    }));
    for Said { id, event_type, audience } in said {
        let mut event = json!({"eventType": event_type, "eventId": id, "eventData": {"id": "x"}});
        if let Some(audience) = audience {
            event["audience"] = audience.clone();
        }
        let answer = hub.publish_as(&publisher, &event).await.unwrap();
        assert_eq!(answer.status, 201, "{id}: {:?}", answer.json());
    }
}

#[tokio::test]
async fn what_may_be_seen_is_the_same_everywhere() {
    let (hub, _registry) = hub().await;
    let said = said();
    let mut live = Vec::new();
    for reader in &READERS {
        let mut stream = hub.stream_as(&reader.bearer(), "").await.unwrap();
        stream.until(|frame| frame.is_control("live")).await.unwrap();
        live.push(stream);
    }
    publish(&hub, &said).await;
    let end = Said { id: "end".to_owned(), event_type: "open.said", audience: None };
    publish(&hub, &[end]).await;
    for (reader, stream) in READERS.iter().zip(&mut live) {
        let mut expected = reader.sees(&said);
        expected.insert("end".to_owned());
        let bearer = reader.bearer();
        let get = async |path: &str| {
            let answer = hub.get_as(&bearer, path).await.unwrap();
            assert_eq!(answer.status, 200, "{path}: {:?}", answer.json());
            answer.json().unwrap()
        };
        let is_end = |frame: &Frame| frame.is_event() && frame.json().unwrap()["eventId"] == "end";
        let seen = events_of(&stream.until(is_end).await.unwrap());
        assert_eq!(seen, expected, "live, {}", reader.session);
        let mut replay = hub.stream_as(&bearer, "?cursor=earliest").await.unwrap();
        let seen = events_of(&replay.until(|frame| frame.is_control("live")).await.unwrap());
        assert_eq!(seen, expected, "replay, {}", reader.session);
        let headers = [("authorization", &*format!("Bearer {bearer}"))];
        let path = "/feeds/all?cursor=earliest";
        let mut alias = Stream::open(hub.address(), path, &headers).await.unwrap();
        let seen = events_of(&alias.until(|frame| frame.is_control("live")).await.unwrap());
        assert_eq!(seen, expected, "alias, {}", reader.session);
        for path in ["/api/poll?cursor=earliest", "/api/events?limit=1000"] {
            let seen = ids(get(path).await["events"].as_array().unwrap());
            assert_eq!(seen, expected, "{path}, {}", reader.session);
        }
        for seen in over_socket(&hub, &bearer).await {
            assert_eq!(seen, expected, "WebSocket, {}", reader.session);
        }
        let entities = reader.sees_entities();
        let mut seen = BTreeSet::new();
        for entity in ENTITIES {
            let page = get(&format!("/api/entities/{entity}")).await;
            if !page["entities"].as_array().unwrap().is_empty() {
                seen.insert(entity.to_owned());
            }
            let one = if entity == "theme" { "u1" } else { "x" };
            let one = hub.get_as(&bearer, &format!("/api/entities/{entity}/{one}")).await.unwrap();
            let status = if entities.contains(entity) { 200 } else { 404 };
            assert_eq!(one.status, status, "{entity}, {}", reader.session);
        }
        assert_eq!(seen, entities, "entities, {}", reader.session);
        let mut with_state = hub.stream_as(&bearer, "?snapshot=doc,paper,theme").await.unwrap();
        assert_eq!(snapshot(&mut with_state).await, entities, "snapshot, {}", reader.session);
    }
}

#[tokio::test]
async fn publish_roles_decide_who_may_publish() {
    let folder = tempfile::tempdir().unwrap();
    let types = TYPES
        .replace("[types.\"open.said\"]\n", "[types.\"open.said\"]\npublishRoles = [\"staff\"]\n");
    std::fs::write(folder.path().join("said.toml"), types).unwrap();
    let registry = folder.path().display().to_string();
    let hub = TestServer::serve(&[("hub.registry", &registry)]).await.unwrap();
    let event = json!({"eventType": "open.said", "eventData": {}});
    let of = |role: &str, patterns: &str| {
        token(&json!({"sub": "u1", "roles": [role], "radial": {"publish": [patterns]}}))
    };
    for (bearer, status) in [
        (of("staff", "*"), 201),
        (of("staff", "open.*"), 201),
        (of("staff", "doc.*"), 403),
        (of("editor", "*"), 403),
        (token(&json!({"radial": {"publish": ["*"], "actAs": true}})), 403),
    ] {
        assert_eq!(hub.publish_as(&bearer, &event).await.unwrap().status, status);
    }
}

/// What comes again over an event stream, until there is as much.
async fn again(hub: &TestServer, bearer: &str, count: usize) -> BTreeSet<String> {
    let mut stream = hub.stream_as(bearer, "").await.unwrap();
    let mut seen = BTreeSet::new();
    while seen.len() < count {
        let frame = stream.next().await.unwrap().unwrap();
        if frame.is_control("redelivery") {
            seen.extend(ids([&frame.json().unwrap()["event"]]));
        }
    }
    seen
}

#[tokio::test]
async fn nobody_is_reminded_of_what_he_may_not_see_nor_can_acknowledge_it() {
    let (hub, _registry) = hub_with(&[("acks.redeliver_after", "100ms")]).await;
    let said = said();
    for reader in &READERS {
        let mut stream = hub.stream_as(&reader.bearer(), "").await.unwrap();
        stream.until(|frame| frame.is_control("live")).await.unwrap();
    }
    publish(&hub, &said).await;
    let all: Vec<&str> = said.iter().map(|said| said.id.as_str()).collect();
    for reader in &READERS {
        let (bearer, expected) = (reader.bearer(), reader.owes(&said));
        let seen = again(&hub, &bearer, expected.len()).await;
        assert_eq!(seen, expected, "over SSE, {}", reader.session);
        let mut seen = BTreeSet::new();
        let mut cursor = String::new();
        while seen.len() < expected.len() {
            let path = format!("/api/poll?wait=10s{cursor}");
            let answer = hub.get_as(&bearer, &path).await.unwrap().json().unwrap();
            cursor = format!("&cursor={}", answer["cursor"].as_str().unwrap());
            let again = answer["redeliveries"].as_array();
            seen.extend(ids(again.into_iter().flatten().map(|again| &again["event"])));
        }
        assert_eq!(seen, expected, "polled, {}", reader.session);
        let body = json!({"eventIds": all});
        let answer = hub.send_as(&bearer, "POST", "/api/sse/acks", &body).await.unwrap();
        let taken = answer.json().unwrap();
        let names = |list: &str| -> BTreeSet<String> {
            let list = taken[list].as_array().unwrap().iter();
            list.map(|id| id.as_str().unwrap().to_owned()).collect()
        };
        assert_eq!(names("acknowledged"), expected, "acknowledged, {}", reader.session);
        assert_eq!(names("notOwed").len(), said.len() - expected.len());
    }
}
