//! Retention, quota and room on the disk: what goes, who is told, and what is refused.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use radial_log::{
    Append, AppendError, EmbeddedLog, Entry, EventLog as _, Health, Item, Keep, MissingReason,
    Outcome, PageLimit, Retention, Settings,
};
use radial_protocol::event::{Persistence, TimeMs};
use radial_protocol::{Offset, TenantId};

use crate::faulty::FaultyDisk;
use crate::support::{Folder, Opening, append, entry, keyed, offsets, tenant, wait_until};

const FOREVER: Keep = Keep::FOREVER;

fn keeping(keep: Keep, keep_recent: Keep) -> Settings {
    let retention = Retention { keep, keep_recent, quota_bytes: None, ..Retention::default() };
    Settings { retention, reserve_bytes: 0, ..Settings::default() }
}

async fn publish(log: &EmbeddedLog, count: usize, persistence: Persistence) {
    for _ in 0..count {
        log.append(append(vec![entry(persistence)])).await.unwrap();
    }
}

fn first(log: &EmbeddedLog) -> u64 {
    log.bounds(&tenant()).unwrap().first.get()
}

#[tokio::test]
async fn the_newest_are_kept_and_a_reader_from_before_is_told() {
    let keep = Keep { events: Some(5), ..FOREVER };
    let folder = Folder::new();
    let settings = keeping(keep, FOREVER);
    let log = Opening { settings, ..Opening::default() }.open(&folder).unwrap();
    publish(&log, 12, Persistence::Durable).await;
    wait_until("retention", || first(&log) == 8).await;
    let limit = PageLimit { items: 100, bytes: usize::MAX };
    let page = log.read(&tenant(), Offset::new(2).unwrap(), limit).unwrap();
    let Some(Item::Missing(missing)) = page.items.first() else { panic!("{page:?}") };
    assert_eq!(missing.reason, MissingReason::Retention);
    assert_eq!((missing.from.get(), missing.to.get()), (2, 7));
    assert_eq!(offsets(&log, Offset::ZERO), [8, 9, 10, 11, 12]);
    drop(log);
    let log = Opening::default().open(&folder).unwrap();
    assert_eq!((first(&log), offsets(&log, Offset::ZERO).len()), (8, 5));
}

#[tokio::test]
async fn events_go_by_age_and_by_bytes() {
    let clock = Arc::new(AtomicU64::new(1_000));
    let age = Keep { age: Some(Duration::from_secs(10)), ..FOREVER };
    let folder = Folder::new();
    let settings = keeping(age, FOREVER);
    let opening = Opening { settings, clock: Arc::clone(&clock), ..Opening::default() };
    let log = opening.open(&folder).unwrap();
    publish(&log, 3, Persistence::Durable).await;
    clock.store(11_001, Ordering::SeqCst);
    let late = Append { now: TimeMs(11_001), ..append(vec![entry(Persistence::Durable)]) };
    log.append(late).await.unwrap();
    wait_until("age", || first(&log) == 4).await;

    let bytes = Keep { bytes: Some(1_000), ..FOREVER };
    let folder = Folder::new();
    let settings = keeping(bytes, FOREVER);
    let log = Opening { settings, ..Opening::default() }.open(&folder).unwrap();
    publish(&log, 50, Persistence::Durable).await;
    wait_until("bytes", || first(&log) > 40).await;
    assert!(!offsets(&log, Offset::ZERO).is_empty());
}

#[tokio::test]
async fn a_clock_that_jumps_ahead_lets_nothing_go_until_it_has_been_so_for_an_hour() {
    let keep = Keep { age: Some(Duration::from_hours(1)), events: Some(5), ..FOREVER };
    let opening = Opening { settings: keeping(keep, FOREVER), ..Opening::default() };
    let (clock, uptime) = (Arc::clone(&opening.clock), Arc::clone(&opening.uptime));
    let folder = Folder::new();
    let log = opening.open(&folder).unwrap();
    clock.store(1_000_000_000, Ordering::SeqCst);
    publish(&log, 12, Persistence::Durable).await;
    // Number and age are looked at in one step: what went by its number did not go by its age.
    wait_until("retention", || first(&log) >= 8).await;
    assert_eq!(first(&log), 8);
    uptime.store(3_600_000, Ordering::SeqCst);
    wait_until("the clock is believed", || first(&log) == 13).await;
}

