//! Bodies that are wrong in every way a body can be, each refused with its own code.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;
use radial_testkit::wire::request;
use serde_json::json;

use crate::watched::{Watched, assert_problem};

const PATH: &str = "/api/sse/events";
const JSON: (&str, &str) = ("content-type", "application/json");
const MIB: usize = 1024 * 1024;

/// What is sent, and the refusal that it must get.
struct Bad {
    name: &'static str,
    headers: Vec<(&'static str, &'static str)>,
    body: Vec<u8>,
    status: u16,
    code: &'static str,
}

fn bad(name: &'static str, body: impl Into<Vec<u8>>, status: u16, code: &'static str) -> Bad {
    Bad { name, headers: vec![JSON], body: body.into(), status, code }
}

/// An event with other fields after its type and data.
fn event(fields: &str) -> String {
    format!(r#"{{"eventType":"client.report","eventData":{{}}{fields}}}"#)
}

/// An event with this data.
fn data(data: &str) -> String {
    format!(r#"{{"eventType":"client.report","eventData":{data}}}"#)
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

async fn check(table: Vec<Bad>) {
    let mut watched = Watched::start(&[]).await;
    for Bad { name, headers, body, status, code } in table {
        let answer = request(watched.hub.address(), "POST", PATH, &headers, &body).await;
        let answer = answer.unwrap_or_else(|error| panic!("{name}: {error:#}"));
        assert_problem(name, &answer, status, code);
        watched.assert_unharmed(name).await;
    }
    watched.assert_nothing_lost().await;
}

#[tokio::test]
async fn what_is_no_json_is_malformed() {
    check(vec![
        bad("nothing", "", 400, "malformed-json"),
        bad("white space", " \n\t", 400, "malformed-json"),
        bad("a truncated object", r#"{"eventType":"client.report","eve"#, 400, "malformed-json"),
        bad("a truncated batch", format!("[{},", event("")), 400, "malformed-json"),
        bad("more after the end", format!("{}{}", event(""), event("")), 400, "malformed-json"),
        bad("a byte order mark", format!("\u{feff}{}", event("")), 400, "malformed-json"),
        bad("NUL bytes", vec![0; 64], 400, "malformed-json"),
        bad(
            "invalid UTF-8",
            b"{\"eventType\":\"a.b\",\"eventData\":\"\xff\"}",
            400,
            "malformed-json",
        ),
        bad(
            "cut UTF-8",
            b"{\"eventType\":\"a.b\",\"eventData\":\"\xe2\x80\"}",
            400,
            "malformed-json",
        ),
        bad("UTF-16", b"\xff\xfe{\0}\0".to_vec(), 400, "malformed-json"),
        bad("a raw line break in a string", data("\"a\nb\""), 400, "malformed-json"),
        bad("a raw NUL in a string", data("\"a\0b\""), 400, "malformed-json"),
        bad("single quotes", "{'eventType':'a.b'}", 400, "malformed-json"),
        bad("a trailing comma", event(","), 400, "malformed-json"),
        bad("a comment", format!("/* c */{}", event("")), 400, "malformed-json"),
        bad("half a character", data(r#""\ud800""#), 400, "malformed-json"),
        bad("half a character in a key", data(r#"{"\udc00":1}"#), 400, "malformed-json"),
        bad("NaN", data("NaN"), 400, "malformed-json"),
        bad("a leading zero", data("01"), 400, "malformed-json"),
        bad("a number beyond every float", data("1e999"), 400, "malformed-json"),
        bad("a hexadecimal number", data("0x10"), 400, "malformed-json"),
        bad("a bad escape", data(r#""\x41""#), 400, "malformed-json"),
        bad("brackets without end", "[".repeat(100_000), 400, "malformed-json"),
        bad("braces without end", r#"{"a":"#.repeat(100_000), 400, "malformed-json"),
    ])
    .await;
}

#[tokio::test]
async fn json_that_is_no_envelope_is_refused() {
    check(vec![
        bad("null", "null", 400, "invalid-envelope"),
        bad("a number", "17", 400, "invalid-envelope"),
        bad("a string", "\"text\"", 400, "invalid-envelope"),
        bad("an empty batch", "[]", 400, "invalid-envelope"),
        bad("an empty object", "{}", 400, "invalid-envelope"),
        bad("no data", r#"{"eventType":"client.report"}"#, 400, "invalid-envelope"),
        bad("no type", r#"{"eventData":{}}"#, 400, "invalid-envelope"),
        bad(
            "a type that is a number",
            r#"{"eventType":7,"eventData":{}}"#,
            400,
            "invalid-envelope",
        ),
        bad(
            "a type without an action",
            r#"{"eventType":"ab","eventData":1}"#,
            400,
            "invalid-envelope",
        ),
        bad("an empty type", r#"{"eventType":"","eventData":1}"#, 400, "invalid-envelope"),
        bad("an unknown field", event(r#","surprise":1"#), 400, "invalid-envelope"),
        bad("a field in other case", event(r#","eventid":"x""#), 400, "invalid-envelope"),
        bad("a prototype field", event(r#","__proto__":{}"#), 400, "invalid-envelope"),
        bad("an id that is a number", event(r#","eventId":7"#), 400, "invalid-envelope"),
        bad("an empty id", event(r#","eventId":"""#), 400, "invalid-envelope"),
        bad(
            "an id of 257 bytes",
            event(&format!(r#","eventId":"{}""#, "x".repeat(257))),
            400,
            "invalid-envelope",
        ),
        bad("a channel of a list", event(r#","channel":["main"]"#), 400, "invalid-envelope"),
        bad(
            "an audience of a list",
            event(r#","audience":[["u"],[],[]]"#),
            400,
            "invalid-envelope",
        ),
        bad("a channel of the hub", event(r#","channel":"$hub""#), 400, "invalid-envelope"),
        bad("a channel with a star", event(r#","channel":"board:*""#), 400, "invalid-envelope"),
        bad("a negative time", event(r#","timestamp":-1"#), 400, "invalid-envelope"),
        bad("a time with a fraction", event(r#","timestamp":1.5"#), 400, "invalid-envelope"),
        bad("a time in words", event(r#","timestamp":"now""#), 400, "invalid-envelope"),
        bad(
            "a time beyond 2^53",
            event(r#","timestamp":9007199254740992"#),
            400,
            "invalid-envelope",
        ),
        bad(
            "a time beyond 2^64",
            event(r#","timestamp":99999999999999999999"#),
            400,
            "invalid-envelope",
        ),
        bad("no time to live", event(r#","ttlMs":0"#), 400, "invalid-envelope"),
        bad("an unknown priority", event(r#","priority":"urgent""#), 400, "invalid-envelope"),
        bad("an audience of a list", event(r#","audience":["ada"]"#), 400, "invalid-envelope"),
        bad(
            "an audience of groups",
            event(r#","audience":{"groups":["x"]}"#),
            400,
            "invalid-envelope",
        ),
        bad("broadcast in words", event(r#","broadcast":"yes""#), 400, "invalid-envelope"),
        bad("a tenant with a slash", event(r#","tenantId":"../dev""#), 400, "invalid-envelope"),
        bad("a time beyond every float", event(r#","timestamp":1e999"#), 400, "malformed-json"),
    ])
    .await;
}

#[tokio::test]
async fn what_is_too_large_too_deep_or_doubled_is_refused_with_its_own_code() {
    let deep = |depth: usize| data(&format!("{}{}", "[".repeat(depth), "]".repeat(depth)));
    let users = vec!["\"u\""; 1_001].join(",");
    let batch = |len: usize| format!("[{}]", vec![event(""); len].join(","));
    check(vec![
        bad("a body of 10 MB", vec![b' '; 10_000_000], 413, "body-too-large"),
        bad(
            "an event of 10 MB",
            data(&format!("\"{}\"", "x".repeat(10_000_000))),
            413,
            "body-too-large",
        ),
        bad(
            "an event of 256 KiB and more",
            data(&format!("\"{}\"", "x".repeat(256 * 1024))),
            413,
            "event-too-large",
        ),
        bad("a batch of 10,000", batch(10_000), 413, "batch-too-large"),
        bad("a batch of 1,001", batch(1_001), 413, "batch-too-large"),
        bad("65 levels", deep(65), 400, "nesting-too-deep"),
        bad("a million levels", deep(1_000_000), 400, "nesting-too-deep"),
        bad(
            "an envelope key twice",
            event(r#","eventType":"client.report""#),
            400,
            "duplicate-key",
        ),
        bad("a data key twice", data(r#"{"a":1,"a":2}"#), 400, "duplicate-key"),
        bad("a data key twice, once escaped", data(r#"{"a":1,"\u0061":2}"#), 400, "duplicate-key"),
        bad("a deep data key twice", data(r#"[[{"x":{"b":1,"b":1}}]]"#), 400, "duplicate-key"),
        bad(
            "an audience of 1,001",
            event(&format!(r#","audience":{{"users":[{users}]}}"#)),
            422,
            "audience-too-large",
        ),
        bad("an audience of nobody", event(r#","audience":{}"#), 422, "empty-audience"),
    ])
    .await;
}

#[tokio::test]
async fn content_types_and_codings_that_are_not_spoken_are_refused() {
    let with = |name, content_type, coding: &'static str, body: Vec<u8>, status, code| {
        let mut headers: Vec<(&str, &str)> = vec![("content-type", content_type)];
        if !coding.is_empty() {
            headers.push(("content-encoding", coding));
        }
        Bad { name, headers, body, status, code }
    };
    let json = "application/json";
    let good = event("").into_bytes();
    let bomb = gzip(&vec![b' '; 64 * MIB]);
    assert!(bomb.len() < MIB, "the bomb is small");
    let nested_bomb = gzip(&bomb);
    let packed = gzip(&good);
    check(vec![
        with(
            "a form",
            "application/x-www-form-urlencoded",
            "",
            good.clone(),
            415,
            "unsupported-media-type",
        ),
        with("plain text", "text/plain", "", good.clone(), 415, "unsupported-media-type"),
        with(
            "a kind of JSON",
            "application/ld+json",
            "",
            good.clone(),
            415,
            "unsupported-media-type",
        ),
        with("a type that is none", ";;;", "", good.clone(), 415, "unsupported-media-type"),
        with("brotli", json, "br", good.clone(), 415, "unsupported-media-type"),
        with("gzip twice", json, "gzip, gzip", gzip(&packed), 415, "unsupported-media-type"),
        with("no gzip", json, "gzip", good.clone(), 400, "malformed-json"),
        with("cut gzip", json, "gzip", packed[..packed.len() - 6].to_vec(), 400, "malformed-json"),
        with("a broken sum", json, "gzip", broken_sum(&packed), 400, "malformed-json"),
        with("a bomb", json, "gzip", bomb, 413, "body-too-large"),
        with("a bomb in a bomb", json, "gzip", nested_bomb, 400, "malformed-json"),
        with("gzip without saying so", json, "", packed, 400, "malformed-json"),
    ])
    .await;
}

fn broken_sum(packed: &[u8]) -> Vec<u8> {
    let mut broken = packed.to_vec();
    let sum = broken.len() - 8;
    broken[sum] ^= 0xff;
    broken
}

#[tokio::test]
async fn good_gzip_and_a_content_type_with_parameters_are_taken() {
    let mut watched = Watched::start(&[]).await;
    let body = json!({"eventType": "user.updated", "eventData": {"userId": "packed"}}).to_string();
    let headers =
        [("content-type", "Application/JSON; charset=utf-8"), ("content-encoding", "gzip")];
    let packed = gzip(body.as_bytes());
    let answer = request(watched.hub.address(), "POST", PATH, &headers, &packed).await.unwrap();
    assert_eq!(answer.status, 201);
    assert_eq!(watched.next_event("gzip").await["eventData"]["userId"], "packed");
    watched.assert_unharmed("gzip").await;
}

#[tokio::test]
async fn what_is_just_within_the_limits_is_taken() {
    let mut watched = Watched::start(&[]).await;
    let user = |data: &str| {
        format!(r#"{{"eventType":"user.updated","eventData":{{"userId":"u",{data}}}}}"#)
    };
    let filler = "x".repeat(256 * 1024 - r#"{"userId":"u","x":""}"#.len());
    let bodies = [
        user(&format!(r#""x":"{filler}""#)),
        user(&format!(r#""x":{}{}"#, "[".repeat(63), "]".repeat(63))),
        user(r#""x":1e300,"y":-0.0,"z":123456789012345678901234567890,"w":1E-999"#),
        user(r#""x":"\ud83d\ude00","\u0000":"\u0000""#),
    ];
    for body in bodies {
        let body = format!("{}{body}{}", " ".repeat(1_000), "\n".repeat(1_000));
        let answer = request(watched.hub.address(), "POST", PATH, &[JSON], body.as_bytes()).await;
        let answer = answer.unwrap();
        let shown = String::from_utf8_lossy(&answer.body).into_owned();
        assert_eq!(answer.status, 201, "{:.90}: {shown}", body.trim());
        watched.next_event(body.trim()).await;
    }
    watched.assert_unharmed("the limits").await;
    watched.assert_nothing_lost().await;
}

#[tokio::test]
async fn a_full_batch_is_taken_in_order() {
    let mut watched = Watched::start(&[]).await;
    let batch: Vec<_> = (0..1_000)
        .map(|n| json!({"eventType": "user.updated", "eventData": {"userId": n.to_string()}}))
        .collect();
    let answer = watched.hub.publish(&json!(batch)).await.unwrap();
    assert_eq!(answer.status, 207);
    for n in 0..1_000 {
        assert_eq!(watched.next_event("batch").await["eventData"]["userId"], n.to_string());
    }
    watched.assert_unharmed("a full batch").await;
}
