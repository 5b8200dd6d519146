//! What a client of HTTP/2 may not do: its frames are written by hand (RFC 9113).

use std::time::Duration;

use radial_testkit::wire::Answer;
use radial_testkit::{PATIENCE, TestServer};
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::{Instant, interval, timeout};

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const GOAWAY: u8 = 7;
const WINDOW_UPDATE: u8 = 8;
const CONTINUATION: u8 = 9;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;
/// `:status` 200 in the static table.
const STATUS_200: u8 = 0x88;
const MAX_CONCURRENT_STREAMS: u16 = 3;
const INITIAL_WINDOW_SIZE: u16 = 4;
const NO_ERROR: u32 = 0;
const REFUSED_STREAM: u32 = 7;
const CANCEL: u32 = 8;
const ENHANCE_YOUR_CALM: u32 = 11;

struct Frame {
    kind: u8,
    stream: u32,
    payload: Vec<u8>,
}

impl Frame {
    /// The error that it begins with, at this place.
    fn error(&self, at: usize) -> u32 {
        u32::from_be_bytes(self.payload[at..at + 4].try_into().unwrap())
    }
}

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let [_, a, b, c] = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let mut frame = vec![a, b, c, kind, flags];
    frame.extend(stream.to_be_bytes());
    frame.extend_from_slice(payload);
    frame
}

/// The head of a GET, without a dynamic table (RFC 7541).
fn get(path: &str) -> Vec<u8> {
    let mut block = vec![0x82, 0x86, 0x01, 9];
    block.extend_from_slice(b"localhost");
    block.extend([0x04, u8::try_from(path.len()).unwrap()]);
    block.extend_from_slice(path.as_bytes());
    block
}

/// A connection whose SETTINGS were sent.
async fn connect(hub: &TestServer) -> TcpStream {
    let mut socket = TcpStream::connect(hub.address()).await.unwrap();
    socket.write_all(PREFACE).await.unwrap();
    socket.write_all(&frame(SETTINGS, 0, 0, &[])).await.unwrap();
    socket
}

/// The next frame; none once the connection has ended.
async fn next(socket: &mut TcpStream) -> Option<Frame> {
    let read = async {
        let mut head = [0; 9];
        socket.read_exact(&mut head).await.ok()?;
        let [a, b, c, kind, _, stream @ ..] = head;
        let mut payload = vec![0; u32::from_be_bytes([0, a, b, c]) as usize];
        socket.read_exact(&mut payload).await.ok()?;
        Some(Frame { kind, stream: u32::from_be_bytes(stream), payload })
    };
    timeout(PATIENCE, read).await.unwrap()
}

async fn until(socket: &mut TcpStream, kind: u8) -> Frame {
    loop {
        let frame = next(socket).await.expect("it ended before");
        if frame.kind == kind {
            return frame;
        }
    }
}

async fn publish(hub: &TestServer) -> Answer {
    publish_bytes(hub, 0).await
}

async fn publish_bytes(hub: &TestServer, bytes: usize) -> Answer {
    let event = json!({"eventType": "user.updated",
        "eventData": {"userId": "u", "more": "x".repeat(bytes)}});
    hub.publish(&event).await.unwrap()
}

/// An event stream from the beginning on a socket with little room, without a limit of its own.
async fn follow(hub: &TestServer) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(16 * 1024).unwrap();
    let mut socket = socket.connect(hub.address()).await.unwrap();
    let most = (1_u32 << 31) - 1;
    let mut window = INITIAL_WINDOW_SIZE.to_be_bytes().to_vec();
    window.extend(most.to_be_bytes());
    let mut begin = PREFACE.to_vec();
    begin.extend(frame(SETTINGS, 0, 0, &window));
    begin.extend(frame(WINDOW_UPDATE, 0, 0, &(most - 65_535).to_be_bytes()));
    let path = get("/api/sse/events?cursor=earliest");
    begin.extend(frame(HEADERS, END_STREAM | END_HEADERS, 1, &path));
    socket.write_all(&begin).await.unwrap();
    socket
}

async fn open_streams(hub: &TestServer) -> u64 {
    let metrics = String::from_utf8(hub.get("/metrics").await.unwrap().body).unwrap();
    let mut lines = metrics.lines();
    lines.find_map(|line| line.strip_prefix("radial_connections ")).unwrap().parse().unwrap()
}

/// Says the beginning in two pieces, and asks for something else in between, so that the hub has seen
/// the first one alone.
async fn in_pieces(hub: &TestServer, bytes: &[u8], first: usize) -> TcpStream {
    let mut socket = TcpStream::connect(hub.address()).await.unwrap();
    socket.set_nodelay(true).unwrap();
    socket.write_all(&bytes[..first]).await.unwrap();
    assert_eq!(hub.get("/healthz").await.unwrap().status, 200);
    socket.write_all(&bytes[first..]).await.unwrap();
    socket
}

