//! A disk that fails under the store at any moment: while it is opened, flushed, trimmed or closed.

use std::collections::BTreeMap;
use std::sync::Arc;

use radial_log::doctor::inspect;
use radial_log::{
    AppendError, Effect, EmbeddedLog, Entry, EventLog as _, Health, Item, Keep, Outcome, PageLimit,
    Retention, Settings,
};
use radial_protocol::Offset;
use radial_protocol::event::Persistence;

use crate::faulty::{Fault, FaultyDisk, Fuse};
use crate::support::{
    Folder, Opening, append, cards, change, entry, keyed, offsets, segments, tenant, wait_until,
};

const FAULTS: [Fault; 4] = [Fault::FailedSync, Fault::Full, Fault::ShortWrite, Fault::PowerLoss];

/// A version and its state; `None`: deleted.
type Card = (u64, Option<String>);

/// What publishers were told, and what they were not.
#[derive(Default)]
struct Told {
    /// Events that were acknowledged, with their offsets.
    shown: BTreeMap<String, u64>,
    durable: BTreeMap<String, u64>,
    cards: BTreeMap<String, Card>,
    /// What a card may be as well: its last change was not answered.
    unanswered: Option<(String, Card)>,
}

impl Told {
    /// One publish and its answer; false once the log takes no more.
    async fn publish(&mut self, log: &EmbeddedLog, n: usize, rng: &mut fastrand::Rng) -> bool {
        let kind = rng.usize(0..4);
        let id = format!("c{}", rng.usize(0..3));
        let (version, state) = self.cards.get(&id).cloned().unwrap_or_default();
        let effect = match rng.usize(0..3) {
            0 => Effect::Delete,
            1 if version == 0 || state.is_some() => Effect::Merge,
            _ => Effect::Replace,
        };
        let data = format!("{{\"n\":{n}}}");
        let one: Entry = match kind {
            0 => keyed(&format!("k-{n}"), 1),
            1 => entry(Persistence::Recent),
            _ => {
                let mut one = change(effect, None, &data);
                one.change.as_mut().unwrap().entity.id = id.parse().unwrap();
                one
            }
        };
        let event_id = one.draft.head.event_id.to_string();
        let is_durable = one.draft.head.persistence == Persistence::Durable;
        let card = (version + 1, (effect != Effect::Delete).then_some(data));
        let Ok(outcomes) = log.append(append(vec![one])).await else {
            self.unanswered = (kind > 1).then_some((id, card));
            return false;
        };
        let [Outcome::Appended(standing)] = outcomes[..] else { panic!("{outcomes:?}") };
        let offset = standing.cursor.offset.get();
        if kind > 1 {
            assert_eq!(standing.entity_version, Some(card.0));
            self.cards.insert(id, card);
        }
        if is_durable {
            self.durable.insert(event_id.clone(), offset);
        }
        self.shown.insert(event_id, offset);
        true
    }

    /// Whether a log holds what was told.
    fn check(&self, log: &EmbeddedLog) {
        let limit = PageLimit { items: 100_000, bytes: usize::MAX };
        let (mut events, mut missing) = (BTreeMap::new(), Vec::new());
        let mut after = Offset::ZERO;
        loop {
            let page = log.read(&tenant(), after, limit).unwrap();
            for item in page.items {
                match item {
                    Item::Event(event) => {
                        let (id, at) = (event.head.event_id.to_string(), event.offset().unwrap());
                        assert_eq!(events.insert(id, at.get()), None, "doubled");
                    }
                    Item::Missing(stretch) => missing.push((stretch.from.get(), stretch.to.get())),
                }
            }
            if page.at_head {
                break;
            }
            after = page.to;
        }
        let first = log.bounds(&tenant()).unwrap().first.get();
        for (id, offset) in self.shown.iter().filter(|(_, offset)| **offset >= first) {
            let told = missing.iter().any(|(from, to)| from < offset && offset <= to);
            match events.get(id) {
                Some(at) => assert_eq!(at, offset, "{id} stands elsewhere"),
                None if self.durable.contains_key(id) => panic!("{id} at {offset} is gone"),
                None => assert!(told, "{id} at {offset} is gone without a word: {missing:?}"),
            }
        }
        let found: BTreeMap<String, Card> = cards(log)
            .1
            .into_iter()
            .map(|card| (card.entity.id.to_string(), (card.version, card.state)))
            .collect();
        let mut expected = self.cards.clone();
        if let Some((id, card)) = &self.unanswered
            && found.get(id) == Some(card)
        {
            expected.insert(id.clone(), card.clone());
        }
        assert_eq!(found, expected);
    }
}

