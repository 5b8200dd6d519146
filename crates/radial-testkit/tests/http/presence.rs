//! Who is on a channel, over real sockets: told to those who are granted it, and to nobody else.

use std::collections::BTreeSet;

use radial_testkit::credentials::token;
use radial_testkit::websocket::WebSocket;
use radial_testkit::{Stream, TestServer};
use serde_json::{Value, json};

/// Short, and long enough for a reload on a busy machine.
const SETTINGS: [(&str, &str); 3] =
    [("presence.channels", "board:*"), ("presence.grace", "3s"), ("hub.tenants", "dev,globex")];

fn of(tenant: &str, user: &str, channels: &[&str]) -> String {
    token(
        &json!({"tenant": tenant, "sub": user, "radial": {"publish": ["*"], "channels": channels}}),
    )
}

fn person(user: &str) -> String {
    of("dev", user, &["board:*"])
}

async fn stream(hub: &TestServer, bearer: &str, channels: &str) -> Stream {
    let mut stream = hub.stream_as(bearer, &format!("?channels={channels}")).await.unwrap();
    stream.until(|frame| frame.is_control("live")).await.unwrap();
    stream
}

async fn socket(hub: &TestServer, bearer: &str, channels: &str) -> WebSocket {
    let bearer = format!("Bearer {bearer}");
    let headers = [("authorization", bearer.as_str())];
    let mut socket = WebSocket::open(hub.address(), "/api/ws", &headers).await.unwrap().unwrap();
    socket.send(&json!({"op": "subscribe", "channels": channels})).await.unwrap();
    while socket.json().await.unwrap()["op"] != "live" {}
    socket
}

/// `+ada` or `-ada` for each whom an event tells of.
fn news(event: &Value) -> Vec<String> {
    let sign = if event["eventType"] == "presence.joined" { '+' } else { '-' };
    let members = event["eventData"]["members"].as_array().unwrap();
    members.iter().map(|member| format!("{sign}{}", member["userId"].as_str().unwrap())).collect()
}

/// Reads what a stream tells until this is told; gives all of it.
async fn told(stream: &mut Stream, last: &str) -> Vec<String> {
    let mut all = Vec::new();
    while !all.iter().any(|one| one == last) {
        all.extend(news(&stream.events(1).await.unwrap()[0]));
    }
    all
}

/// The same of a WebSocket.
async fn told_over_socket(socket: &mut WebSocket, last: &str) -> Vec<String> {
    let mut all = Vec::new();
    while !all.iter().any(|one| one == last) {
        let message = socket.json().await.unwrap();
        if message["op"].is_null() {
            all.extend(news(&message));
        }
    }
    all
}

/// Who is on a channel, as an answer says it.
async fn there(hub: &TestServer, bearer: &str, channel: &str) -> BTreeSet<String> {
    let answer = hub.get_as(bearer, &format!("/api/presence?channel={channel}")).await.unwrap();
    let answer = answer.json().unwrap();
    let members = answer["channels"][0]["members"].as_array().unwrap();
    assert_eq!(answer["channels"][0]["count"], members.len());
    members.iter().map(|member| member["userId"].as_str().unwrap().to_owned()).collect()
}

fn set(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(ToString::to_string).collect()
}

#[tokio::test]
async fn who_comes_and_goes_is_told_on_streams_and_sockets_and_a_reload_is_not() {
    let hub = TestServer::serve(&SETTINGS).await.unwrap();
    let mut watcher = stream(&hub, &person("watcher"), "presence:board:1").await;
    let mut other = socket(&hub, &person("watcher"), "presence:board:1").await;
    let ada = stream(&hub, &person("ada"), "board:1").await;
    assert_eq!(told(&mut watcher, "+ada").await, ["+ada"]);
    assert_eq!(told_over_socket(&mut other, "+ada").await, ["+ada"]);
    // Another tab, and then a reload of each of them.
    let tab = socket(&hub, &person("ada"), "board:1").await;
    drop(ada);
    let ada = socket(&hub, &person("ada"), "board:1").await;
    drop(tab);
    let tab = stream(&hub, &person("ada"), "board:1").await;
    drop(ada);
    // Who comes and goes later than that is told; by then the grace of the reload is over.
    let ben = stream(&hub, &person("ben"), "board:1").await;
    assert_eq!(told(&mut watcher, "+ben").await, ["+ben"]);
    assert_eq!(there(&hub, &person("watcher"), "board:1").await, set(&["ada", "ben"]));
    drop(ben);
    assert_eq!(told(&mut watcher, "-ben").await, ["-ben"]);
    drop(tab);
    assert_eq!(told(&mut watcher, "-ada").await, ["-ada"]);
    assert_eq!(told_over_socket(&mut other, "-ada").await, ["+ben", "-ben", "-ada"]);
    assert_eq!(there(&hub, &person("watcher"), "board:1").await, set(&[]));
}

#[tokio::test]
async fn after_a_restart_those_who_come_back_are_there_and_nobody_is_told_to_have_left() {
    let hub = TestServer::serve(&SETTINGS).await.unwrap();
    let mut watcher = stream(&hub, &person("watcher"), "presence:board:1").await;
    let away = [
        stream(&hub, &person("ada"), "board:1").await,
        stream(&hub, &person("ben"), "board:1").await,
    ];
    told(&mut watcher, "+ben").await;
    let hub = hub.restart().await.unwrap();
    assert_eq!(watcher.next().await.unwrap().map(|frame| frame.is_control("goodbye")), Some(true));
    let mut watcher = stream(&hub, &person("watcher"), "presence:board:1").await;
    drop(away);
    let ada = stream(&hub, &person("ada"), "board:1").await;
    let eve = stream(&hub, &person("eve"), "board:1").await;
    drop(eve);
    let news: BTreeSet<String> = told(&mut watcher, "-eve").await.into_iter().collect();
    assert_eq!(news, set(&["+ada", "+eve", "-eve"]));
    assert_eq!(there(&hub, &person("watcher"), "board:1").await, set(&["ada"]));
    drop(ada);
}

