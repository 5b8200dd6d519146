//! What was decided about an append, or why nothing was.

use std::sync::Arc;

use crate::event_log::{AppendError, Outcome};
use crate::record::Placed;
use crate::slot::Slot;
use crate::store::StoreError;

/// What became of an append before it is committed.
#[derive(Debug, Default)]
pub(crate) struct Decided {
    pub(crate) outcomes: Vec<Outcome>,
    /// Commits of others that the answer must wait for: duplicates of what is not committed yet.
    pub(crate) waits: Vec<Arc<Slot>>,
    /// What is to be written, if anything.
    pub(crate) placed: Vec<Placed>,
}

/// Why nothing was decided.
#[derive(Debug)]
pub(crate) enum DecideError {
    Refused(AppendError),
    Store(StoreError),
}

impl From<AppendError> for DecideError {
    fn from(error: AppendError) -> Self {
        Self::Refused(error)
    }
}

impl From<StoreError> for DecideError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}
