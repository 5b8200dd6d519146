//! Acknowledged means acknowledged: hubs that are killed in the middle of their work.

use std::collections::{BTreeMap, HashMap};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use radial_testkit::HubProcess;
use radial_testkit::wire::request;
use serde_json::{Value, json};
use tokio::sync::Notify;

use crate::history::history;
use crate::program::{Lines, binary, publisher};

/// Seeds that once found something, and then one that nobody has seen.
fn seeds() -> Vec<u64> {
    vec![1, 2, fastrand::u64(..)]
}

/// Kills in one run of a seed; `RADIAL_CRASH_ROUNDS` makes it a long run.
#[expect(clippy::disallowed_methods, reason = "the long mode is chosen from outside")]
fn rounds() -> usize {
    std::env::var("RADIAL_CRASH_ROUNDS").ok().and_then(|text| text.parse().ok()).unwrap_or(8)
}

#[tokio::test]
async fn a_history_published_again_after_a_kill_is_there_once_and_a_tail_prints_each_once() {
    let (text, ids) = history();
    let data = tempfile::tempdir().unwrap();
    let mut hub = HubProcess::start(binary(), data.path()).await.unwrap();
    let url = hub.url();
    let mut tail = Lines::of(&["tail", "--cursor", "earliest", "--json", "--url", &url]);
    let mut first = publisher(&url, text.clone(), &["--batch", "100"]);
    tail.at_least(ids.len() / 2).await;
    hub.kill().await.unwrap();
    first.kill().await.unwrap();
    hub.start_again().await.unwrap();
    let second = publisher(&url, text, &[]).wait_with_output().await.unwrap();
    let report = String::from_utf8_lossy(&second.stderr).into_owned();
    assert!(second.status.success(), "{report}");
    assert!(report.contains("refused 0"), "{report}");

    let printed = tail.at_least(ids.len()).await;
    assert_eq!(printed.iter().map(|line| id_of(line)).collect::<Vec<_>>(), ids);
    let logged = read_log(hub.address()).await;
    let logged: Vec<&str> = logged.iter().map(|event| event["eventId"].as_str().unwrap()).collect();
    assert_eq!(logged, ids);
    // Nothing came after the last one that was waited for.
    assert_eq!(tail.kill().await.len(), ids.len());
}

fn id_of(line: &str) -> String {
    serde_json::from_str::<Value>(line).unwrap()["eventId"].as_str().unwrap().to_owned()
}

/// All events of the log, page by page.
async fn read_log(address: SocketAddr) -> Vec<Value> {
    let mut events = Vec::new();
    let mut since = String::new();
    loop {
        let path = format!("/api/events?limit=1000{since}");
        let page = request(address, "GET", &path, &[], b"").await.unwrap().json().unwrap();
        assert!(page.get("gap").is_none(), "{page}");
        events.extend(page["events"].as_array().unwrap().iter().cloned());
        if page["complete"] == true {
            return events;
        }
        since = format!("&since={}", page["cursor"].as_str().unwrap());
    }
}

#[tokio::test]
async fn no_kill_takes_back_doubles_or_reorders_what_was_acknowledged() {
    for seed in seeds() {
        println!("seed {seed}");
        let mut rng = fastrand::Rng::with_seed(seed);
        let data = tempfile::tempdir().unwrap();
        let mut hub = HubProcess::start(binary(), data.path()).await.unwrap();
        let oracle = Oracle::default();
        for round in 0..rounds() {
            let kill_after = rng.usize(1..150);
            publish_until_killed(&mut hub, &oracle, rng.fork(), kill_after).await;
            hub.start_again().await.unwrap();
            oracle.check(hub.address()).await;
            println!("round {round}: {} acknowledged", oracle.acknowledged());
        }
    }
}

/// What was acknowledged: event id to offset.
#[derive(Clone, Default)]
struct Oracle {
    offsets: Arc<Mutex<BTreeMap<String, u64>>>,
    next: Arc<AtomicUsize>,
}

