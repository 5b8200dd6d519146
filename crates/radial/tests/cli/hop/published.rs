//! What was published and accepted, and whether everybody got it.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use radial_testkit::PATIENCE;
use radial_testkit::wire::request;
use serde_json::{Value, json};
use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::client::Client;
use super::hub::{HubState, RestartedHub};

/// What the ids of the last events begin with.
pub(crate) const LAST: &str = "last-";

/// An accepted event.
#[derive(Clone, Debug)]
pub(crate) struct Accepted {
    pub(crate) offset: u64,
    pub(crate) id: String,
    pub(crate) channel: String,
    pub(crate) event_type: String,
}

/// What was accepted so far.
#[derive(Clone, Default)]
pub(crate) struct Published {
    accepted: Arc<Mutex<Vec<Accepted>>>,
    count: Arc<watch::Sender<usize>>,
    /// Whether the last events were published.
    is_over: Arc<watch::Sender<bool>>,
}

/// A publisher that goes on until it is told to stop.
pub(crate) struct Publisher {
    stop: oneshot::Sender<()>,
    running: JoinHandle<()>,
}

impl Publisher {
    pub(crate) async fn stop(self) {
        let _ = self.stop.send(());
        self.running.await.unwrap();
    }
}

fn event(number: usize, rng: &mut fastrand::Rng) -> Value {
    let channel = ["a", "b"][rng.usize(..2)];
    let event_type = ["hop.kept", "hop.brief", "hop.brief"][rng.usize(..3)];
    json!({"eventType": event_type, "channel": channel, "eventId": format!("e-{number}"),
        "eventData": {}})
}

impl Published {
    /// Publishes batches without a pause while the hub runs.
    pub(crate) fn keep_publishing(&self, hub: &RestartedHub, mut rng: fastrand::Rng) -> Publisher {
        let (stop, mut stopped) = oneshot::channel();
        let (published, mut hub) = (self.clone(), hub.state());
        let running = tokio::spawn(async move {
            let mut next = 0_usize;
            while stopped.try_recv().is_err() {
                hub.up().await;
                let batch: Vec<Value> = (0..rng.usize(1..6))
                    .map(|_| {
                        next += 1;
                        event(next, &mut rng)
                    })
                    .collect();
                published.publish(&hub, &batch).await;
            }
        });
        Publisher { stop, running }
    }

    /// Publishes one event for every client by which it knows that it has all.
    pub(crate) async fn publish_the_last(&self, hub: &RestartedHub) {
        let kinds = [("a", "hop.kept"), ("b", "hop.brief")];
        let last = kinds.map(|(channel, event_type)| {
            json!({"eventType": event_type, "channel": channel, "eventData": {},
                "eventId": format!("{LAST}{channel}")})
        });
        let before = self.accepted().len();
        self.publish(&hub.state(), &last).await;
        assert_eq!(self.accepted().len(), before + 2);
        self.is_over.send_replace(true);
    }

    /// Publishes a batch and notes what was accepted of it. Of what is not answered nobody knows.
    async fn publish(&self, hub: &HubState, batch: &[Value]) {
        let body = Value::from(batch.to_vec()).to_string();
        let headers = [("content-type", "application/json")];
        let path = "/api/sse/events";
        let answer = request(hub.address, "POST", path, &headers, body.as_bytes()).await;
        let Ok(Ok(answers)) = answer.map(|answer| answer.json()) else { return };
        let mut accepted = self.accepted.lock().unwrap();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        for (event, answer) in batch.iter().zip(answers.as_array().into_iter().flatten()) {
            if let Some(offset) = answer["offset"].as_u64() {
                let (id, channel) = (text(&event["eventId"]), text(&event["channel"]));
                let event_type = text(&event["eventType"]);
                accepted.push(Accepted { offset, id, channel, event_type });
            }
        }
        self.count.send_replace(accepted.len());
    }

    pub(crate) fn accepted(&self) -> Vec<Accepted> {
        self.accepted.lock().unwrap().clone()
    }

    /// Waits until so many more are accepted.
    pub(crate) async fn until_more(&self, more: usize) {
        let mut count = self.count.subscribe();
        let enough = *count.borrow() + more;
        let reached = count.wait_for(|count| *count >= enough);
        timeout(3 * PATIENCE, reached).await.unwrap().unwrap();
    }

    /// Waits until so many more are accepted, or nothing more will be.
    pub(crate) async fn until_more_or_over(&self, more: usize) {
        let (mut count, mut is_over) = (self.count.subscribe(), self.is_over.subscribe());
        let enough = *count.borrow() + more;
        let reached = async {
            tokio::select! {
                _ = count.wait_for(|count| *count >= enough) => {}
                _ = is_over.wait_for(|is_over| *is_over) => {}
            }
        };
        timeout(3 * PATIENCE, reached).await.unwrap();
    }
}

/// The log as the hub has it in the end.
pub(crate) struct Log(BTreeMap<u64, (String, String, String)>);

impl Log {
    /// Reads it page by page.
    pub(crate) async fn read(address: SocketAddr) -> Self {
        let (mut log, mut since) = (BTreeMap::new(), String::new());
        loop {
            let path = format!("/api/events?limit=1000{since}");
            let page = request(address, "GET", &path, &[], b"").await.unwrap().json().unwrap();
            for event in page["events"].as_array().unwrap() {
                let text = |name: &str| event[name].as_str().unwrap().to_owned();
                let found = (text("eventId"), text("channel"), text("eventType"));
                let offset = event["offset"].as_u64().unwrap();
                assert!(log.insert(offset, found).is_none(), "{event} is there twice");
            }
            if page["complete"] == true {
                return Self(log);
            }
            since = format!("&since={}", page["cursor"].as_str().unwrap());
        }
    }

    /// The client has what the log has for it, and what was accepted is there, or it was told.
    pub(crate) fn check(&self, client: &Client, accepted: &[Accepted]) {
        let wish = client.wish;
        let due = self.0.iter().filter(|(_, (_, channel, kind))| wish.admits(channel, kind));
        let due: Vec<(u64, String)> = due.map(|(at, (id, ..))| (*at, id.clone())).collect();
        // A client that ends at the first of the last events need not have seen the others.
        let end = client.received.last().map_or(0, |(offset, _)| *offset);
        let due: Vec<_> = due.into_iter().filter(|(offset, _)| *offset <= end).collect();
        let (mut given, mut wanted) = (client.received.iter(), due.iter());
        while let (Some(given), Some(wanted)) = (given.next(), wanted.next()) {
            assert_eq!(given, wanted, "{wish:?}: {:?}", client.gaps);
        }
        assert_eq!(client.received.len(), due.len(), "{wish:?}");
        for event in accepted.iter().filter(|event| wish.admits(&event.channel, &event.event_type))
        {
            let is_kept = self.0.get(&event.offset).is_some_and(|(id, ..)| *id == event.id);
            let is_told = client
                .gaps
                .iter()
                .any(|gap| gap.is_recent_only && gap.from < event.offset && event.offset <= gap.to);
            let is_brief = event.event_type == "hop.brief";
            assert!(is_kept || (is_brief && is_told), "{wish:?}: {event:?} is lost in silence");
        }
    }
}
