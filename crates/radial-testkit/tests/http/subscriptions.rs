//! Another filter for an event stream that is open.

use radial_testkit::credentials::token;
use radial_testkit::wire::{Answer, request};
use radial_testkit::{Frame, Stream, TestServer};
use serde_json::{Value, json};

async fn change(hub: &TestServer, body: &Value) -> Answer {
    let headers = [("content-type", "application/json")];
    let body = body.to_string();
    let path = "/api/sse/subscriptions";
    request(hub.address(), "POST", path, &headers, body.as_bytes()).await.unwrap()
}

async fn publish(hub: &TestServer, user: &str, channel: &str) -> String {
    let event = json!({"eventType": "user.updated", "eventData": {"userId": user},
        "channel": channel});
    let answer = hub.publish(&event).await.unwrap().json().unwrap();
    answer["cursor"].as_str().unwrap().to_owned()
}

async fn opened(hub: &TestServer, query: &str) -> (Stream, String) {
    let path = format!("/api/sse/events{query}");
    let mut stream = Stream::open(hub.address(), &path, &[]).await.unwrap();
    let frames = stream.until(|frame| frame.is_control("live")).await.unwrap();
    let hello = frames.iter().find(|frame| frame.is_control("hello")).unwrap().json().unwrap();
    (stream, hello["connectionId"].as_str().unwrap().to_owned())
}

fn user(event: &Value) -> &str {
    event["eventData"]["userId"].as_str().unwrap()
}

fn user_of(frame: &Frame) -> String {
    user(&frame.json().unwrap()).to_owned()
}

#[tokio::test]
async fn a_stream_is_widened_and_narrowed_and_loses_and_doubles_nothing() {
    let hub = TestServer::start().await.unwrap();
    let early = publish(&hub, "1", "b").await;
    publish(&hub, "2", "b").await;
    publish(&hub, "3", "a").await;
    let (mut stream, id) = opened(&hub, "?channels=a").await;
    let add = json!({"channels": ["a", "b"], "cursor": early});
    let answer = change(&hub, &json!({"connectionId": id, "add": add})).await;
    assert_eq!(answer.status, 200, "{:?}", answer.json());
    assert_eq!(answer.json().unwrap()["filter"]["channels"], json!(["a", "b"]));
    let frames = stream.until(|frame| frame.is_control("replay")).await.unwrap();
    let replay = frames.last().unwrap();
    assert_eq!(replay.id, None, "it does not move the cursor");
    let replay = replay.json().unwrap();
    let events: Vec<&str> = replay["events"].as_array().unwrap().iter().map(user).collect();
    assert_eq!((events, &replay["done"]), (vec!["2"], &json!(true)), "3 is not new");
    publish(&hub, "4", "b").await;
    publish(&hub, "5", "a").await;
    for expected in ["4", "5"] {
        let frames = stream.until(Frame::is_event).await.unwrap();
        assert_eq!(user_of(frames.last().unwrap()), expected);
    }
    let remove = json!([{"channels": "a,b"}]);
    let answer = change(&hub, &json!({"connectionId": id, "remove": remove})).await;
    assert_eq!(answer.json().unwrap()["filter"]["channels"], json!(["a"]));
    publish(&hub, "6", "b").await;
    publish(&hub, "7", "a").await;
    let frames = stream.until(Frame::is_event).await.unwrap();
    assert_eq!(user_of(frames.last().unwrap()), "7");
}

#[tokio::test]
async fn what_cannot_be_changed_is_told() {
    let hub = TestServer::start().await.unwrap();
    let (_stream, id) = opened(&hub, "").await;
    for (body, status) in [
        (json!({"connectionId": "0000000000000000", "add": {}}), 404),
        (json!({"connectionId": "nonsense", "add": {}}), 404),
        (json!({"connectionId": id, "remove": {"channels": "other"}}), 400),
        (json!({"connectionId": id, "add": {"chanels": "x"}}), 400),
        (json!({"connectionId": id, "add": {"channels": {}}}), 400),
        (json!({"connectionId": id, "more": {}}), 400),
        (json!({"add": {}}), 400),
    ] {
        let answer = change(&hub, &body).await;
        assert_eq!(answer.status, status, "{body}: {:?}", answer.json());
    }
}

#[tokio::test]
async fn a_stream_is_its_sessions_own_and_keeps_to_its_grants() {
    let hub = TestServer::serve(&[]).await.unwrap();
    let claims = |user: &str| json!({"sub": user, "radial": {"channels": ["main", "board:*"]}});
    let (own, other) = (token(&claims("u1")), token(&claims("u2")));
    let mut stream = hub.stream_as(&own, "").await.unwrap();
    let frames = stream.until(|frame| frame.is_control("live")).await.unwrap();
    let hello = frames.iter().find(|frame| frame.is_control("hello")).unwrap().json().unwrap();
    let ask = async |bearer: &str, channel: &str| {
        let body = json!({"connectionId": hello["connectionId"], "add": {"channels": channel}});
        let headers = format!("Bearer {bearer}");
        let headers = [("authorization", headers.as_str()), ("content-type", "application/json")];
        let (path, body) = ("/api/sse/subscriptions", body.to_string());
        request(hub.address(), "POST", path, &headers, body.as_bytes()).await.unwrap().status
    };
    assert_eq!(ask(&own, "board:1").await, 200);
    assert_eq!(ask(&own, "chat").await, 403);
    assert_eq!(ask(&other, "board:1").await, 404);
}
