//! Who asks is what the application says, and nobody else.

use axum::Router;
use axum::http::header::{AUTHORIZATION, COOKIE};
use axum::http::request::Parts;
use axum::routing::get;
use radial::protocol::grants::Operator;
use radial::protocol::names::UserId;
use radial::{Denied, Grants, Pattern, Radial, Rights};
use radial_testkit::Stream;
use radial_testkit::websocket::WebSocket;
use serde_json::json;

use crate::served::{Served, acme};

/// Knows users by the cookie or token `user-…`, and is away for whoever asks for `away`.
async fn who(request: Parts) -> Result<Grants, Denied> {
    let text = |name| request.headers.get(name).and_then(|value| value.to_str().ok());
    let token = text(AUTHORIZATION).and_then(|value| value.strip_prefix("Bearer "));
    let shown = token.or_else(|| text(COOKIE)).ok_or(Denied::Unknown)?;
    if shown == "away" {
        return Err(Denied::Unavailable);
    }
    let user = shown.strip_prefix("user-").ok_or(Denied::Unknown)?;
    let rights = Rights {
        publish: vec![Pattern::All],
        subscribe: vec![Pattern::All],
        channels: vec![Pattern::All],
        operator: (user == "root").then_some(Operator::Tenant),
        ..Rights::default()
    };
    let user = UserId::new(user).ok();
    Ok(Grants { user, rights: rights.into(), ..Grants::nothing(acme()) })
}

async fn hub(folder: &tempfile::TempDir) -> Radial {
    let builder = Radial::builder().data(folder.path()).option("hub.tenants", "acme,globex");
    builder.authenticate(who).build().await.unwrap()
}

#[tokio::test]
async fn each_answer_of_the_function_has_its_status() {
    let folder = tempfile::tempdir().unwrap();
    let hub = hub(&folder).await;
    // Merged beside routes of the application, which answers for all other paths.
    let application = Router::new().route("/", get(|| async { "mine" })).merge(hub.router());
    let served = Served::start(application).await;
    let path = "/api/events";
    for (authorization, status) in [
        ("Bearer user-ada", 403), // known, but without the right to read the log
        ("Bearer away", 503),
        ("Bearer nobody", 401),
        ("Bearer rk_aaaaaaaaaaaaaaaa_b", 401), // a key of the hub's own, which it does not have
    ] {
        let answer = served.get(path, &[("authorization", authorization)]).await;
        assert_eq!(answer.status, status, "{authorization}");
    }
    let answer = served.get(path, &[]).await;
    assert_eq!(
        (answer.status, answer.json().unwrap()["code"].clone()),
        (401, json!("unauthorized"))
    );
    assert_eq!(served.get("/", &[]).await.body, b"mine");
    let missing = served.get("/api/nothing", &[("authorization", "Bearer user-ada")]).await;
    assert_eq!((missing.status, missing.body), (404, Vec::new()), "the application's own answer");
    assert_eq!(served.get("/api/sse/subscriptions", &[]).await.status, 405);
    // Operating the hub takes a right that the function has not given.
    let admin = served.get("/api/admin/status", &[("authorization", "Bearer user-ada")]).await;
    assert_eq!(admin.status, 403);
    // The header of a tenant moves nobody out of his own.
    let other = [("authorization", "Bearer user-ada"), ("radial-tenant", "globex")];
    assert_eq!(served.get("/api/poll", &other).await.status, 403);
    hub.stop().await;
}

#[tokio::test]
async fn cookies_that_another_site_made_the_browser_send_are_not_shown_to_the_application() {
    let folder = tempfile::tempdir().unwrap();
    let hub = hub(&folder).await;
    let served = Served::start(Router::new().nest("/hub", hub.router())).await;
    let own = format!("http://{}", served.address);
    let event = json!({"eventType": "activity:new", "eventData": {"id": "a", "description": "b"}});
    for (origin, status) in [
        (Some(own.as_str()), 201),
        (Some("http://evil.example"), 401),
        (Some("null"), 401),
        (None, 401),
    ] {
        let mut headers = vec![("cookie", "user-ada"), ("content-type", "application/json")];
        headers.extend(origin.map(|origin| ("origin", origin)));
        let answer = served.post("/hub/api/sse/events", &headers, &event.to_string()).await;
        assert_eq!(answer.status, status, "{origin:?}");
    }
    hub.stop().await;
}

#[tokio::test]
async fn a_websocket_that_opens_bare_sends_a_token_that_the_application_knows() {
    let folder = tempfile::tempdir().unwrap();
    let hub = hub(&folder).await;
    let served = Served::start(Router::new().nest("/hub", hub.router())).await;
    for (token, answer) in [("user-ada", "ok"), ("nobody", "error")] {
        let socket = WebSocket::open(served.address, "/hub/api/ws", &[]).await.unwrap();
        let mut socket = socket.unwrap();
        socket.send(&json!({"op": "token", "id": 1, "token": token})).await.unwrap();
        assert_eq!(socket.json().await.unwrap()["op"], answer, "{token}");
    }
    let refused = WebSocket::open(served.address, "/hub/api/ws", &[("authorization", "Bearer x")]);
    assert_eq!(refused.await.unwrap().err().unwrap().status, 401);
    hub.stop().await;
}

#[tokio::test]
async fn limits_and_revocations_count_for_whom_the_application_lets_in() {
    let folder = tempfile::tempdir().unwrap();
    let builder = Radial::builder().data(folder.path()).option("hub.tenants", "acme");
    let builder = builder.option("rates.connections_user", "1");
    let hub = builder.authenticate(who).build().await.unwrap();
    let served = Served::start(Router::new().nest("/hub", hub.router())).await;
    let (path, ada) = ("/hub/api/sse/events", [("authorization", "Bearer user-ada")]);
    let mut stream = Stream::open(served.address, path, &ada).await.unwrap();
    stream.until(|frame| frame.is_control("live")).await.unwrap();
    assert_eq!(Stream::open(served.address, path, &ada).await.unwrap().status, 429);
    let bob = [("authorization", "Bearer user-bob")];
    assert_eq!(Stream::open(served.address, path, &bob).await.unwrap().status, 200);

    let root = [("authorization", "Bearer user-root"), ("content-type", "application/json")];
    let revoke = json!({"userId": "ada"}).to_string();
    assert!(served.post("/hub/api/admin/revocations", &root, &revoke).await.status < 300);
    let rest = stream.until(|frame| frame.is_control("goodbye")).await.unwrap();
    assert_eq!(rest.last().unwrap().json().unwrap()["reason"], "revoked");
    // The application says not when it signed her in, so nothing tells this from before.
    assert_eq!(served.get("/hub/api/poll", &ada).await.status, 401);
    assert_eq!(served.get("/hub/api/poll", &bob).await.status, 200);
    hub.stop().await;
}

#[tokio::test]
async fn a_hub_that_nobody_could_use_is_not_opened_and_says_why() {
    let folder = tempfile::tempdir().unwrap();
    let error = Radial::builder().data(folder.path().join("none")).build().await.err().unwrap();
    assert!(error.to_string().contains("no credential"), "{error}");
    let unknown = Radial::builder().option("hub.tenant", "acme").authenticate(who).build().await;
    assert!(unknown.err().unwrap().to_string().contains("hub.tenants"));
}
