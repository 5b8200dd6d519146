//! Between publishers and the committer: appends in the order in which they were decided.

use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use radial_protocol::TenantId;

use crate::event_log::AppendError;
use crate::record::Placed;
use crate::slot::Slot;
use crate::tenant::Tenant;

/// The most bytes of events that may wait for storage; publishes beyond are refused.
pub(crate) const WAITING_BYTES_MAX: usize = 64 * 1024 * 1024;

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
    bytes: usize,
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
#[derive(Debug, Default)]
pub(crate) struct CommitQueue {
    inner: Mutex<Inner>,
    changed: Condvar,
}

impl CommitQueue {
    /// Says whether an append may be decided now. The hub's own are few and small, and what it must
    /// remember is not refused for what others fill.
    pub(crate) fn admits(&self, tenant: &TenantId) -> Result<(), AppendError> {
        let own = tenant.is_control();
        let inner = self.lock();
        match &inner.refusal {
            Some(refusal) => Err(refusal.clone()),
            None if inner.closed => Err(AppendError::Closed),
            None if inner.bytes >= WAITING_BYTES_MAX && !own => Err(AppendError::Overloaded),
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
        inner.bytes += bytes_of(&waiting);
        inner.waiting.push(waiting);
        let wake = std::mem::take(&mut inner.asleep);
        drop(inner);
        if wake {
            self.changed.notify_one();
        }
    }

    /// Waits for appends and takes them all; `None` once the queue is closed and empty.
    ///
    /// With a limit it comes back empty-handed after so long.
    pub(crate) fn take(&self, wait_max: Option<Duration>) -> Option<Vec<Waiting>> {
        let mut inner = self.lock();
        loop {
            if !inner.waiting.is_empty() {
                inner.bytes = 0;
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
        inner.bytes = 0;
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
