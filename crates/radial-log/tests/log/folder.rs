//! Data folders: what the doctor finds in them, and folders of every format that there was.

use std::io::Read as _;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use radial_log::doctor::inspect;
use radial_log::{Append, Effect, EmbeddedLog, EventLog as _, OpenError, Outcome, renew_epochs};
use radial_protocol::event::{Persistence, Reach};
use radial_protocol::{Name, Offset};

use crate::support::{
    Folder, Opening, append, cards, change, entry, events, keyed, offsets, open, routed, segments,
    tenant, wait_until,
};

#[tokio::test]
async fn the_doctor_finds_nothing_in_a_folder_that_was_stopped_or_killed() {
    let folder = Folder::new();
    let log = open(&folder, "a");
    folder.remember_store();
    log.append(append(vec![keyed("e-1", 1), entry(Persistence::Recent)])).await.unwrap();
    log.append(append(vec![change(Effect::Replace, None, "{}")])).await.unwrap();
    let killed = inspect(folder.crash_image().path()).unwrap();
    assert_eq!((killed.findings, killed.clean_stop), (Vec::<String>::new(), false));
    assert!(killed.pending_records > 0);
    drop(log);
    let stopped = inspect(folder.path()).unwrap();
    assert_eq!((stopped.findings, stopped.clean_stop), (Vec::<String>::new(), true));
    assert_eq!((stopped.pending_records, stopped.tenants[0].events), (0, 3));
}

#[tokio::test]
async fn the_doctor_finds_damage_and_refuses_a_folder_in_use() {
    let folder = Folder::new();
    let log = open(&folder, "a");
    folder.remember_store();
    assert!(matches!(inspect(folder.path()), Err(OpenError::InUse(_))));
    for id in ["e-1", "e-2"] {
        log.append(append(vec![keyed(id, 1)])).await.unwrap();
    }
    let image = folder.crash_image();
    let newest = segments(image.path()).pop().unwrap();
    let mut bytes = std::fs::read(&newest).unwrap();
    bytes[60] ^= 1;
    std::fs::write(newest, bytes).unwrap();
    let report = inspect(image.path()).unwrap();
    assert!(report.findings.iter().any(|what| what.contains("is damaged")), "{report:?}");
}

#[tokio::test]
async fn a_restored_folder_gets_new_epochs_and_keeps_the_rest() {
    let folder = Folder::new();
    let log = open(&folder, "a");
    folder.remember_store();
    log.append(append(vec![keyed("e-1", 1)])).await.unwrap();
    log.append(append(vec![change(Effect::Replace, None, "{}")])).await.unwrap();
    assert!(matches!(renew_epochs(folder.path(), || 7), Err(OpenError::InUse(_))));
    let before = log.bounds(&tenant()).unwrap().epoch;
    let copy = folder.crash_image();
    let renewed = renew_epochs(copy.path(), || 7).unwrap();
    let [(_, old, new)] = &renewed[..] else { panic!("{renewed:?}") };
    assert_eq!((*old, new.get()), (before, 7));
    let restored = open(&copy, "a");
    assert_eq!(restored.bounds(&tenant()).unwrap().epoch, *new);
    assert_eq!((offsets(&restored, Offset::ZERO), cards(&restored).1.len()), (vec![1, 2], 1));
    let again = restored.append(append(vec![keyed("e-1", 1)])).await.unwrap();
    assert!(matches!(again[..], [Outcome::Duplicate(at)] if at.cursor.epoch == *new));
}

/// A folder of a format as a hub of that time left it.
fn fixture(format: &str, files: &[&str]) -> Folder {
    let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(format);
    let folder = Folder::new();
    std::fs::create_dir(folder.path().join("wal")).unwrap();
    for name in files {
        let packed = std::fs::File::open(fixture.join(format!("{name}.gz"))).unwrap();
        let mut bytes = Vec::new();
        flate2::read::GzDecoder::new(packed).read_to_end(&mut bytes).unwrap();
        std::fs::write(folder.path().join(name), bytes).unwrap();
    }
    folder
}

