//! Streams under TLS: the hub takes their sockets from the HTTP library as it does with plain ones,
//! and speaks TLS on them by itself, in whatever hands they are.

use std::io::Write as _;
use std::time::Duration;

use radial_testkit::tls::{TestCertificate, connect_on};
use radial_testkit::websocket::{Received, WebSocket};
use radial_testkit::wire::{follow, head, read_until};
use radial_testkit::{PATIENCE, Stream, TestServer};
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::client::TlsStream;

const PATH: &str = "/api/sse/events";

/// A hub that speaks TLS only, and its certificate.
pub(crate) struct Encrypted {
    pub(crate) hub: TestServer,
    certificate: TestCertificate,
    _folder: tempfile::TempDir,
}

impl Encrypted {
    pub(crate) async fn start(more: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let certificate = TestCertificate::new("localhost").unwrap();
        let (file, key) = certificate.write(folder.path(), "one").unwrap();
        let list = json!([{"certificate": file, "key_file": key}]).to_string();
        let mut settings = vec![("server.certificates", list.as_str())];
        settings.extend(more);
        let hub = TestServer::with(&settings).await.unwrap();
        Self { hub, certificate, _folder: folder }
    }

    pub(crate) async fn connect(&self) -> TlsStream<TcpStream> {
        self.connect_on(TcpStream::connect(self.hub.address()).await.unwrap()).await
    }

    pub(crate) async fn connect_on(&self, socket: TcpStream) -> TlsStream<TcpStream> {
        let trusted = [&self.certificate];
        connect_on(socket, "localhost", &trusted, &["http/1.1"]).await.unwrap()
    }

    async fn stream(&self, query: &str, headers: &[(&str, &str)]) -> Stream {
        let (socket, path) = (self.connect().await, format!("{PATH}{query}"));
        Stream::open_on(socket, self.hub.address(), &path, headers).await.unwrap()
    }

    async fn websocket(&self) -> WebSocket {
        let socket = self.connect().await;
        let open = WebSocket::open_on(socket, self.hub.address(), "/api/ws", &[]).await;
        open.unwrap().unwrap()
    }

    /// Asks on a connection of its own, and gives the whole answer.
    async fn ask(&self, method: &str, path: &str, body: &str) -> String {
        let mut socket = self.connect().await;
        let length = body.len().to_string();
        let headers = [
            ("connection", "close"),
            ("content-type", "application/json"),
            ("content-length", &length),
        ];
        let request = head(self.hub.address(), method, path, &headers) + "\r\n" + body;
        socket.write_all(request.as_bytes()).await.unwrap();
        socket.flush().await.unwrap();
        let mut answer = Vec::new();
        timeout(PATIENCE, socket.read_to_end(&mut answer)).await.unwrap().unwrap();
        String::from_utf8(answer).unwrap()
    }

    /// Publishes events of so many bytes.
    pub(crate) async fn publish(&self, count: usize, bytes: usize) {
        let event = json!({"eventType": "user.updated",
            "eventData": {"userId": "u", "more": "x".repeat(bytes)}});
        let answer = self.ask("POST", PATH, &json!(vec![event; count]).to_string()).await;
        assert!(answer.starts_with("HTTP/1.1 207 "), "{answer}");
    }

    /// Waits until the metrics say so.
    pub(crate) async fn told(&self, line: &str) {
        let work = async { while !self.says(line).await {} };
        timeout(PATIENCE, work).await.unwrap_or_else(|_| panic!("no {line} in time"));
    }

    /// Whether the metrics say so.
    pub(crate) async fn says(&self, line: &str) -> bool {
        self.ask("GET", "/metrics", "").await.lines().any(|found| found == line)
    }

    /// What the metrics say of this.
    pub(crate) async fn metric(&self, name: &str) -> u64 {
        let answer = self.ask("GET", "/metrics", "").await;
        let found = answer.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        found.unwrap_or_else(|| panic!("no {name}: {answer}")).parse().unwrap()
    }
}

/// A stream that is open and follows, as its bare connection.
async fn following(hub: &Encrypted) -> TlsStream<TcpStream> {
    let mut socket = hub.connect().await;
    follow(&mut socket, hub.hub.address(), PATH).await.unwrap();
    socket
}

async fn offsets(stream: &mut Stream, count: usize) -> Vec<u64> {
    let events = stream.events(count).await.unwrap();
    events.iter().map(|event| event["offset"].as_u64().unwrap()).collect()
}

