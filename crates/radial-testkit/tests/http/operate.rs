//! What operators do, over real sockets: it holds at once, for streams that are open too, and after
//! a restart.

use std::time::Duration;

use radial_testkit::wire::request;
use radial_testkit::{PATIENCE, Stream, TestServer};
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::watched::assert_problem;

/// The second that the contract gives, with slack for a machine that has other things to do.
const A_SECOND: Duration = Duration::from_millis(1_500);

async fn open(hub: &TestServer, query: &str) -> (Stream, String) {
    let mut stream = hub.stream(query).await.unwrap();
    let frames = stream.until(|frame| frame.is_control("live")).await.unwrap();
    let hello = frames.iter().find(|frame| frame.is_control("hello")).unwrap().json().unwrap();
    (stream, hello["connectionId"].as_str().unwrap().to_owned())
}

/// Reads to the goodbye, after which nothing comes, and says how long that took.
async fn goodbye(stream: &mut Stream) -> (Value, Duration) {
    let begin = Instant::now();
    let frames = stream.until(|frame| frame.is_control("goodbye")).await.unwrap();
    assert_eq!(stream.next().await.unwrap(), None, "nothing comes after goodbye");
    (frames.last().unwrap().json().unwrap(), begin.elapsed())
}

#[tokio::test]
async fn switching_off_ends_streams_within_a_second_and_holds_after_a_restart() {
    let hub = TestServer::start().await.unwrap();
    let (mut idle, _) = open(&hub, "").await;
    let body = json!({"reason": "a drill"});
    let answer = hub.send("POST", "/api/admin/disable", &body).await.unwrap();
    assert_eq!(answer.json().unwrap(), json!({"disabled": true, "persisted": true}));
    let (said, took) = goodbye(&mut idle).await;
    assert_eq!((&said["reason"], &said["fallback"]), (&json!("disabled"), &json!("poll")));
    assert!(took < A_SECOND, "{took:?}");
    let event = json!({"eventType": "user.updated", "eventData": {"userId": "u"}});
    assert_problem("off", &hub.publish(&event).await.unwrap(), 503, "hub-disabled");
    let hub = hub.restart().await.unwrap();
    assert_problem("restart", &hub.publish(&event).await.unwrap(), 503, "hub-disabled");
    let status = hub.get("/api/admin/status").await.unwrap().json().unwrap();
    assert_eq!((&status["disabled"], &status["ready"]), (&json!(true), &json!(false)));
    assert_eq!(status["switch"]["reason"], "a drill");
    let answer = hub.send("POST", "/api/admin/enable", &Value::Null).await.unwrap();
    assert_eq!(answer.json().unwrap(), json!({"disabled": false, "persisted": true}));
    assert_eq!(hub.publish(&event).await.unwrap().status, 201);
    open(&hub, "").await;
}

#[tokio::test]
async fn a_full_disk_does_not_keep_an_operator_from_acting_and_is_told() {
    let hub = TestServer::start().await.unwrap();
    let (mut stream, _) = open(&hub, "").await;
    hub.disk().set_full(true);
    wait_for(&hub, false, "takes no writes").await;
    let revocation = json!({"userId": "u"});
    let answer = hub.send("POST", "/api/admin/revocations", &revocation).await.unwrap();
    assert_eq!(answer.json().unwrap()["persisted"], false);
    let answer = hub.send("POST", "/api/admin/disable", &Value::Null).await.unwrap();
    assert_eq!(answer.json().unwrap(), json!({"disabled": true, "persisted": false}));
    assert_eq!(goodbye(&mut stream).await.0["reason"], "disabled");
    let answer = hub.send("POST", "/api/admin/enable", &Value::Null).await.unwrap();
    assert_eq!(answer.json().unwrap()["persisted"], false);
    let status = hub.get("/api/admin/status").await.unwrap().json().unwrap();
    assert_eq!(status["unstoredChanges"], 3);
    // Once there is room, it is stored without anybody's doing, and the hub is ready again.
    hub.disk().set_full(false);
    wait_for(&hub, true, "").await;
    let hub = hub.restart().await.unwrap();
    let list = hub.get("/api/admin/revocations").await.unwrap().json().unwrap();
    assert_eq!(list["revocations"][0]["userId"], "u");
}

