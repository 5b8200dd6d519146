//! Limits of time and number, over sockets.

use radial_testkit::credentials::{api_key, token};
use radial_testkit::wire::{Answer, converse, parse_all, request};
use radial_testkit::{PATIENCE, TestServer};
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::encrypted::Encrypted;

fn event() -> Value {
    json!({"eventType": "test:event", "eventData": {}})
}

fn user(name: &str) -> String {
    token(&json!({"sub": name, "radial": {"publish": ["*"], "channels": ["*"]}}))
}

fn remaining(answer: &Answer) -> &str {
    answer.header("ratelimit").unwrap().split(';').nth(1).unwrap()
}

#[tokio::test]
async fn a_user_who_publishes_too_fast_is_told_and_a_server_is_not() {
    let (key, record) =
        api_key(1, &json!({"tenants": ["dev"], "publish": ["*"], "channels": ["*"]}));
    let keys = json!([record]).to_string();
    // Tokens come back one a minute, so that none does while the test runs.
    let settings = [("rates.publish_client", "3"), ("auth.keys", keys.as_str())];
    let hub = TestServer::serve(&settings).await.unwrap();
    let (one, other) = (user("u1"), user("u2"));
    let batch = Value::Array(vec![event(); 100]);
    for (body, status, left) in
        [(&event(), 201, "r=2"), (&batch, 207, "r=1"), (&event(), 201, "r=0")]
    {
        let answer = hub.publish_as(&one, body).await.unwrap();
        assert_eq!((answer.status, remaining(&answer)), (status, left));
        assert_eq!(answer.header("ratelimit-policy"), Some("\"publish-client\";q=3;w=60"));
    }
    let refused = hub.publish_as(&one, &event()).await.unwrap();
    assert_eq!((refused.status, remaining(&refused)), (429, "r=0"));
    assert_eq!(refused.json().unwrap()["code"], "rate-limited");
    let seconds: u64 = refused.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=20).contains(&seconds), "{seconds}");
    assert_eq!(hub.publish_as(&other, &event()).await.unwrap().status, 201);
    for _ in 0..10 {
        assert_eq!(hub.publish_as(&key, &event()).await.unwrap().status, 201);
    }
}

#[tokio::test]
async fn the_address_behind_a_proxy_is_the_one_that_counts() {
    let settings = [("rates.publish_address", "2"), ("server.trusted_proxies", "127.0.0.1")];
    let hub = TestServer::serve(&settings).await.unwrap();
    let body = event().to_string();
    let mut count = 0;
    let mut publish = async |chain: &str| {
        count += 1;
        let bearer = format!("Bearer {}", user(&format!("u{count}")));
        let headers = [
            ("authorization", bearer.as_str()),
            ("content-type", "application/json"),
            ("x-forwarded-for", chain),
        ];
        let sent = request(hub.address(), "POST", "/api/sse/events", &headers, body.as_bytes());
        sent.await.unwrap().status
    };
    assert_eq!(publish("192.0.2.1").await, 201);
    assert_eq!(publish("203.0.113.5, 192.0.2.1").await, 201);
    // What a client invents on the left makes it no other.
    assert_eq!(publish("203.0.113.6, 192.0.2.1").await, 429);
    assert_eq!(publish("192.0.2.2").await, 201);
}

#[tokio::test]
async fn who_guesses_credentials_is_not_looked_at_any_more() {
    let hub = TestServer::serve(&[("rates.bad_credentials", "5")]).await.unwrap();
    let good = user("u1");
    let expired = token(&json!({"sub": "u1", "exp": 1_000_000}));
    for _ in 0..20 {
        // Neither nobody nor who was somebody once is a guesser.
        assert_eq!(hub.publish(&event()).await.unwrap().status, 401);
        assert_eq!(hub.publish_as(&expired, &event()).await.unwrap().status, 401);
    }
    for _ in 0..5 {
        assert_eq!(hub.publish_as(&good, &event()).await.unwrap().status, 201);
        assert_eq!(hub.publish_as("guess", &event()).await.unwrap().status, 401);
    }
    for bearer in ["guess", &good] {
        let refused = hub.publish_as(bearer, &event()).await.unwrap();
        assert_eq!(refused.status, 429);
        assert!(refused.header("retry-after").is_some());
    }
    assert_eq!(hub.get("/healthz").await.unwrap().status, 200);
}

#[tokio::test]
async fn a_stream_too_many_is_told_when_to_come_back() {
    let hub = TestServer::with(&[("rates.connections", "2")]).await.unwrap();
    let first = hub.stream("").await.unwrap();
    let _second = hub.stream("").await.unwrap();
    let refused = hub.get("/api/sse/events").await.unwrap();
    assert_eq!(refused.status, 429);
    assert_eq!(refused.json().unwrap()["code"], "rate-limited");
    assert_eq!(refused.header("retry-after"), Some("5"));
    assert_eq!(refused.header("ratelimit-policy"), Some("\"connections\";q=2"));
    assert_eq!(refused.header("ratelimit"), Some("\"connections\";r=0;t=5"));
    let metrics = String::from_utf8(hub.get("/metrics").await.unwrap().body).unwrap();
    let counted = "radial_limited_requests_total{limit=\"connections\"} 1";
    assert!(metrics.lines().any(|line| line == counted), "{metrics}");
    drop(first);
    // The hub sees that a stream has ended a moment after its client closed it.
    let ask = || request(hub.address(), "HEAD", "/api/sse/events", &[], b"");
    while ask().await.unwrap().status != 200 {}
}

