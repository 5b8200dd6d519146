//! Failing fsyncs, failing and short writes, and the power going at any moment.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use radial_log::{
    AppendError, Durability, EmbeddedLog, EventLog as _, Health, Item, OpenError, Outcome,
    PageLimit, Settings,
};
use radial_protocol::Offset;
use radial_protocol::event::Persistence;

use crate::faulty::FaultyDisk;
use crate::support::{Folder, Opening, append, entry, keyed, offsets, segments, tenant, try_open};

fn on(disk: &FaultyDisk) -> Opening {
    Opening { disk: Arc::new(disk.clone()), ..Opening::default() }
}

async fn check_poisoned(disk: &FaultyDisk, break_it: impl Fn(&FaultyDisk)) {
    let folder = Folder::new();
    let log = on(disk).open(&folder).unwrap();
    log.append(append(vec![keyed("before", 1)])).await.unwrap();
    break_it(disk);
    let failed = log.append(append(vec![keyed("during", 1)])).await;
    assert_eq!(failed, Err(AppendError::Poisoned));
    // Nobody sees what was not stored; what was stored is still read; nothing more is taken.
    assert_eq!(offsets(&log, Offset::ZERO), [1]);
    assert!(matches!(log.health(), Health::Poisoned(_)), "{:?}", log.health());
    assert_eq!(log.append(append(vec![keyed("after", 1)])).await, Err(AppendError::Poisoned));
    // What failed is not known; what is in the log is.
    assert_eq!(log.append(append(vec![keyed("during", 1)])).await, Err(AppendError::Poisoned));
    let known = log.append(append(vec![keyed("before", 1), keyed("after", 1)])).await.unwrap();
    let [Outcome::Duplicate(_), Outcome::NotTaken(AppendError::Poisoned)] = known[..] else {
        panic!("{known:?}")
    };
    drop(log);
    let log = Opening::default().open(&folder).unwrap();
    assert_eq!(log.health(), Health::Ok);
    let again = log.append(append(vec![keyed("before", 1)])).await.unwrap();
    assert!(matches!(again[..], [Outcome::Duplicate(_)]), "{again:?}");
}

#[tokio::test]
async fn a_failed_fsync_refuses_writes_until_a_restart_and_reads_go_on() {
    check_poisoned(&FaultyDisk::default(), FaultyDisk::fail_syncs).await;
}

#[tokio::test]
async fn a_write_that_fails_half_way_refuses_writes_until_a_restart_and_reads_go_on() {
    check_poisoned(&FaultyDisk::default(), FaultyDisk::fail_writes_half_way).await;
}

/// What a power loss leaves of a folder: a store that lags behind, and the newest segment with
/// any part of what was not synced.
fn after_power_loss(folder: &Folder, disk: &FaultyDisk, rng: &mut fastrand::Rng) -> Folder {
    let image = folder.crash_image();
    let newest = segments(folder.path()).pop().unwrap();
    let left = disk.after_power_loss(&newest, rng);
    let copy = image.path().join("wal").join(newest.file_name().unwrap());
    std::fs::write(copy, left).unwrap();
    image
}

/// What is in a log: event id to offset, and the stretches that are missing.
fn contents(log: &EmbeddedLog) -> (BTreeMap<String, u64>, Vec<(u64, u64)>) {
    let limit = PageLimit { items: 100_000, bytes: usize::MAX };
    let (mut events, mut missing) = (BTreeMap::new(), Vec::new());
    for item in log.read(&tenant(), Offset::ZERO, limit).unwrap().items {
        match item {
            Item::Event(event) => {
                let id = event.head.event_id.to_string();
                assert_eq!(events.insert(id, event.offset().unwrap().get()), None);
            }
            Item::Missing(stretch) => missing.push((stretch.from.get(), stretch.to.get())),
        }
    }
    (events, missing)
}

