//! Spare segments when the committer needs one while the flusher is making one.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::yield_now;

use radial_log::{Disk, DiskFile, Effect, Entry, EventLog as _, Health, RealDisk};
use radial_protocol::Offset;

use crate::support::{Folder, Opening, append, change, keyed, offsets, wait_until};

/// How far the flusher has come with its spare, and how far it may go.
const MAKES_SPARE: usize = 1;
const MAY_WRITE: usize = 2;
const WROTE: usize = 3;
const MAY_GO_ON: usize = 4;

/// A disk on which the flusher's spare takes as long as the test says.
#[derive(Clone, Default)]
struct SlowSpare(Arc<AtomicUsize>);

impl SlowSpare {
    fn reach(&self, step: usize) {
        self.0.fetch_max(step, Ordering::SeqCst);
    }

    fn has_reached(&self, step: usize) -> bool {
        self.0.load(Ordering::SeqCst) >= step
    }

    fn wait_for(&self, step: usize) {
        while !self.has_reached(step) {
            yield_now();
        }
    }
}

struct SlowFile(Box<dyn DiskFile>, SlowSpare);

impl DiskFile for SlowFile {
    fn read_exact_at(&self, bytes: &mut [u8], at: u64) -> io::Result<()> {
        self.0.read_exact_at(bytes, at)
    }

    fn size(&self) -> io::Result<u64> {
        self.0.size()
    }

    fn set_size(&self, bytes: u64) -> io::Result<()> {
        self.0.set_size(bytes)
    }

    fn try_lock(&self) -> io::Result<bool> {
        self.0.try_lock()
    }

    fn write_all_at(&self, bytes: &[u8], at: u64) -> io::Result<()> {
        self.1.wait_for(MAY_WRITE);
        self.0.write_all_at(bytes, at)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.0.sync_data()
    }

    fn sync_all(&self) -> io::Result<()> {
        self.1.reach(WROTE);
        self.1.wait_for(MAY_GO_ON);
        self.0.sync_all()
    }
}

impl Disk for SlowSpare {
    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        let file = RealDisk.create(path)?;
        if std::thread::current().name() != Some("radial-flush") {
            return Ok(file);
        }
        self.reach(MAKES_SPARE);
        Ok(Box::new(SlowFile(file, self.clone())))
    }

    fn open_or_create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        RealDisk.open_or_create(path)
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        RealDisk.open(path)
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
        RealDisk.free_bytes(folder)
    }
}

#[tokio::test]
async fn a_segment_that_is_needed_before_its_spare_is_ready_is_a_file_of_its_own() {
    let folder = Folder::new();
    let disk = SlowSpare::default();
    let opening = Opening { disk: Arc::new(disk.clone()), ..Opening::default() };
    let log = opening.open(&folder).unwrap();
    folder.remember_store();
    log.append(append(vec![keyed("first", 1)])).await.unwrap();
    wait_until("the flusher's spare", || disk.has_reached(MAKES_SPARE)).await;
    // More than a segment holds: the committer needs another one now.
    let data = format!("{{\"cardId\":\"c1\",\"text\":\"{}\"}}", "x".repeat(1_000_000));
    let batch = (0..17).map(|_| Entry { change: None, ..change(Effect::Replace, None, &data) });
    log.append(append(batch.collect())).await.unwrap();
    disk.reach(MAY_WRITE);
    wait_until("the spare's zeros", || disk.has_reached(WROTE)).await;
    let image = folder.crash_image();
    disk.reach(MAY_GO_ON);
    let after = Opening::default().open(&image).unwrap();
    assert_eq!(offsets(&after, Offset::ZERO).len(), 18, "acknowledged events are gone");
    log.append(append(vec![keyed("last", 1)])).await.unwrap();
    log.close();
    assert_eq!(log.health(), Health::Ok);
}