#[tokio::test]
async fn the_beginning_may_come_in_pieces() {
    let hub = TestServer::start().await.unwrap();
    let beginning = [PREFACE, &frame(SETTINGS, 0, 0, &[])].concat();
    let request = b"PUT /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n";
    for first in 1..5 {
        let mut socket = in_pieces(&hub, &beginning, first).await;
        assert_eq!(until(&mut socket, SETTINGS).await.stream, 0, "after {first}");
        let mut socket = in_pieces(&hub, request, first).await;
        let mut version = [0; 8];
        timeout(PATIENCE, socket.read_exact(&mut version)).await.unwrap().unwrap();
        assert_eq!(&version, b"HTTP/1.1", "after {first}");
    }
    // Whoever says nothing more is not waited for.
    let mut socket = in_pieces(&hub, b"PR", 1).await;
    socket.shutdown().await.unwrap();
    timeout(Duration::from_secs(5), socket.read_to_end(&mut Vec::new())).await.unwrap().unwrap();
}

/// Each would be a task for nothing, as often as its client can ask.
#[tokio::test]
async fn whoever_takes_requests_back_at_once_again_and_again_is_closed() {
    let hub = TestServer::start().await.unwrap();
    let mut socket = connect(&hub).await;
    let mut flood = Vec::new();
    for stream in (1..2_000).step_by(2) {
        let flags = END_STREAM | END_HEADERS;
        flood.extend(frame(HEADERS, flags, stream, &get("/api/sse/events")));
        flood.extend(frame(RST_STREAM, 0, stream, &CANCEL.to_be_bytes()));
    }
    // Whether or not it can take all of them.
    let _ = socket.write_all(&flood).await;
    assert_eq!(until(&mut socket, GOAWAY).await.error(4), ENHANCE_YOUR_CALM);
    while next(&mut socket).await.is_some() {}
    assert_eq!(publish(&hub).await.status, 201);
    let metrics = String::from_utf8(hub.get("/metrics").await.unwrap().body).unwrap();
    assert!(metrics.lines().any(|line| line == "radial_connections 0"), "{metrics}");
}

#[tokio::test]
async fn a_head_without_end_is_not_read_to_the_end() {
    let hub = TestServer::start().await.unwrap();
    let mut socket = connect(&hub).await;
    socket.write_all(&frame(HEADERS, END_STREAM, 1, &get("/healthz"))).await.unwrap();
    // One header after the other, none of them in the dynamic table.
    let more: Vec<u8> = [0x00, 1, b'a', 1, b'b'].repeat(3_000);
    let mut sent = 0;
    while sent < 64 * 1024 * 1024 {
        match socket.write_all(&frame(CONTINUATION, 0, 1, &more)).await {
            Ok(()) => sent += more.len(),
            Err(_) => break,
        }
    }
    assert!(sent < 64 * 1024 * 1024, "all of it was taken");
    assert_eq!(publish(&hub).await.status, 201);
}

/// What it is owed for them would grow without end.
#[tokio::test]
async fn whoever_asks_for_answers_without_reading_them_is_not_read_either() {
    not_read_without_end(&frame(PING, 0, 0, &[0; 8])).await;
}

/// Sends it again and again, and reads nothing.
async fn not_read_without_end(frame: &[u8]) {
    let hub = TestServer::start().await.unwrap();
    let mut socket = connect(&hub).await;
    let frames = frame.repeat(1_000);
    let (mut sent, most) = (0, 256 * 1024 * 1024);
    while sent < most {
        match timeout(Duration::from_secs(1), socket.write(&frames)).await {
            Ok(Ok(len)) => sent += len,
            Ok(Err(_)) | Err(_) => break,
        }
    }
    assert!(sent < most, "all of it was taken");
    assert_eq!(publish(&hub).await.status, 201);
}

/// The hub is no proxy: it looks for what has no path, and finds nothing.
#[tokio::test]
async fn a_request_to_connect_elsewhere_is_refused_and_the_connection_goes_on() {
    let hub = TestServer::start().await.unwrap();
    let mut socket = connect(&hub).await;
    let mut block = vec![0x02, 7];
    block.extend_from_slice(b"CONNECT");
    block.extend([0x01, 9]);
    block.extend_from_slice(b"elsewhere");
    for (stream, block) in [(1, block), (3, get("/healthz"))] {
        let head = frame(HEADERS, END_STREAM | END_HEADERS, stream, &block);
        socket.write_all(&head).await.unwrap();
        let answer = until(&mut socket, HEADERS).await;
        let is_ok = answer.payload[0] == STATUS_200;
        assert_eq!((answer.stream, is_ok), (stream, stream == 3));
    }
}

#[tokio::test]
async fn a_connection_has_as_many_streams_as_it_was_told_and_no_more() {
    let hub = TestServer::start().await.unwrap();
    let mut socket = connect(&hub).await;
    let settings = until(&mut socket, SETTINGS).await.payload;
    let mut settings = settings.chunks(6).map(|setting| {
        let (id, value) = setting.split_at(2);
        (u16::from_be_bytes(id.try_into().unwrap()), u32::from_be_bytes(value.try_into().unwrap()))
    });
    let most = settings.find(|(id, _)| *id == MAX_CONCURRENT_STREAMS).unwrap().1;
    assert_eq!(most, 256);
    for number in 0..=most {
        let flags = END_STREAM | END_HEADERS;
        let head = frame(HEADERS, flags, 2 * number + 1, &get("/api/sse/events"));
        socket.write_all(&head).await.unwrap();
    }
    let refused = until(&mut socket, RST_STREAM).await;
    assert_eq!((refused.stream, refused.error(0)), (2 * most + 1, REFUSED_STREAM));
}

