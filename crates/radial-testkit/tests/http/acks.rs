//! Acknowledgements over real sockets: who may say them, how they are understood, and what they
//! end on other connections of the same session.

use std::time::Duration;

use radial_testkit::credentials::token;
use radial_testkit::websocket::WebSocket;
use radial_testkit::wire::Answer;
use radial_testkit::{Frame, Stream, TestServer};
use serde_json::{Value, json};
use tokio::time::Instant;

const TYPES: &str = r#"
[types."notice.given"]
persistence = "durable"
ack = true
[types."notice.given".versions.1.schema]

[types."talk.said"]
persistence = "durable"
[types."talk.said".versions.1.schema]
"#;

async fn hub() -> (TestServer, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("t.toml"), TYPES).unwrap();
    let registry = folder.path().display().to_string();
    let settings = [
        ("hub.registry", registry.as_str()),
        ("acks.redeliver_after", "200ms"),
        ("acks.redeliver_at_most", "200ms"),
    ];
    (TestServer::serve(&settings).await.unwrap(), folder)
}

fn bearer(user: &str, session: &str) -> String {
    token(&json!({"sub": user, "sid": session, "radial": {"publish": ["*"]}}))
}

fn server() -> String {
    token(
        &json!({"sub": "server", "radial": {"publish": ["*"], "actAs": true, "operator": "tenant"}}),
    )
}

async fn publish(hub: &TestServer, id: &str) {
    let event = json!({"eventType": "notice.given", "eventId": id, "eventData": {}});
    assert_eq!(hub.publish_as(&server(), &event).await.unwrap().status, 201);
}

async fn ack(hub: &TestServer, bearer: &str, body: &Value) -> Answer {
    hub.send_as(bearer, "POST", "/api/sse/acks", body).await.unwrap()
}

fn taken(acknowledged: &[&str], not_owed: &[&str]) -> Value {
    json!({"acknowledged": acknowledged, "notOwed": not_owed})
}

async fn live(hub: &TestServer, bearer: &str, query: &str) -> Stream {
    let mut stream = hub.stream_as(bearer, query).await.unwrap();
    stream.until(|frame| frame.is_control("live")).await.unwrap();
    stream
}

fn is_again(id: &str) -> impl Fn(&Frame) -> bool {
    move |frame| {
        frame.is_control("redelivery")
            && frame.id.is_none()
            && frame.json().unwrap()["event"]["eventId"] == id
    }
}

#[tokio::test]
async fn an_acknowledgement_is_understood_or_refused_with_a_problem() {
    let (hub, _registry) = hub().await;
    let anna = bearer("anna", "s-1");
    let _stream = live(&hub, &anna, "").await;
    publish(&hub, "one").await;
    publish(&hub, "two").await;
    let answer = ack(&hub, &anna, &json!({"eventId": "one"})).await;
    assert_eq!((answer.status, answer.json().unwrap()), (200, taken(&["one"], &[])));
    let answer = ack(&hub, &anna, &json!({"eventIds": ["two", "one", "none"]})).await;
    assert_eq!(answer.json().unwrap(), taken(&["two", "one"], &["none"]));
    let many: Vec<String> = (0..1_001).map(|n| format!("e-{n}")).collect();
    for (body, status, code) in [
        (json!({}), 400, "invalid-parameter"),
        (json!({"eventIds": []}), 400, "invalid-parameter"),
        (json!({"eventIds": "one"}), 400, "invalid-parameter"),
        (json!({"eventIds": ["a\nb"]}), 400, "invalid-parameter"),
        (json!({"eventId": "one", "eventIds": ["two"]}), 400, "invalid-parameter"),
        (json!({"eventId": "one", "events": 1}), 400, "invalid-parameter"),
        (json!(["one", null, null, null]), 400, "invalid-parameter"),
        (json!({"eventIds": many}), 413, "batch-too-large"),
        (json!({"eventId": "one", "sessionId": "s-2"}), 403, "forbidden"),
    ] {
        let answer = ack(&hub, &anna, &body).await;
        let found = answer.json().unwrap();
        assert_eq!((answer.status, found["code"].as_str()), (status, Some(code)), "{found}");
    }
    assert_eq!(hub.send("POST", "/api/sse/acks", &json!({})).await.unwrap().status, 401);
}

