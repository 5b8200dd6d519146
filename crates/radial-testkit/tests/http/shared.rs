//! Streams of HTTP/2 share a socket. Each has its own pace and its own end.

use std::time::Duration;

use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http2::{Builder, SendRequest};
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use radial_testkit::{PATIENCE, TestServer};
use serde_json::json;
use tokio::net::TcpStream;
use tokio::time::timeout;

const PATH: &str = "/api/sse/events";
/// What a client of these tests lets a stream send before it has read it.
const WINDOW: u32 = 64 * 1024;

/// A client's connection.
struct Connection {
    send: SendRequest<Full<Bytes>>,
    origin: String,
}

impl Connection {
    async fn open(hub: &TestServer) -> Self {
        let socket = TcpStream::connect(hub.address()).await.unwrap();
        let mut builder = Builder::new(TokioExecutor::new());
        // No stream takes the connection's own window away from another.
        builder.initial_stream_window_size(WINDOW).initial_connection_window_size(WINDOW * 64);
        let (send, connection) = builder.handshake(TokioIo::new(socket)).await.unwrap();
        tokio::spawn(connection);
        Self { send, origin: format!("http://{}", hub.address()) }
    }

    async fn ask(
        &mut self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Response<Incoming> {
        let mut request = Request::builder().method(method).uri(format!("{}{path}", self.origin));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Full::new(Bytes::from(body.to_owned()))).unwrap();
        self.send.ready().await.unwrap();
        timeout(PATIENCE, self.send.send_request(request)).await.unwrap().unwrap()
    }

    async fn stream(&mut self, query: &str, headers: &[(&str, &str)]) -> Incoming {
        let answer = self.ask("GET", &format!("{PATH}{query}"), headers, "").await;
        assert_eq!(
            (answer.status().as_u16(), &answer.headers()["content-type"]),
            (200, &"text/event-stream".parse().unwrap())
        );
        assert!(
            answer.headers().contains_key("date")
                && !answer.headers().contains_key("content-length")
        );
        answer.into_body()
    }

    async fn get(&mut self, path: &str) -> String {
        let answer = self.ask("GET", path, &[], "").await;
        text(answer.into_body()).await
    }

    /// Waits until the metrics say so.
    async fn told(&mut self, line: &str) {
        let work =
            async { while !self.get("/metrics").await.lines().any(|found| found == line) {} };
        timeout(PATIENCE, work).await.unwrap_or_else(|_| panic!("no {line} in time"));
    }
}

