//! WebSocket: operations on one socket, its handshake, its end, and what a bad client gets.

use std::time::Duration;

use radial_testkit::credentials::token;
use radial_testkit::websocket::{Received, WebSocket};
use radial_testkit::{Application, PATIENCE, TestServer};
use serde_json::{Value, json};
use tokio::time::{Instant, timeout};

async fn open(hub: &TestServer) -> WebSocket {
    let headers = [("sec-websocket-protocol", "radial.v1")];
    WebSocket::open(hub.address(), "/api/ws", &headers).await.unwrap().unwrap()
}

/// Opens one and subscribes; `hello` and `live` are read.
async fn subscribed(hub: &TestServer, fields: &Value) -> (WebSocket, Value) {
    let mut socket = open(hub).await;
    let mut operation = json!({"op": "subscribe", "id": 1});
    operation.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    let hello = ask(&mut socket, &operation).await;
    assert_eq!(hello["op"], "hello", "{hello}");
    assert_eq!(socket.json().await.unwrap(), json!({"op": "ok", "id": 1}));
    (socket, hello)
}

async fn ask(socket: &mut WebSocket, operation: &Value) -> Value {
    socket.send(operation).await.unwrap();
    socket.json().await.unwrap()
}

fn event(user: &str, channel: &str) -> Value {
    json!({"eventType": "user.updated", "eventData": {"userId": user}, "channel": channel})
}

async fn publish(hub: &TestServer, user: &str, channel: &str) -> String {
    let answer = hub.publish(&event(user, channel)).await.unwrap().json().unwrap();
    answer["cursor"].as_str().unwrap().to_owned()
}

fn user(event: &Value) -> &str {
    assert!(event.get("op").is_none(), "{event} is no event");
    event["eventData"]["userId"].as_str().unwrap()
}

#[tokio::test]
async fn one_socket_publishes_and_hears_itself_and_is_answered_by_id() {
    let hub = TestServer::start().await.unwrap();
    let (mut socket, hello) = subscribed(&hub, &json!({"channels": ["main"]})).await;
    assert_eq!(hello["filter"]["channels"], json!(["main"]));
    assert_eq!(socket.json().await.unwrap()["op"], "live");
    socket.send(&json!({"op": "publish", "id": "p", "event": event("a", "main")})).await.unwrap();
    let batch = [event("b", "main"), json!({"eventType": "no.such", "eventData": {}})];
    socket.send(&json!({"op": "publish", "id": "q", "events": batch})).await.unwrap();
    socket.send(&json!({"op": "ping", "id": 9})).await.unwrap();
    let (mut answers, mut events) = (Vec::new(), Vec::new());
    while answers.len() < 3 || events.len() < 2 {
        let message = socket.json().await.unwrap();
        match message.get("op") {
            Some(_) => answers.push(message),
            None => events.push(user(&message).to_owned()),
        }
    }
    assert_eq!(events, ["a", "b"]);
    assert_eq!((&answers[0]["op"], &answers[0]["id"]), (&json!("ok"), &json!("p")));
    assert_eq!(answers[0]["result"]["offset"], 1);
    assert_eq!(answers[1]["result"][0]["offset"], 2);
    assert_eq!(answers[1]["result"][1]["code"], "unknown-event-type");
    assert_eq!(answers[2], json!({"op": "pong", "id": 9}));
}

