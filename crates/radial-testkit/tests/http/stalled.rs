//! Clients that take nothing and do not go: how long the hub bears with them, whatever they say
//! meanwhile.

use std::net::SocketAddr;

use radial_testkit::websocket::WebSocket;
use radial_testkit::wire::{Io, head};
use radial_testkit::{PATIENCE, Stream, TestServer};
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;

use crate::encrypted::Encrypted;

/// What a client's side of a connection holds at most of what it has not read. Set before the
/// connection is made; a system that may choose by itself makes it as large as 32 MiB here and
/// there, and then nobody stalls.
const RECEIVE_BUFFER_BYTES: u32 = 16 * 1024;

/// A connection whose client holds next to nothing of what it does not read.
async fn narrow(hub: &TestServer) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(RECEIVE_BUFFER_BYTES).unwrap();
    socket.connect(hub.address()).await.unwrap()
}

/// A WebSocket that follows.
async fn following(socket: impl Io + 'static, hub: &TestServer) -> WebSocket {
    let open = WebSocket::open_on(socket, hub.address(), "/api/ws", &[]).await;
    let mut socket = open.unwrap().unwrap();
    socket.send(&json!({"op": "subscribe"})).await.unwrap();
    while socket.json().await.unwrap()["op"] != "live" {}
    socket
}

const EVENT_BYTES: usize = 200_000;

/// What the system holds at most of what the hub has written to a connection.
fn send_buffer_bytes_max() -> u64 {
    let text = std::fs::read_to_string("/proc/sys/net/ipv4/tcp_wmem").unwrap();
    text.split_whitespace().nth(2).unwrap().parse().unwrap()
}

/// How many batches of five events are more than that.
fn batches() -> u64 {
    send_buffer_bytes_max() / (5 * EVENT_BYTES as u64) + 2
}

fn slow(count: u64) -> String {
    format!("radial_connections_ended_total{{reason=\"slow\"}} {count}")
}

#[tokio::test]
async fn a_stream_under_tls_whose_client_takes_nothing_is_closed_as_slow() {
    let hub = Encrypted::start(&[("stream.slow_after", "1s")]).await;
    let socket = hub.connect_on(narrow(&hub.hub).await).await;
    let mut stuck = Stream::open_on(socket, hub.hub.address(), "/api/sse/events", &[]).await;
    let stuck = stuck.as_mut().unwrap();
    stuck.until(|frame| frame.is_control("live")).await.unwrap();
    hub.told("radial_connections 1").await;
    for _ in 0..batches() {
        hub.publish(5, EVENT_BYTES).await;
    }
    hub.told(&slow(1)).await;
    hub.told("radial_connections 0").await;
}

/// The same as it is without TLS, in the middle of a replay, where a task has it.
#[tokio::test]
async fn a_stream_whose_client_takes_nothing_is_closed_as_slow() {
    let hub = full().await;
    let mut stuck = narrow(&hub).await;
    let path = "/api/sse/events?cursor=earliest";
    let request = head(hub.address(), "GET", path, &[]) + "\r\n";
    stuck.write_all(request.as_bytes()).await.unwrap();
    told(&hub, &slow(1)).await;
}

/// A hub with more events than the system holds of one answer.
async fn full() -> TestServer {
    let hub = TestServer::with(&[("stream.slow_after", "1s")]).await.unwrap();
    let event = json!({"eventType": "user.updated",
        "eventData": {"userId": "u", "more": "x".repeat(EVENT_BYTES)}});
    for _ in 0..batches() {
        assert_eq!(hub.publish(&json!(vec![&event; 5])).await.unwrap().status, 207);
    }
    hub
}

/// Waits until the metrics say so.
async fn told(hub: &TestServer, line: &str) {
    let work = async {
        loop {
            let metrics = hub.get("/metrics").await.unwrap().body;
            if String::from_utf8(metrics).unwrap().lines().any(|found| found == line) {
                return;
            }
        }
    };
    timeout(PATIENCE, work).await.unwrap_or_else(|_| panic!("no {line} in time"));
}

/// The request for more than the system holds of one answer.
fn history(hub: SocketAddr) -> String {
    head(hub, "GET", "/api/events?limit=1000", &[]) + "\r\n"
}

/// With one request, and with a second one in the middle of its answer.
#[tokio::test]
async fn an_answer_that_nobody_reads_is_ended() {
    let hub = full().await;
    let mut stuck = Vec::new();
    for requests in [1, 2] {
        let mut socket = narrow(&hub).await;
        let request = history(hub.address()).repeat(requests);
        socket.write_all(request.as_bytes()).await.unwrap();
        // Its answer has begun.
        socket.readable().await.unwrap();
        stuck.push(socket);
    }
    // That of whoever asks for it.
    told(&hub, "radial_sockets 1").await;
}

#[tokio::test]
async fn an_answer_under_tls_that_nobody_reads_is_ended() {
    let hub = Encrypted::start(&[("stream.slow_after", "1s")]).await;
    for _ in 0..batches() {
        hub.publish(5, EVENT_BYTES).await;
    }
    let mut stuck = hub.connect_on(narrow(&hub.hub).await).await;
    stuck.write_all(history(hub.hub.address()).as_bytes()).await.unwrap();
    stuck.flush().await.unwrap();
    assert_eq!(stuck.read_u8().await.unwrap(), b'H');
    hub.told("radial_sockets 1").await;
}