#[tokio::test]
async fn recent_events_go_sooner_and_the_others_between_them_stay() {
    let recent = Keep { events: Some(1), ..FOREVER };
    let folder = Folder::new();
    let settings = keeping(FOREVER, recent);
    let log = Opening { settings, ..Opening::default() }.open(&folder).unwrap();
    for _ in 0..3 {
        publish(&log, 1, Persistence::Durable).await;
        publish(&log, 1, Persistence::Recent).await;
    }
    publish(&log, 1, Persistence::Durable).await;
    let gone = || log.bounds(&tenant()).unwrap().recent_gone.get();
    wait_until("retention of recent events", || gone() == 4).await;
    wait_until("their deletion", || offsets(&log, Offset::ZERO) == [1, 3, 5, 6, 7]).await;
    let limit = PageLimit { items: 100, bytes: usize::MAX };
    let page = log.read(&tenant(), Offset::new(1).unwrap(), limit).unwrap();
    let shape: Vec<String> = page
        .items
        .iter()
        .map(|item| match item {
            Item::Event(event) => event.offset().unwrap().to_string(),
            Item::Missing(missing) => {
                assert_eq!(missing.reason, MissingReason::RetentionOfRecent);
                format!("{}-{}", missing.from, missing.to)
            }
        })
        .collect();
    assert_eq!(shape, ["3", "1-4", "5", "6", "7"]);
    // Who was past them has missed nothing.
    let page = log.read(&tenant(), Offset::new(4).unwrap(), limit).unwrap();
    assert!(page.items.iter().all(|item| matches!(item, Item::Event(_))));
}

#[tokio::test]
async fn recent_events_that_would_go_at_once_leave_their_ids_and_are_told_of() {
    let recent = Keep { events: Some(2), ..FOREVER };
    let folder = Folder::new();
    let settings = keeping(FOREVER, recent);
    let opening = || Opening { settings: settings.clone(), ..Opening::default() };
    let log = opening().open(&folder).unwrap();
    let keyed_recent = |id: &str| {
        let mut entry = keyed(id, 1);
        entry.draft.head.persistence = Persistence::Recent;
        entry
    };
    let mut entries: Vec<_> = (1..=5).map(|n| keyed_recent(&format!("e-{n}"))).collect();
    entries.insert(1, entry(Persistence::Durable));
    log.append(append(entries)).await.unwrap();
    wait_until("the store", || log.usage().events > 0).await;
    // The three that would go were never there: the two newest, and the durable one among them.
    assert_eq!(log.usage().events, 3);
    let check = async |log: &EmbeddedLog| {
        assert_eq!(log.bounds(&tenant()).unwrap().recent_gone.get(), 4);
        assert_eq!(offsets(log, Offset::ZERO), [2, 5, 6]);
        let limit = PageLimit { items: 100, bytes: usize::MAX };
        let page = log.read(&tenant(), Offset::ZERO, limit).unwrap();
        let is_told = |item: &Item| matches!(item, Item::Missing(missing) if missing.to.get() == 4);
        assert!(page.items.iter().any(is_told), "{page:?}");
        let again = log.append(append(vec![keyed_recent("e-1")])).await.unwrap();
        assert!(matches!(again[..], [Outcome::Duplicate(_)]), "{again:?}");
    };
    wait_until("memory", || offsets(&log, Offset::ZERO).len() == 3).await;
    check(&log).await;
    drop(log);
    check(&opening().open(&folder).unwrap()).await;
}

#[tokio::test]
async fn an_id_outlives_its_event_and_is_forgotten_with_its_window() {
    let keep = Keep { events: Some(1), ..FOREVER };
    let clock = Arc::new(AtomicU64::new(1_000));
    let folder = Folder::new();
    let settings = keeping(keep, FOREVER);
    let opening = Opening { settings, clock: Arc::clone(&clock), ..Opening::default() };
    let log = opening.open(&folder).unwrap();
    log.append(append(vec![keyed("e-1", 1)])).await.unwrap();
    publish(&log, 3, Persistence::Durable).await;
    wait_until("retention", || first(&log) == 4).await;
    let again = log.append(append(vec![keyed("e-1", 1)])).await.unwrap();
    assert!(matches!(again[..], [Outcome::Duplicate(_)]), "{again:?}");
    let tomorrow = 1_000 + 24 * 60 * 60 * 1_000;
    clock.store(tomorrow, Ordering::SeqCst);
    let late = Append { now: TimeMs(tomorrow), ..append(vec![keyed("e-1", 1)]) };
    assert!(matches!(log.append(late).await.unwrap()[..], [Outcome::Appended(_)]));
}