#[tokio::test]
async fn an_addition_brings_what_only_it_shows_and_no_event_twice() {
    let hub = TestServer::start().await.unwrap();
    publish(&hub, "1", "a").await;
    let early = publish(&hub, "2", "b").await;
    publish(&hub, "3", "b").await;
    publish(&hub, "4", "a").await;
    let fields = json!({"channels": ["a"], "cursor": "earliest"});
    let (mut socket, _) = subscribed(&hub, &fields).await;
    assert_eq!(user(&socket.json().await.unwrap()), "1");
    assert_eq!(user(&socket.json().await.unwrap()), "4");
    assert_eq!(socket.json().await.unwrap()["op"], "live");
    // The addition overlaps with what there is, and names an older place.
    let addition = json!({"op": "subscribe", "id": 2, "channels": ["a", "b"], "cursor": early});
    let replay = ask(&mut socket, &addition).await;
    assert_eq!((&replay["op"], &replay["id"]), (&json!("replay"), &json!(2)));
    let events: Vec<&str> = replay["events"].as_array().unwrap().iter().map(user).collect();
    assert_eq!((events, &replay["done"]), (vec!["3"], &json!(true)));
    assert_eq!(socket.json().await.unwrap(), json!({"op": "ok", "id": 2}));
    publish(&hub, "5", "b").await;
    publish(&hub, "6", "a").await;
    assert_eq!(user(&socket.json().await.unwrap()), "5");
    assert_eq!(user(&socket.json().await.unwrap()), "6");
    // And away again.
    let removal = json!({"op": "unsubscribe", "id": 3, "channels": ["a", "b"]});
    assert_eq!(ask(&mut socket, &removal).await, json!({"op": "ok", "id": 3}));
    publish(&hub, "7", "b").await;
    publish(&hub, "8", "a").await;
    assert_eq!(user(&socket.json().await.unwrap()), "8");
    let again = ask(&mut socket, &removal).await;
    assert_eq!((&again["op"], &again["status"]), (&json!("error"), &json!(400)));
}

#[tokio::test]
async fn an_addition_at_an_unknown_place_tells_the_gap() {
    let hub = TestServer::start().await.unwrap();
    publish(&hub, "1", "a").await;
    let (mut socket, _) = subscribed(&hub, &json!({"channels": ["a"]})).await;
    assert_eq!(socket.json().await.unwrap()["op"], "live");
    let fields = json!({"op": "subscribe", "channels": ["b"], "cursor": "AAAAAAAAAAA.1"});
    let replay = ask(&mut socket, &fields).await;
    assert_eq!(replay["gaps"][0]["reason"], "epoch", "{replay}");
    assert_eq!((&replay["events"], &replay["done"]), (&json!([]), &json!(true)));
}

#[tokio::test]
async fn what_is_asked_wrongly_is_answered_and_the_socket_goes_on() {
    let hub = TestServer::start().await.unwrap();
    let mut socket = open(&hub).await;
    for (operation, status, hint) in [
        (json!([]), 400, "JSON object"),
        (json!({"op": "sing", "id": 1}), 400, "sing"),
        (json!({"op": "subscribe", "chanels": "a"}), 400, "did you mean channels"),
        (json!({"op": "subscribe", "cursor": "no cursor"}), 400, "cursor"),
        (json!({"op": "unsubscribe", "channels": "a"}), 400, "no subscription"),
        (json!({"op": "publish", "event": {"eventType": "no.such"}}), 400, "eventData"),
    ] {
        let answer = ask(&mut socket, &operation).await;
        assert_eq!((&answer["op"], &answer["status"]), (&json!("error"), &json!(status)));
        assert!(answer["detail"].as_str().unwrap().contains(hint), "{answer}");
    }
    assert_eq!(ask(&mut socket, &json!({"op": "ping"})).await, json!({"op": "pong"}));
    socket.send_frame(0x89, b"hi").await.unwrap();
    assert_eq!(socket.next().await.unwrap(), Received::Pong(b"hi".to_vec()));
}

#[tokio::test]
async fn a_client_that_breaks_the_protocol_gets_its_code_and_disturbs_nobody() {
    let hub = TestServer::start().await.unwrap();
    let (mut stranger, _) = subscribed(&hub, &json!({})).await;
    assert_eq!(stranger.json().await.unwrap()["op"], "live");
    let cases: [(&[u8], u16); 7] = [
        (b"\x81\x02hi", 1002),
        (b"\xf1\x80\0\0\0\0", 1002),
        (b"\x09\x80\0\0\0\0", 1002),
        (b"\x80\x80\0\0\0\0", 1002),
        (b"\x81\x82\0\0\0\0\xff\xfe", 1007),
        (b"\x82\x80\0\0\0\0", 1003),
        (b"\x81\xff\0\0\0\0\x10\0\0\0\0\0\0\0", 1009),
    ];
    for (bytes, expected) in cases {
        let mut socket = open(&hub).await;
        socket.send_bytes(bytes).await.unwrap();
        let Received::Close(code, text) = socket.next().await.unwrap() else { panic!() };
        assert_eq!(code, expected, "{text}");
    }
    // A head that never ends, and one that goes away in the middle of a frame.
    open(&hub).await.send_bytes(b"\x81").await.unwrap();
    publish(&hub, "still", "main").await;
    assert_eq!(user(&stranger.json().await.unwrap()), "still");
}

