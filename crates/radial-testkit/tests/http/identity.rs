//! The other ways to say who it is: cookies, the application's own sessions, tickets, fetched keys.

use radial_testkit::credentials::{token, verifying_pair};
use radial_testkit::wire::request;
use radial_testkit::{Application, Stream, TestServer};
use serde_json::{Value, json};

const ALLOWED: &str = "https://app.example.org";

fn publishes() -> Value {
    json!({"sub": "u1", "radial": {"publish": ["*"]}})
}

async fn status(hub: &TestServer, method: &str, path: &str, headers: &[(&str, &str)]) -> u16 {
    let mut headers = headers.to_vec();
    headers.push(("content-type", "application/json"));
    let body: &[u8] = match method {
        "POST" => br#"{"eventType":"test:event","eventData":{}}"#,
        _ => b"",
    };
    request(hub.address(), method, path, &headers, body).await.unwrap().status
}

#[tokio::test]
async fn a_cookie_counts_only_for_pages_that_may_use_it() {
    let hub = TestServer::serve(&[("server.allowed_origins", ALLOWED)]).await.unwrap();
    let cookie = format!("theme=dark; radial_token={}; lang=en", token(&publishes()));
    let twice = format!("{cookie}; radial_token=x");
    let own = format!("http://{}", hub.address());
    let with = |more: &[(&'static str, String)]| -> Vec<(&'static str, String)> {
        let mut headers = vec![("cookie", cookie.clone())];
        headers.extend(more.iter().cloned());
        headers
    };
    let origin = |origin: &str| with(&[("origin", origin.to_owned())]);
    let site = |site: &str| with(&[("sec-fetch-site", site.to_owned())]);
    for (headers, get, post) in [
        (with(&[]), 200, 401),
        (origin(&own), 200, 201),
        (origin(ALLOWED), 200, 201),
        (origin("https://evil.example"), 401, 401),
        (origin("http://localhost:3000"), 401, 401),
        (origin("null"), 401, 401),
        (site("same-origin"), 200, 201),
        (site("same-site"), 401, 401),
        (site("cross-site"), 401, 401),
        (with(&[("upgrade", "websocket".to_owned())]), 401, 401),
        (vec![("cookie", twice)], 401, 401),
        (vec![("cookie", "radial_token=".to_owned())], 401, 401),
        (vec![("cookie", "xradial_token=a".to_owned())], 401, 401),
    ] {
        let headers: Vec<_> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        assert_eq!(status(&hub, "GET", "/api/registry", &headers).await, get, "{headers:?}");
        assert_eq!(status(&hub, "POST", "/api/sse/events", &headers).await, post, "{headers:?}");
    }
    let renamed = TestServer::serve(&[("auth.cookie", "")]).await.unwrap();
    assert_eq!(status(&renamed, "GET", "/api/registry", &[("cookie", &cookie)]).await, 401);
}

#[tokio::test]
async fn a_bearer_counts_whatever_page_sends_it() {
    let hub = TestServer::serve(&[]).await.unwrap();
    let bearer = format!("Bearer {}", token(&publishes()));
    let headers = [("authorization", bearer.as_str()), ("origin", "https://evil.example")];
    assert_eq!(status(&hub, "POST", "/api/sse/events", &headers).await, 201);
    let answer = request(hub.address(), "GET", "/api/registry", &headers, b"").await.unwrap();
    assert_eq!(answer.header("access-control-allow-origin"), None, "it may not read the answer");
}

#[tokio::test]
async fn the_application_says_whose_session_it_is() {
    let application = Application::start().await.unwrap();
    let path = "/api/auth/get-session";
    let forward = json!([{"name": "app", "url": application.url(path), "tenants": ["dev"]}]);
    let hub = TestServer::serve(&[("auth.issuers", "[]"), ("auth.forward", &forward.to_string())])
        .await
        .unwrap();
    let session = json!({
        "session": {"id": "s1", "userId": "u1", "expiresAt": "2100-01-01T00:00:00.000Z"},
        "user": {"id": "u1", "email": "a@example.org", "role": "admin,editor"},
        "radial": {"publish": ["*"]},
    });
    application.answers(path, 200, &session.to_string());
    let cookies = "better-auth.session_token=abc; theme=dark";
    let headers = [("cookie", cookies), ("sec-fetch-site", "same-origin")];
    let mut stream = Stream::open(hub.address(), "/api/sse/events", &headers).await.unwrap();
    assert_eq!(stream.status, 200);
    for _ in 0..3 {
        assert_eq!(status(&hub, "POST", "/api/sse/events", &headers).await, 201);
    }
    let delivered = &stream.events(1).await.unwrap()[0];
    assert_eq!((&delivered["userId"], &delivered["sessionId"]), (&json!("u1"), &json!("s1")));
    let asked = application.asked();
    assert_eq!(asked.len(), 1, "the answer is remembered: {asked:?}");
    assert!(asked[0].contains(&format!("cookie: {cookies}\r\n")), "{asked:?}");
    assert_eq!(status(&hub, "POST", "/api/sse/events", &[("cookie", cookies)]).await, 401);
    let other = |value: &'static str| [("cookie", value), ("sec-fetch-site", "same-origin")];
    application.answers(path, 200, "null");
    assert_eq!(status(&hub, "GET", "/api/registry", &other("a=1")).await, 401);
    application.answers(path, 200, r#"{"user":{"id":"u2"},"tenant":"globex"}"#);
    assert_eq!(status(&hub, "GET", "/api/registry", &other("a=2")).await, 401);
    application.answers(path, 401, "");
    assert_eq!(status(&hub, "GET", "/api/registry", &other("a=3")).await, 401);
    application.answers(path, 500, "");
    assert_eq!(status(&hub, "GET", "/api/registry", &other("a=4")).await, 503);
    drop(application);
    assert_eq!(status(&hub, "GET", "/api/registry", &other("a=5")).await, 503);
    assert_eq!(status(&hub, "GET", "/api/registry", &headers).await, 200, "still remembered");
}

#[tokio::test]
async fn a_ticket_opens_one_stream_and_nothing_else() {
    let hub = TestServer::serve(&[]).await.unwrap();
    let bearer = token(&publishes());
    let authorization = format!("Bearer {bearer}");
    let headers = [("authorization", authorization.as_str())];
    let issue = || request(hub.address(), "POST", "/api/auth/tickets", &headers, b"");
    let issued = issue().await.unwrap();
    assert_eq!(issued.status, 201, "{:?}", issued.json());
    let issued = issued.json().unwrap();
    assert_eq!(issued["expiresInMs"], 30_000);
    let ticket = issued["ticket"].as_str().unwrap().to_owned();
    let registry = format!("/api/registry?ticket={ticket}");
    assert_eq!(status(&hub, "GET", &registry, &[]).await, 401, "it opens nothing else");
    let path = format!("/api/sse/events?ticket={ticket}");
    assert_eq!(status(&hub, "POST", &path, &[]).await, 401);
    let mut stream = Stream::open(hub.address(), &path, &[]).await.unwrap();
    assert_eq!(stream.status, 200);
    assert_eq!(status(&hub, "GET", &path, &[]).await, 401, "it is used up");
    let own = json!({"eventType": "test:event", "eventData": {}, "audience": {"users": ["u1"]}});
    assert_eq!(hub.publish_as(&bearer, &own).await.unwrap().status, 201);
    stream.events(1).await.unwrap();
    let mut statuses = Vec::new();
    for _ in 0..40 {
        statuses.push(issue().await.unwrap().status);
    }
    assert_eq!((statuses[0], statuses[39]), (201, 429));
    let other = token(&json!({"sub": "u2"}));
    let other = format!("Bearer {other}");
    let headers = [("authorization", other.as_str())];
    let answer = request(hub.address(), "POST", "/api/auth/tickets", &headers, b"").await.unwrap();
    assert_eq!(answer.status, 201, "one user takes no tickets from another");
}

#[tokio::test]
async fn a_token_in_the_url_counts_only_where_it_is_switched_on() {
    let path = format!("/api/sse/events?access_token={}", token(&publishes()));
    let off = TestServer::serve(&[]).await.unwrap();
    assert_eq!(Stream::open(off.address(), &path, &[]).await.unwrap().status, 401);
    let on = TestServer::serve(&[("auth.query_tokens", "true")]).await.unwrap();
    assert_eq!(Stream::open(on.address(), &path, &[]).await.unwrap().status, 200);
    assert_eq!(status(&on, "GET", "/api/registry?access_token=x", &[]).await, 401);
}

#[tokio::test]
async fn keys_are_fetched_and_a_url_that_fails_is_asked_again() {
    let application = Application::start().await.unwrap();
    let issuer = "https://app.example.org";
    let issuers = json!([{"name": "app", "jwks_url": application.url("/jwks"), "issuer": issuer,
        "tenants": ["dev"]}]);
    application.answers("/jwks", 503, "");
    let hub = TestServer::serve(&[("auth.issuers", &issuers.to_string())]).await.unwrap();
    let (sign, key) = verifying_pair("2026-01");
    let bearer = sign(&json!({"sub": "u1", "iss": issuer}));
    assert_eq!(hub.get_as(&bearer, "/api/registry").await.unwrap().status, 401);
    application.answers("/jwks", 200, &json!({"keys": [key]}).to_string());
    let fetched =
        async { while hub.get_as(&bearer, "/api/registry").await.unwrap().status == 401 {} };
    tokio::time::timeout(radial_testkit::PATIENCE, fetched).await.unwrap();
    let before = application.asked().len();
    let (stranger, _) = verifying_pair("2026-02");
    for _ in 0..20 {
        let bearer = stranger(&json!({"sub": "u1", "iss": issuer}));
        assert_eq!(hub.get_as(&bearer, "/api/registry").await.unwrap().status, 401);
    }
    let after = application.asked().len();
    assert_eq!(after, before, "strangers cannot have the keys fetched over and over");
    application.answers("/jwks", 500, "");
    assert_eq!(hub.get_as(&bearer, "/api/registry").await.unwrap().status, 200);
}

#[tokio::test]
async fn an_open_stream_of_a_session_is_asked_for_again_and_ends_with_the_session() {
    let application = Application::start().await.unwrap();
    application.answers("/session", 200, r#"{"user":{"id":"u1"}}"#);
    let forward = json!([{
        "name": "app", "url": application.url("/session"), "tenants": ["dev"], "believed": "200ms",
    }]);
    let hub = TestServer::serve(&[("auth.forward", &forward.to_string())]).await.unwrap();
    let headers = [("cookie", "session=1"), ("sec-fetch-site", "same-origin")];
    let mut stream = Stream::open(hub.address(), "/api/sse/events", &headers).await.unwrap();
    stream.until(|frame| frame.is_control("live")).await.unwrap();
    let asked_again = async {
        while application.asked().len() < 3 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(radial_testkit::PATIENCE, asked_again).await.unwrap();
    // It is still open, and has the rights that the application gives it now.
    application.answers("/session", 200, r#"{"user":{"id":"u1","role":"editor"}}"#);
    let before = application.asked().len();
    let told = async {
        while application.asked().len() < before + 2 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(radial_testkit::PATIENCE, told).await.unwrap();
    let publisher = token(&json!({"sub": "u9", "radial": {"publish": ["*"]}}));
    let event = json!({
        "eventType": "test:event", "eventData": {}, "audience": {"roles": ["editor"]},
    });
    assert_eq!(hub.publish_as(&publisher, &event).await.unwrap().status, 201);
    stream.events(1).await.unwrap();
    application.answers("/session", 200, "null");
    let frames = stream.until(|frame| frame.is_control("goodbye")).await.unwrap();
    assert_eq!(frames.last().unwrap().json().unwrap()["reason"], "revoked");
}