#[tokio::test]
async fn a_full_disk_refuses_writes_until_there_is_room_and_reads_go_on() {
    let (folder, disk) = (Folder::new(), FaultyDisk::default());
    let settings = Settings { reserve_bytes: 1, ..Settings::default() };
    let opening = Opening { settings, disk: Arc::new(disk.clone()), ..Opening::default() };
    let log = opening.open(&folder).unwrap();
    log.append(append(vec![keyed("e-0", 1)])).await.unwrap();
    disk.set_free_bytes(Some(0));
    wait_until("the disk is seen to be full", || matches!(log.health(), Health::Full(_))).await;
    let refused = log.append(append(vec![keyed("e-1", 1)])).await;
    assert!(matches!(refused, Err(AppendError::Full(_))), "{refused:?}");
    assert_eq!(offsets(&log, Offset::ZERO), [1]);
    let known = log.append(append(vec![keyed("e-0", 1), keyed("e-0", 2)])).await.unwrap();
    assert!(matches!(known[..], [Outcome::Duplicate(_), Outcome::Mismatch]), "{known:?}");
    disk.set_free_bytes(None);
    wait_until("there is room again", || log.health() == Health::Ok).await;
    log.append(append(vec![keyed("e-1", 1)])).await.unwrap();
    assert_eq!(offsets(&log, Offset::ZERO), [1, 2]);
}

#[tokio::test]
async fn a_quota_refuses_writes_and_says_so() {
    let folder = Folder::new();
    let settings = Settings { quota_bytes: Some(2_000), reserve_bytes: 0, ..Settings::default() };
    let log = Opening { settings, ..Opening::default() }.open(&folder).unwrap();
    publish(&log, 20, Persistence::Durable).await;
    wait_until("the quota", || matches!(log.health(), Health::Full(_))).await;
    let refused = log.append(append(vec![entry(Persistence::Durable)])).await;
    let Err(AppendError::Full(what)) = refused else { panic!("{refused:?}") };
    assert!(what.contains("the quota is 2000"), "{what}");
}

/// An event of another tenant.
fn of_globex() -> Append {
    Append { tenant: globex(), ..append(vec![entry(Persistence::Durable)]) }
}

fn globex() -> TenantId {
    TenantId::new("globex").unwrap()
}

#[tokio::test]
async fn each_tenant_is_kept_by_its_own_settings_and_told_by_its_own_gap() {
    let retention = |events| Retention {
        keep: Keep { events: Some(events), ..FOREVER },
        keep_recent: FOREVER,
        ..Retention::default()
    };
    let settings = Settings {
        retention: retention(5),
        tenants: HashMap::from([(globex(), retention(2))]),
        reserve_bytes: 0,
        ..Settings::default()
    };
    let folder = Folder::new();
    let log = Opening { settings, ..Opening::default() }.open(&folder).unwrap();
    log.open_tenant(&globex()).unwrap();
    publish(&log, 10, Persistence::Durable).await;
    for _ in 0..10 {
        log.append(of_globex()).await.unwrap();
    }
    let first = |tenant: &TenantId| log.bounds(tenant).unwrap().first.get();
    wait_until("retention", || (first(&tenant()), first(&globex())) == (6, 9)).await;
    let limit = PageLimit { items: 100, bytes: usize::MAX };
    for (of, gap_to) in [(tenant(), 5), (globex(), 8)] {
        let page = log.read(&of, Offset::new(1).unwrap(), limit).unwrap();
        let Some(Item::Missing(missing)) = page.items.first() else { panic!("{page:?}") };
        assert_eq!(missing.reason, MissingReason::Retention);
        assert_eq!((missing.from.get(), missing.to.get()), (1, gap_to), "{of}");
    }
}

#[tokio::test]
async fn the_quota_of_a_tenant_refuses_that_tenant_alone() {
    let retention = Retention { quota_bytes: Some(2_000), ..Retention::default() };
    let settings = Settings {
        tenants: HashMap::from([(globex(), retention)]),
        reserve_bytes: 0,
        ..Settings::default()
    };
    let folder = Folder::new();
    let log = Opening { settings, ..Opening::default() }.open(&folder).unwrap();
    log.open_tenant(&globex()).unwrap();
    let refused = loop {
        if let Err(refused) = log.append(of_globex()).await {
            break refused;
        }
    };
    let AppendError::Full(what) = refused else { panic!("{refused:?}") };
    assert!(what.contains("its quota is 2000"), "{what}");
    publish(&log, 1, Persistence::Durable).await;
    assert_eq!(log.health(), Health::Ok);
}

