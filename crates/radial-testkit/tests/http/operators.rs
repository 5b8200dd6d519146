//! API keys over real sockets, and what an operator of one tenant cannot do to another.

use std::time::Duration;

use radial_testkit::TestServer;
use radial_testkit::credentials::token;
use serde_json::{Value, json};

use crate::watched::assert_problem;

const TENANTS: (&str, &str) = ("hub.tenants", "dev,acme");

fn operator(of: &str, tenant: &str) -> String {
    token(&json!({"tenant": tenant, "sub": "op", "radial": {"operator": of}}))
}

fn event() -> Value {
    json!({"eventType": "user.updated", "eventData": {"userId": "u"}})
}

async fn create(hub: &TestServer, bearer: &str, key: &Value) -> (String, Value) {
    let answer = hub.send_as(bearer, "POST", "/api/admin/keys", key).await.unwrap();
    let made = answer.json().unwrap();
    assert_eq!(answer.status, 201, "{made}");
    assert_eq!(made["persisted"], true);
    (made["key"].as_str().unwrap().to_owned(), made["record"].clone())
}

#[tokio::test]
async fn a_key_is_shown_once_counts_is_rotated_and_taken_back() {
    let hub = TestServer::serve(&[TENANTS]).await.unwrap();
    let root = operator("hub", "dev");
    let wanted = json!({"name": "ci", "publish": ["user.*"], "subscribe": ["*"]});
    let (first, record) = create(&hub, &root, &wanted).await;
    let id = record["id"].as_str().unwrap();
    assert_eq!(hub.publish_as(&first, &event()).await.unwrap().status, 201);
    let other = json!({"eventType": "test:event", "eventData": {}});
    assert_eq!(hub.publish_as(&first, &other).await.unwrap().status, 403);
    let list = hub.get_as(&root, "/api/admin/keys").await.unwrap();
    let text = String::from_utf8(list.body.clone()).unwrap();
    assert_eq!(list.json().unwrap()["keys"][0]["id"], id);
    assert!(!text.contains("sha256") && !text.contains(&first), "{text}");

    let path = format!("/api/admin/keys/{id}/rotate");
    let grace = json!({"grace": "2s"});
    let answer = hub.send_as(&root, "POST", &path, &grace).await.unwrap().json().unwrap();
    let second = answer["key"].as_str().unwrap().to_owned();
    let mut stream = hub.stream_as(&first, "").await.unwrap();
    for key in [&first, &second] {
        assert_eq!(hub.publish_as(key, &event()).await.unwrap().status, 201);
    }
    // What the old secret has opened ends with its time of grace.
    let frames = stream.until(|frame| frame.is_control("goodbye")).await.unwrap();
    assert_eq!(frames.last().unwrap().json().unwrap()["reason"], "expired");
    assert_eq!(hub.publish_as(&first, &event()).await.unwrap().status, 401);

    let hub = hub.restart().await.unwrap();
    assert_eq!(hub.publish_as(&second, &event()).await.unwrap().status, 201);
    let mut stream = hub.stream_as(&second, "").await.unwrap();
    let path = format!("/api/admin/keys/{id}");
    let answer = hub.send_as(&root, "DELETE", &path, &Value::Null).await.unwrap();
    assert_eq!(answer.json().unwrap(), json!({"id": id, "persisted": true}));
    let frames = stream.until(|frame| frame.is_control("goodbye")).await.unwrap();
    assert_eq!(frames.last().unwrap().json().unwrap()["reason"], "revoked");
    assert_eq!(hub.publish_as(&second, &event()).await.unwrap().status, 401);
    let answer = hub.send_as(&root, "DELETE", &path, &Value::Null).await.unwrap();
    assert_problem("gone", &answer, 404, "not-found");
}

#[tokio::test]
async fn rotation_shortens_streams_that_were_open_before_it() {
    let hub = TestServer::serve(&[TENANTS]).await.unwrap();
    let root = operator("hub", "dev");
    let (key, record) = create(&hub, &root, &json!({"name": "a", "subscribe": ["*"]})).await;
    let mut stream = hub.stream_as(&key, "").await.unwrap();
    stream.until(|frame| frame.is_control("live")).await.unwrap();
    let path = format!("/api/admin/keys/{}/rotate", record["id"].as_str().unwrap());
    let begin = tokio::time::Instant::now();
    hub.send_as(&root, "POST", &path, &json!({"grace": "1s"})).await.unwrap();
    let frames = stream.until(|frame| frame.is_control("goodbye")).await.unwrap();
    assert_eq!(frames.last().unwrap().json().unwrap()["reason"], "expired");
    let took = begin.elapsed();
    assert!((1_000..2_500).contains(&took.as_millis()), "{took:?}");
    assert!(took < Duration::from_secs(3));
}

