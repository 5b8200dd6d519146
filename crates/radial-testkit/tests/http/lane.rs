//! Publishers that the hub reads without the HTTP library, beside what the library makes of the same.

use std::time::Duration;

use radial_testkit::credentials::{limited_token, token};
use radial_testkit::wire::{Answer, converse, parse_all};
use radial_testkit::{PATIENCE, TestServer};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::{interval, timeout};

use crate::watched::assert_problem;

const EVENT: &str = r#"{"eventType":"test:event","eventData":{"n":1}}"#;

fn publish(target: &str, headers: &str, body: &str) -> String {
    format!(
        "POST {target} HTTP/1.1\r\nhost: localhost\r\n{headers}content-length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// The same request with a body of unknown length, which only the library reads.
fn chunked(target: &str, headers: &str, body: &str) -> String {
    let chunk = match body.len() {
        0 => String::new(),
        len => format!("{len:x}\r\n{body}\r\n"),
    };
    format!(
        "POST {target} HTTP/1.1\r\nhost: localhost\r\n{headers}transfer-encoding: chunked\r\n\r\n\
         {chunk}0\r\n\r\n"
    )
}

/// An answer without what differs from request to request.
fn shape(answer: &Answer) -> (u16, Vec<(String, String)>, Value) {
    let mut headers = answer.headers.clone();
    for (name, value) in &mut headers {
        if ["date", "x-request-id", "content-length", "ratelimit"].contains(&name.as_str()) {
            value.clear();
        }
    }
    headers.sort();
    let mut body = answer.json().unwrap_or(Value::Null);
    forget(&mut body);
    (answer.status, headers, body)
}

fn forget(value: &mut Value) {
    match value {
        Value::Array(values) => values.iter_mut().for_each(forget),
        Value::Object(members) => {
            for name in ["cursor", "offset", "eventId", "requestId", "instance"] {
                members.remove(name);
            }
            members.values_mut().for_each(forget);
        }
        _ => {}
    }
}

#[tokio::test]
async fn a_publish_is_answered_as_the_library_would_answer_it() {
    let hub = TestServer::serve(&[
        ("limits.body_bytes", "256KiB"),
        ("server.allowed_origins", "https://app.example"),
    ])
    .await
    .unwrap();
    let may = token(&json!({"sub": "u1", "radial": {"publish": ["*"], "channels": ["*"]}}));
    let may_not = limited_token(&json!({"sub": "u2"}));
    let bearer = format!("connection: close\r\nauthorization: Bearer {may}\r\n");
    let json = format!("{bearer}content-type: application/json\r\n");
    let batch = format!("[{EVENT},{EVENT}]");
    let large = format!(r#"{{"eventType":"test:event","eventData":"{}"}}"#, "x".repeat(300_000));
    let cases = [
        ("one", "/api/sse/events", json.clone(), EVENT, 201),
        ("no type said", "/api/sse/events", bearer.clone(), EVENT, 201),
        ("a batch", "/api/sse/events", json.clone(), &batch, 207),
        ("an atomic batch", "/api/sse/events?atomic=true", json.clone(), &batch, 201),
        ("a strange parameter", "/api/sse/events?atomc=true", json.clone(), EVENT, 400),
        ("no credential", "/api/sse/events", "connection: close\r\n".to_owned(), EVENT, 401),
        ("two", "/api/sse/events", format!("{json}authorization: Bearer x\r\n"), EVENT, 401),
        (
            "no right",
            "/api/sse/events",
            format!("connection: close\r\nauthorization: Bearer {may_not}\r\n"),
            EVENT,
            403,
        ),
        ("another tenant", "/api/sse/events", format!("{json}radial-tenant: x\r\n"), EVENT, 403),
        ("XML", "/api/sse/events", format!("{bearer}content-type: text/xml\r\n"), EVENT, 415),
        ("brotli", "/api/sse/events", format!("{json}content-encoding: br\r\n"), EVENT, 415),
        ("no gzip", "/api/sse/events", format!("{json}content-encoding: gzip\r\n"), EVENT, 400),
        ("no JSON", "/api/sse/events", json.clone(), "{", 400),
        ("nothing", "/api/sse/events", json.clone(), "", 400),
        ("too large", "/api/sse/events", json.clone(), &large, 413),
        (
            "a cloud event",
            "/api/sse/events",
            format!(
                "{bearer}ce-specversion: 1.0\r\nce-id: a\r\nce-source: /s\r\nce-type: test:event\r\n\
                 content-type: application/json\r\n"
            ),
            "{\"n\":1}",
            201,
        ),
        (
            "a page that may",
            "/api/sse/events",
            format!("{json}origin: https://app.example\r\n"),
            EVENT,
            201,
        ),
        ("another page", "/api/sse/events", format!("{json}origin: https://x.y\r\n"), EVENT, 201),
    ];
    for (name, target, headers, body, status) in cases {
        let mut shapes = Vec::new();
        for bytes in [publish(target, &headers, body), chunked(target, &headers, body)] {
            let back = converse(hub.address(), bytes.as_bytes(), false).await.unwrap();
            let answers = parse_all(&back).unwrap();
            let [answer] = &answers[..] else { panic!("{name}: {answers:?}") };
            shapes.push(shape(answer));
        }
        // The same cloud event again is a duplicate.
        if name == "a cloud event" {
            for (_, _, body) in &mut shapes {
                body["duplicate"].take();
            }
        }
        assert_eq!(shapes[0], shapes[1], "{name}");
        assert_eq!(shapes[0].0, status, "{name}: {:?}", shapes[0]);
    }
}

/// Reads so many answers from a connection that stays open.
async fn answers(socket: &mut TcpStream, count: usize) -> Vec<Answer> {
    let mut bytes = Vec::new();
    loop {
        if let Ok(answers) = parse_all(&bytes)
            && answers.len() >= count
        {
            return answers;
        }
        let read = tokio::time::timeout(PATIENCE, socket.read_buf(&mut bytes)).await.unwrap();
        assert!(read.unwrap() > 0, "closed after {:?}", String::from_utf8_lossy(&bytes));
    }
}

#[tokio::test]
async fn a_connection_publishes_in_order_and_then_asks_for_something_else() {
    let hub = TestServer::start().await.unwrap();
    let mut socket = TcpStream::connect(hub.address()).await.unwrap();
    let event =
        |n: usize| format!(r#"{{"eventType":"user.updated","eventData":{{"userId":"u{n}"}}}}"#);
    let mut offsets = Vec::new();
    let take = |answers: Vec<Answer>, offsets: &mut Vec<u64>| {
        for answer in answers {
            assert_eq!(answer.status, 201, "{answer:?}");
            offsets.push(answer.json().unwrap()["offset"].as_u64().unwrap());
        }
    };
    // Three at once, one in pieces of a few bytes, and one that the library must read.
    let three: String = (1..=3).map(|n| publish("/api/sse/events", "", &event(n))).collect();
    socket.write_all(three.as_bytes()).await.unwrap();
    take(answers(&mut socket, 3).await, &mut offsets);
    for piece in publish("/api/sse/events", "", &event(4)).as_bytes().chunks(7) {
        socket.write_all(piece).await.unwrap();
        tokio::task::yield_now().await;
    }
    take(answers(&mut socket, 1).await, &mut offsets);
    let last =
        publish("/api/sse/events", "", &event(5)) + &chunked("/api/sse/events", "", &event(6));
    socket.write_all(last.as_bytes()).await.unwrap();
    take(answers(&mut socket, 2).await, &mut offsets);
    assert!(offsets.is_sorted() && offsets.len() == 6, "{offsets:?}");
    socket.write_all(b"GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n").await.unwrap();
    assert_eq!(answers(&mut socket, 1).await[0].status, 200);
}

#[tokio::test]
async fn who_sends_half_a_request_is_timed_out_and_who_waits_is_closed_by_the_drain() {
    let settings = [("server.body_timeout", "200ms"), ("server.header_timeout", "300ms")];
    let hub = TestServer::with(&settings).await.unwrap();
    let whole = publish("/api/sse/events", "", EVENT);
    let half = &whole.as_bytes()[..whole.len() - 5];
    let back = converse(hub.address(), half, false).await.unwrap();
    let answers = parse_all(&back).unwrap();
    assert_eq!((answers.len(), answers[0].status), (1, 408), "{answers:?}");
    let quiet = converse(hub.address(), whole.as_bytes(), false).await.unwrap();
    assert_eq!(parse_all(&quiet).unwrap().len(), 1, "answered, and closed for its silence");

    let hub = TestServer::start().await.unwrap();
    let conversation = tokio::spawn(converse_owned(hub.address(), whole));
    while published(&hub).await == 0 {
        tokio::task::yield_now().await;
    }
    hub.begin_stop();
    let back = conversation.await.unwrap();
    assert_eq!(parse_all(&back).unwrap()[0].status, 201);
}

async fn converse_owned(address: std::net::SocketAddr, bytes: String) -> Vec<u8> {
    converse(address, bytes.as_bytes(), false).await.unwrap()
}

/// How many events were accepted.
async fn published(hub: &TestServer) -> u64 {
    let text = String::from_utf8(hub.get("/metrics").await.unwrap().body).unwrap();
    let accepted = text.lines().filter(|line| line.starts_with("radial_published_events_total"));
    accepted.filter_map(|line| line.rsplit(' ').next()?.parse::<u64>().ok()).sum()
}

/// The lane reads no more than 64 KiB, the library the rest. The bodies are requests themselves, so
/// that whoever took a part of one for the next request would do it.
#[tokio::test]
async fn a_body_that_is_too_large_is_refused_and_no_part_of_it_is_done() {
    let settings = [("limits.body_bytes", "16KiB"), ("limits.event_bytes", "8KiB")];
    let hub = TestServer::with(&settings).await.unwrap();
    let inner = publish("/api/sse/events", "", EVENT);
    let last = publish("/api/sse/events", "connection: close\r\n", EVENT);
    // Nobody reads to the end of the last one; its connection is closed.
    let cases: [(usize, &[u16]); 3] =
        [(20_000, &[413, 201]), (100_000, &[413, 201]), (1_000_000, &[413])];
    for (len, expected) in cases {
        let body = inner.repeat(len / inner.len());
        let bytes = publish("/api/sse/events", "", &body) + &last;
        let back = converse(hub.address(), bytes.as_bytes(), false).await.unwrap();
        let answers = parse_all(&back).unwrap();
        let statuses: Vec<u16> = answers.iter().map(|answer| answer.status).collect();
        assert_eq!(statuses, expected, "{len}");
        assert_problem(&len.to_string(), &answers[0], 413, "body-too-large");
    }
    assert_eq!(published(&hub).await, 2);
}

/// Sends this and then byte after byte, and returns what comes back until the hub ends it.
async fn trickle(hub: &TestServer, beginning: &str) -> Vec<Answer> {
    let mut socket = TcpStream::connect(hub.address()).await.unwrap();
    socket.set_nodelay(true).unwrap();
    let (mut reading, mut writing) = socket.split();
    let mut back = Vec::new();
    let sending = async {
        writing.write_all(beginning.as_bytes()).await.unwrap();
        let mut ticks = interval(Duration::from_millis(20));
        loop {
            ticks.tick().await;
            if writing.write_all(b" ").await.is_err() {
                return std::future::pending().await;
            }
        }
    };
    let ended = async {
        tokio::select! {
            // Its end may be a reset, since more was sent than anybody reads.
            _ = reading.read_to_end(&mut back) => {}
            () = sending => {}
        }
    };
    timeout(PATIENCE, ended).await.expect("it is not ended in time");
    parse_all(&back).unwrap()
}

fn beginning(length: usize) -> String {
    format!("POST /api/sse/events HTTP/1.1\r\nhost: localhost\r\ncontent-length: {length}\r\n\r\n")
}

#[tokio::test]
async fn whoever_sends_a_body_byte_by_byte_has_no_more_time_than_others() {
    let hub = TestServer::with(&[("server.body_timeout", "500ms")]).await.unwrap();
    // As much as the lane reads, and more.
    let (one, other) = (beginning(60_000), beginning(70_000));
    let (one, other) = tokio::join!(trickle(&hub, &one), trickle(&hub, &other));
    for answers in [one, other] {
        let [answer] = &answers[..] else { panic!("{answers:?}") };
        assert_problem("slowly", answer, 408, "body-timeout");
        assert_eq!(answer.header("connection"), Some("close"));
    }
}

/// Nobody's memory is taken for a large body before it is known who sends it.
#[tokio::test]
async fn a_large_body_is_not_waited_for_without_a_credential() {
    let hub = TestServer::serve(&[("server.body_timeout", "10m")]).await.unwrap();
    let answers = trickle(&hub, &beginning(1_000_000)).await;
    assert_problem("nobody", &answers[0], 401, "unauthorized");
}

/// What a client sends after its last request makes the system reset the connection when it is
/// closed, and drop what has not gone out: here answers that do not fit into what the client's side
/// holds.
#[tokio::test]
async fn the_last_answers_arrive_though_the_client_sends_more_and_reads_late() {
    const REQUESTS: usize = 300;
    let hub = TestServer::start().await.unwrap();
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4 * 1024).unwrap();
    let mut socket = socket.connect(hub.address()).await.unwrap();
    let mut bytes = publish("/api/sse/events", "", EVENT).repeat(REQUESTS - 1);
    bytes += &publish("/api/sse/events", "connection: close\r\n", EVENT);
    bytes += &"?".repeat(100_000);
    socket.write_all(bytes.as_bytes()).await.unwrap();
    let all_answered = async { while published(&hub).await < REQUESTS as u64 {} };
    timeout(PATIENCE, all_answered).await.unwrap();
    let mut back = Vec::new();
    timeout(PATIENCE, socket.read_to_end(&mut back)).await.unwrap().unwrap();
    assert_eq!(parse_all(&back).unwrap().len(), REQUESTS);
}
