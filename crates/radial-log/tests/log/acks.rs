//! The journal of acknowledgements: what was said to be stored is there after a crash, it heals
//! once the disk does, and it does not grow beyond its rows.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use radial_log::{AckJournal, AckKey, AckRow, Disk, RealDisk};
use radial_protocol::names::{SessionId, UserId};
use radial_protocol::{Epoch, Offset, TenantId, TimeMs};

use crate::faulty::FaultyDisk;

type Rows = HashMap<AckKey, AckRow>;

fn key(n: u64) -> AckKey {
    AckKey {
        tenant: TenantId::new("acme").unwrap(),
        user: Some(UserId::new(&format!("u-{n}")).unwrap()),
        session: Some(SessionId::new("s").unwrap()),
    }
}

fn row(n: u64, acknowledged: u64) -> AckRow {
    let offset = |value| Offset::new(value).unwrap();
    AckRow {
        epoch: Epoch::new(7),
        since: offset(n),
        floor: offset(n),
        acknowledged: (1..=acknowledged).map(|more| offset(n + more * 3)).collect(),
        seen: TimeMs(n),
    }
}

fn open(folder: &Path, disk: Arc<dyn Disk>) -> (AckJournal, Rows) {
    let (journal, rows) = AckJournal::open(folder, disk).unwrap();
    (journal, rows.into_iter().collect())
}

#[tokio::test]
async fn what_was_said_to_be_stored_is_there_after_a_power_loss() {
    let seed = fastrand::u64(..);
    println!("seed {seed}");
    let mut random = fastrand::Rng::with_seed(seed);
    for _ in 0..40 {
        let folder = tempfile::tempdir().unwrap();
        let disk = FaultyDisk::default();
        let (journal, _) = open(folder.path(), Arc::new(disk.clone()));
        // What was said to be stored, and what may be in its place: what was written after it.
        let mut stored = Rows::new();
        let mut later: HashMap<AckKey, Vec<Option<AckRow>>> = HashMap::new();
        let fails_at = random.u64(1..30);
        for step in 0..40 {
            if step == fails_at {
                if random.bool() { disk.fail_syncs() } else { disk.fail_writes_half_way() }
            }
            let key = key(random.u64(..5));
            let change = (random.u8(..4) > 0).then(|| row(step, random.u64(..50)));
            let answer = match &change {
                Some(row) => journal.put(&key, row),
                None => journal.remove(&key),
            };
            let answer = answer.wait().await;
            assert_eq!(answer.is_ok(), step < fails_at, "{answer:?}");
            match change {
                Some(row) if answer.is_ok() => drop(stored.insert(key, row)),
                None if answer.is_ok() => drop(stored.remove(&key)),
                change => later.entry(key).or_default().push(change),
            }
        }
        let path = folder.path().join("acks.journal");
        let left = disk.after_power_loss(&path, &mut random);
        let after = tempfile::tempdir().unwrap();
        std::fs::write(after.path().join("acks.journal"), left).unwrap();
        let (_journal, found) = open(after.path(), Arc::new(RealDisk));
        for n in 0..5 {
            let key = key(n);
            let (found, stored) = (found.get(&key).cloned(), stored.get(&key).cloned());
            let unsure = later.get(&key).is_some_and(|later| later.contains(&found));
            assert!(found == stored || unsure, "{found:?} in place of {stored:?}");
        }
    }
}

#[tokio::test]
async fn what_could_not_be_stored_is_stored_once_the_disk_takes_it_again() {
    let folder = tempfile::tempdir().unwrap();
    let disk = FaultyDisk::default();
    let (journal, _) = open(folder.path(), Arc::new(disk.clone()));
    journal.put(&key(1), &row(1, 2)).wait().await.unwrap();
    disk.fail_writes_half_way();
    assert!(journal.put(&key(2), &row(2, 2)).wait().await.is_err());
    disk.mend();
    disk.fail_syncs();
    assert!(journal.remove(&key(1)).wait().await.is_err());
    disk.mend();
    journal.put(&key(3), &row(3, 2)).wait().await.unwrap();
    drop(journal);
    let (_journal, rows) = open(folder.path(), Arc::new(RealDisk));
    assert_eq!(rows, Rows::from([(key(2), row(2, 2)), (key(3), row(3, 2))]));
}

#[tokio::test]
async fn the_file_does_not_grow_beyond_its_rows() {
    let folder = tempfile::tempdir().unwrap();
    let (journal, _) = open(folder.path(), Arc::new(RealDisk));
    let path = folder.path().join("acks.journal");
    let mut largest = 0;
    for n in 0..300 {
        journal.put(&key(n % 3), &row(n, 10_000)).wait().await.unwrap();
        largest = largest.max(std::fs::metadata(&path).unwrap().len());
    }
    println!("{largest} bytes at most");
    assert!((1_000_000..1_200_000).contains(&largest));
    drop(journal);
    let (_journal, rows) = open(folder.path(), Arc::new(RealDisk));
    assert_eq!(rows, (297..300).map(|n| (key(n % 3), row(n, 10_000))).collect());
}

#[test]
fn a_file_of_another_version_is_not_touched() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("acks.journal");
    std::fs::write(&path, b"radack\0\x02 and more").unwrap();
    let error = AckJournal::open(folder.path(), Arc::new(RealDisk)).err().unwrap();
    assert!(error.to_string().contains("another version"), "{error}");
    assert_eq!(std::fs::read(&path).unwrap(), b"radack\0\x02 and more");
}