#[tokio::test]
async fn a_restart_changes_nothing_of_what_is_told_about_recent_events_that_went() {
    let recent = Keep { events: Some(1), ..FOREVER };
    let folder = Folder::new();
    let settings = keeping(FOREVER, recent);
    let opening = || Opening { settings: settings.clone(), ..Opening::default() };
    let log = opening().open(&folder).unwrap();
    publish(&log, 3, Persistence::Recent).await;
    publish(&log, 1, Persistence::Durable).await;
    wait_until("retention of recent events", || offsets(&log, Offset::ZERO) == [3, 4]).await;
    let limit = PageLimit { items: 100, bytes: usize::MAX };
    let told = |log: &EmbeddedLog| {
        let page = log.read(&tenant(), Offset::ZERO, limit).unwrap();
        let Some(Item::Missing(missing)) = page.items.first() else { panic!("{page:?}") };
        *missing
    };
    let before = (first(&log), told(&log));
    drop(log);
    let log = opening().open(&folder).unwrap();
    assert_eq!((first(&log), told(&log)), before);
}

#[tokio::test]
async fn a_power_loss_in_an_empty_log_is_told_as_one() {
    let folder = Folder::new();
    let log = Opening::default().open(&folder).unwrap();
    folder.remember_store();
    publish(&log, 1, Persistence::Recent).await;
    folder.tear_last_record();
    let image = folder.crash_image();
    let log = Opening { boot: "b", ..Opening::default() }.open(&image).unwrap();
    let limit = PageLimit { items: 100, bytes: usize::MAX };
    let page = log.read(&tenant(), Offset::ZERO, limit).unwrap();
    let Some(Item::Missing(missing)) = page.items.first() else { panic!("{page:?}") };
    assert_eq!(missing.reason, MissingReason::Restart);
}

/// The hub's own tenant, in the place of the one that tests use.
fn own(entry: Entry) -> Append {
    Append { tenant: TenantId::control(), ..append(vec![entry]) }
}

#[tokio::test]
async fn what_the_hub_must_remember_is_kept_whole_and_written_when_others_may_not() {
    let (folder, disk) = (Folder::new(), FaultyDisk::default());
    let settings = Settings {
        retention: Retention { keep: Keep { events: Some(1), ..FOREVER }, ..Retention::default() },
        quota_bytes: Some(2_000),
        reserve_bytes: 2 * 4 * 1024 * 1024,
        ..Settings::default()
    };
    let opening = || Opening {
        settings: settings.clone(),
        disk: Arc::new(disk.clone()),
        ..Opening::default()
    };
    let log = opening().open(&folder).unwrap();
    log.open_tenant(&TenantId::control()).unwrap();
    for _ in 0..40 {
        log.append(own(entry(Persistence::Durable))).await.unwrap();
    }
    publish(&log, 3, Persistence::Durable).await;
    wait_until("retention of the others", || first(&log) == 3).await;
    assert_eq!(log.health(), Health::Ok, "the hub's own events do not count for the quota");
    disk.set_free_bytes(Some(5 * 1024 * 1024));
    wait_until("no room", || matches!(log.health(), Health::Full(_))).await;
    let refused = log.append(append(vec![entry(Persistence::Durable)])).await;
    assert!(matches!(refused, Err(AppendError::Full(_))), "{refused:?}");
    log.append(own(entry(Persistence::Durable))).await.unwrap();
    // The last of the room is left by everybody.
    disk.set_free_bytes(Some(1024));
    let refused = async {
        loop {
            if let Err(error) = log.append(own(entry(Persistence::Durable))).await {
                break error;
            }
        }
    };
    assert!(matches!(refused.await, AppendError::Full(_)));
    disk.set_free_bytes(None);
    drop(log);
    let log = opening().open(&folder).unwrap();
    let bounds = log.bounds(&TenantId::control()).unwrap();
    assert_eq!(bounds.first.get(), 1);
    assert!(bounds.head.get() > 40);
}