#[tokio::test]
async fn no_power_loss_takes_back_a_durable_event_or_hides_a_lost_one() {
    for seed in (0..12).chain([fastrand::u64(..)]) {
        println!("seed {seed}");
        let mut rng = fastrand::Rng::with_seed(seed);
        let (folder, disk) = (Folder::new(), FaultyDisk::default());
        let log = on(&disk).open(&folder).unwrap();
        folder.remember_store();
        let mut durable: BTreeMap<String, u64> = BTreeMap::new();
        let mut shown: BTreeMap<String, u64> = BTreeMap::new();
        for n in 0..rng.usize(1..30) {
            let is_durable = rng.bool();
            let one =
                if is_durable { keyed(&format!("d-{n}"), 1) } else { entry(Persistence::Recent) };
            let id = one.draft.head.event_id.to_string();
            let outcomes = log.append(append(vec![one])).await.unwrap();
            let [Outcome::Appended(standing)] = outcomes[..] else { panic!("{outcomes:?}") };
            let offset = standing.cursor.offset.get();
            shown.insert(id.clone(), offset);
            if is_durable {
                durable.insert(id, offset);
            }
        }
        let image = after_power_loss(&folder, &disk, &mut rng);
        let after = Opening { boot: "b", ..Opening::default() }.open(&image).unwrap();
        let (events, missing) = contents(&after);
        for (id, offset) in &durable {
            assert_eq!(events.get(id), Some(offset), "{id} was acknowledged and is gone");
        }
        for (id, offset) in shown.iter().filter(|(id, _)| !events.contains_key(*id)) {
            let told = missing.iter().any(|(from, to)| from < offset && offset <= to);
            assert!(told, "{id} at {offset} was shown and is gone without a word: {missing:?}");
        }
        let next = after.append(append(vec![keyed("next", 1)])).await.unwrap();
        let [Outcome::Appended(standing)] = next[..] else { panic!("{next:?}") };
        let newest = shown.values().max().copied().unwrap_or_default();
        assert!(standing.cursor.offset.get() > newest, "an offset was given out twice");
    }
}

/// Linux marks pages clean when their fsync has failed, and may forget them at any moment.
#[tokio::test]
async fn what_a_failed_fsync_took_along_is_told_after_a_restart_in_the_same_boot() {
    let (folder, disk) = (Folder::new(), FaultyDisk::default());
    let log = on(&disk).open(&folder).unwrap();
    folder.remember_store();
    log.append(append(vec![keyed("durable", 1)])).await.unwrap();
    log.append(append(vec![entry(Persistence::Recent)])).await.unwrap();
    disk.fail_syncs();
    let failed = log.append(append(vec![keyed("during", 1)])).await;
    assert_eq!(failed, Err(AppendError::Poisoned));
    let image = folder.crash_image();
    image.tear_last_record();
    image.tear_last_record();
    let check = |after: EmbeddedLog| {
        let (events, missing) = contents(&after);
        assert_eq!(events, BTreeMap::from([("durable".to_owned(), 1)]));
        assert!(matches!(missing[..], [(1, 2..)]), "{missing:?}");
    };
    check(Opening::default().open(&image).unwrap());
    // The mark is gone, and what was told is told again.
    assert!(!image.path().join("wal").join("write-failed").exists());
    check(Opening::default().open(&image).unwrap());
}

#[tokio::test]
async fn relaxed_durability_shares_fsyncs_and_a_power_loss_begins_a_new_epoch() {
    let window = std::time::Duration::from_secs(10);
    let settings = Settings {
        durability: Durability::Relaxed { window },
        reserve_bytes: 0,
        ..Settings::default()
    };
    let (folder, disk) = (Folder::new(), FaultyDisk::default());
    let log = Opening { settings: settings.clone(), ..on(&disk) }.open(&folder).unwrap();
    folder.remember_store();
    let before = log.fsyncs();
    for n in 0..20 {
        log.append(append(vec![keyed(&format!("e-{n}"), 1)])).await.unwrap();
    }
    assert_eq!(log.fsyncs(), before, "the clock stands still: no window has ended");
    assert_eq!(offsets(&log, Offset::ZERO).len(), 20);
    let epoch = log.bounds(&tenant()).unwrap().epoch;
    let image = after_power_loss(&folder, &disk, &mut fastrand::Rng::with_seed(3));
    let again = Opening { boot: "b", settings: settings.clone(), random: 43, ..Opening::default() };
    let after = again.open(&image).unwrap();
    assert_ne!(after.bounds(&tenant()).unwrap().epoch, epoch);
    drop(after);
    // The same folder after a crash of the process alone has lost nothing, and keeps its epoch.
    let image = folder.crash_image();
    let same = Opening { settings, random: 43, ..Opening::default() }.open(&image).unwrap();
    assert_eq!(same.bounds(&tenant()).unwrap().epoch, epoch);
    assert_eq!(offsets(&same, Offset::ZERO).len(), 20);
}

