//! A stream lives no longer than its credential, whatever it is doing, unless it is renewed.

use std::time::Duration;

use radial_testkit::credentials::{now_ms, now_seconds, token};
use radial_testkit::wire::head;
use radial_testkit::{PATIENCE, Stream, TestServer};
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio::time::Instant;

/// The second that the contract gives, with slack for a machine that has other things to do.
const A_SECOND: Duration = Duration::from_millis(1_500);
const A_SECOND_MS: u64 = 1_500;

fn claims(user: &str, rest: &Value) -> Value {
    let mut claims = json!({"sub": user, "sid": format!("s-{user}"), "iat": now_seconds() - 1,
        "radial": {"publish": ["*"], "channels": ["*"], "history": true}});
    let all = claims.as_object_mut().unwrap();
    all.extend(rest.as_object().unwrap().clone());
    claims
}

fn operator() -> String {
    token(
        &json!({"sub": "root", "radial": {"operator": "hub", "publish": ["*"], "channels": ["*"]}}),
    )
}

async fn open(hub: &TestServer, bearer: &str, query: &str) -> (Stream, Value) {
    let mut stream = hub.stream_as(bearer, query).await.unwrap();
    assert_eq!(stream.status, 200);
    let frames = stream.until(|frame| frame.is_control("hello")).await.unwrap();
    (stream, frames.last().unwrap().json().unwrap())
}

/// Reads to the goodbye, after which nothing comes: its reason, and the controls before it.
async fn read_to_goodbye(stream: &mut Stream) -> (String, Vec<String>) {
    let frames = stream.until(|frame| frame.is_control("goodbye")).await.unwrap();
    assert_eq!(stream.next().await.unwrap(), None, "nothing comes after goodbye");
    let reason = frames.last().unwrap().json().unwrap()["reason"].as_str().unwrap().to_owned();
    (reason, frames.into_iter().filter_map(|frame| frame.event).collect())
}

/// Publishes without a pause until it is dropped.
struct Publishing(JoinHandle<()>);

impl Publishing {
    fn begin(hub: &TestServer) -> Self {
        let (address, bearer) = (hub.address(), operator());
        Self(tokio::spawn(async move {
            let bearer = format!("Bearer {bearer}");
            let headers = [("content-type", "application/json"), ("authorization", &*bearer)];
            let event = json!({"eventType": "user.updated", "eventData": {"userId": "u"}});
            let batch = json!(vec![event; 20]).to_string();
            let path = "/api/sse/events";
            while radial_testkit::wire::request(address, "POST", path, &headers, batch.as_bytes())
                .await
                .is_ok()
            {}
        }))
    }
}

impl Drop for Publishing {
    fn drop(&mut self) {
        self.0.abort();
    }
}

async fn expires_in_time(hub: &TestServer, query: &str) {
    let expires = now_seconds() + 2;
    let bearer = token(&claims("u1", &json!({"exp": expires})));
    let (mut stream, hello) = open(hub, &bearer, query).await;
    let left = hello["tokenExpiresInMs"].as_u64().unwrap();
    assert!((500..=2_000).contains(&left), "{left}");
    let (reason, controls) = read_to_goodbye(&mut stream).await;
    let late = now_ms().checked_sub(expires * 1_000);
    assert_eq!(reason, "expired");
    assert!(late.is_some_and(|late| late < A_SECOND_MS), "{late:?} ms after the end");
    assert_eq!(controls.iter().filter(|name| *name == "token").count(), 1, "{controls:?}");
    assert_eq!(hub.get_as(&bearer, "/api/events").await.unwrap().status, 401);
}

