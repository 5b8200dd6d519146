//! Requests of streams that are read before the HTTP library sees them: nobody can tell.

use radial_testkit::TestServer;
use radial_testkit::wire::{converse, parse_all};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

const LAST: &str = "GET /healthz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";

#[tokio::test]
async fn a_refused_stream_is_answered_once_and_leaves_its_connection_to_further_requests() {
    let hub = TestServer::start().await.unwrap();
    let before = refused(&hub).await;
    let stream = "GET /api/sse/events?bogus=1 HTTP/1.1\r\nhost: localhost\r\n\r\n";
    let all = [stream, stream, LAST].concat();
    let answers =
        parse_all(&converse(hub.address(), all.as_bytes(), false).await.unwrap()).unwrap();
    let statuses: Vec<_> = answers.iter().map(|answer| answer.status).collect();
    assert_eq!(statuses, [400, 400, 200]);
    assert_eq!(refused(&hub).await, before + 2, "each of them was done once");
}

/// How many requests were refused for their parameters.
async fn refused(hub: &TestServer) -> u64 {
    let metrics = "GET /metrics HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
    let raw = converse(hub.address(), metrics.as_bytes(), false).await.unwrap();
    let text = String::from_utf8(raw).unwrap();
    let mut lines = text.lines().filter(|line| line.starts_with("radial_refused_requests_total"));
    let line = lines.find(|line| line.contains("invalid-parameter"));
    line.map_or(0, |line| line.rsplit(' ').next().unwrap().parse().unwrap())
}

#[tokio::test]
async fn a_head_that_comes_in_pieces_and_a_large_one_open_streams_too() {
    let hub = TestServer::start().await.unwrap();
    let start = "GET /api/sse/events HTTP/1.1\r\nhost: localhost\r\n";
    let large = format!("x-large: {}\r\n", "a".repeat(8_000));
    for pieces in [
        vec![start, "\r\n"],
        vec!["G", "ET /api/sse/events HTTP/1.1\r\nhost: loc", "alhost\r\n\r", "\n"],
        vec![start, &large, "\r\n"],
    ] {
        let mut socket = TcpStream::connect(hub.address()).await.unwrap();
        socket.set_nodelay(true).unwrap();
        for piece in &pieces {
            socket.write_all(piece.as_bytes()).await.unwrap();
            // Whoever waits for an answer of its own gives the hub time to look at the piece.
            converse(hub.address(), LAST.as_bytes(), false).await.unwrap();
        }
        let mut answer = Vec::new();
        while !String::from_utf8_lossy(&answer).contains("event: hello") {
            assert_ne!(socket.read_buf(&mut answer).await.unwrap(), 0, "{pieces:?}");
        }
    }
}
