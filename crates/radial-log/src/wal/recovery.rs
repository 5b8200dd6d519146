//! Reading after a stop: every whole record in order, and what to think of a broken one.

use std::io;
use std::path::{Path, PathBuf};

use crate::disk::Disk;

use super::segment::{failed_path, header, record_checksum, segment_path};
use super::{HEADER_BYTES, RECORD_BYTES_MAX, RECORD_HEAD_BYTES};

/// What the files hold.
#[derive(Debug, Default)]
pub(crate) struct Recovered {
    /// The payloads of the whole records, with their seqs, without a hole.
    pub(crate) records: Vec<(u64, Vec<u8>)>,
}

/// Why the files cannot be trusted.
#[derive(Debug, thiserror::Error)]
pub enum WalError {
    /// The files could not be read.
    #[error("the write-ahead files in {folder} could not be read")]
    Io {
        /// Where they are.
        folder: PathBuf,
        /// What failed.
        #[source]
        source: io::Error,
    },
    /// A record that was on stable storage is broken.
    #[error(
        "record {seq} in {path} is damaged, and it had been acknowledged: the disk or another \
         program changed it; restore the folder from a backup, or move it away to begin anew"
    )]
    Damaged {
        /// The record.
        seq: u64,
        /// Its file.
        path: PathBuf,
    },
}

/// Reads every whole record after `watermark`, the newest seq that the store holds.
pub(crate) fn recover(
    disk: &dyn Disk,
    folder: &Path,
    watermark: u64,
) -> Result<Recovered, WalError> {
    let io_error = |source| WalError::Io { folder: folder.to_owned(), source };
    let mut recovered = Recovered::default();
    let mut expected = watermark + 1;
    let mut broken: Option<(u64, PathBuf)> = None;
    for (first_seq, path) in segments(disk, folder).map_err(io_error)? {
        let bytes = disk.read(&path).map_err(io_error)?;
        // A file gets this name once its header is on stable storage: no crash breaks it.
        if !bytes.starts_with(&header(first_seq)) {
            return Err(WalError::Damaged { seq: expected, path });
        }
        let mut at = HEADER_BYTES;
        while let Some(record) = parse_record(&bytes, at) {
            at += RECORD_HEAD_BYTES + record.payload.len();
            judge(broken.as_ref(), record.durable)?;
            if broken.is_none() && record.seq == expected {
                recovered.records.push((record.seq, record.payload.to_vec()));
                expected += 1;
            } else if record.seq > expected && broken.is_none() {
                broken = Some((expected, path.clone()));
                judge(broken.as_ref(), record.durable)?;
            }
        }
        // What follows the last whole record is zeros, or an unfinished write, or damage. Later
        // records tell which: look for any that can still be parsed.
        let rest = without_zeros(bytes.get(at.min(bytes.len())..).unwrap_or_default());
        if !rest.is_empty() {
            let place = broken.get_or_insert_with(|| (expected, path.clone())).clone();
            for start in 1..rest.len().saturating_sub(RECORD_HEAD_BYTES) {
                if let Some(record) = parse_record(rest, start)
                    && record.seq > place.0
                {
                    judge(Some(&place), record.durable)?;
                }
            }
        }
    }
    Ok(recovered)
}

/// A later record that calls the broken one durable proves damage.
fn judge(broken: Option<&(u64, PathBuf)>, durable: u64) -> Result<(), WalError> {
    match broken {
        Some((seq, path)) if durable >= *seq => {
            Err(WalError::Damaged { seq: *seq, path: path.clone() })
        }
        _ => Ok(()),
    }
}

/// The bytes up to the last block that holds anything but zeros.
fn without_zeros(bytes: &[u8]) -> &[u8] {
    const ZEROS: [u8; 4096] = [0; 4096];
    let blocks = bytes
        .chunks(ZEROS.len())
        .rposition(|block| ZEROS.get(..block.len()).is_none_or(|zeros| zeros != block));
    let end = blocks.map_or(0, |last| (last + 1) * ZEROS.len());
    bytes.get(..end.min(bytes.len())).unwrap_or_default()
}

struct ParsedRecord<'a> {
    seq: u64,
    durable: u64,
    payload: &'a [u8],
}

fn parse_record(bytes: &[u8], at: usize) -> Option<ParsedRecord<'_>> {
    let head = bytes.get(at..at + RECORD_HEAD_BYTES)?;
    let number = |from: usize| Some(u64::from_le_bytes(head.get(from..from + 8)?.try_into().ok()?));
    let body_len = u32::from_le_bytes(head.get(..4)?.try_into().ok()?);
    let checksum = u32::from_le_bytes(head.get(4..8)?.try_into().ok()?);
    let payload_len = body_len as usize;
    if payload_len == 0 || payload_len > RECORD_BYTES_MAX {
        return None;
    }
    let end = at + RECORD_HEAD_BYTES + payload_len;
    let checked = bytes.get(at + 8..end)?;
    if record_checksum(body_len, checked) != checksum {
        return None;
    }
    let payload = bytes.get(at + RECORD_HEAD_BYTES..end)?;
    Some(ParsedRecord { seq: number(8)?, durable: number(16)?, payload })
}

fn segments(disk: &dyn Disk, folder: &Path) -> io::Result<Vec<(u64, PathBuf)>> {
    let mut segments: Vec<(u64, PathBuf)> = disk
        .list(folder)?
        .into_iter()
        .filter_map(|path| {
            let digits = path.file_name()?.to_str()?.strip_suffix(".wal")?;
            Some((digits.parse().ok()?, path))
        })
        .collect();
    segments.sort_unstable();
    Ok(segments)
}

/// Removes every segment but those that hold records after `watermark`.
///
/// A segment goes when the next one begins at or before the record after the watermark.
pub(crate) fn remove_segments_below(
    disk: &dyn Disk,
    folder: &Path,
    watermark: u64,
) -> io::Result<()> {
    let segments = segments(disk, folder)?;
    let mut removed = false;
    for pair in segments.windows(2) {
        if let [(first_seq, _), (next_first, _)] = pair
            && *next_first <= watermark + 1
        {
            disk.remove(&segment_path(folder, *first_seq))?;
            removed = true;
        }
    }
    if removed { disk.sync_folder(folder) } else { Ok(()) }
}

/// Whether the last hub ended with a write or an fsync that failed.
pub(crate) fn has_failed(disk: &dyn Disk, folder: &Path) -> io::Result<bool> {
    Ok(disk.list(folder)?.contains(&failed_path(folder)))
}

/// Removes the mark of a failure: what it may have cost is written down.
pub(crate) fn forget_failure(disk: &dyn Disk, folder: &Path) -> io::Result<()> {
    disk.remove(&failed_path(folder))?;
    disk.sync_folder(folder)
}

/// Removes every segment: the store holds all that they held.
pub(crate) fn remove_all_segments(disk: &dyn Disk, folder: &Path) -> io::Result<()> {
    for (first_seq, _) in segments(disk, folder)? {
        disk.remove(&segment_path(folder, first_seq))?;
    }
    disk.sync_folder(folder)
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