/// Waits until `/readyz` says this.
async fn wait_for(hub: &TestServer, ready: bool, reason: &str) {
    let begin = Instant::now();
    loop {
        let answer = hub.get("/readyz").await.unwrap().json().unwrap();
        let said = answer["reason"].as_str().unwrap_or_default();
        if answer["ready"] == ready && said.contains(reason) {
            return;
        }
        assert!(begin.elapsed() < PATIENCE, "{answer}");
    }
}

#[tokio::test]
async fn a_connection_is_listed_and_can_be_ended() {
    let hub = TestServer::with(&[("hub.tenants", "acme,globex")]).await.unwrap();
    let (mut stream, id) = open(&hub, "?userId=ada&sessionId=s-1&clientId=page-1").await;
    let globex = [("radial-tenant", "globex")];
    let _other = Stream::open(hub.address(), "/api/sse/events", &globex).await.unwrap();
    let list = hub.get("/api/admin/connections").await.unwrap().json().unwrap();
    assert_eq!(list["total"], 2);
    let list = hub.get("/api/admin/connections?tenant=acme").await.unwrap().json().unwrap();
    assert_eq!(list["total"], 1);
    let row = &list["connections"][0];
    for (name, value) in [
        ("connectionId", id.as_str()),
        ("tenant", "acme"),
        ("userId", "ada"),
        ("sessionId", "s-1"),
        ("clientId", "page-1"),
        ("transport", "sse"),
    ] {
        assert_eq!(row[name], value, "{name}");
    }
    assert_eq!(row["lag"], 0);
    assert_eq!(row["address"], "127.0.0.1");
    let path = format!("/api/admin/connections/{id}");
    assert_eq!(hub.send("DELETE", &path, &Value::Null).await.unwrap().status, 204);
    let (said, took) = goodbye(&mut stream).await;
    assert_eq!((&said["reason"], &said["fallback"]), (&json!("drain"), &json!("reconnect")));
    assert!(took < A_SECOND, "{took:?}");
    for gone in [&path, "/api/admin/connections/0000000000000000", "/api/admin/connections/x"] {
        let answer = hub.send("DELETE", gone, &Value::Null).await.unwrap();
        assert_problem(gone, &answer, 404, "not-found");
    }
}

#[tokio::test]
async fn a_newer_connection_of_the_same_session_and_client_replaces_the_older() {
    let hub = TestServer::start().await.unwrap();
    let page = "?userId=ada&sessionId=s-1&clientId=page-1";
    let (mut first, _) = open(&hub, page).await;
    let (mut other, _) = open(&hub, "?userId=bob&sessionId=s-2&clientId=page-1").await;
    let (mut second, _) = open(&hub, page).await;
    let (said, _) = goodbye(&mut first).await;
    assert_eq!(said["reason"], "replaced");
    let event = json!({"eventType": "user.updated", "eventData": {"userId": "u"}});
    hub.publish(&event).await.unwrap();
    for stream in [&mut other, &mut second] {
        assert!(stream.frame().await.unwrap().is_event());
    }
}

#[tokio::test]
async fn only_the_same_session_renews_a_stream_and_nobody_learns_of_others() {
    let hub = TestServer::start().await.unwrap();
    let (mut stream, id) = open(&hub, "").await;
    let (_theirs, their_id) = open(&hub, "?userId=ada").await;
    let answer = hub.send("POST", "/api/auth/renew", &json!({"connectionId": id})).await.unwrap();
    let answer = answer.json().unwrap();
    assert_eq!(answer["filter"], json!({"channels": ["main"], "types": ["*"]}));
    assert_eq!(answer["tokenExpiresInMs"], Value::Null);
    let mut details = Vec::new();
    for id in [their_id.as_str(), "0000000000000000", "nonsense"] {
        let answer =
            hub.send("POST", "/api/auth/renew", &json!({"connectionId": id})).await.unwrap();
        assert_problem(id, &answer, 404, "not-found");
        details.push(answer.json().unwrap()["detail"].clone());
    }
    assert!(details.windows(2).all(|pair| pair[0] == pair[1]), "{details:?}");
    let event = json!({"eventType": "user.updated", "eventData": {"userId": "u"}});
    hub.publish(&event).await.unwrap();
    assert!(stream.frame().await.unwrap().is_event());
}