/// All of a body.
async fn text(body: Incoming) -> String {
    let bytes = timeout(PATIENCE, body.collect()).await.unwrap().unwrap().to_bytes();
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// Reads to the end of the frame that has this, whatever comes with it.
async fn until(body: &mut Incoming, words: &str) -> String {
    let mut text = String::new();
    while !(text.contains(words) && text.ends_with("\n\n")) {
        let frame = timeout(PATIENCE, body.frame()).await.unwrap();
        let frame = frame.unwrap_or_else(|| panic!("it ended before {words}")).unwrap();
        text.push_str(std::str::from_utf8(frame.data_ref().unwrap()).unwrap());
    }
    text
}

async fn publish(hub: &TestServer, count: usize, bytes: usize) {
    let event = json!({"eventType": "user.updated",
        "eventData": {"userId": "u", "more": "x".repeat(bytes)}});
    for _ in 0..count {
        assert_eq!(hub.publish(&event).await.unwrap().status, 201);
    }
}

#[tokio::test]
async fn a_stream_of_http2_resumes_follows_and_shows_signs_of_life() {
    let hub = TestServer::with(&[("stream.heartbeat", "200ms")]).await.unwrap();
    publish(&hub, 3, 10).await;
    let mut connection = Connection::open(&hub).await;
    let mut stream = connection.stream("?cursor=earliest", &[]).await;
    let seen = until(&mut stream, "\"offset\":3,").await;
    assert!(seen.starts_with("retry: ") && !seen.contains("\r\n"), "{seen}");
    let beat = until(&mut stream, "event: heartbeat").await;
    let place = beat.lines().find_map(|line| line.strip_prefix("id: "));
    let place = place.or_else(|| seen.lines().rev().find_map(|line| line.strip_prefix("id: ")));
    let mut resumed = connection.stream("", &[("last-event-id", place.unwrap())]).await;
    // More than a client takes before it has read.
    publish(&hub, 2, 200_000).await;
    for stream in [&mut stream, &mut resumed] {
        let seen = until(stream, "\"offset\":5,").await;
        assert_eq!(seen.matches("\"offset\":4,").count(), 1);
    }
    publish(&hub, 1, 10).await;
    until(&mut stream, "\"offset\":6,").await;
    until(&mut resumed, "\"offset\":6,").await;
}

/// Its socket is open and takes bytes for the other stream all the time.
#[tokio::test]
async fn a_stream_that_takes_nothing_for_too_long_is_closed_and_the_others_go_on() {
    let hub = TestServer::with(&[("stream.slow_after", "1s")]).await.unwrap();
    let mut connection = Connection::open(&hub).await;
    let mut stuck = connection.stream("", &[]).await;
    until(&mut stuck, "event: live").await;
    let mut other = connection.stream("", &[]).await;
    until(&mut other, "event: live").await;
    connection.told("radial_connections 2").await;
    for round in 1..=4 {
        publish(&hub, 1, 100_000).await;
        until(&mut other, &format!("\"offset\":{round},")).await;
    }
    connection.told("radial_connections_ended_total{reason=\"slow\"} 1").await;
    connection.told("radial_connections 1").await;
    publish(&hub, 1, 10).await;
    until(&mut other, "\"offset\":5,").await;
    // It is told that this was not the end.
    let cut = async {
        while let Some(frame) = stuck.frame().await {
            if frame.is_err() {
                return;
            }
        }
        panic!("it ended as if that were all");
    };
    timeout(PATIENCE, cut).await.unwrap();
}

/// What goes wrong with one of them is no reason to end the others: behind a proxy they are of many.
#[tokio::test]
async fn a_stream_that_does_not_take_its_goodbye_is_cut_alone() {
    let hub = TestServer::start().await.unwrap();
    publish(&hub, 4, 100_000).await;
    let mut connection = Connection::open(&hub).await;
    let _stuck = connection.stream("?cursor=earliest", &[]).await;
    let open = connection.get("/api/admin/connections").await;
    let open: serde_json::Value = serde_json::from_str(&open).unwrap();
    let id = open["connections"][0]["connectionId"].as_str().unwrap();
    let mut other = connection.stream("", &[]).await;
    until(&mut other, "event: live").await;
    let path = format!("/api/admin/connections/{id}");
    assert_eq!(connection.ask("DELETE", &path, &[], "").await.status(), 204);
    connection.told("radial_connections_ended_total{reason=\"drain\"} 1").await;
    publish(&hub, 1, 10).await;
    until(&mut other, "\"offset\":5,").await;
}

/// A client that reads slowly is not one that takes nothing.
#[tokio::test]
async fn a_stream_that_is_read_now_and_then_gets_everything() {
    let hub = TestServer::with(&[("stream.slow_after", "1s")]).await.unwrap();
    let mut connection = Connection::open(&hub).await;
    let mut stream = connection.stream("", &[]).await;
    until(&mut stream, "event: live").await;
    let reading = async {
        let (mut text, mut pause) =
            (String::new(), tokio::time::interval(Duration::from_millis(50)));
        while !text.contains("\"offset\":20,") {
            pause.tick().await;
            let frame = timeout(PATIENCE, stream.frame()).await.unwrap().unwrap().unwrap();
            text.push_str(std::str::from_utf8(frame.data_ref().unwrap()).unwrap());
        }
        text
    };
    let (text, ()) = tokio::join!(reading, publish(&hub, 20, 50_000));
    for offset in 1..=20 {
        assert_eq!(text.matches(&format!("\"offset\":{offset},")).count(), 1, "{offset}");
    }
}

#[tokio::test]
async fn a_client_that_lets_go_of_a_stream_lets_go_of_nothing_else() {
    let hub = TestServer::start().await.unwrap();
    let mut connection = Connection::open(&hub).await;
    let mut streams = Vec::new();
    for _ in 0..3 {
        let mut stream = connection.stream("", &[]).await;
        until(&mut stream, "event: live").await;
        streams.push(stream);
    }
    connection.told("radial_connections 3").await;
    drop(streams.pop());
    connection.told("radial_connections 2").await;
    publish(&hub, 1, 10).await;
    for stream in &mut streams {
        until(stream, "\"offset\":1,").await;
    }
    // And with the connection all that is on it goes.
    drop((streams, connection));
    Connection::open(&hub).await.told("radial_connections 0").await;
}

/// It follows with a worker, and nothing is asked on its connection.
#[tokio::test]
async fn a_connection_with_a_stream_that_only_follows_is_kept() {
    let settings = [("server.header_timeout", "1s"), ("stream.heartbeat", "600ms")];
    let hub = TestServer::with(&settings).await.unwrap();
    let mut connection = Connection::open(&hub).await;
    let mut stream = connection.stream("", &[]).await;
    for _ in 0..5 {
        until(&mut stream, "event: heartbeat").await;
    }
    assert!(!connection.get("/healthz").await.is_empty());
}

#[tokio::test]
async fn a_drain_says_goodbye_on_each_stream_and_ends_it() {
    let hub = TestServer::start().await.unwrap();
    let mut connection = Connection::open(&hub).await;
    let mut streams = Vec::new();
    for _ in 0..3 {
        let mut stream = connection.stream("", &[]).await;
        until(&mut stream, "event: live").await;
        streams.push(stream);
    }
    let stopped = tokio::spawn(hub.stop());
    for stream in streams {
        let rest = text(stream).await;
        assert!(rest.contains("event: goodbye") && rest.contains("\"reason\":\"drain\""), "{rest}");
    }
    timeout(PATIENCE, stopped).await.unwrap().unwrap().unwrap();
}

#[tokio::test]
async fn other_requests_are_answered_as_over_http1() {
    let hub = TestServer::start().await.unwrap();
    let mut connection = Connection::open(&hub).await;
    let json = [("content-type", "application/json")];
    let event = json!({"eventType": "user.updated",
        "eventData": {"userId": "u", "more": "x".repeat(200_000)}});
    // More than a client may send before it is read.
    let batch = json!(vec![event; 10]).to_string();
    let answer = connection.ask("POST", PATH, &json, &batch).await;
    assert_eq!(answer.status(), 207);
    // More than may wait for the socket, in one piece.
    let read = connection.get("/api/events?channel=main&limit=10").await;
    assert_eq!(read.matches("\"offset\":").count(), 10);
    let head = connection.ask("HEAD", PATH, &[], "").await;
    assert_eq!((head.status().as_u16(), text(head.into_body()).await), (200, String::new()));
    let upgrade = connection.ask("GET", "/api/ws", &[], "").await;
    assert_eq!(upgrade.status(), 426);
    let missing = connection.ask("GET", "/nothing", &[], "").await;
    let length = missing.headers()["content-length"].to_str().unwrap().to_owned();
    assert_eq!(missing.status(), 404);
    assert_eq!(text(missing.into_body()).await.len().to_string(), length);
    let too_large = connection.ask("POST", PATH, &json, &"x".repeat(5_000_000)).await;
    assert_eq!(too_large.status(), 413);
    let long = [("x-long", &*"x".repeat(70_000))];
    assert_eq!(connection.ask("GET", "/healthz", &long, "").await.status(), 431);
    assert!(connection.get("/healthz").await.len() < 100, "and the connection goes on");
}