/// Eight publishers, until so many answers have come and the hub has been killed.
async fn publish_until_killed(
    hub: &mut HubProcess,
    oracle: &Oracle,
    mut rng: fastrand::Rng,
    kill_after: usize,
) {
    let answers = Arc::new(AtomicUsize::new(0));
    let enough = Arc::new(Notify::new());
    let mut publishers = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let (oracle, mut rng, address) = (oracle.clone(), rng.fork(), hub.address());
        let (answers, enough) = (Arc::clone(&answers), Arc::clone(&enough));
        publishers.spawn(async move {
            while oracle.publish(address, &mut rng).await {
                if answers.fetch_add(1, Ordering::SeqCst) + 1 == kill_after {
                    enough.notify_one();
                }
            }
        });
    }
    enough.notified().await;
    hub.kill().await.unwrap();
    while let Some(done) = publishers.join_next().await {
        done.unwrap();
    }
}

impl Oracle {
    fn acknowledged(&self) -> usize {
        self.offsets.lock().unwrap().len()
    }

    /// Publishes one batch of changes to a few cards; whether an answer came.
    async fn publish(&self, address: SocketAddr, rng: &mut fastrand::Rng) -> bool {
        let batch: Vec<Value> = (0..rng.usize(1..4)).map(|_| self.event(rng)).collect();
        let body = Value::from(batch.clone()).to_string();
        let headers = [("content-type", "application/json")];
        let Ok(answer) =
            request(address, "POST", "/api/sse/events", &headers, body.as_bytes()).await
        else {
            return false;
        };
        let Ok(items) = answer.json() else { return false };
        let mut offsets = self.offsets.lock().unwrap();
        for (event, item) in batch.iter().zip(items.as_array().unwrap()) {
            // A change to a deleted card is refused, and must not be in the log.
            if let Some(offset) = item["offset"].as_u64() {
                offsets.insert(event["eventId"].as_str().unwrap().to_owned(), offset);
            }
        }
        true
    }

    fn event(&self, rng: &mut fastrand::Rng) -> Value {
        let n = self.next.fetch_add(1, Ordering::SeqCst);
        let card = format!("card-{}", rng.u8(..5));
        let (action, data) = match rng.u8(..6) {
            0 => ("deleted", json!({"cardId": card})),
            1 => ("created", json!({"cardId": card, "zone": "todo", "n": n})),
            _ => ("moved", json!({"cardId": card, "zone": "done", "n": n})),
        };
        json!({"eventType": format!("card.{action}"), "eventData": data, "eventId": format!("e-{n}")})
    }

    /// Everything acknowledged is there, once, in its place; versions and state are what the
    /// events say.
    async fn check(&self, address: SocketAddr) {
        let events = read_log(address).await;
        let mut found: HashMap<String, u64> = HashMap::new();
        let mut last = 0;
        for event in &events {
            let offset = event["offset"].as_u64().unwrap();
            assert!(offset > last, "the order is broken at {event}");
            last = offset;
            let id = event["eventId"].as_str().unwrap().to_owned();
            assert_eq!(found.insert(id, offset), None, "doubled: {event}");
        }
        for (id, offset) in self.offsets.lock().unwrap().iter() {
            assert_eq!(found.get(id), Some(offset), "lost or moved: {id}");
        }
        let expected = fold(&events);
        let page = request(address, "GET", "/api/entities/card", &[], b"").await.unwrap();
        let page = page.json().unwrap();
        let states: BTreeMap<String, (u64, Value)> = page["entities"]
            .as_array()
            .unwrap()
            .iter()
            .map(|card| {
                let id = card["id"].as_str().unwrap().to_owned();
                (id, (card["version"].as_u64().unwrap(), card["state"].clone()))
            })
            .collect();
        assert_eq!(states, expected);
    }
}

/// The cards as the events make them; each version must be the next one.
fn fold(events: &[Value]) -> BTreeMap<String, (u64, Value)> {
    let mut cards: BTreeMap<String, (u64, Option<Value>)> = BTreeMap::new();
    for event in events {
        let id = event["entity"]["id"].as_str().unwrap().to_owned();
        let (version, state) = cards.entry(id).or_default();
        *version += 1;
        assert_eq!(event["entity"]["version"], *version, "{event}");
        let data = event["eventData"].as_object().unwrap().clone();
        match event["eventType"].as_str().unwrap() {
            "card.deleted" => *state = None,
            "card.created" => *state = Some(Value::Object(data)),
            _ => {
                let state = state.get_or_insert_with(|| json!({}));
                state.as_object_mut().unwrap().extend(data);
            }
        }
    }
    cards.into_iter().filter_map(|(id, (version, state))| Some((id, (version, state?)))).collect()
}