/// A hub of format 1 that was killed: three events in its store, two in its write-ahead file.
#[tokio::test]
async fn a_folder_of_format_1_is_read() {
    let folder = fixture("format-1", &["store.redb", "wal/00000000000000000005.wal"]);
    assert_eq!(inspect(folder.path()).unwrap().findings, Vec::<String>::new());
    let log = open(&folder, "a");
    assert_eq!(offsets(&log, Offset::ZERO), [1, 2, 3, 4, 5]);
    let again = log.append(append(vec![keyed("stored", 1), keyed("young", 1)])).await.unwrap();
    assert!(matches!(again[..], [Outcome::Duplicate(_), Outcome::Duplicate(_)]), "{again:?}");
    let (place, cards) = cards(&log);
    assert_eq!((place, cards[0].version), (5, 2));
    assert_eq!(cards[0].state.as_deref(), Some(r#"{"n":1.0,"m":2}"#));
    let usage = log.usage();
    assert_eq!((usage.events, usage.entities, usage.tombstones), (5, 1, 0));
    assert!(usage.entity_bytes > 0);
    drop(log);
    assert_eq!(inspect(folder.path()).unwrap().findings, Vec::<String>::new());
}

/// A hub of format 2 that was killed: five events in its store, one with a time to live and one that
/// deleted a card; two in its write-ahead file.
#[tokio::test]
async fn a_folder_of_format_2_is_read() {
    let folder = fixture("format-2", &["store.redb", "wal/00000000000000000001.wal"]);
    assert_eq!(inspect(folder.path()).unwrap().findings, Vec::<String>::new());
    let opening = Opening::default();
    let clock = Arc::clone(&opening.clock);
    let log = opening.open(&folder).unwrap();
    assert_eq!(offsets(&log, Offset::ZERO), [1, 2, 3, 4, 5, 6, 7]);
    let usage = log.usage();
    assert_eq!((usage.events, usage.entities, usage.tombstones), (7, 1, 1));
    let again = log.append(append(vec![keyed("stored", 1), keyed("young", 1)])).await.unwrap();
    assert!(matches!(again[..], [Outcome::Duplicate(_), Outcome::Duplicate(_)]), "{again:?}");
    let (_, cards) = cards(&log);
    assert_eq!((cards[0].version, cards[1].version), (2, 2));
    assert_eq!(cards[0].state.as_deref(), Some(r#"{"n":1.0,"m":2}"#));
    assert_eq!(cards[1].state, None);
    clock.store(6_000, Ordering::SeqCst);
    wait_until("its time is over", || log.usage().events == 6).await;
}

/// Three events, each with another reach.
fn three() -> Append {
    append(vec![entry(Persistence::Durable), routed(false, &["mails"]), routed(true, &[])])
}

/// How far events go, in order.
fn reaches(log: &EmbeddedLog) -> Vec<Reach> {
    events(log, Offset::ZERO).iter().map(|event| event.head.reach.clone()).collect()
}

fn reaches_of_three() -> [Reach; 3] {
    let mails = Some([Name::new("mails").unwrap()].into());
    [Reach::default(), Reach::new(false, mails), Reach::new(true, Some([].into()))]
}

/// A hub of format 3 that was killed: three events in its store and three in its write-ahead file.
#[tokio::test]
async fn a_folder_of_format_3_is_read() {
    let folder = fixture("format-3", &["store.redb", "wal/00000000000000000002.wal"]);
    assert_eq!(inspect(folder.path()).unwrap().findings, Vec::<String>::new());
    assert_eq!(reaches(&open(&folder, "a")), [reaches_of_three(), reaches_of_three()].concat());
}

#[tokio::test]
async fn how_far_an_event_goes_is_kept_over_a_stop_and_a_kill() {
    let folder = Folder::new();
    let log = open(&folder, "a");
    log.append(three()).await.unwrap();
    drop(log);
    let log = open(&folder, "a");
    folder.remember_store();
    log.append(three()).await.unwrap();
    let image = folder.crash_image();
    assert_eq!(reaches(&open(&image, "a")), [reaches_of_three(), reaches_of_three()].concat());
}