#[tokio::test]
async fn a_server_acknowledges_for_a_session_and_an_operator_sees_it() {
    let (hub, _registry) = hub().await;
    let (anna, bert) = (bearer("anna", "s-1"), bearer("bert", "s-2"));
    let _streams = (live(&hub, &anna, "").await, live(&hub, &bert, "").await);
    publish(&hub, "one").await;
    let alone = ack(&hub, &server(), &json!({"eventId": "one"})).await;
    assert_eq!(alone.json().unwrap(), taken(&[], &["one"]), "the server itself owes nothing");
    let body = json!({"eventId": "one", "userId": "anna", "sessionId": "s-1"});
    assert_eq!(ack(&hub, &server(), &body).await.json().unwrap(), taken(&["one"], &[]));
    let show = async |more: &str| {
        let path = format!("/api/admin/acks?eventId=one{more}");
        let answer = hub.get_as(&server(), &path).await.unwrap();
        assert_eq!(answer.status, 200, "{:?}", answer.json());
        answer.json().unwrap()
    };
    let all = show("").await;
    assert_eq!(all["counts"], json!({"acknowledged": 1, "owed": 1, "ended": 0, "unknown": 0}));
    let users = |page: &Value| -> Vec<String> {
        let sessions = page["sessions"].as_array().unwrap().iter();
        sessions.map(|session| session["userId"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(users(&all), ["anna", "bert"]);
    assert_eq!(users(&show("&state=owed").await), ["bert"]);
    let first = show("&limit=1").await;
    assert_eq!((users(&first), &first["hasMore"]), (vec!["anna".into()], &json!(true)));
    let next = show("&limit=1&afterUserId=anna&afterSessionId=s-1").await;
    assert_eq!((users(&next), &next["hasMore"]), (vec!["bert".into()], &json!(false)));
    for (path, status) in [
        ("/api/admin/acks", 400),
        ("/api/admin/acks?eventId=one&limit=0", 400),
        ("/api/admin/acks?eventId=one&state=owing", 400),
        ("/api/admin/acks?eventId=two", 404),
    ] {
        assert_eq!(hub.get_as(&server(), path).await.unwrap().status, status, "{path}");
    }
    let refused = hub.get_as(&anna, "/api/admin/acks?eventId=one").await.unwrap();
    assert_eq!(refused.status, 403);
}

#[tokio::test]
async fn what_one_connection_acknowledges_comes_again_on_none_of_the_session() {
    let (hub, _registry) = hub().await;
    let anna = bearer("anna", "s-1");
    let mut stream = live(&hub, &anna, "").await;
    let mut socket = WebSocket::open(hub.address(), "/api/ws", &[]).await.unwrap().unwrap();
    socket.send(&json!({"op": "token", "token": anna})).await.unwrap();
    socket.send(&json!({"op": "subscribe"})).await.unwrap();
    while socket.json().await.unwrap()["op"] != "live" {}
    publish(&hub, "one").await;
    // The newest connection is reminded, and only that one.
    let again = loop {
        let message = socket.json().await.unwrap();
        if message["op"] == "redelivery" {
            break message;
        }
    };
    assert_eq!((&again["attempt"], &again["event"]["eventId"]), (&json!(2), &json!("one")));
    for (asked, expected) in [
        (json!({"op": "ack", "id": 1, "eventIds": ["one", "x"]}), Some(taken(&["one"], &["x"]))),
        (json!({"op": "ack", "id": 2, "eventId": "one"}), Some(taken(&["one"], &[]))),
        (json!({"op": "ack", "id": 3}), None),
        (json!({"op": "ack", "id": 4, "eventIds": ["one"], "more": 1}), None),
        (json!({"op": "ack", "id": 5, "eventIds": [1]}), None),
    ] {
        socket.send(&asked).await.unwrap();
        let answer = loop {
            let message = socket.json().await.unwrap();
            if message["id"] == asked["id"] {
                break message;
            }
        };
        match expected {
            Some(expected) => assert_eq!(answer["result"], expected, "{answer}"),
            None => assert_eq!(answer["code"], "invalid-parameter", "{answer}"),
        }
    }
    publish(&hub, "two").await;
    drop(socket);
    let frames = stream.until(is_again("two")).await.unwrap();
    assert!(!frames.iter().any(is_again("one")), "{frames:?}");
    assert_eq!(frames.iter().filter(|frame| frame.is_event()).count(), 2);
}

#[tokio::test]
async fn a_poll_that_waits_is_answered_by_what_is_due() {
    let (hub, _registry) = hub().await;
    let anna = bearer("anna", "s-1");
    let poll = async |cursor: &str| {
        let path = format!("/api/poll?wait=30s{cursor}");
        let answer = hub.get_as(&anna, &path).await.unwrap();
        assert_eq!(answer.status, 200);
        answer.json().unwrap()
    };
    let place = |answer: &Value| format!("&cursor={}", answer["cursor"].as_str().unwrap());
    let start = place(&poll("").await);
    publish(&hub, "one").await;
    let first = poll(&start).await;
    assert_eq!(first["events"].as_array().unwrap().len(), 1);
    assert!(first.get("redeliveries").is_none());
    let began = Instant::now();
    let second = poll(&place(&first)).await;
    assert!(began.elapsed() < Duration::from_secs(20), "it waited for an event");
    assert_eq!(second["events"], json!([]));
    assert_eq!(second["redeliveries"][0]["event"]["eventId"], "one");
    assert_eq!(second["cursor"], first["cursor"], "it never moves the cursor");
}