#[tokio::test]
async fn both_sides_say_goodbye() {
    let hub = TestServer::start().await.unwrap();
    let mut socket = open(&hub).await;
    socket.send_frame(0x88, b"\x0f\xa7bye").await.unwrap();
    assert_eq!(socket.next().await.unwrap(), Received::Close(4007, String::new()));
    let (mut socket, _) = subscribed(&hub, &json!({})).await;
    assert_eq!(socket.json().await.unwrap()["op"], "live");
    let (mut bare, began) = (open(&hub).await, Instant::now());
    hub.begin_stop();
    let goodbye = socket.json().await.unwrap();
    assert_eq!((&goodbye["op"], &goodbye["reason"]), (&json!("goodbye"), &json!("drain")));
    assert_eq!(socket.next().await.unwrap(), Received::Close(4000, "drain".to_owned()));
    assert_eq!(bare.next().await.unwrap(), Received::Close(4000, "drain".to_owned()));
    hub.stop().await.unwrap();
    assert!(began.elapsed() < Duration::from_secs(8), "the drain waited for them");
}

#[tokio::test]
async fn the_same_client_replaces_its_older_connection() {
    let hub = TestServer::start().await.unwrap();
    let path = "/api/ws?clientId=page-1";
    let mut first = WebSocket::open(hub.address(), path, &[]).await.unwrap().unwrap();
    assert_eq!(ask(&mut first, &json!({"op": "subscribe"})).await["op"], "hello");
    let mut second = WebSocket::open(hub.address(), path, &[]).await.unwrap().unwrap();
    assert_eq!(ask(&mut second, &json!({"op": "subscribe"})).await["op"], "hello");
    let end = loop {
        if let Received::Close(code, text) = first.next().await.unwrap() {
            break (code, text);
        }
    };
    assert_eq!(end, (4509, "replaced".to_owned()));
}

#[tokio::test]
async fn a_handshake_that_is_none_is_told_what_is_missing() {
    let hub = TestServer::start().await.unwrap();
    let plain = hub.get("/api/ws").await.unwrap();
    assert_eq!((plain.status, plain.header("upgrade")), (426, Some("websocket")));
    let other = [("sec-websocket-protocol", "graphql-ws")];
    let refused = WebSocket::open(hub.address(), "/api/ws", &other).await.unwrap().unwrap_err();
    assert_eq!(refused.status, 400);
    let offers = [("sec-websocket-extensions", "permessage-deflate; client_max_window_bits")];
    let socket = WebSocket::open(hub.address(), "/api/ws", &offers).await.unwrap().unwrap();
    let agreed = socket.headers.iter().find(|(name, _)| name == "sec-websocket-extensions");
    assert!(agreed.unwrap().1.starts_with("permessage-deflate"), "{agreed:?}");
}

