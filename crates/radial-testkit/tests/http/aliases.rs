//! Named aliases of streams: other paths, with a filter of their own.

use std::collections::BTreeSet;

use radial_testkit::credentials::token;
use radial_testkit::websocket::WebSocket;
use radial_testkit::{Stream, TestServer};
use serde_json::{Value, json};

fn event(id: &str, event_type: &str, channel: &str) -> Value {
    json!({"eventType": event_type, "eventId": id, "channel": channel, "eventData":
        {"id": id, "description": id, "title": id, "userId": id}})
}

async fn publish_everywhere(hub: &TestServer, publisher: &str) {
    for (id, event_type, channel) in [
        ("activity-main", "activity:new", "main"),
        ("user-main", "user.updated", "main"),
        ("activity-board", "activity:new", "board:1"),
        ("notification-board", "notification:new", "board:1"),
        ("user-board", "user.updated", "board:1"),
    ] {
        let answer = hub.publish_as(publisher, &event(id, event_type, channel)).await.unwrap();
        assert_eq!(answer.status, 201, "{:?}", answer.json());
    }
}

/// What a replay from the beginning shows on a path.
async fn shown(hub: &TestServer, bearer: &str, path: &str) -> BTreeSet<String> {
    let bearer = format!("Bearer {bearer}");
    let headers = [("authorization", bearer.as_str())];
    let mut stream = Stream::open(hub.address(), path, &headers).await.unwrap();
    assert_eq!(stream.status, 200, "{path}");
    let frames = stream.until(|frame| frame.is_control("live")).await.unwrap();
    let events = frames.iter().filter(|frame| frame.is_event());
    events.map(|frame| frame.json().unwrap()["eventId"].as_str().unwrap().to_owned()).collect()
}

fn set(ids: &[&str]) -> BTreeSet<String> {
    ids.iter().map(ToString::to_string).collect()
}

async fn hub() -> TestServer {
    let streams = json!([
        {"path": "/api/activity/stream", "types": ["activity:*", "notification:*"], "channels": ["*"]},
        {"path": "/feeds/board", "channels": ["board:*"]},
        {"path": "/feeds/activity", "types": ["activity:*"]},
        {"path": "/ws/realtime", "transport": "websocket", "types": ["activity:*"]},
    ]);
    TestServer::serve(&[("streams", &streams.to_string())]).await.unwrap()
}

fn reader(channels: &[&str]) -> String {
    token(&json!({"sub": "u1", "radial": {"publish": ["*"], "channels": channels}}))
}

#[tokio::test]
async fn an_alias_is_a_stream_with_a_filter_that_a_request_narrows_further() {
    let (hub, all, main) = (hub().await, reader(&["*"]), reader(&["main"]));
    publish_everywhere(&hub, &all).await;
    for (bearer, path, expected) in [
        (
            &all,
            "/api/activity/stream",
            &["activity-main", "activity-board", "notification-board"][..],
        ),
        (&all, "/api/activity/stream?types=notification:*", &["notification-board"]),
        (&all, "/api/activity/stream?channels=main", &["activity-main"]),
        (&all, "/api/activity/stream?types=user.*", &[]),
        (&all, "/feeds/board", &["activity-board", "notification-board", "user-board"]),
        (&all, "/feeds/board?channels=*&types=user.*", &["user-board"]),
        (&all, "/feeds/activity", &["activity-main"]),
        (&all, "/feeds/activity?channels=board:1", &["activity-board"]),
        // The credential decides, whatever the alias has.
        (&main, "/api/activity/stream", &["activity-main"]),
        (&main, "/feeds/board", &[]),
    ] {
        let separator = if path.contains('?') { '&' } else { '?' };
        let path = format!("{path}{separator}cursor=earliest");
        assert_eq!(shown(&hub, bearer, &path).await, set(expected), "{path}");
    }
    for (bearer, path) in [
        (&all, "/feeds/board?channels=main"),
        (&main, "/feeds/activity?channels=board:1"),
        (&main, "/api/activity/stream?channels=board:1"),
    ] {
        let refused = hub.get_as(bearer, path).await.unwrap();
        assert_eq!(refused.json().unwrap()["code"], "forbidden", "{path}");
    }
    let refused = hub.get_as(&all, "/feeds/board?chanels=*").await.unwrap();
    assert_eq!(refused.json().unwrap()["code"], "invalid-parameter");
    assert_eq!(hub.get("/feeds/board").await.unwrap().status, 401);
    let posted = hub.send_as(&all, "POST", "/feeds/board", &json!({})).await.unwrap();
    assert_eq!(posted.status, 405);
}

#[tokio::test]
async fn a_ticket_opens_an_alias() {
    let (hub, all) = (hub().await, reader(&["*"]));
    publish_everywhere(&hub, &all).await;
    let ticket = hub.send_as(&all, "POST", "/api/auth/tickets", &Value::Null).await.unwrap();
    let ticket = ticket.json().unwrap()["ticket"].as_str().unwrap().to_owned();
    let path = format!("/feeds/activity?cursor=earliest&ticket={ticket}");
    let mut stream = Stream::open(hub.address(), &path, &[]).await.unwrap();
    assert_eq!(stream.events(1).await.unwrap()[0]["eventId"], "activity-main");
}

#[tokio::test]
async fn the_subscriptions_of_a_socket_stay_within_its_alias() {
    let (hub, all) = (hub().await, reader(&["*"]));
    publish_everywhere(&hub, &all).await;
    let bearer = format!("Bearer {all}");
    let headers = [("authorization", bearer.as_str())];
    let socket = WebSocket::open(hub.address(), "/ws/realtime", &headers).await.unwrap();
    let mut socket = socket.unwrap();
    let first = json!({"op": "subscribe", "id": 1, "cursor": "earliest"});
    let second = json!({"op": "subscribe", "id": 2, "channels": "board:1", "cursor": "earliest"});
    let away = json!({"op": "unsubscribe", "id": 3, "channels": "board:1"});
    let mut seen = Vec::new();
    for operation in [first, second, away] {
        socket.send(&operation).await.unwrap();
        loop {
            let message = socket.json().await.unwrap();
            match message["op"].as_str() {
                Some("replay") => seen.extend(message["events"].as_array().unwrap().clone()),
                Some("ok") if message["id"] == operation["id"] => break,
                Some("error") => panic!("{message}"),
                None => seen.push(message),
                Some(_) => {}
            }
        }
        if operation["id"] == 1 {
            while seen.is_empty() {
                let message = socket.json().await.unwrap();
                seen.extend(Some(message).filter(|message| message["op"].is_null()));
            }
        }
    }
    let seen: Vec<&str> = seen.iter().map(|event| event["eventId"].as_str().unwrap()).collect();
    assert_eq!(seen, ["activity-main", "activity-board"]);
}

#[tokio::test]
async fn the_hub_of_a_developer_has_one_that_shows_everything() {
    let hub = TestServer::start().await.unwrap();
    publish_everywhere(&hub, "none is asked for").await;
    let mut stream =
        Stream::open(hub.address(), "/api/activity/stream?cursor=earliest", &[]).await.unwrap();
    let frames = stream.until(|frame| frame.is_control("live")).await.unwrap();
    assert_eq!(frames.iter().filter(|frame| frame.is_event()).count(), 5);
    let served = TestServer::serve(&[]).await.unwrap();
    let missing = served.get_as(&reader(&["*"]), "/api/activity/stream").await.unwrap();
    assert_eq!(missing.status, 404);
}