/// What is left of the folder for the next start.
fn left_behind(
    folder: &Folder,
    disk: &FaultyDisk,
    fault: Fault,
    rng: &mut fastrand::Rng,
) -> Folder {
    let image = Folder::new();
    std::fs::create_dir(image.path().join("wal")).unwrap();
    let mark = folder.path().join("wal").join("write-failed");
    let others = [folder.path().join("store.redb"), mark];
    for file in others.into_iter().chain(segments(folder.path())).filter(|file| file.exists()) {
        let loses = fault == Fault::PowerLoss || (disk.has_failed(&file) && rng.bool());
        let bytes =
            if loses { disk.after_power_loss(&file, rng) } else { std::fs::read(&file).unwrap() };
        let name = file.strip_prefix(folder.path()).unwrap();
        std::fs::write(image.path().join(name), bytes).unwrap();
    }
    image
}

async fn check(seed: u64) {
    let mut rng = fastrand::Rng::with_seed(seed);
    let (folder, disk) = (Folder::new(), FaultyDisk::default());
    let fault = FAULTS[rng.usize(0..FAULTS.len())];
    let fuse = Fuse { fault, after: rng.u64(0..60) };
    let events = rng.bool().then(|| rng.u64(5..30));
    let retention = Retention { keep: Keep { events, ..Keep::FOREVER }, ..Retention::default() };
    let settings = Settings { retention, reserve_bytes: 0, ..Settings::default() };
    let opening = |disk: Arc<dyn radial_log::Disk>, boot| Opening {
        settings: settings.clone(),
        disk,
        boot,
        ..Opening::default()
    };
    if rng.bool() {
        drop(Opening::default().open(&folder).unwrap());
    }
    let at_the_start = rng.u8(0..4) == 0;
    if at_the_start {
        disk.light(fuse);
    }
    let mut told = Told::default();
    if let Ok(log) = opening(Arc::new(disk.clone()), "a").try_open(&folder) {
        if !at_the_start {
            disk.light(fuse);
        }
        for n in 0..rng.usize(5..60) {
            if !told.publish(&log, n, &mut rng).await {
                break;
            }
            if rng.u8(0..20) == 0 {
                let syncs = disk.store_syncs();
                wait_until("a flush", || disk.has_blown() || disk.store_syncs() > syncs).await;
            }
        }
        // Whatever has failed: what was acknowledged is still read.
        log.close();
        told.check(&log);
    }
    let image = left_behind(&folder, &disk, fault, &mut rng);
    let boot = if fault == Fault::PowerLoss { "b" } else { "a" };
    let log = opening(Arc::new(radial_log::RealDisk), boot).open(&image).unwrap();
    told.check(&log);
    let next = log.append(append(vec![keyed("next", 1)])).await.unwrap();
    let [Outcome::Appended(standing)] = next[..] else { panic!("{next:?}") };
    let newest = told.shown.values().max().copied().unwrap_or_default();
    assert!(standing.cursor.offset.get() > newest, "an offset was given out twice");
    drop(log);
    assert_eq!(inspect(image.path()).unwrap().findings, Vec::<String>::new());
}

#[tokio::test]
async fn a_store_that_fails_refuses_writes_and_what_is_in_it_is_read_on() {
    let folder = Folder::new();
    let log = Opening::default().open(&folder).unwrap();
    let data = format!("{{\"text\":\"{}\"}}", "x".repeat(100_000));
    let large = || Entry { change: None, ..change(Effect::Replace, None, &data) };
    for _ in 0..2 {
        log.append(append((0..100).map(|_| large()).collect())).await.unwrap();
    }
    drop(log);
    let disk = FaultyDisk::default();
    let opening = Opening { disk: Arc::new(disk.clone()), ..Opening::default() };
    let log = opening.open(&folder).unwrap();
    disk.light(Fuse { fault: Fault::Full, after: 0 });
    log.append(append(vec![keyed("young", 1)])).await.unwrap();
    wait_until("the failure", || matches!(log.health(), Health::Poisoned(_))).await;
    assert_eq!(log.append(append(vec![keyed("late", 1)])).await, Err(AppendError::Poisoned));
    // None of this was in memory when the store failed, but for the last.
    assert_eq!(offsets(&log, Offset::ZERO), (1..=201).collect::<Vec<u64>>());
    drop(log);
    let log = Opening::default().open(&folder).unwrap();
    assert_eq!(offsets(&log, Offset::ZERO).len(), 201);
}

/// Two dozen, or what the long mode says.
#[expect(clippy::disallowed_methods, reason = "how long to test is said from outside")]
fn rounds() -> u64 {
    std::env::var("RADIAL_FAULT_ROUNDS").map_or(24, |rounds| rounds.parse().unwrap())
}

#[test]
fn no_fault_under_the_store_loses_doubles_or_resurrects_what_was_acknowledged() {
    let random = fastrand::u64(..);
    let seeds: Vec<u64> = (0..rounds()).chain([random]).collect();
    std::thread::scope(|scope| {
        for seeds in seeds.chunks(seeds.len().div_ceil(8)) {
            scope.spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
                let runtime = runtime.unwrap();
                for seed in seeds {
                    println!("seed {seed}");
                    runtime.block_on(check(*seed));
                }
            });
        }
    });
}