#[tokio::test]
async fn the_operator_of_a_tenant_cannot_touch_another_nor_learn_of_it() {
    let hub = TestServer::serve(&[TENANTS]).await.unwrap();
    let (root, own) = (operator("hub", "dev"), operator("tenant", "acme"));
    let (_, theirs) = create(&hub, &root, &json!({"name": "theirs", "publish": ["*"]})).await;
    let (_, all) = create(&hub, &root, &json!({"name": "all", "tenants": "*"})).await;
    let reader = token(&json!({"sub": "u1"}));
    let mut stream = hub.stream_as(&reader, "").await.unwrap();
    let frames = stream.until(|frame| frame.is_control("live")).await.unwrap();
    let hello = frames.iter().find(|frame| frame.is_control("hello")).unwrap().json().unwrap();
    let connection = hello["connectionId"].as_str().unwrap();
    let revocation = json!({"userId": "somebody"});
    hub.send_as(&root, "POST", "/api/admin/revocations", &revocation).await.unwrap();

    // What there is, is not there for them.
    for path in ["/api/admin/keys", "/api/admin/revocations", "/api/admin/connections"] {
        let list = hub.get_as(&own, path).await.unwrap().json().unwrap();
        assert_eq!(list["total"], 0, "{path}: {list}");
    }
    let status = hub.get_as(&own, "/api/admin/status").await.unwrap().json().unwrap();
    assert_eq!(status["tenants"].as_array().unwrap().len(), 1);
    assert_eq!(status["tenants"][0]["tenant"], "acme");
    assert!(status.get("switch").is_none() && status.get("unstoredChanges").is_none());

    // What they name of others is refused like what is not there.
    let key = |record: &Value| format!("/api/admin/keys/{}", record["id"].as_str().unwrap());
    let (theirs, all) = (key(&theirs), key(&all));
    for (method, path, body, status) in [
        ("DELETE", format!("/api/admin/connections/{connection}"), Value::Null, 404),
        ("DELETE", theirs.clone(), Value::Null, 404),
        ("DELETE", all.clone(), Value::Null, 404),
        ("POST", format!("{theirs}/rotate"), json!({}), 404),
        ("POST", format!("{all}/rotate"), json!({}), 404),
        ("POST", "/api/admin/disable".to_owned(), json!({}), 403),
        ("POST", "/api/admin/enable".to_owned(), Value::Null, 403),
        ("GET", "/api/admin/status?tenant=dev".to_owned(), Value::Null, 403),
        ("GET", "/api/admin/connections?tenant=dev".to_owned(), Value::Null, 403),
        ("GET", "/api/admin/revocations?tenant=dev".to_owned(), Value::Null, 403),
        ("GET", "/api/admin/revocations?tenant=nobody".to_owned(), Value::Null, 403),
        ("POST", "/api/admin/revocations".to_owned(), json!({"all": true, "tenant": "dev"}), 403),
        ("POST", "/api/admin/keys".to_owned(), json!({"name": "x", "tenants": ["dev"]}), 403),
        ("POST", "/api/admin/keys".to_owned(), json!({"name": "x", "tenants": "*"}), 403),
        ("POST", "/api/admin/keys".to_owned(), json!({"name": "x", "operator": "hub"}), 403),
        ("POST", "/api/admin/keys".to_owned(), json!({"name": "x", "scrape": true}), 403),
    ] {
        let answer = hub.send_as(&own, method, &path, &body).await.unwrap();
        let code = if status == 404 { "not-found" } else { "forbidden" };
        assert_problem(&format!("{method} {path} {body}"), &answer, status, code);
    }
    // Revoking all of their own tenant does not touch the other.
    let named = json!({"all": true});
    let answer = hub.send_as(&own, "POST", "/api/admin/revocations", &named).await.unwrap();
    assert_eq!(answer.json().unwrap()["tenant"], "acme");
    let publisher = token(&json!({"radial": {"publish": ["*"]}}));
    assert_eq!(hub.publish_as(&publisher, &event()).await.unwrap().status, 201);
    assert_eq!(stream.events(1).await.unwrap().len(), 1);
    // Nobody without the right gets anywhere.
    for path in ["status", "keys", "revocations", "connections"] {
        let answer = hub.get_as(&reader, &format!("/api/admin/{path}")).await.unwrap();
        assert_problem(path, &answer, 403, "forbidden");
    }
}

#[tokio::test]
async fn the_operator_of_a_tenant_cannot_take_over_a_key_of_that_tenant_that_is_for_the_hub() {
    let hub = TestServer::serve(&[TENANTS]).await.unwrap();
    let (root, own) = (operator("hub", "dev"), operator("tenant", "acme"));
    for rights in [json!({"operator": "hub"}), json!({"scrape": true})] {
        let mut wanted = json!({"name": "root", "tenants": ["acme"]});
        wanted.as_object_mut().unwrap().extend(rights.as_object().unwrap().clone());
        let (key, record) = create(&hub, &root, &wanted).await;
        let path = format!("/api/admin/keys/{}", record["id"].as_str().unwrap());
        let rotate = format!("{path}/rotate");
        for (method, path) in [("POST", &rotate), ("DELETE", &path)] {
            let answer = hub.send_as(&own, method, path, &Value::Null).await.unwrap();
            assert_problem(&format!("{method} {wanted}"), &answer, 404, "not-found");
        }
        let list = hub.get_as(&own, "/api/admin/keys").await.unwrap().json().unwrap();
        assert_eq!(list["total"], 0, "{list}");
        assert_eq!(hub.get_as(&key, "/metrics").await.unwrap().status, 200, "it counts as before");
    }
}
