//! Between publishers and the committer: appends in the order in which they were decided.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use radial_protocol::TenantId;

use crate::event_log::{AppendError, Backlog};
use crate::record::Placed;
use crate::slot::Slot;
use crate::tenant::Tenant;

/// An append that waits for its commit.
#[derive(Debug)]
pub(crate) struct Waiting {
    pub(crate) tenant: Arc<Tenant>,
    pub(crate) placed: Vec<Placed>,
    /// Whether it must be on stable storage before it is answered or seen.
    pub(crate) durable: bool,
    pub(crate) slot: Arc<Slot>,
}

impl Drop for Waiting {
    /// Nobody waits for ever for what a panic took along. Whatever was committed has its result.
    fn drop(&mut self) {
        self.slot.complete(Err(AppendError::Poisoned));
    }
}

#[derive(Debug, Default)]
struct Inner {
    waiting: Vec<Waiting>,
    /// How many events the committer has in its hands, and their bytes.
    committing: (usize, usize),
    /// Whether the committer sleeps until something is pushed.
    asleep: bool,
    closed: bool,
    refusal: Option<AppendError>,
    room: Room,
}

/// For whom there is room, as far as it was looked at.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Room {
    /// For everybody.
    #[default]
    Enough,
    /// For the hub's own events alone; this is what is full.
    OwnOnly(String),
    /// For nobody; this is what is full.
    None(String),
}

/// The queue itself.
#[derive(Debug)]
pub(crate) struct CommitQueue {
    inner: Mutex<Inner>,
    changed: Condvar,
    /// What waits, that in the committer's hands included: read without the lock, changed under it.
    events: AtomicUsize,
    bytes: AtomicUsize,
    events_max: usize,
    bytes_max: usize,
}

impl CommitQueue {
    /// A queue in which so much may wait; publishes beyond are refused.
    pub(crate) fn new(events_max: usize, bytes_max: usize) -> Self {
        Self {
            inner: Mutex::default(),
            changed: Condvar::new(),
            events: AtomicUsize::new(0),
            bytes: AtomicUsize::new(0),
            events_max,
            bytes_max,
        }
    }

    /// What waits, and what may.
    pub(crate) fn backlog(&self) -> Backlog {
        Backlog {
            events: self.events.load(Ordering::Relaxed),
            events_max: self.events_max,
            bytes: self.bytes.load(Ordering::Relaxed),
            bytes_max: self.bytes_max,
        }
    }

    /// Says whether an append may be decided now. The hub's own are few and small, and what it must
    /// remember is not refused for what others fill.
    pub(crate) fn admits(&self, tenant: &TenantId) -> Result<(), AppendError> {
        let own = tenant.is_control();
        let inner = self.lock();
        match &inner.refusal {
            Some(refusal) => Err(refusal.clone()),
            None if inner.closed => Err(AppendError::Closed),
            None if self.backlog().is_full() && !own => Err(AppendError::Overloaded),
            None => match &inner.room {
                Room::OwnOnly(what) if !own => Err(AppendError::Full(what.clone())),
                Room::None(what) => Err(AppendError::Full(what.clone())),
                Room::OwnOnly(_) | Room::Enough => Ok(()),
            },
        }
    }

    /// Adds a decided append. The caller holds its tenant's lock, so that the order of the queue
    /// is the order of the offsets.
    pub(crate) fn push(&self, waiting: Waiting) {
        let mut inner = self.lock();
        let refusal = inner.refusal.clone().or(inner.closed.then_some(AppendError::Closed));
        if let Some(refusal) = refusal {
            drop(inner);
            waiting.slot.complete(Err(refusal));
            return;
        }
        self.events.fetch_add(waiting.placed.len(), Ordering::Relaxed);
        self.bytes.fetch_add(bytes_of(&waiting), Ordering::Relaxed);
        inner.waiting.push(waiting);
        let wake = std::mem::take(&mut inner.asleep);
        drop(inner);
        if wake {
            self.changed.notify_one();
        }
    }

    /// Waits for appends and takes them all; `None` once the queue is closed and empty. What was
    /// taken before has been committed: only one thread takes.
    ///
    /// With a limit it comes back empty-handed after so long.
    pub(crate) fn take(&self, wait_max: Option<Duration>) -> Option<Vec<Waiting>> {
        let mut inner = self.lock();
        let (events, bytes) = std::mem::take(&mut inner.committing);
        self.events.fetch_sub(events, Ordering::Relaxed);
        self.bytes.fetch_sub(bytes, Ordering::Relaxed);
        loop {
            if !inner.waiting.is_empty() {
                // All that waits is taken, and whoever took the last has come back.
                let backlog = self.backlog();
                inner.committing = (backlog.events, backlog.bytes);
                return Some(std::mem::take(&mut inner.waiting));
            }
            if inner.closed {
                return None;
            }
            inner.asleep = true;
            let Some(wait_max) = wait_max else {
                drop(self.changed.wait(inner).unwrap_or_else(PoisonError::into_inner));
                // Woken on the core of the first publisher, this thread would take its one append
                // before the others there have been read: they go first. Elsewhere it costs
                // nothing.
                std::thread::yield_now();
                inner = self.lock();
                continue;
            };
            let waited = self.changed.wait_timeout(inner, wait_max);
            let (guard, timeout) = waited.unwrap_or_else(PoisonError::into_inner);
            if timeout.timed_out() && guard.waiting.is_empty() && !guard.closed {
                return Some(Vec::new());
            }
            inner = guard;
        }
    }

    /// Says for whom there is room from now on.
    pub(crate) fn set_room(&self, room: Room) {
        self.lock().room = room;
    }

    /// What is full, if anything.
    pub(crate) fn full(&self) -> Option<String> {
        match &self.lock().room {
            Room::Enough => None,
            Room::OwnOnly(what) | Room::None(what) => Some(what.clone()),
        }
    }

    /// Takes no more; what waits is still committed.
    pub(crate) fn close(&self) {
        self.lock().closed = true;
        self.changed.notify_all();
    }

    /// Takes no more and refuses all that waits.
    pub(crate) fn refuse(&self, refusal: &AppendError) {
        let mut inner = self.lock();
        inner.refusal = Some(refusal.clone());
        inner.committing = (0, 0);
        self.events.store(0, Ordering::Relaxed);
        self.bytes.store(0, Ordering::Relaxed);
        let refused = std::mem::take(&mut inner.waiting);
        drop(inner);
        for waiting in refused {
            waiting.slot.complete(Err(refusal.clone()));
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn bytes_of(waiting: &Waiting) -> usize {
    waiting.placed.iter().map(Placed::memory_bytes).sum()
}
