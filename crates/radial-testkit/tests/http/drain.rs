//! A clean stop: everybody is told, everything answered is kept, and nobody can hold it up.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use radial_testkit::wire::request;
use radial_testkit::{Frame, PATIENCE, Stream, TestServer};
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::timeout;

const PATH: &str = "/api/sse/events";
const JSON: [(&str, &str); 1] = [("content-type", "application/json")];
const PUBLISHERS: usize = 8;
const STREAMS: usize = 12;

/// Publishes one event after the other until the hub refuses, is gone or has come back, and tells
/// of each that was answered 201.
async fn publish_until_refused(
    address: SocketAddr,
    publisher: usize,
    answered: mpsc::UnboundedSender<String>,
    is_back: Arc<AtomicBool>,
) {
    for n in 0.. {
        if is_back.load(Ordering::Relaxed) {
            return;
        }
        let id = format!("p{publisher}-{n}");
        let body = json!({"eventType": "user.updated", "eventData": {"userId": id}, "eventId": id});
        let answer = request(address, "POST", PATH, &JSON, body.to_string().as_bytes()).await;
        match answer {
            Ok(answer) if answer.status == 201 => answered.send(id).unwrap(),
            Ok(answer) => {
                assert_eq!(answer.status, 503);
                assert_eq!(answer.json().unwrap()["code"], "draining");
                assert!(answer.header("retry-after").is_some());
                return;
            }
            // The connection was never taken, or the hub is gone.
            Err(error) => {
                assert!(!error.to_string().contains("in time"), "{id}: {error:#}");
                return;
            }
        }
    }
}

/// Every event id of the log.
async fn ids(hub: &TestServer) -> BTreeSet<String> {
    let (mut ids, mut since) = (BTreeSet::new(), String::new());
    loop {
        let path = format!("/api/events?limit=1000{since}");
        let page = hub.get(&path).await.unwrap().json().unwrap();
        for event in page["events"].as_array().unwrap() {
            assert!(ids.insert(event["eventId"].as_str().unwrap().to_owned()), "{event}");
        }
        if page["complete"] == true {
            return ids;
        }
        since = format!("&since={}", page["cursor"].as_str().unwrap());
    }
}

