//! Streams as browsers open, probe and leave them.

use std::io::Read as _;
use std::time::Duration;

use flate2::read::GzDecoder;
use radial_testkit::wire::{converse, parse_all, request};
use radial_testkit::{Stream, TestServer};
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::watched::{Watched, assert_problem};

const PATH: &str = "/api/sse/events";

#[tokio::test]
async fn a_stream_says_hello_replays_goes_live_and_follows() {
    let hub = TestServer::start().await.unwrap();
    let event = json!({"eventType": "user.updated", "eventData": {"userId": "ada"}});
    let first = hub.publish(&event).await.unwrap();
    assert_eq!(first.status, 201);
    let mut stream = hub.stream("?cursor=earliest").await.unwrap();
    assert_eq!(stream.status, 200);
    let frames = stream.until(|frame| frame.is_control("live")).await.unwrap();
    // In one frame: what has no data is an event without data to some clients.
    assert!(frames[0].is_control("hello") && frames[0].retry.is_some());
    assert_eq!(frames[1].json().unwrap()["eventType"], "user.updated");
    assert_eq!(frames[1].id.as_deref(), first.json().unwrap()["cursor"].as_str());
    assert_eq!(frames[2].json().unwrap()["replayed"], 1);
    hub.publish(&event).await.unwrap();
    let second = stream.frame().await.unwrap();
    assert_eq!(second.json().unwrap()["offset"], 2);
}

#[tokio::test]
async fn a_stream_is_never_cached_changed_or_held_back_on_its_way() {
    let hub = TestServer::start().await.unwrap();
    let stream = hub.stream("").await.unwrap();
    for (name, value) in [
        ("content-type", "text/event-stream"),
        ("cache-control", "no-store, no-transform"),
        ("x-accel-buffering", "no"),
        ("x-content-type-options", "nosniff"),
    ] {
        let found = stream.headers.iter().find(|(found, _)| found == name);
        assert_eq!(found.map(|(_, found)| found.as_str()), Some(value), "{name}");
    }
}

#[tokio::test]
async fn a_probe_with_head_ends_at_once_and_counts_as_no_stream() {
    let mut watched = Watched::start(&[]).await;
    let answer = request(watched.hub.address(), "HEAD", PATH, &[], b"").await.unwrap();
    assert_eq!((answer.status, &answer.body[..]), (200, &b""[..]));
    assert_eq!(answer.header("content-type"), Some("text/event-stream"));
    let refused = request(watched.hub.address(), "HEAD", "/api/sse/events?cursor=x", &[], b"");
    assert_eq!(refused.await.unwrap().status, 400);
    // On a connection that stays open, the next request is answered.
    let head = format!("HEAD {PATH} HTTP/1.1\r\nhost: localhost\r\n\r\n");
    let next = "GET /healthz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
    let back = converse(watched.hub.address(), (head + next).as_bytes(), false).await.unwrap();
    let statuses: Vec<u16> = parse_all(&back).unwrap().iter().map(|answer| answer.status).collect();
    assert_eq!(statuses, [200, 200]);
    watched.assert_unharmed("HEAD").await;
}

#[tokio::test]
async fn a_preflight_of_another_site_is_refused() {
    let mut watched = Watched::start(&[]).await;
    let headers = [("origin", "https://evil.example"), ("access-control-request-method", "POST")];
    let answer = request(watched.hub.address(), "OPTIONS", PATH, &headers, b"").await.unwrap();
    assert_problem("OPTIONS", &answer, 403, "origin-forbidden");
    assert_eq!(answer.header("access-control-allow-origin"), None);
    watched.assert_unharmed("OPTIONS").await;
}

#[tokio::test]
async fn whatever_stands_in_last_event_id_opens_a_stream() {
    let mut watched = Watched::start(&[]).await;
    watched.assert_unharmed("an event to be at").await;
    let long = "9".repeat(10_000);
    for value in ["0", "-1", "null", "[object Object]", "AAAAAAAAAAA.01", "é\u{2028}", &long] {
        let headers = [("last-event-id", value)];
        let mut stream = Stream::open(watched.hub.address(), PATH, &headers).await.unwrap();
        assert_eq!(stream.status, 200, "{value:.40}");
        let frames = stream.until(|frame| frame.is_control("live")).await.unwrap();
        assert!(frames[0].is_control("hello") && frames[0].id.is_none(), "{value:.40}");
        assert_eq!(frames[1].json().unwrap()["reason"], "epoch", "{value:.40}");
    }
    watched.assert_unharmed("Last-Event-ID").await;
}