#[tokio::test]
async fn who_is_granted_a_channel_sees_who_is_there_and_nobody_else_does() {
    let hub = TestServer::serve(&SETTINGS).await.unwrap();
    let few =
        token(&json!({"sub": "few", "radial": {"subscribe": ["card.*"], "channels": ["board:1"]}}));
    let all = of("dev", "all", &["*"]);
    let (one, main) = (of("dev", "one", &["board:1"]), of("dev", "main", &["main"]));
    let stranger = of("globex", "stranger", &["*"]);
    // Each reader asks for what they may; some of it shows presence, and some does not.
    let mut readers = Vec::new();
    for (name, bearer, channels, sees) in [
        ("all", &all, "presence:*", true),
        ("one", &one, "presence:board:1", true),
        ("one", &one, "presence:*", true),
        ("one, of everything", &one, "*", false),
        ("all, of everything", &all, "*,main", false),
        ("main", &main, "presence:*", false),
        ("few", &few, "presence:board:1", false),
        ("stranger", &stranger, "presence:*", false),
    ] {
        readers.push((name, stream(&hub, bearer, channels).await, sees));
    }
    let ada = stream(&hub, &person("ada"), "board:1").await;
    let here = stream(&hub, &stranger, "board:1").await;
    for (name, reader, sees) in &mut readers {
        if *sees {
            assert_eq!(told(reader, "+ada").await, ["+ada"], "{name}");
        }
    }
    // Who saw nothing until now sees what is published now.
    let event = json!({"eventType": "test:event", "channel": "board:1", "eventData": {}});
    for bearer in [&all, &stranger] {
        assert_eq!(hub.publish_as(bearer, &event).await.unwrap().status, 201);
    }
    for (name, reader, _) in &mut readers {
        if name.ends_with("of everything") {
            let seen = reader.events(1).await.unwrap();
            assert_eq!(seen[0]["eventType"], "test:event", "{name}");
        }
    }
    for (bearer, query, expected) in [
        (&all, "*", json!([{"channel": "board:1", "count": 1, "members": [{"userId": "ada"}]}])),
        (
            &one,
            "board:1",
            json!([{"channel": "board:1", "count": 1, "members": [{"userId": "ada"}]}]),
        ),
        (&few, "board:1", json!([{"channel": "board:1", "count": 1}])),
        (&main, "*", json!([])),
        (&main, "main", json!([])),
        (
            &stranger,
            "board:*",
            json!([{"channel": "board:1", "count": 1, "members": [{"userId": "stranger"}]}]),
        ),
    ] {
        let answer = hub.get_as(bearer, &format!("/api/presence?channels={query}")).await.unwrap();
        assert_eq!(answer.json().unwrap(), json!({ "channels": expected }), "{query}");
    }
    for path in ["/api/presence?channel=board:1", "/api/sse/events?channels=presence:board:1"] {
        let refused = hub.get_as(&main, path).await.unwrap();
        assert_eq!(refused.json().unwrap()["code"], "forbidden", "{path}");
    }
    drop((ada, here));
}

#[tokio::test]
async fn a_member_moves_with_the_filter_and_a_poller_is_there_between_two_polls() {
    let hub = TestServer::serve(&SETTINGS).await.unwrap();
    let ada = person("ada");
    let mut stream = hub.stream_as(&ada, "?channels=board:*").await.unwrap();
    let hello = stream.frame().await.unwrap();
    let hello = if hello.is_control("hello") { hello } else { stream.frame().await.unwrap() };
    let connection = hello.json().unwrap()["connectionId"].clone();
    assert_eq!(there(&hub, &ada, "board:1").await, set(&[]), "a pattern is no seat");
    let change = json!({"connectionId": connection, "add": {"channels": "board:1"}});
    let changed = hub.send_as(&ada, "POST", "/api/sse/subscriptions", &change).await.unwrap();
    assert_eq!(changed.status, 200);
    assert_eq!(there(&hub, &ada, "board:1").await, set(&["ada"]));
    let mut socket = socket(&hub, &person("ben"), "board:2").await;
    assert_eq!(there(&hub, &ada, "board:2").await, set(&["ben"]));
    let add = json!({"op": "subscribe", "id": 1, "channels": "board:3"});
    socket.send(&add).await.unwrap();
    while socket.json().await.unwrap()["op"] != "ok" {}
    assert_eq!(there(&hub, &ada, "board:3").await, set(&["ben"]));
    let polled = hub.get_as(&person("eve"), "/api/poll?channels=board:4").await.unwrap();
    assert_eq!(polled.status, 200);
    assert_eq!(there(&hub, &ada, "board:4").await, set(&["eve"]));
    // Those who are nobody in particular are not there.
    let nobody = token(&json!({"radial": {"channels": ["board:*"]}}));
    let open = self::stream(&hub, &nobody, "board:5").await;
    assert_eq!(there(&hub, &ada, "board:5").await, set(&[]));
    drop(open);
    let off = TestServer::serve(&[]).await.unwrap();
    assert_eq!(off.get_as(&ada, "/api/presence").await.unwrap().status, 404);
}
