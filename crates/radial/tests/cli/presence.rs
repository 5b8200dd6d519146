//! Presence and a hub that is killed.

use std::collections::BTreeSet;
use std::net::SocketAddr;

use radial_testkit::wire::request;
use radial_testkit::{HubProcess, Stream};

use crate::program::binary;

async fn stream(address: SocketAddr, query: &str) -> Stream {
    let path = format!("/api/sse/events?{query}");
    let mut stream = Stream::open(address, &path, &[]).await.unwrap();
    stream.until(|frame| frame.is_control("live")).await.unwrap();
    stream
}

/// Reads until this is told, and gives all that was.
async fn told(watcher: &mut Stream, last: &str) -> BTreeSet<String> {
    let mut all = BTreeSet::new();
    while !all.contains(last) {
        let event = watcher.events(1).await.unwrap().remove(0);
        let told = event["eventType"].as_str().unwrap().trim_start_matches("presence.");
        for member in event["eventData"]["members"].as_array().unwrap() {
            all.insert(format!("{} {told}", member["userId"].as_str().unwrap()));
        }
    }
    all
}

#[tokio::test]
async fn a_killed_hub_tells_of_those_who_come_back_and_of_nobody_that_they_left() {
    let data = tempfile::tempdir().unwrap();
    let settings = [("RADIAL__PRESENCE__CHANNELS", "board:*"), ("RADIAL__PRESENCE__GRACE", "1s")];
    let mut hub = HubProcess::start_with(binary(), data.path(), &settings).await.unwrap();
    let mut watcher = stream(hub.address(), "channels=presence:board:1").await;
    let away = [
        stream(hub.address(), "channels=board:1&userId=ada").await,
        stream(hub.address(), "channels=board:1&userId=ben").await,
    ];
    told(&mut watcher, "ben joined").await;
    hub.kill().await.unwrap();
    hub.start_again().await.unwrap();
    let mut watcher = stream(hub.address(), "channels=presence:board:1").await;
    drop(away);
    let ada = stream(hub.address(), "channels=board:1&userId=ada").await;
    let eve = stream(hub.address(), "channels=board:1&userId=eve").await;
    let mut news = told(&mut watcher, "eve joined").await;
    drop(eve);
    news.extend(told(&mut watcher, "eve left").await);
    let expected = ["ada joined", "eve joined", "eve left"].map(str::to_owned);
    assert_eq!(news, BTreeSet::from(expected));
    let there = request(hub.address(), "GET", "/api/presence?channel=board:1", &[], b"").await;
    let there = there.unwrap().json().unwrap();
    assert_eq!(there["channels"][0]["members"], serde_json::json!([{"userId": "ada"}]));
    drop(ada);
}
