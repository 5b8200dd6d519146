//! A disk that can be told to fail, and that knows what a power loss would leave of it.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use radial_log::{Disk, DiskFile, RealDisk};

/// A write that no sync has followed.
type Unsynced = Vec<(u64, Vec<u8>)>;

/// The real disk with faults over it.
#[derive(Clone, Default)]
pub(crate) struct FaultyDisk {
    switches: Arc<Switches>,
    /// Of the newest segment, the only file that is written between two syncs.
    unsynced: Arc<Mutex<Unsynced>>,
}

struct Switches {
    fail_sync: AtomicBool,
    fail_write: AtomicBool,
    /// Writes half of it before the failure.
    short_write: AtomicBool,
    /// What is said to be free; `u64::MAX`: what is.
    free_bytes: AtomicU64,
}

impl Default for Switches {
    fn default() -> Self {
        Self {
            fail_sync: AtomicBool::default(),
            fail_write: AtomicBool::default(),
            short_write: AtomicBool::default(),
            free_bytes: AtomicU64::new(u64::MAX),
        }
    }
}

impl FaultyDisk {
    /// From now on no sync succeeds.
    pub(crate) fn fail_syncs(&self) {
        self.switches.fail_sync.store(true, Ordering::SeqCst);
    }

    /// From now on no write succeeds; half of each reaches the file.
    pub(crate) fn fail_writes_half_way(&self) {
        self.switches.short_write.store(true, Ordering::SeqCst);
        self.switches.fail_write.store(true, Ordering::SeqCst);
    }

    /// Says that so much is free on the disk, or the truth again.
    pub(crate) fn set_free_bytes(&self, bytes: Option<u64>) {
        self.switches.free_bytes.store(bytes.unwrap_or(u64::MAX), Ordering::SeqCst);
    }

    /// What a power loss leaves of a file: everything synced, and of each later write any of its
    /// sectors, or none.
    pub(crate) fn after_power_loss(&self, path: &Path, rng: &mut fastrand::Rng) -> Vec<u8> {
        const SECTOR: usize = 512;
        let mut bytes = std::fs::read(path).unwrap();
        for (at, written) in self.unsynced.lock().unwrap().iter() {
            let start = usize::try_from(*at).unwrap();
            for (index, sector) in written.chunks(SECTOR).enumerate() {
                if rng.bool() {
                    let from = start + index * SECTOR;
                    bytes[from..from + sector.len()].fill(0);
                }
            }
        }
        bytes
    }

    fn file(&self, file: Box<dyn DiskFile>) -> Box<dyn DiskFile> {
        Box::new(FaultyFile { file, disk: self.clone() })
    }
}

struct FaultyFile {
    file: Box<dyn DiskFile>,
    disk: FaultyDisk,
}

impl FaultyFile {
    fn sync(&self, sync: impl FnOnce() -> io::Result<()>) -> io::Result<()> {
        if self.disk.switches.fail_sync.load(Ordering::SeqCst) {
            return Err(io::Error::other("injected: fsync failed"));
        }
        sync()?;
        self.disk.unsynced.lock().unwrap().clear();
        Ok(())
    }
}

impl DiskFile for FaultyFile {
    fn write_all_at(&self, bytes: &[u8], at: u64) -> io::Result<()> {
        if self.disk.switches.fail_write.load(Ordering::SeqCst) {
            let half = bytes.get(..bytes.len() / 2).unwrap_or_default();
            if self.disk.switches.short_write.load(Ordering::SeqCst) {
                self.file.write_all_at(half, at)?;
            }
            return Err(io::Error::new(io::ErrorKind::StorageFull, "injected: disk full"));
        }
        self.file.write_all_at(bytes, at)?;
        self.disk.unsynced.lock().unwrap().push((at, bytes.to_vec()));
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        self.sync(|| self.file.sync_data())
    }

    fn sync_all(&self) -> io::Result<()> {
        self.sync(|| self.file.sync_all())
    }
}

impl Disk for FaultyDisk {
    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        Ok(self.file(RealDisk.create(path)?))
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        Ok(self.file(RealDisk.open(path)?))
    }

    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        RealDisk.read(path)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        RealDisk.rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        RealDisk.remove(path)
    }

    fn list(&self, folder: &Path) -> io::Result<Vec<PathBuf>> {
        RealDisk.list(folder)
    }

    fn sync_folder(&self, folder: &Path) -> io::Result<()> {
        RealDisk.sync_folder(folder)
    }

    fn free_bytes(&self, folder: &Path) -> io::Result<u64> {
        match self.switches.free_bytes.load(Ordering::SeqCst) {
            u64::MAX => RealDisk.free_bytes(folder),
            said => Ok(said),
        }
    }
}
