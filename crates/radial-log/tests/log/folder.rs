//! Data folders: what the doctor finds in them, and folders of every format that there was.

use std::io::Read as _;
use std::path::Path;

use radial_log::doctor::inspect;
use radial_log::{Effect, EventLog as _, OpenError, Outcome};
use radial_protocol::Offset;
use radial_protocol::event::Persistence;

use crate::support::{Folder, append, cards, change, entry, keyed, offsets, open, segments};

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

/// A hub of format 1 that was killed: three events in its store, two in its write-ahead file.
#[tokio::test]
async fn a_folder_of_format_1_is_read() {
    let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/format-1");
    let folder = Folder::new();
    std::fs::create_dir(folder.path().join("wal")).unwrap();
    for name in ["store.redb", "wal/00000000000000000005.wal"] {
        let packed = std::fs::File::open(fixture.join(format!("{name}.gz"))).unwrap();
        let mut bytes = Vec::new();
        flate2::read::GzDecoder::new(packed).read_to_end(&mut bytes).unwrap();
        std::fs::write(folder.path().join(name), bytes).unwrap();
    }
    assert_eq!(inspect(folder.path()).unwrap().findings, Vec::<String>::new());
    let log = open(&folder, "a");
    assert_eq!(offsets(&log, Offset::ZERO), [1, 2, 3, 4, 5]);
    let again = log.append(append(vec![keyed("stored", 1), keyed("young", 1)])).await.unwrap();
    assert!(matches!(again[..], [Outcome::Duplicate(_), Outcome::Duplicate(_)]), "{again:?}");
    let (place, cards) = cards(&log);
    assert_eq!((place, cards[0].version), (5, 2));
    assert_eq!(cards[0].state.as_deref(), Some(r#"{"n":1.0,"m":2}"#));
}
