//! A hub with a stranger's stream on it, which nobody else's mistakes may disturb.

use std::collections::HashSet;

use radial_testkit::wire::Answer;
use radial_testkit::{Stream, TestServer};
use serde_json::{Value, json};

/// The hub, and the watching stream of every channel.
pub(crate) struct Watched {
    pub(crate) hub: TestServer,
    stream: Stream,
    offset: u64,
    /// Events whose time to live may be over before the log is read.
    short_lived: HashSet<u64>,
}

impl Watched {
    pub(crate) async fn start(settings: &[(&str, &str)]) -> Self {
        let hub = TestServer::with(settings).await.unwrap();
        let mut stream = hub.stream("?channels=*").await.unwrap();
        stream.until(|frame| frame.is_control("live")).await.unwrap();
        Self { hub, stream, offset: 0, short_lived: HashSet::new() }
    }

    /// The next event of the watching stream, which must follow on the one before it.
    pub(crate) async fn next_event(&mut self, after: &str) -> Value {
        let frame = self.stream.frame().await.unwrap_or_else(|error| panic!("{after}: {error}"));
        assert!(frame.is_event(), "{after}: {frame:?}");
        let event = frame.json().unwrap();
        assert_eq!(frame.id.as_deref(), event["cursor"].as_str(), "{after}");
        self.offset += 1;
        assert_eq!(event["offset"], self.offset, "{after}: an event is missing or doubled");
        event
    }

    /// The event that came last may be gone from the log when it is read.
    pub(crate) fn last_may_expire(&mut self) {
        self.short_lived.insert(self.offset);
    }

    /// The hub is alive, the stranger's stream goes on, and nothing came or went unseen.
    pub(crate) async fn assert_unharmed(&mut self, after: &str) {
        let health = self.hub.get("/healthz").await.unwrap();
        assert_eq!((health.status, &health.body[..]), (200, &b"ok\n"[..]), "{after}");
        let marker = json!({"eventType": "user.updated", "eventData": {"userId": after}});
        let answer = self.hub.publish(&marker).await.unwrap();
        assert_eq!(answer.status, 201, "{after}");
        let event = self.next_event(after).await;
        assert_eq!(event["eventData"]["userId"], after);
    }

    /// Every event that was ever accepted is in the log, in order.
    pub(crate) async fn assert_nothing_lost(&self) {
        let mut since = String::new();
        let mut count = 0;
        loop {
            let path = format!("/api/events?limit=1000{since}");
            let page = self.hub.get(&path).await.unwrap().json().unwrap();
            for event in page["events"].as_array().unwrap() {
                count += 1;
                while event["offset"] != count && self.short_lived.contains(&count) {
                    count += 1;
                }
                assert_eq!(event["offset"], count);
            }
            if page["complete"] == true {
                while self.short_lived.contains(&(count + 1)) {
                    count += 1;
                }
                assert_eq!(count, self.offset);
                return;
            }
            since = format!("&since={}", page["cursor"].as_str().unwrap());
        }
    }
}

/// A refusal is a problem document with every member that clients rely on.
#[track_caller]
pub(crate) fn assert_problem(after: &str, answer: &Answer, status: u16, code: &str) {
    let shown = String::from_utf8_lossy(&answer.body);
    assert_eq!(answer.status, status, "{after}: {shown}");
    assert_eq!(answer.header("content-type"), Some("application/problem+json"), "{after}");
    assert_eq!(answer.header("cache-control"), Some("no-store"), "{after}");
    let problem = answer.json().unwrap();
    assert_eq!(problem["type"], format!("urn:radial:problem:{code}"), "{after}: {shown}");
    assert_eq!((&problem["code"], &problem["status"]), (&json!(code), &json!(status)), "{after}");
    for member in ["title", "detail", "requestId"] {
        assert!(problem[member].as_str().is_some_and(|text| !text.is_empty()), "{after}: {shown}");
    }
    assert_eq!(problem["requestId"].as_str(), answer.header("x-request-id"), "{after}");
}