/// Each answer names each event of a batch: a client that sends little may ask for much.
#[tokio::test]
async fn a_publisher_who_reads_no_answer_is_ended() {
    let hub = TestServer::with(&[("stream.slow_after", "1s")]).await.unwrap();
    let mut publisher = narrow(&hub).await;
    let batch = json!(vec![json!({}); 1_000]).to_string();
    let length = batch.len().to_string();
    let request = head(hub.address(), "POST", "/api/sse/events", &[("content-length", &length)]);
    let request = request + "\r\n" + &batch;
    let sending = async { while publisher.write_all(request.as_bytes()).await.is_ok() {} };
    timeout(PATIENCE, sending).await.expect("it is still open");
}

/// How much has come to a hub from a client that it has not read yet: the system's own table of
/// connections says so.
fn unread(hub: SocketAddr, client: SocketAddr) -> u64 {
    let table = std::fs::read_to_string("/proc/net/tcp").unwrap();
    let hex = |text: &str| u64::from_str_radix(text, 16).unwrap();
    let port = |address: &str| hex(address.rsplit_once(':').unwrap().1);
    let unread = table.lines().skip(1).find_map(|line| {
        let columns: Vec<&str> = line.split_whitespace().collect();
        let ports = (port(columns[1]), port(columns[2]));
        let is_it = ports == (hub.port().into(), client.port().into());
        is_it.then(|| hex(columns[4].rsplit_once(':').unwrap().1))
    });
    // It is not in the table once it has been closed.
    unread.unwrap_or(0)
}

/// Each word brings the socket back from its worker, with what that could not write: neither may
/// that grow with each event that comes then, nor may the time begin anew.
#[tokio::test]
async fn a_websocket_under_tls_that_speaks_and_takes_nothing_is_closed_as_slow() {
    let hub = Encrypted::start(&[("stream.slow_after", "1s")]).await;
    let socket = narrow(&hub.hub).await;
    let client = socket.local_addr().unwrap();
    let mut socket = following(hub.connect_on(socket).await, &hub.hub).await;
    // Of the last one a part is in the socket.
    let most = send_buffer_bytes_max() / EVENT_BYTES as u64 + 2;
    let work = async {
        for round in 1.. {
            hub.publish(1, EVENT_BYTES).await;
            // Its worker has tried to write that, unless it is a task's by now: whose time runs.
            while hub.metric("radial_delivered_events_total").await < round {
                if hub.says(&slow(1)).await {
                    return;
                }
            }
            assert!(round <= most, "{round} events were taken on for a socket that takes none");
            // A pong, which nobody answers.
            socket.send_frame(0x8a, b"").await.unwrap();
            while unread(hub.hub.address(), client) > 0 {
                tokio::task::yield_now().await;
            }
        }
    };
    timeout(PATIENCE, work).await.expect("it is still open");
    hub.told("radial_connections 0").await;
}

/// Neither does who waits for nothing but answers.
#[tokio::test]
async fn a_websocket_under_tls_that_asks_and_reads_no_answer_is_closed_as_slow() {
    let hub = Encrypted::start(&[("stream.slow_after", "1s")]).await;
    let mut sockets = Vec::new();
    for _ in 0..2 {
        let socket = hub.connect_on(narrow(&hub.hub).await).await;
        sockets.push(following(socket, &hub.hub).await);
    }
    let (mut pinging, mut asking) = (sockets.remove(0), sockets.remove(0));
    let ask = json!({"op": "ping", "id": "p".repeat(100)});
    let work = async {
        tokio::join!(
            async { while pinging.send_frame(0x89, &[b'?'; 125]).await.is_ok() {} },
            async { while asking.send(&ask).await.is_ok() {} },
        );
    };
    timeout(PATIENCE, work).await.expect("they are still open");
    hub.told(&slow(2)).await;
}

/// Whoever is told to go, and neither says goodbye nor closes, is let go.
#[tokio::test]
async fn the_end_of_a_websocket_does_not_wait_for_who_does_not_answer() {
    let hub = Encrypted::start(&[]).await;
    let mut socket = hub.connect().await;
    let upgrade = [
        ("upgrade", "websocket"),
        ("connection", "Upgrade"),
        ("sec-websocket-version", "13"),
        ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
    ];
    let request = head(hub.hub.address(), "GET", "/api/ws", &upgrade) + "\r\n";
    socket.write_all(request.as_bytes()).await.unwrap();
    // Binary messages are not taken: masked, by zeroes.
    socket.write_all(&[0x82, 0x81, 0, 0, 0, 0, b'?']).await.unwrap();
    socket.flush().await.unwrap();
    let mut all = Vec::new();
    timeout(PATIENCE, socket.read_to_end(&mut all)).await.unwrap().unwrap();
    let code = 1_003_u16.to_be_bytes();
    assert!(all.windows(2).any(|window| window == code), "{}", String::from_utf8_lossy(&all));
}
