//! Bounds that cannot be seen from outside: which constants are used, and what is held in memory.

use std::path::Path;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use radial_protocol::event::{Content, Draft, EntityRef, Head, Persistence, TimeMs};
use radial_protocol::names::EventId;
use radial_protocol::{EventTypeName, Offset, TenantId};

use crate::disk::RealDisk;
use crate::embedded::{Config, EmbeddedLog, open_store};
use crate::entity::{Change, Conflict, ENTITY_STATE_BYTES_MAX, Effect};
use crate::event_log::{Append, Entry, EventLog as _, Fingerprint, Outcome};
use crate::record::Placed;
use crate::settings::{Keep, Retention, Settings};
use crate::slot::Slot;
use crate::store::{HeadPlace, TenantChange};
use crate::tenant::{ID_WINDOW_EVENTS, ID_WINDOW_MS};

fn acme() -> TenantId {
    TenantId::new("acme").unwrap()
}

fn open(folder: &Path) -> EmbeddedLog {
    let log = EmbeddedLog::open(Config {
        folder: folder.to_owned(),
        boot: None,
        settings: Settings { reserve_bytes: 0, ..Settings::default() },
        disk: Arc::new(RealDisk),
        clock: crate::Clock::new(|| TimeMs(1_000), || Duration::ZERO),
        random: Box::new(|| 1),
        on_commit: Box::new(|_, _| {}),
        wake: Box::new(crate::wake_each),
    })
    .unwrap();
    log.open_tenant(&acme()).unwrap();
    log
}

fn entry(id: &str, data: &str) -> Entry {
    let event_type = EventTypeName::new("card.moved").unwrap();
    let head = Head::new(EventId::new(id).unwrap(), event_type);
    Entry {
        draft: Draft::new(head, &Content::new(&acme(), data)),
        fingerprint: Some(Fingerprint(1)),
        change: None,
        repeat: None,
    }
}

fn append(entries: Vec<Entry>) -> Append {
    Append { tenant: acme(), entries, atomic: false, now: TimeMs(1_000) }
}

#[tokio::test]
async fn an_id_is_known_among_the_newest_million_events() {
    assert_eq!((ID_WINDOW_EVENTS, ID_WINDOW_MS), (1_000_000, 24 * 60 * 60 * 1_000));
    let folder = tempfile::tempdir().unwrap();
    let log = open(folder.path());
    log.append(append(vec![entry("first", "{}")])).await.unwrap();
    drop(log);
    // As if so many events had come since, up to the last at which it is known.
    let store = open_store(folder.path(), &RealDisk, 1024 * 1024).unwrap();
    let (_, row) = store.tenants().unwrap().pop().unwrap();
    let offset = Offset::ZERO.plus(1_000_000);
    let place = HeadPlace { offset, received_at: TimeMs(1_000), reserved: offset };
    let change = TenantChange { head: Some(place), ..TenantChange::default() };
    let watermark = store.number(crate::store::WATERMARK).unwrap().unwrap();
    store.apply(&[(row.no, change)], watermark).unwrap();
    drop(store);
    let log = open(folder.path());
    let first = || append(vec![entry("first", "{}")]);
    let known = log.append(first()).await.unwrap();
    assert!(matches!(known[..], [Outcome::Duplicate(_)]), "{known:?}");
    log.append(append(vec![entry("one-more", "{}")])).await.unwrap();
    let forgotten = log.append(first()).await.unwrap();
    assert!(matches!(forgotten[..], [Outcome::Appended(_)]), "{forgotten:?}");
}

#[test]
fn stored_events_of_class_recent_go_once_newer_ones_have_gone_that_were_never_stored() {
    let folder = tempfile::tempdir().unwrap();
    let log = open(folder.path());
    let tenant = log.tenant(&acme()).unwrap();
    let decide = |log: &EmbeddedLog, ids: [&str; 2]| {
        let mut entries: Vec<_> = ids.into_iter().map(|id| entry(id, "{}")).collect();
        for entry in &mut entries {
            entry.draft.head.persistence = Persistence::Recent;
        }
        let mut sequencing = tenant.sequencing.lock().unwrap_or_else(PoisonError::into_inner);
        let (append, slot) = (append(entries), Slot::new());
        let decided = tenant.decide(&mut sequencing, &log.store, append, &slot, None, 1).unwrap();
        TenantChange { events: decided.placed, ..TenantChange::default() }
    };
    let stored = decide(&log, ["a", "b"]);
    log.store.apply(&[(tenant.no, stored)], 1).unwrap();
    // Two newer ones come, and many more that are not in the store yet.
    let mut passed = decide(&log, ["c", "d"]);
    assert_eq!(passed.keep_recents(0).map(Offset::get), Some(4));
    let heads = log.store.apply(&[(tenant.no, passed)], 2).unwrap();
    assert_eq!(heads[0].recents, 2);
    let keep_recent = Keep { events: Some(10), age: None, bytes: None };
    let retention = Retention { keep_recent, ..Retention::default() };
    let plan = log.store.plan_trim(tenant.no, retention, TimeMs(1_000)).unwrap();
    let head = log.store.trim(tenant.no, &plan).unwrap();
    assert_eq!((head.recents, head.events, head.recent_gone().get()), (0, 0, 4));
    assert!(!log.store.plan_trim(tenant.no, retention, TimeMs(1_000)).unwrap().any);
}

#[test]
fn the_state_of_an_entity_is_held_once_however_many_events_of_an_append_change_it() {
    const CHANGES: usize = 100;
    let folder = tempfile::tempdir().unwrap();
    let log = open(folder.path());
    let large = format!("{{\"text\":\"{}\"}}", "x".repeat(ENTITY_STATE_BYTES_MAX / 2));
    let entries = (0..CHANGES).map(|n| {
        let (effect, data) = if n == 0 {
            (Effect::Replace, large.clone())
        } else {
            (Effect::Merge, "{}".to_owned())
        };
        let entity = EntityRef { entity_type: "card".parse().unwrap(), id: "c".parse().unwrap() };
        let conflict = Conflict::Reject;
        let change = Change { entity, effect, conflict, expected_version: None, data };
        Entry { change: Some(change), ..entry(&format!("e-{n}"), "{}") }
    });
    let tenant = log.tenant(&acme()).unwrap();
    let mut sequencing = tenant.sequencing.lock().unwrap_or_else(PoisonError::into_inner);
    let append = append(entries.collect());
    let decided =
        tenant.decide(&mut sequencing, &log.store, append, &Slot::new(), None, 1).unwrap();
    let bytes: usize = decided.placed.iter().map(Placed::memory_bytes).sum();
    assert_eq!(decided.placed.len(), CHANGES);
    assert!(bytes < 2 * ENTITY_STATE_BYTES_MAX, "{bytes} bytes for one state");
}
