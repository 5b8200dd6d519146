//! What the write-ahead file gives back after every kind of stop.

use std::fs::OpenOptions;
use std::os::unix::fs::FileExt as _;

use std::sync::Arc;

use super::*;
use crate::disk::RealDisk;
use crate::wal::Wal;

/// Writes each payload as a round of its own, synced.
fn written(folder: &Path, payloads: &[&[u8]]) -> Vec<u64> {
    let mut wal = Wal::create(Arc::new(RealDisk), folder, 1).unwrap();
    let mut ends = Vec::new();
    let mut at = HEADER_BYTES as u64;
    for payload in payloads {
        wal.stage(|out| out.extend_from_slice(payload));
        wal.write().unwrap();
        wal.sync().unwrap();
        at += (RECORD_HEAD_BYTES + payload.len()) as u64;
        ends.push(at);
    }
    ends
}

fn overwrite(folder: &Path, at: u64, bytes: &[u8]) {
    let file = OpenOptions::new().write(true).open(segment_path(folder, 1)).unwrap();
    file.write_all_at(bytes, at).unwrap();
}

fn check(folder: &Path, watermark: u64, expected: &[(u64, &[u8])]) {
    let recovered = recover(&RealDisk, folder, watermark).unwrap();
    let found: Vec<(u64, &[u8])> =
        recovered.records.iter().map(|(seq, payload)| (*seq, payload.as_slice())).collect();
    assert_eq!(found, expected);
}

#[test]
fn what_was_written_is_read_back_after_the_watermark() {
    let folder = tempfile::tempdir().unwrap();
    written(folder.path(), &[b"one", b"two", b"three"]);
    check(folder.path(), 0, &[(1, b"one"), (2, b"two"), (3, b"three")]);
    check(folder.path(), 2, &[(3, b"three")]);
    check(folder.path(), 3, &[]);
}

#[test]
fn a_torn_tail_is_left_out_at_every_length() {
    let whole = tempfile::tempdir().unwrap();
    let ends = written(whole.path(), &[b"one", b"two", b"three"]);
    let bytes = std::fs::read(segment_path(whole.path(), 1)).unwrap();
    for cut in ends[1]..ends[2] {
        let folder = tempfile::tempdir().unwrap();
        let mut torn = bytes.clone();
        torn[usize::try_from(cut).unwrap()..].fill(0);
        std::fs::write(segment_path(folder.path(), 1), torn).unwrap();
        check(folder.path(), 0, &[(1, b"one"), (2, b"two")]);
    }
}

#[test]
fn damage_to_an_acknowledged_record_is_refused_not_cut_off() {
    let folder = tempfile::tempdir().unwrap();
    let ends = written(folder.path(), &[b"one", b"two", b"three"]);
    overwrite(folder.path(), ends[0] - 1, b"X");
    let error = recover(&RealDisk, folder.path(), 0).unwrap_err();
    assert!(matches!(error, WalError::Damaged { seq: 1, .. }), "{error}");
}

#[test]
fn an_unsynced_round_may_lose_its_middle() {
    let folder = tempfile::tempdir().unwrap();
    let mut wal = Wal::create(Arc::new(RealDisk), folder.path(), 1).unwrap();
    for payload in [b"one", b"two", b"six"] {
        wal.stage(|out| out.extend_from_slice(payload));
    }
    wal.write().unwrap();
    let second = (HEADER_BYTES + RECORD_HEAD_BYTES + 3) as u64;
    overwrite(folder.path(), second, &[0; RECORD_HEAD_BYTES + 3]);
    check(folder.path(), 0, &[(1, b"one")]);
}

#[test]
fn rounds_that_do_not_fit_begin_a_new_segment() {
    let folder = tempfile::tempdir().unwrap();
    let mut wal = Wal::create(Arc::new(RealDisk), folder.path(), 1).unwrap();
    let large = vec![7_u8; usize::try_from(crate::wal::SEGMENT_BYTES).unwrap() / 3];
    for _ in 0..7 {
        wal.stage(|out| out.extend_from_slice(&large));
        wal.write().unwrap();
    }
    wal.sync().unwrap();
    assert_eq!(recover(&RealDisk, folder.path(), 0).unwrap().records.len(), 7);
    assert!(segments(&RealDisk, folder.path()).unwrap().len() > 2);
    remove_segments_below(&RealDisk, folder.path(), 6).unwrap();
    assert_eq!(recover(&RealDisk, folder.path(), 6).unwrap().records.len(), 1);
    assert_eq!(segments(&RealDisk, folder.path()).unwrap().len(), 1);
}

/// A segment gets its name only after its header is on stable storage.
#[test]
fn a_broken_header_of_a_named_segment_is_damage() {
    let folder = tempfile::tempdir().unwrap();
    written(folder.path(), &[b"one"]);
    overwrite(folder.path(), 3, b"X");
    let recovered = recover(&RealDisk, folder.path(), 0);
    assert!(matches!(recovered, Err(WalError::Damaged { seq: 1, .. })), "{recovered:?}");
}