/// One tenant with the other's names, cursors, channels and event ids.
#[tokio::test]
async fn nothing_of_one_tenant_comes_over_a_socket_of_another() {
    let hub = TestServer::serve(&[("hub.tenants", "dev,acme,globex")]).await.unwrap();
    let claims = |tenant: &str| {
        let rights = json!({"publish": ["*"], "channels": ["*"], "history": true});
        token(&json!({"tenant": tenant, "sub": "u1", "sid": "s1", "radial": rights}))
    };
    let said = |secret: &str| json!({"eventType": "user.updated", "eventId": "e-1", "eventData": {"userId": secret}});
    let first = hub.publish_as(&claims("acme"), &said("secret")).await.unwrap().json().unwrap();
    let path = "/api/ws?clientId=page-1";
    let mut acme = WebSocket::open(hub.address(), path, &[]).await.unwrap().unwrap();
    ask(&mut acme, &json!({"op": "token", "token": claims("acme")})).await;
    assert_eq!(ask(&mut acme, &json!({"op": "subscribe", "channels": "*"})).await["op"], "hello");
    let mut globex = WebSocket::open(hub.address(), path, &[]).await.unwrap().unwrap();
    ask(&mut globex, &json!({"op": "token", "token": claims("globex")})).await;
    // The other's cursor says nothing here, and neither does the other's id.
    let fields = json!({"op": "subscribe", "channels": "*", "cursor": first["cursor"]});
    let hello = ask(&mut globex, &fields).await;
    assert_eq!(hello["resumed"]["complete"], false, "{hello}");
    let other = json!({"op": "publish", "id": 1, "event": said("other")});
    globex.send(&other).await.unwrap();
    let tenant = json!({"op": "publish", "id": 2, "event": {
        "eventType": "user.updated", "eventData": {"userId": "x"}, "tenantId": "acme"}});
    globex.send(&tenant).await.unwrap();
    globex.send(&json!({"op": "token", "id": 3, "token": claims("acme")})).await.unwrap();
    let addition = json!({"op": "subscribe", "id": 4, "channels": "x", "cursor": "earliest"});
    globex.send(&addition).await.unwrap();
    globex.send(&json!({"op": "ping"})).await.unwrap();
    let mut heard = Vec::new();
    loop {
        let message = globex.json().await.unwrap();
        if message["op"] == "pong" {
            break;
        }
        heard.push(message);
    }
    let answer = |id: u64| heard.iter().find(|message| message["id"] == id).unwrap();
    assert_eq!((&answer(1)["op"], &answer(1)["result"]["offset"]), (&json!("ok"), &json!(1)));
    assert_eq!(answer(2)["code"], "forbidden");
    assert_eq!(answer(3)["code"], "forbidden");
    let all = Value::Array(heard.clone()).to_string();
    assert!(!all.contains("secret") && !all.contains("acme"), "{all}");
    // The same page and session of another tenant is another client.
    hub.publish_as(
        &claims("acme"),
        &json!({"eventType": "user.updated", "eventData": {"userId": "later"}}),
    )
    .await
    .unwrap();
    let later = loop {
        let message = acme.json().await.unwrap();
        if message.get("op").is_none() {
            break message;
        }
    };
    assert_eq!(user(&later), "later");
}

#[tokio::test]
async fn a_socket_opens_bare_and_says_then_who_it_is() {
    let hub = TestServer::serve(&[]).await.unwrap();
    let claims = json!({"sub": "u1", "sid": "s1", "radial": {"publish": ["*"], "channels": ["*"]}});
    let mut socket = open(&hub).await;
    let early = ask(&mut socket, &json!({"op": "subscribe", "id": 1})).await;
    assert_eq!((&early["op"], &early["status"]), (&json!("error"), &json!(401)));
    let operation = json!({"op": "token", "id": 2, "token": token(&claims)});
    assert_eq!(ask(&mut socket, &operation).await, json!({"op": "ok", "id": 2}));
    assert_eq!(ask(&mut socket, &json!({"op": "subscribe", "id": 3})).await["op"], "hello");
    assert_eq!(socket.json().await.unwrap(), json!({"op": "ok", "id": 3}));
    assert_eq!(socket.json().await.unwrap()["op"], "live");
    // A newer token of the same session renews; one of somebody else is refused.
    let newer = json!({"op": "token", "id": 4, "token": token(&claims)});
    assert_eq!(ask(&mut socket, &newer).await, json!({"op": "ok", "id": 4}));
    let other = json!({"op": "token", "id": 5, "token": token(&json!({"sub": "u2"}))});
    assert_eq!(ask(&mut socket, &other).await["code"], "forbidden");
    let headers = [("authorization", "Bearer nonsense")];
    let refused = WebSocket::open(hub.address(), "/api/ws", &headers).await.unwrap().unwrap_err();
    assert_eq!(refused.status, 401);
    let mut bad = open(&hub).await;
    assert_eq!(ask(&mut bad, &json!({"op": "token", "token": "x"})).await["status"], 401);
    assert!(matches!(bad.next().await.unwrap(), Received::Close(4501, _)));
}