#[tokio::test]
async fn an_idle_stream_ends_with_its_credential() {
    let hub = TestServer::serve(&[("auth.clock_skew", "0s")]).await.unwrap();
    expires_in_time(&hub, "").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_busy_stream_and_one_that_is_behind_end_with_their_credential() {
    let hub = TestServer::serve(&[("auth.clock_skew", "0s"), ("timeline.events", "10")]).await;
    let hub = hub.unwrap();
    let _publishing = Publishing::begin(&hub);
    let begin = Instant::now();
    // Enough of a log that the second stream has much to read.
    while hub.get_as(&operator(), "/api/admin/status").await.unwrap().json().unwrap()["tenants"][0]
        ["head"]
        .as_u64()
        .unwrap()
        < 2_000
    {
        assert!(begin.elapsed() < PATIENCE);
    }
    tokio::join!(expires_in_time(&hub, ""), expires_in_time(&hub, "?cursor=earliest"));
}

#[tokio::test]
async fn a_client_that_does_not_read_is_cut_when_its_credential_ends() {
    let hub = TestServer::serve(&[("auth.clock_skew", "0s")]).await.unwrap();
    let filler = "x".repeat(200_000);
    let event = json!({"eventType": "user.updated", "eventData": {"userId": "u", "x": filler}});
    for _ in 0..60 {
        assert_eq!(hub.publish_as(&operator(), &event).await.unwrap().status, 201);
    }
    let expires = now_seconds() + 2;
    let bearer = format!("Bearer {}", token(&claims("u1", &json!({"exp": expires}))));
    let mut socket = TcpStream::connect(hub.address()).await.unwrap();
    let headers = [("authorization", &*bearer)];
    let path = "/api/sse/events?cursor=earliest";
    let request = head(hub.address(), "GET", path, &headers) + "\r\n";
    socket.write_all(request.as_bytes()).await.unwrap();
    connections(&hub, 1).await;
    connections(&hub, 0).await;
    let late = now_ms().checked_sub(expires * 1_000);
    assert!(late.is_some_and(|late| late < A_SECOND_MS), "{late:?} ms after the end");
}

/// Waits until so many connections are open.
async fn connections(hub: &TestServer, count: u64) {
    let begin = Instant::now();
    loop {
        let list = hub.get_as(&operator(), "/api/admin/connections").await.unwrap();
        if list.json().unwrap()["total"] == count {
            return;
        }
        assert!(begin.elapsed() < PATIENCE);
    }
}

#[tokio::test]
async fn each_revocation_ends_what_it_names_within_a_second_and_nothing_else() {
    for (named, rest) in [
        (json!({"userId": "u1"}), json!({})),
        (json!({"sessionId": "s-u1"}), json!({})),
        (json!({"tokenId": "t-1"}), json!({"jti": "t-1"})),
    ] {
        let hub = TestServer::serve(&[]).await.unwrap();
        let bearer = token(&claims("u1", &rest));
        let other = token(&claims("u2", &json!({})));
        let (mut stream, _) = open(&hub, &bearer, "").await;
        let (mut others, _) = open(&hub, &other, "").await;
        let begin = Instant::now();
        let answer = hub.send_as(&operator(), "POST", "/api/admin/revocations", &named).await;
        assert_eq!(answer.unwrap().status, 201);
        assert_eq!(read_to_goodbye(&mut stream).await.0, "revoked", "{named}");
        assert!(begin.elapsed() < A_SECOND, "{named}: {:?}", begin.elapsed());
        assert_eq!(hub.get_as(&bearer, "/api/events").await.unwrap().status, 401, "{named}");
        // A later token of the same user counts.
        let later = token(&claims("u1", &json!({"iat": now_seconds() + 1})));
        assert_eq!(hub.get_as(&later, "/api/events").await.unwrap().status, 200, "{named}");
        let event = json!({"eventType": "user.updated", "eventData": {"userId": "u"}});
        assert_eq!(hub.publish_as(&other, &event).await.unwrap().status, 201);
        assert_eq!(others.events(1).await.unwrap().len(), 1, "{named}");
        let hub = hub.restart().await.unwrap();
        assert_eq!(hub.get_as(&bearer, "/api/events").await.unwrap().status, 401, "{named}");
    }
}

#[tokio::test]
async fn a_tenant_that_is_revoked_ends_whole_and_alone() {
    let hub = TestServer::serve(&[("hub.tenants", "dev,acme")]).await.unwrap();
    let (mut stream, _) = open(&hub, &token(&claims("u1", &json!({}))), "").await;
    let acme = token(&claims("u1", &json!({"tenant": "acme"})));
    let _open = open(&hub, &acme, "").await;
    let named = json!({"all": true, "tenant": "dev", "reason": "leaked"});
    // Of another tenant, so that it survives what it does.
    let root = token(&json!({"tenant": "acme", "radial": {"operator": "hub"}}));
    let answer = hub.send_as(&root, "POST", "/api/admin/revocations", &named).await.unwrap();
    assert_eq!(answer.status, 201);
    assert_eq!(read_to_goodbye(&mut stream).await.0, "revoked");
    assert_eq!(hub.get_as(&acme, "/api/events").await.unwrap().status, 200);
}

#[tokio::test]
async fn a_poll_that_waits_gives_nothing_to_who_was_revoked_meanwhile() {
    let hub = TestServer::serve(&[]).await.unwrap();
    let bearer = token(&claims("u1", &json!({})));
    let cursor = hub.get_as(&bearer, "/api/poll").await.unwrap().json().unwrap()["cursor"].clone();
    let path = format!("/api/poll?wait=20s&cursor={}", cursor.as_str().unwrap());
    let begin = Instant::now();
    let revoke = async {
        polls(&hub, 1).await;
        let named = json!({"userId": "u1"});
        let answer = hub.send_as(&operator(), "POST", "/api/admin/revocations", &named).await;
        assert_eq!(answer.unwrap().status, 201);
    };
    let (polled, ()) = tokio::join!(hub.get_as(&bearer, &path), revoke);
    assert_eq!(polled.unwrap().status, 401);
    assert!(begin.elapsed() < Duration::from_secs(10), "{:?}", begin.elapsed());
}

/// Waits until so many polls wait.
async fn polls(hub: &TestServer, count: u64) {
    let scrape = token(&json!({"radial": {"operator": "hub"}}));
    let line = format!("radial_polls {count}\n");
    let begin = Instant::now();
    loop {
        let metrics = hub.get_as(&scrape, "/metrics").await.unwrap();
        if String::from_utf8(metrics.body).unwrap().contains(&line) {
            return;
        }
        assert!(begin.elapsed() < PATIENCE);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_renewed_stream_outlives_its_first_credential_and_misses_nothing() {
    let hub = TestServer::serve(&[("auth.clock_skew", "0s")]).await.unwrap();
    let expires = now_seconds() + 2;
    let first = token(&claims("u1", &json!({"exp": expires})));
    let (mut stream, hello) = open(&hub, &first, "?channels=*").await;
    let _publishing = Publishing::begin(&hub);
    let renewal = json!({"connectionId": hello["connectionId"]});
    for (bearer, status) in [
        (token(&claims("u2", &json!({}))), 404),
        (token(&claims("u1", &json!({"sid": "another"}))), 404),
        (token(&claims("u1", &json!({"exp": now_seconds() - 10}))), 401),
        (token(&claims("u1", &json!({"exp": now_seconds() + 600}))), 200),
    ] {
        let answer = hub.send_as(&bearer, "POST", "/api/auth/renew", &renewal).await.unwrap();
        assert_eq!(answer.status, status, "{:?}", answer.json());
    }
    let mut offset = 0;
    while now_ms() < expires * 1_000 + 2 * A_SECOND_MS {
        let frame = stream.frame().await.unwrap();
        assert!(!frame.is_control("goodbye"), "{frame:?}");
        if frame.is_event() {
            let next = frame.json().unwrap()["offset"].as_u64().unwrap();
            assert_eq!(next, offset + 1, "an event is missing or doubled");
            offset = next;
        }
    }
    assert!(offset > 100, "{offset}");
}

#[tokio::test]
async fn a_stream_for_somebody_else_ends_with_whoever_opened_it() {
    let hub = TestServer::serve(&[]).await.unwrap();
    let bearer = token(&claims("support", &json!({"radial": {"actAs": true, "channels": ["*"]}})));
    let (mut stream, _) = open(&hub, &bearer, "?userId=ada&sessionId=s-ada").await;
    let revocation = json!({"userId": "support"});
    let answer = hub.send_as(&operator(), "POST", "/api/admin/revocations", &revocation).await;
    assert_eq!(answer.unwrap().status, 201);
    assert_eq!(read_to_goodbye(&mut stream).await.0, "revoked");
}