#[tokio::test]
async fn the_window_of_relaxed_durability_does_not_follow_a_clock_that_is_set() {
    let window = std::time::Duration::from_secs(10);
    let settings = Settings {
        durability: Durability::Relaxed { window },
        reserve_bytes: 0,
        ..Settings::default()
    };
    let opening = Opening { settings, ..Opening::default() };
    let (clock, uptime) = (Arc::clone(&opening.clock), Arc::clone(&opening.uptime));
    let folder = Folder::new();
    let log = opening.open(&folder).unwrap();
    let before = log.fsyncs();
    for now in [1_000, 1_000_000, 1] {
        clock.store(now, Ordering::SeqCst);
        log.append(append(vec![entry(Persistence::Durable)])).await.unwrap();
        assert_eq!(log.fsyncs(), before, "no time has passed");
    }
    uptime.store(10_000, Ordering::SeqCst);
    log.append(append(vec![entry(Persistence::Durable)])).await.unwrap();
    assert_eq!(log.fsyncs(), before + 1);
}

#[tokio::test]
async fn relaxed_durability_syncs_when_its_window_ends() {
    let window = std::time::Duration::from_millis(5);
    let settings = Settings {
        durability: Durability::Relaxed { window },
        reserve_bytes: 0,
        ..Settings::default()
    };
    let folder = Folder::new();
    let log = Opening { settings, ..Opening::default() }.open(&folder).unwrap();
    let before = log.fsyncs();
    log.append(append(vec![keyed("e", 1)])).await.unwrap();
    crate::support::wait_until("the window's fsync", || log.fsyncs() > before).await;
}

#[tokio::test]
async fn a_first_start_that_was_killed_half_way_can_be_made_again() {
    let folder = Folder::new();
    // What redb leaves when it is killed before the last step of making its file.
    std::fs::write(folder.path().join("store.redb"), vec![0; 1024 * 1024]).unwrap();
    let log = Opening::default().open(&folder).unwrap();
    log.append(append(vec![keyed("e", 1)])).await.unwrap();
    assert!(matches!(try_open(&folder, "a"), Err(OpenError::InUse(_))));
    drop(log);
    assert_eq!(offsets(&Opening::default().open(&folder).unwrap(), Offset::ZERO), [1]);
}

#[tokio::test]
async fn a_panic_of_a_thread_refuses_who_waits_and_who_comes() {
    let folder = Folder::new();
    let log = EmbeddedLog::open(radial_log::Config {
        folder: folder.path().to_owned(),
        boot: None,
        settings: Settings { reserve_bytes: 0, ..Settings::default() },
        disk: Arc::new(FaultyDisk::default()),
        clock: radial_log::Clock::new(|| radial_protocol::TimeMs(1), || std::time::Duration::ZERO),
        random: Box::new(|| 1),
        on_commit: Box::new(|_, _| panic!("injected")),
        wake: Box::new(radial_log::wake_each),
    })
    .unwrap();
    log.open_tenant(&tenant()).unwrap();
    let waiting = log.append(append(vec![entry(Persistence::Durable)]));
    let answer = tokio::time::timeout(std::time::Duration::from_secs(20), waiting).await;
    assert_eq!(answer, Ok(Err(AppendError::Poisoned)));
    let late = log.append(append(vec![entry(Persistence::Durable)])).await;
    assert_eq!(late, Err(AppendError::Poisoned));
    assert!(matches!(log.health(), Health::Poisoned(_)));
}
