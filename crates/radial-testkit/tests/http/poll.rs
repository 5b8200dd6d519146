//! Long poll: what one answer holds, how long it waits, and what a poller that comes back gets.

use std::time::Duration;

use radial_testkit::TestServer;
use radial_testkit::wire::{Answer, request};
use serde_json::{Value, json};
use tokio::time::Instant;

async fn poll(hub: &TestServer, query: &str) -> Answer {
    request(hub.address(), "GET", &format!("/api/poll{query}"), &[], b"").await.unwrap()
}

async fn publish(hub: &TestServer, number: usize) {
    let event = json!({"eventType": "user.updated", "eventData": {"userId": number.to_string()}});
    assert_eq!(hub.publish(&event).await.unwrap().status, 201);
}

fn users(answer: &Value) -> Vec<String> {
    let events = answer["events"].as_array().unwrap();
    events.iter().map(|event| event["eventData"]["userId"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn who_has_no_place_gets_one_at_once() {
    let hub = TestServer::start().await.unwrap();
    publish(&hub, 1).await;
    let began = Instant::now();
    let answer = poll(&hub, "?wait=55s").await;
    assert!(began.elapsed() < Duration::from_secs(20), "it waited");
    let body = answer.json().unwrap();
    assert_eq!(users(&body), Vec::<String>::new());
    publish(&hub, 2).await;
    let cursor = body["cursor"].as_str().unwrap();
    let next = poll(&hub, &format!("?cursor={cursor}")).await.json().unwrap();
    assert_eq!(users(&next), ["2"]);
}

#[tokio::test]
async fn an_event_ends_the_wait_and_the_end_of_the_wait_ends_it_too() {
    let hub = TestServer::start().await.unwrap();
    let cursor = poll(&hub, "").await.json().unwrap()["cursor"].as_str().unwrap().to_owned();
    let nothing = poll(&hub, &format!("?cursor={cursor}&wait=50ms")).await;
    assert_eq!(nothing.header("radial-cursor"), Some(cursor.as_str()));
    assert_eq!(users(&nothing.json().unwrap()), Vec::<String>::new());
    let path = format!("?cursor={cursor}&wait=55s");
    let (answer, ()) = tokio::join!(poll(&hub, &path), publish(&hub, 7));
    assert_eq!(users(&answer.json().unwrap()), ["7"]);
}

#[tokio::test]
async fn an_answer_that_did_not_change_is_304_and_one_whose_cursor_moved_is_not() {
    let hub = TestServer::start().await.unwrap();
    let cursor = poll(&hub, "").await.json().unwrap()["cursor"].as_str().unwrap().to_owned();
    let path = |cursor: &str| format!("/api/poll?cursor={cursor}&wait=0s");
    let first = request(hub.address(), "GET", &path(&cursor), &[], b"").await.unwrap();
    let tag = first.header("etag").unwrap().to_owned();
    let headers = [("if-none-match", tag.as_str())];
    let again = request(hub.address(), "GET", &path(&cursor), &headers, b"").await.unwrap();
    assert_eq!((again.status, again.body.len()), (304, 0));
    assert_eq!(again.header("radial-cursor"), Some(cursor.as_str()));
    // Hidden from this poller, but its place moves.
    let hidden = json!({"eventType": "user.updated", "eventData": {"userId": "x"}, "channel": "b"});
    assert_eq!(hub.publish(&hidden).await.unwrap().status, 201);
    let moved = request(hub.address(), "GET", &path(&cursor), &headers, b"").await.unwrap();
    assert_eq!(moved.status, 200);
    assert_eq!(users(&moved.json().unwrap()), Vec::<String>::new());
    assert_ne!(moved.header("radial-cursor"), Some(cursor.as_str()));
}

#[tokio::test]
async fn a_poller_that_always_comes_back_gets_every_event_once_in_order() {
    let hub = TestServer::start().await.unwrap();
    let mut cursor = poll(&hub, "").await.json().unwrap()["cursor"].as_str().unwrap().to_owned();
    let publishing = async {
        for number in 0..100 {
            publish(&hub, number).await;
        }
    };
    let polling = async {
        let mut seen = Vec::new();
        while seen.len() < 100 {
            let query = format!("?cursor={cursor}&limit={}&wait=10s", 1 + seen.len() % 7);
            let answer = poll(&hub, &query).await.json().unwrap();
            seen.extend(users(&answer));
            cursor = answer["cursor"].as_str().unwrap().to_owned();
        }
        seen
    };
    let ((), seen) = tokio::join!(publishing, polling);
    assert_eq!(seen, (0..100).map(|number| number.to_string()).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_hub_that_stops_answers_who_waits() {
    let hub = TestServer::start().await.unwrap();
    let cursor = poll(&hub, "").await.json().unwrap()["cursor"].as_str().unwrap().to_owned();
    let path = format!("/api/poll?cursor={cursor}&wait=55s");
    let began = Instant::now();
    let waiting = tokio::spawn({
        let address = hub.address();
        async move { request(address, "GET", &path, &[], b"").await }
    });
    let waits = || async {
        let metrics = hub.get("/metrics").await.unwrap().body;
        String::from_utf8(metrics).unwrap().contains("\nradial_polls 1\n")
    };
    while !waits().await {
        assert!(began.elapsed() < Duration::from_secs(30), "the poll is not counted");
    }
    hub.stop().await.unwrap();
    let answer = waiting.await.unwrap().unwrap();
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("radial-cursor"), Some(cursor.as_str()));
    assert!(began.elapsed() < Duration::from_secs(30));
}

#[tokio::test]
async fn bounds_are_told() {
    let hub = TestServer::start().await.unwrap();
    for (query, hint) in [
        ("?wait=56s", "at most 55s"),
        ("?wait=soon", "wait"),
        ("?limit=0", "1 to 1000"),
        ("?limit=1001", "1 to 1000"),
        ("?cursor=nonsense!", "cursor"),
        ("?named=true", "no parameter"),
    ] {
        let answer = poll(&hub, query).await;
        let detail = answer.json().unwrap()["detail"].as_str().unwrap().to_owned();
        assert!(answer.status == 400 && detail.contains(hint), "{query}: {detail}");
    }
}

/// It was there when the poller had its place, and nothing else of it is left to see.
#[tokio::test]
async fn an_event_whose_time_to_live_ends_between_two_polls_is_not_delivered() {
    let hub = TestServer::start().await.unwrap();
    let cursor = poll(&hub, "").await.json().unwrap()["cursor"].as_str().unwrap().to_owned();
    for (user, ttl_ms) in [("short", 60_000), ("long", 120_000)] {
        let event = json!({"eventType": "user.updated", "eventData": {"userId": user},
            "ttlMs": ttl_ms});
        assert_eq!(hub.publish(&event).await.unwrap().status, 201);
    }
    let path = format!("?cursor={cursor}&wait=0s");
    // The real time goes on too, so that there is a minute between what is tried.
    assert_eq!(users(&poll(&hub, &path).await.json().unwrap()), ["short", "long"]);
    hub.clock().pass_ms(60_000);
    let later = poll(&hub, &path).await;
    assert_eq!(users(&later.json().unwrap()), ["long"]);
    hub.clock().pass_ms(60_000);
    let last = poll(&hub, &path).await;
    let body = last.json().unwrap();
    assert_eq!((users(&body), body.get("gap")), (Vec::new(), None), "it is policy, not a gap");
    // Its place moves past what has expired.
    assert_ne!(last.header("radial-cursor"), Some(cursor.as_str()));
}