#[tokio::test]
async fn what_operators_ask_is_read_strictly() {
    let hub = TestServer::start().await.unwrap();
    let long = "x".repeat(501);
    for (method, path, body, status, code) in [
        ("POST", "/api/admin/revocations", json!({}), 400, "invalid-parameter"),
        ("POST", "/api/admin/revocations", json!({"all": false}), 400, "invalid-parameter"),
        ("POST", "/api/admin/revocations", json!({"userId": ""}), 400, "invalid-parameter"),
        (
            "POST",
            "/api/admin/revocations",
            json!({"userId": "u", "sessionId": "s"}),
            400,
            "invalid-parameter",
        ),
        ("POST", "/api/admin/revocations", json!({"user": "u"}), 400, "invalid-parameter"),
        (
            "POST",
            "/api/admin/revocations",
            json!({"all": true, "tenant": "$control"}),
            400,
            "invalid-parameter",
        ),
        ("POST", "/api/admin/revocations", json!({"all": true, "tenant": "no"}), 404, "not-found"),
        ("POST", "/api/admin/disable", json!({"reason": long}), 400, "invalid-parameter"),
        ("POST", "/api/admin/disable", json!({"reason": "a\nb"}), 400, "invalid-parameter"),
        ("POST", "/api/admin/disable?now=1", json!({}), 400, "invalid-parameter"),
        ("POST", "/api/auth/renew", json!({"connectionId": 1}), 400, "invalid-parameter"),
        ("GET", "/api/admin/connections?limit=0", Value::Null, 400, "invalid-parameter"),
        ("GET", "/api/admin/connections?tenat=dev", Value::Null, 400, "invalid-parameter"),
        ("GET", "/api/admin/revocations?tenant=$control", Value::Null, 400, "invalid-parameter"),
        ("GET", "/api/admin/status?x", Value::Null, 400, "invalid-parameter"),
        ("GET", "/api/admin/disable", Value::Null, 405, "method-not-allowed"),
    ] {
        let answer = hub.send(method, path, &body).await.unwrap();
        assert_problem(&format!("{method} {path} {body}"), &answer, status, code);
    }
    let json_type = [("content-type", "application/json")];
    let path = "/api/admin/revocations";
    let answer = request(hub.address(), "POST", path, &json_type, b"{").await.unwrap();
    assert_problem("no JSON", &answer, 400, "malformed-json");
    assert_eq!(hub.get("/readyz").await.unwrap().status, 200);
}

/// Each list has what the object would have, in the order in which the hub's code has it.
#[tokio::test]
async fn a_list_is_not_read_as_an_object() {
    let hub = TestServer::start().await.unwrap();
    for (path, body) in [
        ("/api/admin/revocations", json!([null, null, "u", null, null, null])),
        ("/api/admin/disable", json!(["a reason"])),
        ("/api/auth/renew", json!(["connection", null, null])),
    ] {
        let answer = hub.send("POST", path, &body).await.unwrap();
        assert_problem(&format!("{path} {body}"), &answer, 400, "invalid-parameter");
        let detail = answer.json().unwrap()["detail"].to_string();
        assert!(detail.contains("expected an object"), "{path}: {detail}");
    }
}

#[tokio::test]
async fn nobody_names_the_hubs_own_tenant() {
    let hub = TestServer::start().await.unwrap();
    hub.send("POST", "/api/admin/revocations", &json!({"userId": "u"})).await.unwrap();
    let own = [("radial-tenant", "$control"), ("content-type", "application/json")];
    let event = json!({"eventType": "user.updated", "eventData": {"userId": "u"}}).to_string();
    for (method, path, body) in [
        ("GET", "/api/events", ""),
        ("GET", "/api/sse/events?cursor=earliest", ""),
        ("GET", "/api/entities/card?channels=*", ""),
        ("GET", "/api/admin/status", ""),
        ("POST", "/api/sse/events", event.as_str()),
    ] {
        let answer = request(hub.address(), method, path, &own, body.as_bytes()).await.unwrap();
        assert_problem(path, &answer, 403, "forbidden");
    }
    let event = json!({"eventType": "user.updated", "eventData": {}, "tenantId": "$control"});
    assert_problem("tenantId", &hub.publish(&event).await.unwrap(), 400, "invalid-envelope");
}
