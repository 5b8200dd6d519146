//! Writing: records go to the end of the newest segment, in one write per round.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::disk::{Disk, DiskFile};

use super::{HEADER_BYTES, MAGIC, RECORD_HEAD_BYTES, SEGMENT_BYTES};

const SPARE_NAME: &str = "spare.tmp";

/// The end of the log, open for writing. Owned by the committer alone.
pub(crate) struct Wal {
    disk: Arc<dyn Disk>,
    folder: PathBuf,
    file: Box<dyn DiskFile>,
    position: u64,
    next_seq: u64,
    durable_seq: u64,
    buffer: Vec<u8>,
}

impl Wal {
    /// Begins a segment whose first record will have `next_seq`.
    pub(crate) fn create(disk: Arc<dyn Disk>, folder: &Path, next_seq: u64) -> io::Result<Self> {
        let file = begin_segment(disk.as_ref(), folder, next_seq)?;
        Ok(Self {
            disk,
            folder: folder.to_owned(),
            file,
            position: HEADER_BYTES as u64,
            next_seq,
            durable_seq: next_seq.saturating_sub(1),
            buffer: Vec::new(),
        })
    }

    /// Adds a record, whose payload `write` appends, to the round and returns its seq; nothing is
    /// written to the file yet.
    pub(crate) fn stage(&mut self, write: impl FnOnce(&mut Vec<u8>)) -> u64 {
        let seq = self.next_seq;
        self.next_seq += 1;
        encode_record(&mut self.buffer, seq, self.durable_seq, write);
        seq
    }

    /// Hands the round to the operating system in one write: from here on a crash of the process
    /// alone cannot take it back.
    pub(crate) fn write(&mut self) -> io::Result<()> {
        let len = self.buffer.len() as u64;
        if self.position + len > SEGMENT_BYTES && self.position > HEADER_BYTES as u64 {
            self.rotate()?;
        }
        self.file.write_all_at(&self.buffer, self.position)?;
        self.position += len;
        self.buffer.clear();
        Ok(())
    }

    /// Waits until all that was written is on stable storage.
    pub(crate) fn sync(&mut self) -> io::Result<()> {
        self.file.sync_data()?;
        self.durable_seq = self.next_seq - 1;
        Ok(())
    }

    /// Leaves a mark for the next start: the system may have thrown away what it was handed, so
    /// that the boot's name proves nothing. As good as it can be done on a disk that fails.
    pub(crate) fn mark_failed(&self) {
        let marked = self.disk.create(&failed_path(&self.folder)).and_then(|file| file.sync_all());
        if let Err(error) = marked.and_then(|()| self.disk.sync_folder(&self.folder)) {
            tracing::error!(%error, "the failure could not be marked in the data folder");
        }
    }

    /// The round that does not fit begins the next segment. The old one is synced first, so that
    /// later syncs need not know of it.
    fn rotate(&mut self) -> io::Result<()> {
        self.file.sync_data()?;
        let staged = staged_seq(&self.buffer).unwrap_or(self.next_seq);
        self.durable_seq = staged - 1;
        self.file = begin_segment(self.disk.as_ref(), &self.folder, staged)?;
        self.position = HEADER_BYTES as u64;
        Ok(())
    }
}

fn staged_seq(buffer: &[u8]) -> Option<u64> {
    let bytes = buffer.get(8..16)?;
    Some(u64::from_le_bytes(bytes.try_into().ok()?))
}

/// Appends one record's bytes.
fn encode_record(out: &mut Vec<u8>, seq: u64, durable: u64, write: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    out.extend_from_slice(&[0; 4 + 4]);
    out.extend_from_slice(&seq.to_le_bytes());
    out.extend_from_slice(&durable.to_le_bytes());
    write(out);
    let body_len = out.len().saturating_sub(start + RECORD_HEAD_BYTES);
    let body_len = u32::try_from(body_len).expect("a record is far below 4 GiB");
    let checksum = record_checksum(body_len, out.get(start + 8..).unwrap_or_default());
    if let Some(field) = out.get_mut(start..start + 8) {
        let (length, sum) = field.split_at_mut(4);
        length.copy_from_slice(&body_len.to_le_bytes());
        sum.copy_from_slice(&checksum.to_le_bytes());
    }
}

/// Over the length too: a length that lies would adopt another record's bytes.
pub(super) fn record_checksum(body_len: u32, rest: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&body_len.to_le_bytes());
    hasher.update(rest);
    hasher.finalize()
}

pub(super) fn header(first_seq: u64) -> [u8; HEADER_BYTES] {
    let mut header = [0; HEADER_BYTES];
    let (magic, rest) = header.split_at_mut(8);
    let (seq, checksum) = rest.split_at_mut(8);
    magic.copy_from_slice(MAGIC);
    seq.copy_from_slice(&first_seq.to_le_bytes());
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(magic);
    hasher.update(seq);
    checksum.copy_from_slice(&hasher.finalize().to_le_bytes());
    header
}

pub(super) fn failed_path(folder: &Path) -> PathBuf {
    folder.join("write-failed")
}

pub(super) fn segment_path(folder: &Path, first_seq: u64) -> PathBuf {
    folder.join(format!("{first_seq:020}.wal"))
}

/// Takes the spare, or makes a segment on the spot, and names it. The folder is synced before
/// anything is acknowledged from the file, or a power loss could forget the file itself.
///
/// What is made on the spot has a name of its own: another thread may be making the spare now.
fn begin_segment(disk: &dyn Disk, folder: &Path, first_seq: u64) -> io::Result<Box<dyn DiskFile>> {
    let spare = folder.join(SPARE_NAME);
    let made = if disk.list(folder)?.contains(&spare) {
        spare
    } else {
        let made = folder.join("segment.part");
        make_zeros(disk, &made)?;
        made
    };
    let file = disk.open(&made)?;
    file.write_all_at(&header(first_seq), 0)?;
    file.sync_all()?;
    disk.rename(&made, &segment_path(folder, first_seq))?;
    disk.sync_folder(folder)?;
    Ok(file)
}

/// Makes a file of zeros for the next segment, if there is none: writing over blocks that exist
/// spares each fsync the file system's own bookkeeping (measured: a quarter less per commit).
///
/// Only one thread may make spares. Another one may take them meanwhile.
pub(crate) fn prepare_spare(disk: &dyn Disk, folder: &Path) -> io::Result<()> {
    let path = folder.join(SPARE_NAME);
    if disk.list(folder)?.contains(&path) {
        return Ok(());
    }
    let unfinished = folder.join("spare.part");
    make_zeros(disk, &unfinished)?;
    disk.rename(&unfinished, &path)?;
    disk.sync_folder(folder)
}

fn make_zeros(disk: &dyn Disk, path: &Path) -> io::Result<()> {
    static CHUNK: [u8; 64 * 1024] = [0; 64 * 1024];
    let file = disk.create(path)?;
    for chunk in 0..SEGMENT_BYTES / CHUNK.len() as u64 {
        file.write_all_at(&CHUNK, chunk * CHUNK.len() as u64)?;
    }
    file.sync_all()
}
