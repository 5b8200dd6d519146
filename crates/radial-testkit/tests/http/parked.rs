//! Connections that only follow are with a worker. What ends one, or comes from its client, must
//! reach it there; and it must stay there while nothing does.

use std::io::Write as _;
use std::time::Duration;

use radial_testkit::websocket::{Received, WebSocket};
use radial_testkit::wire::{follow, read_until};
use radial_testkit::{PATIENCE, TestServer};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};

const PATH: &str = "/api/sse/events";

fn event() -> Value {
    json!({"eventType": "user.updated", "eventData": {"userId": "u"}})
}

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

/// A stream that is open and follows, as its bare socket.
async fn following(hub: &TestServer) -> TcpStream {
    let mut socket = TcpStream::connect(hub.address()).await.unwrap();
    follow(&mut socket, hub.address(), PATH).await.unwrap();
    socket
}

/// A second request above all is never answered.
#[tokio::test]
async fn what_a_client_sends_on_its_stream_is_forgotten() {
    let hub = TestServer::start().await.unwrap();
    let mut socket = following(&hub).await;
    for round in 0..5 {
        socket.write_all(b"GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n").await.unwrap();
        hub.publish(&event()).await.unwrap();
        read_until(&mut socket, &format!("\"offset\":{},", round + 1)).await.unwrap();
    }
    let more = timeout(Duration::from_millis(500), socket.read_u8()).await;
    assert!(more.is_err(), "nothing is answered: {more:?}");
}

/// Two of them on the two threads of a runtime: nobody else gets a turn if they need not give way.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_sends_without_end_keeps_nobody_else_waiting() {
    let hub = TestServer::start().await.unwrap();
    let floods: Vec<_> = [following(&hub).await, following(&hub).await]
        .into_iter()
        .map(|socket| {
            let mut socket = socket.into_std().unwrap();
            socket.set_nonblocking(false).unwrap();
            std::thread::spawn(move || while socket.write_all(&[b'x'; 16 * 1024]).is_ok() {})
        })
        .collect();
    for _ in 0..5 {
        let answer = timeout(PATIENCE, hub.publish(&event())).await.unwrap();
        assert_eq!(answer.unwrap().status, 201);
    }
    hub.stop().await.unwrap();
    for flood in floods {
        flood.join().unwrap();
    }
}