/// What it is asked stands behind megabytes that it has not read yet: here it never answers.
#[tokio::test]
async fn whoever_reads_slowly_and_answers_no_ping_keeps_the_connection() {
    let slow_after = Duration::from_secs(1);
    let hub = TestServer::with(&[("stream.slow_after", "1s")]).await.unwrap();
    for _ in 0..80 {
        assert_eq!(publish_bytes(&hub, 200_000).await.status, 201);
    }
    let mut socket = follow(&hub).await;
    let (begun, mut pause) = (Instant::now(), interval(Duration::from_millis(5)));
    let (mut bytes, mut read) = (vec![0; 8 * 1024], 0);
    while begun.elapsed() < slow_after * 3 {
        pause.tick().await;
        let len = timeout(PATIENCE, socket.read(&mut bytes)).await.unwrap().unwrap();
        assert!(len > 0, "closed after {read} bytes");
        read += len;
    }
    assert!(read < 80 * 200_000, "it was not slow");
    assert_eq!(open_streams(&hub).await, 1);
}

/// That the system takes bytes for it is no sign of it.
#[tokio::test]
async fn whoever_answers_nothing_and_takes_nothing_is_closed() {
    let hub = TestServer::with(&[("stream.slow_after", "1s")]).await.unwrap();
    let mut socket = follow(&hub).await;
    let answer = until(&mut socket, HEADERS).await;
    assert_eq!(answer.payload[0], STATUS_200);
    let gone = async {
        while open_streams(&hub).await > 0 {
            assert_eq!(publish(&hub).await.status, 201);
        }
    };
    timeout(PATIENCE, gone).await.unwrap();
}

/// Without a credential they would take all the connections that there may be.
#[tokio::test]
async fn a_connection_without_a_stream_is_told_and_closed() {
    let hub = TestServer::with(&[("server.header_timeout", "1s")]).await.unwrap();
    let mut socket = connect(&hub).await;
    let head = frame(HEADERS, END_STREAM | END_HEADERS, 1, &get("/healthz"));
    socket.write_all(&head).await.unwrap();
    assert_eq!(until(&mut socket, HEADERS).await.payload[0], STATUS_200);
    assert_eq!(until(&mut socket, GOAWAY).await.error(4), NO_ERROR);
    // And it does not take its leave.
    while next(&mut socket).await.is_some() {}
}

#[tokio::test]
async fn a_client_that_uses_and_answers_nothing_does_not_hold_up_the_stop() {
    let hub = TestServer::with(&[("server.drain_timeout", "10s")]).await.unwrap();
    let mut socket = connect(&hub).await;
    until(&mut socket, SETTINGS).await;
    timeout(Duration::from_secs(8), hub.stop()).await.expect("it held it up").unwrap();
}

/// The settings of a client are acknowledged like its pings.
#[tokio::test]
async fn whoever_sends_settings_without_end_is_not_read_without_end() {
    not_read_without_end(&frame(SETTINGS, 0, 0, &[])).await;
}

/// Pages of megabytes would be made for whoever never reads them.
#[tokio::test]
async fn whoever_reads_no_page_gets_no_more_of_them_and_everything_else() {
    let hub = TestServer::start().await.unwrap();
    assert_eq!(publish(&hub).await.status, 201);
    let mut socket = connect(&hub).await;
    let mut window = INITIAL_WINDOW_SIZE.to_be_bytes().to_vec();
    window.extend(0_u32.to_be_bytes());
    socket.write_all(&frame(SETTINGS, 0, 0, &window)).await.unwrap();
    let pages: Vec<u32> = (1..20).step_by(2).collect();
    for stream in &pages {
        let head = get("/api/events?channel=main");
        let head = frame(HEADERS, END_STREAM | END_HEADERS, *stream, &head);
        socket.write_all(&head).await.unwrap();
    }
    let mut answered = Vec::new();
    for stream in [21, 23] {
        let head = frame(HEADERS, END_STREAM | END_HEADERS, stream, &get("/healthz"));
        socket.write_all(&head).await.unwrap();
        while answered.len() < 4 || !answered.contains(&stream) {
            answered.push(until(&mut socket, HEADERS).await.stream);
        }
    }
    answered.retain(|stream| pages.contains(stream));
    assert!(answered.len() <= 4, "{answered:?}");
    let room = 16_384_u32.to_be_bytes();
    for _ in &pages {
        // Who has been answered gives room for the next.
        while answered.is_empty() {
            let found = until(&mut socket, HEADERS).await.stream;
            answered.extend(pages.contains(&found).then_some(found));
        }
        let stream = answered.pop().unwrap();
        socket.write_all(&frame(WINDOW_UPDATE, 0, stream, &room)).await.unwrap();
    }
}
