//! Connections that only follow are with a worker. What ends one, or comes from its client, must
//! reach it there; and it must stay there while nothing does.

use std::time::Duration;

use radial_testkit::websocket::{Received, WebSocket};
use radial_testkit::TestServer;
use serde_json::json;
use tokio::time::Instant;

/// It is ±20 %, and nothing else happens meanwhile.
#[tokio::test]
async fn a_connection_that_only_follows_does_not_outlive_its_age() {
    let settings = [("stream.max_age", "1s"), ("stream.heartbeat", "300ms")];
    let hub = TestServer::with(&settings).await.unwrap();
    let began = Instant::now();
    let sse = async {
        let mut stream = hub.stream("").await.unwrap();
        let frames = stream.until(|frame| frame.is_control("goodbye")).await.unwrap();
        assert_eq!(stream.next().await.unwrap(), None);
        frames.last().unwrap().json().unwrap()["reason"].clone()
    };
    let websocket = async {
        let mut socket = WebSocket::open(hub.address(), "/api/ws", &[]).await.unwrap().unwrap();
        socket.send(&json!({"op": "subscribe"})).await.unwrap();
        loop {
            let said = socket.json().await.unwrap();
            if said["op"] == "goodbye" {
                assert!(matches!(socket.next().await.unwrap(), Received::Close(..)));
                return said["reason"].clone();
            }
        }
    };
    let (sse, websocket) = tokio::join!(sse, websocket);
    assert_eq!((sse, websocket), (json!("age"), json!("age")));
    assert!(began.elapsed() < Duration::from_secs(3), "{:?}", began.elapsed());
}
