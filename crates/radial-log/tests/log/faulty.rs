//! A disk that can be told to fail, and that knows what a power loss would leave of it.

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use radial_log::{Disk, DiskFile, RealDisk};

const SECTOR: usize = 512;

/// What becomes of the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Syncs fail from then on, and what they were for may be thrown away.
    FailedSync,
    /// Writes fail from then on.
    Full,
    /// Half of one write reaches the file, and then writes fail.
    ShortWrite,
    /// The power goes: nothing reaches the disk any more.
    PowerLoss,
}

/// A fault that waits for its moment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fuse {
    pub(crate) fault: Fault,
    /// How many writes and syncs of the store's file succeed before it.
    pub(crate) after: u64,
}

/// The real disk with faults over it.
#[derive(Clone, Default)]
pub(crate) struct FaultyDisk {
    switches: Arc<Switches>,
    fuse: Arc<Mutex<Option<Fuse>>>,
    /// By path, what no sync has followed.
    unsynced: Arc<Mutex<HashMap<PathBuf, Arc<Mutex<Unsynced>>>>>,
}

/// What of a file no sync has followed.
#[derive(Default)]
struct Unsynced {
    /// Where something was written, what was there before, and what is there now.
    writes: Vec<(u64, Vec<u8>, Vec<u8>)>,
    /// How large the file was at the last sync, if it has another size now.
    size: Option<u64>,
    /// A sync of it failed.
    has_failed: bool,
}

struct Switches {
    fail_sync: AtomicBool,
    fail_write: AtomicBool,
    /// Writes half of it before the failure.
    short_write: AtomicBool,
    /// Nothing can be made or renamed either.
    is_dead: AtomicBool,
    store_syncs: AtomicU64,
    /// What is said to be free; `u64::MAX`: what is.
    free_bytes: AtomicU64,
}

