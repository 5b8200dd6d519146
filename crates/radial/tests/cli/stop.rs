//! Starting switched off, and stopping.

use radial_testkit::{HubProcess, Stream};
use serde_json::json;

use radial_testkit::wire::request;

use crate::program::binary;

const JSON: [(&str, &str); 1] = [("content-type", "application/json")];

#[tokio::test]
async fn sigterm_says_goodbye_keeps_what_was_accepted_and_exits_0() {
    let data = tempfile::tempdir().unwrap();
    let mut hub = HubProcess::start(binary(), data.path()).await.unwrap();
    let mut stream = Stream::open(hub.address(), "/api/sse/events", &[]).await.unwrap();
    stream.until(|frame| frame.is_control("live")).await.unwrap();
    let event =
        json!({"eventType": "session.activity", "eventData": {}, "eventId": "e-1"}).to_string();
    let answer =
        request(hub.address(), "POST", "/api/sse/events", &JSON, event.as_bytes()).await.unwrap();
    assert_eq!(answer.status, 201);
    assert!(hub.terminate().await.unwrap().success());
    let frames = stream.until(|frame| frame.is_control("goodbye")).await.unwrap();
    let goodbye = frames.last().unwrap().json().unwrap();
    assert_eq!((&goodbye["reason"], &goodbye["fallback"]), (&json!("drain"), &json!("reconnect")));
    assert_eq!(stream.next().await.unwrap(), None);
    hub.start_again().await.unwrap();
    let again =
        request(hub.address(), "POST", "/api/sse/events", &JSON, event.as_bytes()).await.unwrap();
    assert_eq!(again.json().unwrap()["duplicate"], true);
}

#[tokio::test]
async fn a_hub_that_is_switched_off_says_so_and_comes_up_otherwise() {
    let data = tempfile::tempdir().unwrap();
    let environment = [("RADIAL_DISABLED", "true")];
    let hub = HubProcess::start_with(binary(), data.path(), &environment).await.unwrap();
    for (method, path, body) in [
        ("POST", "/api/sse/events", &br#"{"eventType":"test:event","eventData":1}"#[..]),
        ("GET", "/api/sse/events", b""),
    ] {
        let answer = request(hub.address(), method, path, &JSON, body).await.unwrap();
        assert_eq!(answer.status, 503);
        assert_eq!(answer.json().unwrap()["code"], "hub-disabled");
        assert!(answer.header("retry-after").is_some());
    }
    let ready = request(hub.address(), "GET", "/readyz", &[], b"").await.unwrap();
    assert_eq!(ready.status, 503);
    let health = request(hub.address(), "GET", "/healthz", &[], b"").await.unwrap();
    assert_eq!(health.status, 200);
}
