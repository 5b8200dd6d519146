//! A place where many wait for one result: the commit of a record.

use std::sync::{Arc, OnceLock};

use tokio::sync::Notify;

use crate::event_log::AppendError;

/// Set once by the committer; everybody who published the record, or a duplicate of it, waits.
#[derive(Debug, Default)]
pub(crate) struct Slot {
    result: OnceLock<Result<(), AppendError>>,
    waiting: Notify,
}

impl Slot {
    pub(crate) fn new() -> Arc<Self> {
        Arc::default()
    }

    /// A slot whose record was committed before.
    pub(crate) fn completed() -> Arc<Self> {
        let slot = Self::default();
        slot.complete(Ok(()));
        Arc::new(slot)
    }

    /// Whether its record was refused.
    pub(crate) fn has_failed(&self) -> bool {
        matches!(self.result.get(), Some(Err(_)))
    }

    /// Sets the result, if there is none yet, and wakes everybody.
    pub(crate) fn complete(&self, result: Result<(), AppendError>) {
        // A second completion would be a refusal after the fact: the first one stands.
        if self.result.set(result).is_ok() {
            self.waiting.notify_waiters();
        }
    }

    /// Waits for the result. Cancel safe.
    pub(crate) async fn wait(&self) -> Result<(), AppendError> {
        loop {
            let woken = self.waiting.notified();
            if let Some(result) = self.result.get() {
                return result.clone();
            }
            woken.await;
        }
    }
}
