//! Between publishers and the committer: appends in the order in which they were decided.

use std::sync::{Arc, Condvar, Mutex, PoisonError};

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

#[derive(Debug, Default)]
struct Inner {
    waiting: Vec<Waiting>,
    bytes: usize,
    closed: bool,
    refusal: Option<AppendError>,
}

/// The queue itself.
#[derive(Debug, Default)]
pub(crate) struct CommitQueue {
    inner: Mutex<Inner>,
    changed: Condvar,
}

impl CommitQueue {
    /// Says whether an append may be decided now.
    pub(crate) fn admits(&self) -> Result<(), AppendError> {
        let inner = self.lock();
        match &inner.refusal {
            Some(refusal) => Err(refusal.clone()),
            None if inner.closed => Err(AppendError::Closed),
            None if inner.bytes >= WAITING_BYTES_MAX => Err(AppendError::Overloaded),
            None => Ok(()),
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
        drop(inner);
        self.changed.notify_one();
    }

    /// Waits for appends and takes them all; `None` once the queue is closed and empty.
    pub(crate) fn take(&self) -> Option<Vec<Waiting>> {
        let mut inner = self.lock();
        loop {
            if !inner.waiting.is_empty() {
                inner.bytes = 0;
                return Some(std::mem::take(&mut inner.waiting));
            }
            if inner.closed {
                return None;
            }
            inner = self.changed.wait(inner).unwrap_or_else(PoisonError::into_inner);
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
    waiting.placed.iter().map(|placed| placed.event.memory_bytes()).sum()
}