async fn open_as(hub: &TestServer, name: &str, value: &str) -> Result<WebSocket, u16> {
    let origin = format!("http://{}", hub.address());
    let headers = [("sec-websocket-protocol", "radial.v1"), (name, value), ("origin", &origin)];
    let opened = WebSocket::open(hub.address(), "/api/ws", &headers).await.unwrap();
    opened.map_err(|answer| answer.status)
}

async fn publish_on(socket: &mut WebSocket) -> Value {
    let event = json!({"op": "publish", "id": 1, "event": event("u", "main")});
    let answer = ask(socket, &event).await;
    answer.get("code").cloned().unwrap_or_else(|| json!("taken"))
}

/// Publishes until there is another answer than before.
async fn next_answer(socket: &mut WebSocket, before: &str) -> Value {
    let next = async {
        loop {
            let answer = publish_on(socket).await;
            if answer != before {
                return answer;
            }
        }
    };
    timeout(PATIENCE, next).await.unwrap()
}

#[tokio::test]
async fn a_socket_that_only_publishes_does_not_outlive_the_secret_of_its_key() {
    let hub = TestServer::serve(&[]).await.unwrap();
    let root = token(&json!({"sub": "root", "radial": {"operator": "hub"}}));
    let wanted = json!({"name": "ci", "publish": ["*"], "subscribe": ["*"]});
    let made = hub.send_as(&root, "POST", "/api/admin/keys", &wanted).await.unwrap();
    let made = made.json().unwrap();
    let bearer = format!("Bearer {}", made["key"].as_str().unwrap());
    let mut socket = open_as(&hub, "authorization", &bearer).await.unwrap();
    assert_eq!(publish_on(&mut socket).await, "taken");
    let path = format!("/api/admin/keys/{}/rotate", made["record"]["id"].as_str().unwrap());
    let rotated = hub.send_as(&root, "POST", &path, &json!({"grace": "0s"})).await.unwrap();
    assert_eq!(rotated.status, 200);
    assert_eq!(publish_on(&mut socket).await, "unauthorized");
    let refused = ask(&mut socket, &json!({"op": "subscribe", "id": 2})).await;
    assert_eq!(refused["op"], "error", "{refused}");
}

#[tokio::test]
async fn a_socket_does_with_an_applications_session_what_that_may_now() {
    let application = Application::start().await.unwrap();
    let may = json!({"sub": "u1", "radial": {"publish": ["*"]}}).to_string();
    let may_not = json!({"sub": "u1"}).to_string();
    application.answers("/session", 200, &may);
    let forward = json!([{"name": "app", "url": application.url("/session"), "tenants": ["dev"],
        "believed": "100ms"}]);
    let forward = forward.to_string();
    let none = ["rates.publish_client", "rates.events_client", "rates.publish_user"];
    let mut settings = none.map(|key| (key, "0")).to_vec();
    settings.push(("auth.forward", &forward));
    let hub = TestServer::serve(&settings).await.unwrap();
    let mut socket = open_as(&hub, "cookie", "sid=1").await.unwrap();
    assert_eq!(publish_on(&mut socket).await, "taken");
    application.answers("/session", 200, &may_not);
    assert_eq!(next_answer(&mut socket, "taken").await, "forbidden");
    application.answers("/session", 200, &may.replace("u1", "u2"));
    assert_eq!(next_answer(&mut socket, "forbidden").await, "unauthorized");
    application.answers("/session", 401, "{}");
    assert_eq!(publish_on(&mut socket).await, "unauthorized", "and stays so");
}

#[tokio::test]
async fn a_socket_takes_the_room_of_a_stream_before_it_has_one() {
    let hub = TestServer::serve(&[("rates.connections_user", "1")]).await.unwrap();
    let bearer = |user: &str| format!("Bearer {}", token(&json!({"sub": user})));
    let mut first = open_as(&hub, "authorization", &bearer("u1")).await.unwrap();
    assert_eq!(open_as(&hub, "authorization", &bearer("u1")).await.err(), Some(429));
    assert!(open_as(&hub, "authorization", &bearer("u2")).await.is_ok());
    let hello = ask(&mut first, &json!({"op": "subscribe", "id": 1})).await;
    assert_eq!(hello["op"], "hello", "its place becomes that of its stream: {hello}");
}