impl Default for Switches {
    fn default() -> Self {
        Self {
            fail_sync: AtomicBool::default(),
            fail_write: AtomicBool::default(),
            short_write: AtomicBool::default(),
            is_dead: AtomicBool::default(),
            store_syncs: AtomicU64::default(),
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

    /// From now on writes and syncs succeed again.
    pub(crate) fn mend(&self) {
        self.switches.fail_sync.store(false, Ordering::SeqCst);
        self.switches.fail_write.store(false, Ordering::SeqCst);
    }

    /// Lets a fault come after so many writes and syncs of the store's file.
    pub(crate) fn light(&self, fuse: Fuse) {
        *self.fuse.lock().unwrap() = Some(fuse);
    }

    /// Whether the fault has come.
    pub(crate) fn has_blown(&self) -> bool {
        self.fuse.lock().unwrap().is_none()
    }

    /// Says that so much is free on the disk, or the truth again.
    pub(crate) fn set_free_bytes(&self, bytes: Option<u64>) {
        self.switches.free_bytes.store(bytes.unwrap_or(u64::MAX), Ordering::SeqCst);
    }

    /// What a power loss leaves of a file: everything synced, and of each later write any of its
    /// sectors, or none.
    pub(crate) fn after_power_loss(&self, path: &Path, rng: &mut fastrand::Rng) -> Vec<u8> {
        let mut bytes = std::fs::read(path).unwrap();
        let files = self.unsynced.lock().unwrap();
        let Some(unsynced) = files.get(path) else { return bytes };
        let unsynced = unsynced.lock().unwrap();
        for (at, before, _) in unsynced.writes.iter().rev() {
            put(&mut bytes, *at, before);
        }
        for (at, _, written) in &unsynced.writes {
            for (index, sector) in written.chunks(SECTOR).enumerate() {
                if rng.bool() {
                    put(&mut bytes, at + (index * SECTOR) as u64, sector);
                }
            }
        }
        match unsynced.size {
            Some(size) if rng.bool() => bytes.resize(usize::try_from(size).unwrap(), 0),
            _ => {}
        }
        bytes
    }

    /// Whether a sync of a file failed, so that the system may throw away what it was for.
    pub(crate) fn has_failed(&self, path: &Path) -> bool {
        let files = self.unsynced.lock().unwrap();
        files.get(path).is_some_and(|unsynced| unsynced.lock().unwrap().has_failed)
    }

    /// How many syncs of the store's file have succeeded.
    pub(crate) fn store_syncs(&self) -> u64 {
        self.switches.store_syncs.load(Ordering::SeqCst)
    }

    /// Counts a write or a sync of the store's file, and breaks the disk when its moment has come.
    fn step(&self, path: &Path) {
        let mut fuse = self.fuse.lock().unwrap();
        let Some(left) = fuse.as_mut().filter(|_| path.ends_with("store.redb")) else { return };
        if left.after > 0 {
            left.after -= 1;
            return;
        }
        let switches = &self.switches;
        let set = |switch: &AtomicBool| switch.store(true, Ordering::SeqCst);
        match left.fault {
            Fault::FailedSync => set(&switches.fail_sync),
            Fault::Full => set(&switches.fail_write),
            Fault::ShortWrite => self.fail_writes_half_way(),
            Fault::PowerLoss => {
                for switch in [&switches.fail_sync, &switches.fail_write, &switches.is_dead] {
                    set(switch);
                }
            }
        }
        *fuse = None;
    }

    fn file(&self, file: Box<dyn DiskFile>, path: &Path) -> Box<dyn DiskFile> {
        let mut files = self.unsynced.lock().unwrap();
        let unsynced = Arc::clone(files.entry(path.to_owned()).or_default());
        Box::new(FaultyFile { file, disk: self.clone(), path: path.to_owned(), unsynced })
    }

    fn check_alive(&self) -> io::Result<()> {
        if self.switches.is_dead.load(Ordering::SeqCst) {
            return Err(io::Error::other("injected: the power is gone"));
        }
        Ok(())
    }
}

fn put(bytes: &mut Vec<u8>, at: u64, part: &[u8]) {
    let start = usize::try_from(at).unwrap();
    if bytes.len() < start + part.len() {
        bytes.resize(start + part.len(), 0);
    }
    bytes[start..start + part.len()].copy_from_slice(part);
}

struct FaultyFile {
    file: Box<dyn DiskFile>,
    disk: FaultyDisk,
    path: PathBuf,
    unsynced: Arc<Mutex<Unsynced>>,
}

impl FaultyFile {
    fn sync(&self, sync: impl FnOnce() -> io::Result<()>) -> io::Result<()> {
        self.disk.step(&self.path);
        if self.disk.switches.fail_sync.load(Ordering::SeqCst) {
            self.unsynced.lock().unwrap().has_failed = true;
            return Err(io::Error::other("injected: fsync failed"));
        }
        sync()?;
        if self.path.ends_with("store.redb") {
            self.disk.switches.store_syncs.fetch_add(1, Ordering::SeqCst);
        }
        *self.unsynced.lock().unwrap() = Unsynced::default();
        Ok(())
    }

    fn write(&self, bytes: &[u8], at: u64) -> io::Result<()> {
        let size = self.file.size()?;
        let there = usize::try_from(size.saturating_sub(at)).unwrap().min(bytes.len());
        let mut before = vec![0; bytes.len()];
        self.file.read_exact_at(&mut before[..there], at)?;
        self.file.write_all_at(bytes, at)?;
        self.unsynced.lock().unwrap().writes.push((at, before, bytes.to_vec()));
        Ok(())
    }
}

impl DiskFile for FaultyFile {
    fn read_exact_at(&self, bytes: &mut [u8], at: u64) -> io::Result<()> {
        self.file.read_exact_at(bytes, at)
    }

    fn size(&self) -> io::Result<u64> {
        self.file.size()
    }

    fn set_size(&self, bytes: u64) -> io::Result<()> {
        self.disk.step(&self.path);
        if self.disk.switches.fail_write.load(Ordering::SeqCst) {
            return Err(io::Error::new(io::ErrorKind::StorageFull, "injected: disk full"));
        }
        let size = self.file.size()?;
        self.unsynced.lock().unwrap().size.get_or_insert(size);
        self.file.set_size(bytes)
    }

    fn try_lock(&self) -> io::Result<bool> {
        self.file.try_lock()
    }

    fn write_all_at(&self, bytes: &[u8], at: u64) -> io::Result<()> {
        self.disk.step(&self.path);
        if self.disk.switches.fail_write.load(Ordering::SeqCst) {
            if self.disk.switches.short_write.load(Ordering::SeqCst) {
                self.write(bytes.get(..bytes.len() / 2).unwrap_or_default(), at)?;
            }
            return Err(io::Error::new(io::ErrorKind::StorageFull, "injected: disk full"));
        }
        self.write(bytes, at)
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
        self.check_alive()?;
        self.unsynced.lock().unwrap().remove(path);
        Ok(self.file(RealDisk.create(path)?, path))
    }

    fn open_or_create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        self.check_alive()?;
        Ok(self.file(RealDisk.open_or_create(path)?, path))
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        self.check_alive()?;
        Ok(self.file(RealDisk.open(path)?, path))
    }

    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        RealDisk.read(path)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.check_alive()?;
        let mut files = self.unsynced.lock().unwrap();
        if let Some(unsynced) = files.remove(from) {
            files.insert(to.to_owned(), unsynced);
        }
        RealDisk.rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.check_alive()?;
        self.unsynced.lock().unwrap().remove(path);
        RealDisk.remove(path)
    }

    fn list(&self, folder: &Path) -> io::Result<Vec<PathBuf>> {
        RealDisk.list(folder)
    }

    fn sync_folder(&self, folder: &Path) -> io::Result<()> {
        self.check_alive()?;
        RealDisk.sync_folder(folder)
    }

    fn free_bytes(&self, folder: &Path) -> io::Result<u64> {
        match self.switches.free_bytes.load(Ordering::SeqCst) {
            u64::MAX => RealDisk.free_bytes(folder),
            said => Ok(said),
        }
    }
}
