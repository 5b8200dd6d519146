//! Requests that are wrong before their body matters, over sockets: methods, hosts, heads, framing.

use radial_testkit::wire::{Answer, converse, parse_all, request};

use crate::watched::{Watched, assert_problem};

const EVENT: &str = r#"{"eventType":"user.updated","eventData":{"userId":"u"}}"#;

/// What must come back for some bytes.
enum Outcome {
    /// A problem document, as the only or the last answer.
    Problem(u16, &'static str),
    /// The HTTP layer's own refusal of what it could not parse, with this status or none.
    Unparsed(u16),
    /// The connection is closed; an answer may come or not, and if it does, it is this problem.
    Closed(u16, &'static str),
}

struct Raw {
    name: &'static str,
    bytes: Vec<u8>,
    half_close: bool,
    outcome: Outcome,
}

fn raw(name: &'static str, bytes: impl Into<Vec<u8>>, outcome: Outcome) -> Raw {
    Raw { name, bytes: bytes.into(), half_close: false, outcome }
}

/// The same, and the client says that nothing more will come.
fn cut(name: &'static str, bytes: impl Into<Vec<u8>>, outcome: Outcome) -> Raw {
    Raw { name, bytes: bytes.into(), half_close: true, outcome }
}

fn post(headers: &str, body: &str) -> String {
    format!(
        "POST /api/sse/events HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\
         content-type: application/json\r\n{headers}\r\n{body}"
    )
}

fn get(path: &str, headers: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n{headers}\r\n")
}

async fn check(settings: &[(&str, &str)], table: Vec<Raw>) {
    let mut watched = Watched::start(settings).await;
    for Raw { name, bytes, half_close, outcome } in table {
        let back = converse(watched.hub.address(), &bytes, half_close).await;
        let back = back.unwrap_or_else(|error| panic!("{name}: {error:#}"));
        let answers: Vec<Answer> =
            parse_all(&back).unwrap_or_else(|error| panic!("{name}: {error:#}"));
        match (outcome, answers.last()) {
            (Outcome::Problem(status, code) | Outcome::Closed(status, code), Some(answer)) => {
                assert_problem(name, answer, status, code);
            }
            (Outcome::Unparsed(status), Some(answer)) => {
                assert_eq!((answer.status, &answer.body[..]), (status, &b""[..]), "{name}");
            }
            (Outcome::Closed(..) | Outcome::Unparsed(_), None) => {}
            (Outcome::Problem(..), None) => panic!("{name}: no answer"),
        }
        watched.assert_unharmed(name).await;
    }
    watched.assert_nothing_lost().await;
}

#[tokio::test]
async fn other_methods_and_paths_are_refused() {
    let mut watched = Watched::start(&[]).await;
    for (method, path, status, code) in [
        ("PUT", "/api/sse/events", 405, "method-not-allowed"),
        ("DELETE", "/api/sse/events", 405, "method-not-allowed"),
        ("PATCH", "/api/sse/events", 405, "method-not-allowed"),
        ("BREW", "/api/sse/events", 405, "method-not-allowed"),
        ("POST", "/api/events", 405, "method-not-allowed"),
        ("POST", "/healthz", 405, "method-not-allowed"),
        ("GET", "/api/sse/event", 404, "not-found"),
        ("GET", "/api/sse/events/", 404, "not-found"),
        ("GET", "//api/sse/events", 404, "not-found"),
        ("GET", "/board/..%2f..%2fetc%2fpasswd", 404, "not-found"),
        ("GET", "/board/%00", 404, "not-found"),
        ("GET", "/board/%ff", 404, "not-found"),
        ("GET", "/api/entities/%ff", 404, "not-found"),
        ("GET", "/api/entities/card/%ff", 404, "not-found"),
        ("GET", "/api/registry/%ff", 404, "not-found"),
        ("GET", "/api/sse/events?channels=%ff", 400, "invalid-parameter"),
        ("GET", "/api/sse/events?channels=a%0d%0ab", 400, "invalid-parameter"),
        ("GET", "/api/sse/events?channels=", 400, "invalid-parameter"),
        ("GET", "/api/sse/events?cursor=a&cursor=b", 400, "invalid-parameter"),
        ("GET", "/api/sse/events?since=-1", 400, "invalid-parameter"),
        ("GET", "/api/sse/events?userId=%00", 400, "invalid-parameter"),
        ("GET", "/api/events?until=99999999999999999999", 400, "invalid-parameter"),
        ("GET", "/api/events?limit=ten", 400, "invalid-parameter"),
    ] {
        let what = format!("{method} {path}");
        let answer = request(watched.hub.address(), method, path, &[], b"").await.unwrap();
        assert_problem(&what, &answer, status, code);
        watched.assert_unharmed(&what).await;
    }
    let filters = format!("/api/sse/events?channels={}", vec!["c"; 60_000].join(","));
    let many: Vec<String> = (0..101).map(|n| format!("c{n}")).collect();
    let many = format!("/api/sse/events?channels={}", many.join(","));
    let answer = request(watched.hub.address(), "GET", &many, &[], b"").await.unwrap();
    assert_problem("101 filters", &answer, 400, "invalid-parameter");
    let answer = request(watched.hub.address(), "GET", &filters, &[], b"").await.unwrap();
    assert_eq!(answer.status, 431);
    watched.assert_unharmed("many filters").await;
}

#[tokio::test]
async fn other_hosts_and_origins_are_refused_whatever_they_ask() {
    let mut watched = Watched::start(&[]).await;
    for (method, path, header) in [
        ("GET", "/", ("host", "radial.example")),
        ("GET", "/api/sse/events", ("host", "radial.example:7070")),
        ("POST", "/api/sse/events", ("host", "127.0.0.1.example")),
        ("GET", "/healthz", ("host", "")),
        ("POST", "/api/sse/events", ("origin", "https://evil.example")),
        ("GET", "/api/sse/events", ("origin", "null")),
        ("OPTIONS", "/api/sse/events", ("origin", "https://evil.example")),
        ("GET", "/nowhere", ("origin", "http://localhost.evil.example")),
    ] {
        let what = format!("{method} {path} with {header:?}");
        let headers = [header, ("content-type", "application/json")];
        let body: &[u8] = if method == "POST" { EVENT.as_bytes() } else { b"" };
        let answer = request(watched.hub.address(), method, path, &headers, body).await.unwrap();
        assert_problem(&what, &answer, 403, "origin-forbidden");
        watched.assert_unharmed(&what).await;
    }
    let headers = [("host", "app.localhost"), ("origin", "http://localhost:3000")];
    let answer = request(watched.hub.address(), "GET", "/healthz", &headers, b"").await.unwrap();
    assert_eq!(answer.status, 200);
    watched.assert_nothing_lost().await;
}

#[tokio::test]
async fn bytes_that_are_no_http_end_their_own_connection_only() {
    use Outcome::{Problem, Unparsed};
    let long = "x".repeat(200_000);
    let many = "x-again: 1\r\n".repeat(1_000);
    check(
        &[],
        vec![
            raw("garbage", "\0\x01\x02 nobody speaks this\r\n\r\n", Unparsed(400)),
            raw("TLS", b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03".to_vec(), Unparsed(400)),
            raw(
                "a version that is none",
                "GET / HTTP/9.9\r\nhost: localhost\r\n\r\n",
                Unparsed(400),
            ),
            raw("a header without a colon", get("/healthz", "nothing\r\n"), Unparsed(400)),
            raw("a header with NUL", get("/healthz", "x: a\0b\r\n"), Unparsed(400)),
            raw("a folded header", get("/healthz", "x: a\r\n b\r\n"), Unparsed(400)),
            raw("a space before the colon", get("/healthz", "x : a\r\n"), Unparsed(400)),
            raw("a huge header", get("/healthz", &format!("x: {long}\r\n")), Unparsed(431)),
            raw("a thousand headers", get("/healthz", &many), Unparsed(431)),
            raw("a huge path", get(&format!("/{long}"), ""), Unparsed(431)),
            raw(
                "no host",
                "GET / HTTP/1.1\r\nconnection: close\r\n\r\n",
                Problem(403, "origin-forbidden"),
            ),
            raw(
                "HTTP/1.0 without a host",
                "GET / HTTP/1.0\r\n\r\n",
                Problem(403, "origin-forbidden"),
            ),
            cut("nothing at all", "", Unparsed(400)),
            cut("half a request line", "GET /api/s", Unparsed(400)),
            cut("half a head", "GET /healthz HTTP/1.1\r\nhost: loc", Unparsed(400)),
        ],
    )
    .await;
}

#[tokio::test]
async fn bodies_whose_length_is_a_lie_publish_nothing() {
    use Outcome::{Closed, Problem, Unparsed};
    let short = format!("content-length: {}\r\n", EVENT.len() - 1);
    let chunked = "transfer-encoding: chunked\r\n";
    let whole = format!("{:x}\r\n{EVENT}\r\n", EVENT.len());
    check(
        &[],
        vec![
            raw("a negative length", post("content-length: -1\r\n", EVENT), Unparsed(400)),
            raw("a length in words", post("content-length: ten\r\n", EVENT), Unparsed(400)),
            raw(
                "a length beyond 2^64",
                post("content-length: 99999999999999999999999\r\n", EVENT),
                Unparsed(400),
            ),
            raw(
                "two lengths",
                post("content-length: 1\r\ncontent-length: 2\r\n", EVENT),
                Unparsed(400),
            ),
            raw("no length", post("", EVENT), Problem(400, "malformed-json")),
            raw("a length that is too short", post(&short, EVENT), Problem(400, "malformed-json")),
            cut(
                "a length that is never reached",
                post("content-length: 1000\r\n", EVENT),
                Closed(400, "malformed-json"),
            ),
            cut(
                "an exabyte",
                post("content-length: 1000000000000000000\r\n", EVENT),
                Closed(400, "malformed-json"),
            ),
            cut("no chunk at all", post(chunked, ""), Closed(400, "malformed-json")),
            cut("a chunk cut off", post(chunked, "ff\r\n{\"event"), Closed(400, "malformed-json")),
            cut("no last chunk", post(chunked, &whole), Closed(400, "malformed-json")),
            raw(
                "a chunk size that is none",
                post(chunked, "zz\r\n"),
                Closed(400, "malformed-json"),
            ),
            raw(
                "a chunk beyond 2^64",
                post(chunked, "fffffffffffffffffff\r\n"),
                Closed(400, "malformed-json"),
            ),
            raw(
                "a length and chunks",
                post(&format!("content-length: 3\r\n{chunked}"), "5\r\n{\"a\":\r\n0\r\n\r\n"),
                Closed(400, "malformed-json"),
            ),
        ],
    )
    .await;
}

#[tokio::test]
async fn a_head_that_takes_too_long_is_cut_off() {
    let settings = [("server.header_timeout", "100ms")];
    let table = vec![
        raw("a slow request line", "GET /heal", Outcome::Unparsed(408)),
        raw(
            "a slow header",
            "GET /healthz HTTP/1.1\r\nhost: localhost\r\nx-slow: ",
            Outcome::Unparsed(408),
        ),
    ];
    check(&settings, table).await;
}

#[tokio::test]
async fn pipelined_requests_are_answered_one_after_the_other() {
    let mut watched = Watched::start(&[]).await;
    let publish = |body: &str| {
        format!(
            "POST /api/sse/events HTTP/1.1\r\nhost: localhost\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        )
    };
    let bytes = [
        publish(EVENT),
        publish("{"),
        "GET /nowhere HTTP/1.1\r\nhost: localhost\r\n\r\n".to_owned(),
        publish(EVENT),
        "GET /healthz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n".to_owned(),
    ]
    .concat();
    let back = converse(watched.hub.address(), bytes.as_bytes(), false).await.unwrap();
    let answers = parse_all(&back).unwrap();
    let statuses: Vec<u16> = answers.iter().map(|answer| answer.status).collect();
    assert_eq!(statuses, [201, 400, 404, 201, 200]);
    assert_problem("pipelined", &answers[1], 400, "malformed-json");
    watched.next_event("pipelined").await;
    watched.next_event("pipelined").await;
    watched.assert_unharmed("pipelined").await;
}