#[tokio::test]
async fn a_stream_under_tls_resumes_follows_and_shows_signs_of_life() {
    let hub = Encrypted::start(&[("stream.heartbeat", "200ms")]).await;
    hub.publish(3, 10).await;
    let mut stream = hub.stream("?cursor=earliest", &[]).await;
    assert_eq!(offsets(&mut stream, 3).await, [1, 2, 3]);
    let frames = stream.until(|frame| frame.is_control("heartbeat")).await.unwrap();
    let place = frames.last().unwrap().id.clone().unwrap();
    // Far more than one record takes, and more than one write.
    hub.publish(2, 100_000).await;
    assert_eq!(offsets(&mut stream, 2).await, [4, 5]);
    let mut resumed = hub.stream("", &[("last-event-id", &place)]).await;
    assert_eq!(offsets(&mut resumed, 2).await, [4, 5]);
    hub.publish(1, 10).await;
    assert_eq!(offsets(&mut stream, 1).await, [6]);
    assert_eq!(offsets(&mut resumed, 1).await, [6]);
}

#[tokio::test]
async fn a_client_that_takes_nothing_for_a_while_gets_the_rest_whole() {
    let hub = Encrypted::start(&[]).await;
    let mut stream = hub.stream("", &[]).await;
    stream.until(|frame| frame.is_control("live")).await.unwrap();
    // More than the sockets between them hold, in records that are cut anywhere.
    let rounds = 60;
    for _ in 0..rounds {
        hub.publish(5, 50_000).await;
    }
    let expected: Vec<u64> = (1..=rounds * 5).collect();
    assert_eq!(offsets(&mut stream, expected.len()).await, expected);
    hub.publish(1, 10).await;
    assert_eq!(offsets(&mut stream, 1).await, [rounds * 5 + 1]);
}

/// The update is nothing that the stream's own task or worker is given to read, and the hub has to
/// answer it in the midst of what it sends (RFC 8446, section 4.6.3).
#[tokio::test]
async fn keys_are_changed_while_a_stream_is_open() {
    let hub = Encrypted::start(&[]).await;
    let mut socket = following(&hub).await;
    for round in 1..=5 {
        socket.get_mut().1.refresh_traffic_keys().unwrap();
        if round % 2 == 0 {
            // With something that means nothing, or alone.
            socket.write_all(b"?").await.unwrap();
        }
        socket.flush().await.unwrap();
        hub.publish(1, 20_000).await;
        read_until(&mut socket, &format!("\"offset\":{round},")).await.unwrap();
    }
}

#[tokio::test]
async fn what_a_client_sends_on_its_stream_under_tls_is_forgotten() {
    let hub = Encrypted::start(&[]).await;
    let mut socket = following(&hub).await;
    for round in 1..=5 {
        socket.write_all(b"GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n").await.unwrap();
        socket.flush().await.unwrap();
        hub.publish(1, 10).await;
        read_until(&mut socket, &format!("\"offset\":{round},")).await.unwrap();
    }
    let more = timeout(Duration::from_millis(500), socket.read_u8()).await;
    assert!(more.is_err(), "nothing is answered: {more:?}");
}

/// Its socket stays open: only TLS says that nothing more comes.
#[tokio::test]
async fn a_client_that_says_goodbye_by_tls_alone_has_gone() {
    let hub = Encrypted::start(&[]).await;
    let mut socket = following(&hub).await;
    hub.told("radial_connections 1").await;
    let (tcp, session) = socket.get_mut();
    session.send_close_notify();
    let mut farewell = Vec::new();
    session.write_tls(&mut farewell).unwrap();
    tcp.write_all(&farewell).await.unwrap();
    hub.told("radial_connections 0").await;
}

/// What is no TLS ends the connection, and nobody else's.
#[tokio::test]
async fn a_client_that_breaks_tls_is_let_go() {
    let hub = Encrypted::start(&[]).await;
    let mut other = hub.stream("", &[]).await;
    let mut socket = following(&hub).await;
    socket.get_mut().0.write_all(&[0x17, 3, 3, 0, 20, 1, 2, 3]).await.unwrap();
    // Half a record means nothing yet.
    hub.publish(1, 10).await;
    read_until(&mut socket, "\"offset\":1,").await.unwrap();
    socket.get_mut().0.write_all(&[9; 100]).await.unwrap();
    hub.told("radial_connections 1").await;
    hub.publish(1, 10).await;
    assert_eq!(offsets(&mut other, 2).await, [1, 2]);
}