#[tokio::test]
async fn streams_that_are_torn_down_in_the_middle_disturb_nobody() {
    let mut watched = Watched::start(&[]).await;
    for n in 0..50 {
        watched.assert_unharmed(&format!("event {n}")).await;
    }
    for n in 0..30 {
        match n % 3 {
            // Read to somewhere in the replay, and gone.
            0 => {
                let path = "?channels=*&cursor=earliest";
                watched.hub.stream(path).await.unwrap().frame().await.unwrap();
            }
            // Gone before the answer.
            1 => {
                let mut socket = TcpStream::connect(watched.hub.address()).await.unwrap();
                let head =
                    format!("GET {PATH}?cursor=earliest HTTP/1.1\r\nhost: localhost\r\n\r\n");
                socket.write_all(head.as_bytes()).await.unwrap();
                // Closed with a reset: what was not read is thrown away.
                socket.set_zero_linger().unwrap();
            }
            // Gone in the middle of the request.
            _ => {
                let mut socket = TcpStream::connect(watched.hub.address()).await.unwrap();
                socket.write_all(b"GET /api/sse/ev").await.unwrap();
            }
        }
        watched.assert_unharmed(&format!("stream {n}")).await;
    }
    watched.assert_nothing_lost().await;
}

#[tokio::test]
async fn bytes_sent_on_the_socket_of_a_stream_disturb_nobody_else() {
    let mut watched = Watched::start(&[]).await;
    let mut socket = TcpStream::connect(watched.hub.address()).await.unwrap();
    let head = format!("GET {PATH} HTTP/1.1\r\nhost: localhost\r\n\r\n");
    socket.write_all(head.as_bytes()).await.unwrap();
    socket.write_all(&vec![0xff; 300_000]).await.ok();
    watched.assert_unharmed("bytes on a stream's socket").await;
}

/// The body of an answer in chunks, as far as it has come.
fn dechunked(raw: &[u8]) -> Vec<u8> {
    let start = raw.windows(4).position(|four| four == b"\r\n\r\n").map_or(raw.len(), |at| at + 4);
    let (mut rest, mut body) = (&raw[start..], Vec::new());
    while let Some(end) = rest.windows(2).position(|two| two == b"\r\n") {
        let len = std::str::from_utf8(&rest[..end]).unwrap();
        let len = usize::from_str_radix(len, 16).unwrap();
        let Some(chunk) = rest.get(end + 2..end + 2 + len) else { break };
        body.extend_from_slice(chunk);
        rest = rest.get(end + 2 + len + 2..).unwrap_or_default();
    }
    body
}

/// What a stream says until this comes, packed or not.
async fn said_until(hub: &TestServer, headers: &str, end: &str) -> (String, String) {
    let mut socket = TcpStream::connect(hub.address()).await.unwrap();
    let request =
        format!("GET /api/sse/events?cursor=earliest HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n");
    socket.write_all(request.as_bytes()).await.unwrap();
    let reading = async {
        let mut raw = Vec::new();
        loop {
            assert_ne!(socket.read_buf(&mut raw).await.unwrap(), 0, "the stream goes on");
            let body = dechunked(&raw);
            let mut text = Vec::new();
            if headers.is_empty() {
                text = body;
            } else {
                // It has no end yet.
                let _ = GzDecoder::new(&body[..]).read_to_end(&mut text);
            }
            let text = String::from_utf8(text).unwrap();
            if text.contains(end) {
                return (String::from_utf8_lossy(&raw).into_owned(), text);
            }
        }
    };
    timeout(Duration::from_secs(20), reading).await.expect("it comes in time")
}

#[tokio::test]
async fn a_compressed_stream_says_the_same_as_one_that_is_not() {
    let hub = TestServer::start().await.unwrap();
    let filler = "text that is said again ".repeat(200);
    for (id, text) in [("e-1", filler.as_str()), ("e-2", "short"), ("e-3", &filler)] {
        let data = json!({"userId": "u", "text": text});
        let event = json!({"eventType": "user.updated", "eventId": id, "eventData": data});
        assert_eq!(hub.publish(&event).await.unwrap().status, 201);
    }
    let (plain_raw, plain) = said_until(&hub, "", "event: live").await;
    let (packed_raw, packed) =
        said_until(&hub, "Accept-Encoding: gzip, br\r\n", "event: live").await;
    let events = |text: &str| {
        let lines = text.lines().filter(|line| line.contains("\"eventId\"")).map(str::to_owned);
        lines.collect::<Vec<_>>()
    };
    assert_eq!(events(&plain).len(), 3);
    assert_eq!(events(&packed), events(&plain));
    assert!(packed_raw.contains("content-encoding: gzip\r\n"), "{packed_raw}");
    assert!(!plain_raw.contains("content-encoding"), "{plain_raw}");
    assert!(packed_raw.len() < plain_raw.len() / 2);
    let hub = TestServer::with(&[("stream.gzip", "false")]).await.unwrap();
    let (raw, _) = said_until(&hub, "", "event: live").await;
    assert!(!raw.contains("accept-encoding"), "what is off changes no answer: {raw}");
}
