//! The store's file: redb's view of our disk.

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use redb::StorageBackend;

use crate::disk::DiskFile;

/// The file itself.
pub(super) struct StoreFile(pub(super) Arc<dyn DiskFile>);

impl fmt::Debug for StoreFile {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("StoreFile").finish_non_exhaustive()
    }
}

impl StorageBackend for StoreFile {
    fn len(&self) -> io::Result<u64> {
        self.0.size()
    }

    fn read(&self, at: u64, out: &mut [u8]) -> io::Result<()> {
        self.0.read_exact_at(out, at)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.0.set_size(len)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.0.sync_data()
    }

    fn write(&self, at: u64, bytes: &[u8]) -> io::Result<()> {
        self.0.write_all_at(bytes, at)
    }
}

const BLOCK_BYTES: u64 = BLOCK.len() as u64;
const BLOCK: [u8; 4096] = [0; 4096];

/// The file as it is, with all that is written since kept in memory.
///
/// After a failed write redb reads no more. It has to open the file anew, and that writes: it
/// tidies up as after a crash. Nothing of it may reach a disk that failed.
pub(super) struct Overlay {
    file: Arc<dyn DiskFile>,
    written: Mutex<Written>,
}

struct Written {
    len: u64,
    /// How much of the file still counts; beyond there are zeros.
    file_len: u64,
    /// Blocks that were written, by their numbers.
    blocks: BTreeMap<u64, Vec<u8>>,
}

impl Overlay {
    pub(super) fn over(file: Arc<dyn DiskFile>) -> io::Result<Self> {
        let len = file.size()?;
        let written = Mutex::new(Written { len, file_len: len, blocks: BTreeMap::new() });
        Ok(Self { file, written })
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Written> {
        self.written.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A block as it is now.
    fn block(&self, written: &Written, number: u64) -> io::Result<Vec<u8>> {
        if let Some(block) = written.blocks.get(&number) {
            return Ok(block.clone());
        }
        let at = number * BLOCK_BYTES;
        let there = written.file_len.saturating_sub(at).min(BLOCK_BYTES);
        let mut block = BLOCK.to_vec();
        let there = usize::try_from(there).unwrap_or_default();
        if let Some(part) = block.get_mut(..there) {
            self.file.read_exact_at(part, at)?;
        }
        Ok(block)
    }
}

impl fmt::Debug for Overlay {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Overlay").finish_non_exhaustive()
    }
}

/// The parts of a stretch, block by block: the block's number, where in it, and how many bytes.
fn parts(at: u64, len: usize) -> impl Iterator<Item = (u64, usize, usize)> {
    let end = at + len as u64;
    let mut next = at;
    std::iter::from_fn(move || {
        let (number, within) = (next / BLOCK_BYTES, next % BLOCK_BYTES);
        let count = (BLOCK_BYTES - within).min(end - next);
        next += count;
        (count > 0).then(|| {
            let size = |bytes| usize::try_from(bytes).expect("it is at most a block");
            (number, size(within), size(count))
        })
    })
}

impl StorageBackend for Overlay {
    fn len(&self) -> io::Result<u64> {
        Ok(self.lock().len)
    }

    fn read(&self, at: u64, out: &mut [u8]) -> io::Result<()> {
        let written = self.lock();
        if at + out.len() as u64 > written.len {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let mut rest = out;
        for (number, within, count) in parts(at, rest.len()) {
            let block = self.block(&written, number)?;
            let (part, after) = rest.split_at_mut(count);
            part.copy_from_slice(block.get(within..within + count).unwrap_or_default());
            rest = after;
        }
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let mut written = self.lock();
        written.len = len;
        written.file_len = written.file_len.min(len);
        written.blocks.retain(|number, _| number * BLOCK_BYTES < len);
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        Ok(())
    }

    fn write(&self, at: u64, bytes: &[u8]) -> io::Result<()> {
        let mut written = self.lock();
        let mut rest = bytes;
        for (number, within, count) in parts(at, bytes.len()) {
            let mut block = self.block(&written, number)?;
            let (part, after) = rest.split_at(count);
            if let Some(place) = block.get_mut(within..within + count) {
                place.copy_from_slice(part);
            }
            written.blocks.insert(number, block);
            rest = after;
        }
        Ok(())
    }
}
