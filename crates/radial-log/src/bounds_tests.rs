//! Bounds that cannot be seen from outside: which constants are used, and what is held in memory.

use std::path::Path;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use radial_protocol::event::{Content, Draft, EntityRef, Head, TimeMs};
use radial_protocol::names::EventId;
use radial_protocol::{EventTypeName, Offset, TenantId};

use crate::disk::RealDisk;
use crate::embedded::{Config, EmbeddedLog, open_store};
use crate::entity::{Change, Conflict, ENTITY_STATE_BYTES_MAX, Effect};
use crate::event_log::{Append, Entry, EventLog as _, Fingerprint, Outcome};
use crate::record::Placed;
use crate::settings::Settings;
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
