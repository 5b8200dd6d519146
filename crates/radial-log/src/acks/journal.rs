//! The journal: what waits for the disk, and the thread that brings it there.

use std::collections::HashMap;
use std::io;
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use tokio::sync::oneshot;

use super::row::{AckKey, AckRow, encode};
use super::writer::Writer;
use crate::disk::Disk;

/// The rows of all sessions, in a file of their own.
///
/// What waits for the disk is at most one row for each session.
pub struct AckJournal {
    shared: Arc<Shared>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

/// What became of a change; see [`Stored::wait`].
pub struct Stored(oneshot::Receiver<Result<(), Arc<io::Error>>>);

#[derive(Default)]
struct Shared {
    waiting: Mutex<Waiting>,
    changed: Condvar,
}

#[derive(Default)]
struct Waiting {
    changes: HashMap<AckKey, Option<Vec<u8>>>,
    tell: Vec<oneshot::Sender<Result<(), Arc<io::Error>>>>,
    closed: bool,
}

impl Stored {
    /// Waits until the change is on stable storage. Cancel safe: it gets there all the same.
    ///
    /// # Errors
    /// It could not be written. It is written again with the next change of any session.
    pub async fn wait(self) -> Result<(), Arc<io::Error>> {
        let closed = || Err(Arc::new(io::Error::other("the journal is closed")));
        self.0.await.unwrap_or_else(|_| closed())
    }
}

impl AckJournal {
    /// Opens the journal of a data folder that this process has locked, and reads it. Blocks.
    ///
    /// # Errors
    /// The file cannot be read, or is of another version.
    pub fn open(folder: &Path, disk: Arc<dyn Disk>) -> io::Result<(Self, Vec<(AckKey, AckRow)>)> {
        let (writer, rows) = Writer::open(disk, folder)?;
        let shared = Arc::<Shared>::default();
        let theirs = Arc::clone(&shared);
        let thread = std::thread::Builder::new()
            .name("radial-acks".to_owned())
            .spawn(move || theirs.run(writer))?;
        let thread = Mutex::new(Some(thread));
        Ok((Self { shared, thread }, rows.into_iter().collect()))
    }

    /// Puts a session's row in the place of the one that it had. Does not block.
    pub fn put(&self, key: &AckKey, row: &AckRow) -> Stored {
        self.shared.push(key, Some(encode(key, Some(row))))
    }

    /// Forgets a session. Does not block.
    pub fn remove(&self, key: &AckKey) -> Stored {
        self.shared.push(key, None)
    }

    /// Brings what waits to the disk and ends the thread. Blocks.
    pub fn close(&self) {
        self.shared.lock().closed = true;
        self.shared.changed.notify_all();
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if thread.is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("the thread of the acknowledgements panicked");
        }
    }
}

impl Drop for AckJournal {
    fn drop(&mut self) {
        self.close();
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn push(&self, key: &AckKey, row: Option<Vec<u8>>) -> Stored {
        let (tell, told) = oneshot::channel();
        let mut waiting = self.lock();
        if !waiting.closed {
            waiting.changes.insert(key.clone(), row);
            waiting.tell.push(tell);
        }
        drop(waiting);
        self.changed.notify_all();
        Stored(told)
    }

    /// Waits for changes and takes all there are; `None` once it is closed and there are none.
    fn take(&self) -> Option<Waiting> {
        let mut waiting = self.lock();
        while waiting.changes.is_empty() {
            if waiting.closed {
                return None;
            }
            waiting = self.changed.wait(waiting).unwrap_or_else(PoisonError::into_inner);
        }
        let (changes, tell) =
            (std::mem::take(&mut waiting.changes), std::mem::take(&mut waiting.tell));
        Some(Waiting { changes, tell, closed: waiting.closed })
    }

    fn run(&self, mut writer: Writer) {
        while let Some(taken) = self.take() {
            let written = writer.write(taken.changes.into_iter().collect()).map_err(Arc::new);
            if let Err(error) = &written {
                tracing::error!(%error, "acknowledgements could not be stored");
            }
            for tell in taken.tell {
                // Whoever does not wait any more need not be told.
                let _ = tell.send(written.clone());
            }
        }
    }
}
