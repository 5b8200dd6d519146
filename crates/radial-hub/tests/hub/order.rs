//! Per tenant there is one order, and every reader sees it whole, wherever and whenever it begins.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use radial_hub::{Frame, PublishResult, Start, SubscribeRequest, Subscription};
use radial_protocol::control::Control;
use radial_protocol::event::Persistence;
use radial_protocol::{Cursor, Offset};
use serde_json::json;

use crate::support::{TestHub, request, selection};

const CHANNELS: [&str; 4] = ["a", "b", "c", "d"];
const PUBLISHERS: usize = 4;
const READERS: usize = 6;

/// Seeds that once found something, and then one that nobody has seen.
fn seeds() -> Vec<u64> {
    vec![1, 2, 3, fastrand::u64(..)]
}

#[test]
fn readers_that_come_and_go_at_random_see_every_event_once_in_order() {
    for seed in seeds() {
        println!("seed {seed}");
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(4)
            .enable_time()
            .build()
            .unwrap();
        let subscriptions = runtime.block_on(run(seed));
        println!("{subscriptions} subscriptions");
        assert!(subscriptions > 500, "only {subscriptions} subscriptions met the publishing");
    }
}

/// What was accepted: offset to channel.
type Accepted = Arc<Mutex<BTreeMap<u64, String>>>;

async fn run(seed: u64) -> usize {
    // A small timeline: readers meet the log, the timeline and the seam between them.
    let test = Arc::new(TestHub::with_timeline(50));
    let accepted: Accepted = Arc::default();
    let publishing = Arc::new(AtomicUsize::new(PUBLISHERS));
    let mut tasks = Vec::new();
    for publisher in 0..PUBLISHERS {
        let (test, accepted) = (Arc::clone(&test), Arc::clone(&accepted));
        let publishing = Arc::clone(&publishing);
        let rng = fastrand::Rng::with_seed(seed ^ (publisher as u64) << 32);
        tasks.push(tokio::spawn(async move {
            publish(&test, &accepted, rng).await;
            publishing.fetch_sub(1, Ordering::SeqCst);
        }));
    }
    let readers: Vec<_> = (0..READERS)
        .map(|reader| {
            let (test, accepted) = (Arc::clone(&test), Arc::clone(&accepted));
            let publishing = Arc::clone(&publishing);
            let rng = fastrand::Rng::with_seed(seed.wrapping_add(reader as u64));
            tokio::spawn(async move { hop(&test, &accepted, &publishing, rng).await })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    let mut subscriptions = 0;
    for reader in readers {
        subscriptions += reader.await.unwrap();
    }
    subscriptions
}

/// Publishes durable and recent events, one by one and in batches, to random channels.
async fn publish(test: &TestHub, accepted: &Accepted, mut rng: fastrand::Rng) {
    for _ in 0..250 {
        let batch: Vec<_> = (0..rng.usize(1..6))
            .map(|_| {
                let channel = CHANNELS[rng.usize(..CHANNELS.len())];
                let durable = rng.bool();
                let event = if durable {
                    json!({"eventType": "user.updated", "eventData": {"userId": "u"}, "channel": channel})
                } else {
                    json!({"eventType": "client.report", "eventData": {}, "channel": channel})
                };
                (channel.to_owned(), request(&event))
            })
            .collect();
        let (channels, requests): (Vec<_>, Vec<_>) = batch.into_iter().unzip();
        let answers = test.hub.publish(&test.grants, requests).await.unwrap();
        note(accepted, channels.into_iter().zip(answers));
        tokio::task::yield_now().await;
    }
}

fn note(accepted: &Accepted, answers: impl Iterator<Item = (String, PublishResult)>) {
    let mut accepted = accepted.lock().unwrap();
    for (channel, answer) in answers {
        let answer = answer.unwrap();
        // `client.report` is not broadcast: it takes an offset that no subscriber sees.
        if answer.persistence == Persistence::Durable {
            accepted.insert(answer.offset.unwrap().get(), channel);
        }
    }
}

/// Reads a filter's events from the beginning through hundreds of subscriptions, each resumed
/// where the last one was left, and compares the whole with what was accepted.
async fn hop(
    test: &TestHub,
    accepted: &Accepted,
    publishing: &AtomicUsize,
    mut rng: fastrand::Rng,
) -> usize {
    let channels: Vec<&str> = CHANNELS.into_iter().filter(|_| rng.bool()).collect();
    let channels = if channels.is_empty() { vec!["*"] } else { channels };
    let mut seen: Vec<u64> = Vec::new();
    let mut start = Start::Earliest;
    let mut subscriptions = 0;
    loop {
        // Nothing is published after this was zero: a reader that then meets the head is done.
        let last_round = publishing.load(Ordering::SeqCst) == 0;
        let mut subscription = subscribe(test, &channels, start).await;
        subscriptions += 1;
        let patience = if last_round { usize::MAX } else { rng.usize(1..4) };
        let met_head = read(&mut subscription, &mut seen, patience).await;
        let place = subscription.cursor();
        check_place(&seen, place);
        start = Start::After(place);
        if last_round && met_head {
            break;
        }
        tokio::task::yield_now().await;
    }
    let wanted: Vec<u64> = accepted
        .lock()
        .unwrap()
        .iter()
        .filter(|(_, channel)| channels == ["*"] || channels.contains(&channel.as_str()))
        .map(|(offset, _)| *offset)
        .collect();
    assert_eq!(seen, wanted, "channels {channels:?}");
    subscriptions
}

async fn subscribe(test: &TestHub, channels: &[&str], start: Start) -> Subscription {
    let request = SubscribeRequest { selection: selection(channels), start, snapshot: vec![] };
    let subscription = test.hub.subscribe(Arc::clone(&test.grants), request).await.unwrap();
    assert!(
        subscription.opening().unwrap().resumed.complete,
        "{:?}",
        subscription.opening().unwrap()
    );
    subscription
}

/// Reads so many times, or until the replay has met the head.
async fn read(subscription: &mut Subscription, seen: &mut Vec<u64>, patience: usize) -> bool {
    for _ in 0..patience {
        for frame in subscription.next().await.unwrap() {
            match frame {
                Frame::Event(event) => seen.push(event.offset().unwrap().get()),
                Frame::Control(Control::Live { .. }) => return true,
                Frame::Control(other) => panic!("{other:?}"),
            }
        }
    }
    false
}

/// A cursor that is handed out has nothing unsent at or before it: it is never behind what was
/// sent, and the next subscription finds whatever it would have skipped.
fn check_place(seen: &[u64], place: Cursor) {
    let newest = seen.last().copied().unwrap_or_default();
    assert!(place.offset >= Offset::new(newest).unwrap(), "{place} is behind {newest}");
}
