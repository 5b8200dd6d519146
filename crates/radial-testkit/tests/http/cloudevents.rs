//! `CloudEvents` over HTTP, as their HTTP protocol binding says it.

use radial_testkit::TestServer;
use radial_testkit::wire::{Answer, request};
use serde_json::{Value, json};

const PATH: &str = "/api/sse/events";
const ONE: (&str, &str) = ("content-type", "application/cloudevents+json");
const BATCH: (&str, &str) = ("content-type", "application/cloudevents-batch+json; charset=utf-8");

async fn publish(hub: &TestServer, headers: &[(&str, &str)], body: &Value) -> Answer {
    let body = if body.is_null() { String::new() } else { body.to_string() };
    request(hub.address(), "POST", PATH, headers, body.as_bytes()).await.unwrap()
}

async fn read(hub: &TestServer, query: &str, accept: &str) -> Answer {
    let path = format!("/api/events{query}");
    request(hub.address(), "GET", &path, &[("accept", accept)], b"").await.unwrap()
}

fn event(id: &str) -> Value {
    json!({"specversion": "1.0", "id": id, "source": "/shop", "type": "user.updated",
        "subject": "ada", "partitionkey": "p", "channel": "shop", "datacontenttype": "application/json",
        "data": {"userId": "ada", "n": 1.5}})
}

#[tokio::test]
async fn each_mode_is_taken_and_comes_out_of_the_log() {
    let hub = TestServer::start().await.unwrap();
    let mut stream = hub.stream("?channels=shop").await.unwrap();
    let one = publish(&hub, &[ONE], &event("e-1")).await;
    assert_eq!((one.status, one.json().unwrap()["eventId"].clone()), (201, json!("e-1")));
    let two = publish(&hub, &[BATCH], &json!([event("e-2"), {"id": "e-x"}])).await;
    let answers = two.json().unwrap();
    assert_eq!((two.status, &answers[0]["eventId"]), (207, &json!("e-2")));
    assert_eq!(answers[1]["errors"][0]["pointer"], "/specversion");
    let headers = [
        ("ce-specversion", "1.0"),
        ("CE-Id", "e-3"),
        ("ce-source", "/shop"),
        ("ce-type", "user.updated"),
        ("ce-subject", "ad%61"),
        ("ce-partitionkey", "\"p\""),
        ("ce-channel", "shop"),
        ("content-type", "application/json"),
    ];
    let three = publish(&hub, &headers, &json!({"userId": "ada", "n": 1.5})).await;
    assert_eq!(three.status, 201, "{three:?}");
    for delivered in stream.events(3).await.unwrap() {
        assert_eq!(delivered["eventData"], json!({"userId": "ada", "n": 1.5}));
        let kept = json!({"source": "/shop", "subject": "ada", "partitionkey": "p"});
        assert_eq!(delivered["cloudEvent"], kept);
    }
    let hub = hub.restart().await.unwrap();
    let page = read(&hub, "?channel=shop", BATCH.1).await;
    assert_eq!(page.header("content-type"), Some("application/cloudevents-batch+json"));
    assert_eq!(page.header("radial-complete"), Some("true"));
    let found = page.json().unwrap();
    for (found, id) in found.as_array().unwrap().iter().zip(["e-1", "e-2", "e-3"]) {
        for (name, value) in event(id).as_object().unwrap() {
            assert_eq!(&found[name], value, "{name} of {found}");
        }
    }
    assert_eq!(found.as_array().unwrap().len(), 3);
    // What came out can go in again, and is known.
    let again = publish(&hub, &[BATCH], &found).await.json().unwrap();
    assert!(again.as_array().unwrap().iter().all(|each| each["duplicate"] == true), "{again}");
}

#[tokio::test]
async fn what_is_no_cloud_event_is_refused_with_its_code() {
    let hub = TestServer::start().await.unwrap();
    publish(&hub, &[ONE], &event("e-1")).await;
    let mut elsewhere = event("e-1");
    elsewhere["source"] = "/another/shop".into();
    let xml = ("content-type", "application/cloudevents+xml");
    let text = ("content-type", "text/plain");
    let incomplete = [("ce-id", "e-2"), ("ce-type", "user.updated"), text];
    let hello = json!("hello");
    for (headers, body, status, code) in [
        (&[ONE][..], json!([event("e-2")]), 400, "invalid-envelope"),
        (&[BATCH], event("e-2"), 400, "invalid-envelope"),
        (&[BATCH], json!([]), 400, "invalid-envelope"),
        (&[ONE], json!({"eventType": "user.updated", "eventData": {}}), 400, "invalid-envelope"),
        (&[ONE], elsewhere, 422, "idempotency-mismatch"),
        (&[xml], event("e-2"), 415, "unsupported-media-type"),
        (&incomplete, hello.clone(), 415, "unsupported-media-type"),
        (&incomplete[..2], hello, 400, "invalid-envelope"),
        (&[ONE], Value::Null, 400, "malformed-json"),
    ] {
        let answer = publish(&hub, headers, &body).await;
        let problem = answer.json().unwrap();
        assert_eq!((answer.status, problem["code"].as_str()), (status, Some(code)), "{problem}");
    }
    let first = read(&hub, "", BATCH.1).await;
    assert_eq!(first.json().unwrap().as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_page_says_in_headers_what_an_array_cannot() {
    let hub = TestServer::start().await.unwrap();
    for id in ["e-1", "e-2"] {
        hub.publish(
            &json!({"eventType": "user.updated", "eventData": {"userId": "a"}, "eventId": id}),
        )
        .await
        .unwrap();
    }
    let page = read(&hub, "?limit=1", BATCH.1).await;
    assert_eq!(page.header("radial-complete"), Some("false"));
    let cursor = page.header("radial-cursor").unwrap();
    assert_eq!(page.json().unwrap()[0]["cursor"], cursor);
    assert!(page.header("vary").unwrap().contains("accept"), "{page:?}");
    let ahead = format!("?since={cursor}9");
    let gap = read(&hub, &ahead, BATCH.1).await;
    assert!(gap.header("radial-gap").unwrap().contains("\"ahead\""), "{gap:?}");
    let own = read(&hub, "", "application/json, application/cloudevents-batch+json;q=0.1").await;
    assert!(own.json().unwrap()["events"].is_array());
}