/// A clean end can be told from a cut: whoever reads to the end sees no error.
#[tokio::test]
async fn the_end_of_a_stream_under_tls_is_an_end_of_tls() {
    let hub = Encrypted::start(&[]).await;
    let (mut socket, mut websocket) = (following(&hub).await, hub.websocket().await);
    websocket.send(&json!({"op": "subscribe"})).await.unwrap();
    while websocket.json().await.unwrap()["op"] != "live" {}
    hub.hub.begin_stop();
    let mut rest = String::new();
    timeout(PATIENCE, socket.read_to_string(&mut rest)).await.unwrap().unwrap();
    assert!(rest.contains("event: goodbye") && rest.contains("\"reason\":\"drain\""), "{rest}");
    assert!(rest.ends_with("\r\n0\r\n\r\n"), "{rest}");
    assert_eq!(websocket.json().await.unwrap()["op"], "goodbye");
    assert!(matches!(websocket.next().await.unwrap(), Received::Close(4000, _)));
}

#[tokio::test]
async fn a_websocket_under_tls_follows_and_is_heard_while_it_does() {
    let hub = Encrypted::start(&[("stream.heartbeat", "300ms")]).await;
    let mut socket = hub.websocket().await;
    socket.send(&json!({"op": "subscribe"})).await.unwrap();
    for round in 1..=5_u64 {
        while socket.json().await.unwrap()["op"] != "heartbeat" {}
        // Two at once; the first is more than a record takes.
        let event = json!({"eventType": "user.updated",
            "eventData": {"userId": "u", "more": "x".repeat(30_000)}});
        socket.send(&json!({"op": "publish", "id": round, "event": event})).await.unwrap();
        socket.send(&json!({"op": "ping", "id": "p"})).await.unwrap();
        let (mut came, mut pongs) = (None, 0);
        while came.is_none() || pongs == 0 {
            let said = socket.json().await.unwrap();
            came = came.or(said["offset"].as_u64());
            pongs += u32::from(said["op"] == "pong");
        }
        assert_eq!(came, Some(round));
    }
}

/// What a short message of text is on the wire, masked by zeroes.
fn text_frame(text: &str) -> Vec<u8> {
    assert!(text.len() < 126, "{text}");
    let mut frame = vec![0x81, 0x80 | u8::try_from(text.len()).unwrap()];
    frame.extend([0; 4]);
    frame.extend(text.as_bytes());
    frame
}

/// Sends this and the end of TLS and of the connection, all before the hub looks.
async fn send_last(socket: &mut TlsStream<TcpStream>, bytes: &[u8]) {
    let (tcp, session) = socket.get_mut();
    session.writer().write_all(bytes).unwrap();
    session.send_close_notify();
    let mut all = Vec::new();
    while session.wants_write() {
        session.write_tls(&mut all).unwrap();
    }
    tcp.write_all(&all).await.unwrap();
    tcp.shutdown().await.unwrap();
}

/// Its worker has the socket until then, which comes back with all that it holds, and ended.
#[tokio::test]
async fn what_a_websocket_under_tls_says_right_before_its_end_is_done() {
    let hub = Encrypted::start(&[]).await;
    for round in 1..=3 {
        let mut socket = hub.connect().await;
        let upgrade = [
            ("upgrade", "websocket"),
            ("connection", "Upgrade"),
            ("sec-websocket-version", "13"),
            ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
        ];
        let request = head(hub.hub.address(), "GET", "/api/ws", &upgrade) + "\r\n";
        socket.write_all(request.as_bytes()).await.unwrap();
        let subscribe = json!({"op": "subscribe", "types": ["nothing.*"]}).to_string();
        socket.write_all(&text_frame(&subscribe)).await.unwrap();
        socket.flush().await.unwrap();
        let mut came = Vec::new();
        while !String::from_utf8_lossy(&came).contains(r#""op":"live""#) {
            let read = timeout(PATIENCE, socket.read_buf(&mut came)).await.unwrap().unwrap();
            assert!(read > 0, "it ended: {}", String::from_utf8_lossy(&came));
        }
        let event = json!({"eventType": "user.updated", "eventData": {"userId": "u"}});
        let publish = json!({"op": "publish", "id": "last", "event": event}).to_string();
        send_last(&mut socket, &text_frame(&publish)).await;
        hub.told(&format!("radial_published_events_total{{persistence=\"durable\"}} {round}"))
            .await;
        // And it is answered, though only TCP says then that nothing more comes.
        let _ = timeout(PATIENCE, socket.read_to_end(&mut came)).await.unwrap();
        let came = String::from_utf8_lossy(&came).into_owned();
        assert!(came.contains(r#""op":"ok","id":"last""#), "{came}");
    }
}