#[tokio::test]
async fn a_body_that_does_not_come_is_not_waited_for() {
    let hub = TestServer::with(&[("server.body_timeout", "100ms")]).await.unwrap();
    let slow = "POST /api/sse/events HTTP/1.1\r\nhost: localhost\r\n\
                content-type: application/json\r\ncontent-length: 100\r\n\r\n{";
    let back = converse(hub.address(), slow.as_bytes(), false).await.unwrap();
    let answers = parse_all(&back).unwrap();
    assert_eq!((answers.len(), answers[0].status), (1, 408));
    assert_eq!(answers[0].json().unwrap()["code"], "body-timeout");
    assert_eq!(answers[0].header("connection"), Some("close"));
}

#[tokio::test]
async fn a_connection_that_is_kept_and_not_used_is_closed() {
    let hub = TestServer::with(&[("server.header_timeout", "100ms")]).await.unwrap();
    let once = "GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n";
    let back = converse(hub.address(), once.as_bytes(), false).await.unwrap();
    let answers = parse_all(&back).unwrap();
    assert_eq!(answers.first().map(|answer| answer.status), Some(200));
}

#[tokio::test]
async fn a_poll_takes_the_room_of_a_stream() {
    let hub = TestServer::serve(&[("rates.connections_user", "1")]).await.unwrap();
    let (one, other) = (user("u1"), user("u2"));
    let path = "/api/poll?cursor=earliest&wait=1ms";
    assert_eq!(hub.get_as(&one, path).await.unwrap().status, 200);
    let stream = hub.stream_as(&one, "").await.unwrap();
    assert_eq!(stream.status, 200);
    let refused = hub.get_as(&one, path).await.unwrap();
    assert_eq!(refused.status, 429);
    assert_eq!(refused.json().unwrap()["code"], "rate-limited");
    assert_eq!(hub.get_as(&other, path).await.unwrap().status, 200);
}

#[tokio::test]
async fn a_tenant_at_its_quota_is_refused_alone() {
    let tenants = json!([{"name": "acme", "quota_bytes": "1MiB"}]).to_string();
    let settings = [("hub.tenants", "acme,globex"), ("tenants", tenants.as_str())];
    let hub = TestServer::with(&settings).await.unwrap();
    let large = "x".repeat(200 * 1024);
    let event = json!({"eventType": "user.updated", "eventData": {"userId": "u", "bio": large}});
    let body = event.to_string();
    let publish = async |tenant: &str| {
        let headers = [("radial-tenant", tenant), ("content-type", "application/json")];
        let path = "/api/sse/events";
        request(hub.address(), "POST", path, &headers, body.as_bytes()).await.unwrap()
    };
    // How much there is is looked at now and then, so that some more is taken.
    let until_full = async {
        loop {
            let answer = publish("acme").await;
            if answer.status != 201 {
                return answer;
            }
        }
    };
    let refused = tokio::time::timeout(radial_testkit::PATIENCE, until_full).await.unwrap();
    assert_eq!(refused.status, 507);
    let problem = refused.json().unwrap();
    assert_eq!(problem["code"], "disk-full");
    assert!(problem["detail"].as_str().unwrap().contains("quota"), "{problem}");
    assert_eq!(publish("globex").await.status, 201);
    assert_eq!(hub.get("/readyz").await.unwrap().status, 200, "the hub serves the others");
}

/// Each says nothing, or a beginning that could be one of TLS.
#[tokio::test]
async fn whoever_says_nothing_at_all_is_closed_under_tls_too() {
    let settings = [("server.header_timeout", "500ms")];
    let plain = TestServer::with(&settings).await.unwrap();
    let encrypted = Encrypted::start(&settings).await;
    for (address, said) in [
        (plain.address(), &b""[..]),
        (encrypted.hub.address(), b""),
        (encrypted.hub.address(), b"\x16\x03\x01"),
    ] {
        let back = converse(address, said, false).await.unwrap();
        assert!(back.is_empty(), "{said:?}: {back:?}");
    }
}

#[tokio::test]
async fn a_full_disk_is_told_and_events_are_taken_again_when_there_is_room() {
    let hub = TestServer::start().await.unwrap();
    // Events of class `live` need no room.
    let event = json!({"eventType": "user.updated", "eventData": {"userId": "u"}});
    let until = async |status: u16| loop {
        let answer = hub.publish(&event).await.unwrap();
        if answer.status == status {
            return answer;
        }
        assert!([201, 507].contains(&answer.status), "{answer:?}");
    };
    until(201).await;
    hub.disk().set_full(true);
    let refused = timeout(PATIENCE, until(507)).await.unwrap();
    assert_eq!(refused.json().unwrap()["code"], "disk-full");
    assert_eq!(hub.get("/api/events").await.unwrap().status, 200);
    hub.disk().set_full(false);
    timeout(PATIENCE, until(201)).await.unwrap();
}