/// Reads a stream to its end: the ids of its events, and its goodbye.
async fn read_to_end(mut stream: Stream) -> (Vec<String>, Value) {
    let mut events = Vec::new();
    loop {
        let frame = stream.frame().await.expect("goodbye comes before the end");
        if frame.is_event() {
            events.push(frame.json().unwrap()["eventId"].as_str().unwrap().to_owned());
        } else if frame.is_control("goodbye") {
            assert!(frame.id.is_none());
            assert_eq!(stream.next().await.unwrap(), None, "nothing comes after goodbye");
            return (events, frame.json().unwrap());
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stop_under_load_says_goodbye_to_all_and_keeps_what_it_answered() {
    let hub = TestServer::start().await.unwrap();
    let mut streams = JoinSet::new();
    for _ in 0..STREAMS {
        streams.spawn(read_to_end(hub.stream("?channels=*&cursor=earliest").await.unwrap()));
    }
    let (sender, mut answered) = mpsc::unbounded_channel();
    let is_back = Arc::new(AtomicBool::new(false));
    let mut publishers = JoinSet::new();
    for publisher in 0..PUBLISHERS {
        publishers.spawn(publish_until_refused(
            hub.address(),
            publisher,
            sender.clone(),
            Arc::clone(&is_back),
        ));
    }
    drop(sender);
    let mut kept = BTreeSet::new();
    while kept.len() < 200 {
        kept.insert(answered.recv().await.unwrap());
    }
    let hub = timeout(PATIENCE, hub.restart()).await.unwrap().unwrap();
    is_back.store(true, Ordering::Relaxed);
    while let Some(published) = publishers.join_next().await {
        published.unwrap();
    }
    while let Some(id) = answered.recv().await {
        kept.insert(id);
    }
    let log = ids(&hub).await;
    let lost: Vec<_> = kept.difference(&log).collect();
    assert!(lost.is_empty(), "{} of {} answered events are gone: {lost:?}", lost.len(), kept.len());
    while let Some(read) = streams.join_next().await {
        let (events, goodbye) = read.unwrap();
        assert_eq!(
            (&goodbye["reason"], &goodbye["fallback"]),
            (&json!("drain"), &json!("reconnect"))
        );
        assert!(goodbye["retryMs"].as_u64().is_some_and(|retry_ms| retry_ms > 0), "{goodbye}");
        let distinct: BTreeSet<_> = events.iter().cloned().collect();
        assert_eq!(distinct.len(), events.len(), "an event came twice");
        assert!(distinct.is_subset(&log), "a stream saw what the log does not have");
    }
}

/// Fills the hub with more than the sockets between it and one reader can hold.
async fn fill(hub: &TestServer) -> usize {
    let filler = "x".repeat(200_000);
    let event = json!({"eventType": "user.updated", "eventData": {"userId": "u", "x": filler}});
    let batch = json!(vec![event; 20]);
    for _ in 0..5 {
        assert_eq!(hub.publish(&batch).await.unwrap().status, 207);
    }
    100
}

#[tokio::test]
async fn a_client_that_does_not_read_cannot_hold_the_stop_beyond_its_limit() {
    // Ten seconds would be the default, and this test's patience is twenty.
    let hub = TestServer::with(&[("server.drain_timeout", "200ms")]).await.unwrap();
    let mut reading = hub.stream("").await.unwrap();
    let stuck = hub.stream("").await.unwrap();
    let events = fill(&hub).await;
    reading.events(events).await.unwrap();
    let limit = Duration::from_secs(5);
    let hub = timeout(limit, hub.restart()).await.expect("the stop is not held up").unwrap();
    assert_eq!(ids(&hub).await.len(), events);
    drop(stuck);
}

#[tokio::test]
async fn connections_that_ask_nothing_do_not_hold_up_the_stop() {
    let hub = TestServer::start().await.unwrap();
    let _silent = TcpStream::connect(hub.address()).await.unwrap();
    let mut kept_alive = TcpStream::connect(hub.address()).await.unwrap();
    kept_alive.write_all(b"GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n").await.unwrap();
    kept_alive.readable().await.unwrap();
    let limit = Duration::from_secs(5);
    timeout(limit, hub.stop()).await.expect("the stop is not held up").unwrap();
}

#[tokio::test]
async fn half_a_request_does_not_hold_the_stop_beyond_its_limit() {
    let hub = TestServer::with(&[("server.drain_timeout", "200ms")]).await.unwrap();
    let mut halves = Vec::new();
    for half in [
        "GET /heal".to_owned(),
        format!("POST {PATH} HTTP/1.1\r\nhost: localhost\r\ncontent-length: 1000\r\n\r\n{{"),
    ] {
        let mut socket = TcpStream::connect(hub.address()).await.unwrap();
        socket.write_all(half.as_bytes()).await.unwrap();
        halves.push(socket);
    }
    // Answered after they were taken.
    assert_eq!(hub.get("/healthz").await.unwrap().status, 200);
    let limit = Duration::from_secs(5);
    timeout(limit, hub.restart()).await.expect("the stop is not held up").unwrap();
}

#[tokio::test]
async fn a_client_that_comes_back_after_the_stop_goes_on_where_it_was() {
    let hub = TestServer::start().await.unwrap();
    let event = json!({"eventType": "user.updated", "eventData": {"userId": "ada"}});
    let mut stream = hub.stream("").await.unwrap();
    hub.publish(&event).await.unwrap();
    let frames = stream.until(Frame::is_event).await.unwrap();
    let id = frames.last().unwrap().id.clone().unwrap();
    let hub = hub.restart().await.unwrap();
    let second = hub.publish(&event).await.unwrap().json().unwrap();
    let headers = [("last-event-id", id.as_str())];
    let mut stream = Stream::open(hub.address(), PATH, &headers).await.unwrap();
    let hello = stream.until(|frame| frame.is_control("hello")).await.unwrap();
    assert_eq!(hello.last().unwrap().json().unwrap()["resumed"]["complete"], true);
    let missed = stream.events(1).await.unwrap();
    assert_eq!(missed[0]["eventId"], second["eventId"]);
}
