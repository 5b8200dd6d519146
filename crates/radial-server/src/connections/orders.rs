//! What a connection is told from outside while it runs.

use std::collections::VecDeque;
use std::sync::Arc;

use radial_hub::{Redelivery, Start};
use radial_protocol::TimeMs;
use radial_protocol::control::GoodbyeReason;
use radial_protocol::filter::Selection;
use radial_protocol::grants::Grants;
use tokio_util::sync::CancellationToken;

/// What a connection is told.
#[derive(Clone, Debug)]
pub(crate) enum Order {
    /// These are its grants from now on.
    Renew(Arc<Grants>),
    /// It asks for other things from now on.
    Change(Change),
    /// Its credential ends in so many milliseconds.
    Warn(u64),
    /// Its session has not acknowledged this.
    Redeliver(Redelivery),
    /// It says goodbye and ends.
    Close(GoodbyeReason),
}

/// One change of what a connection asks for.
#[derive(Clone, Debug)]
pub(crate) enum Change {
    /// More, perhaps from an older place on.
    Add(Selection, Start),
    /// No longer this.
    Remove(Selection),
    /// All changes before it have been made: whoever waits for that is told.
    Done(CancellationToken),
}

/// How many redeliveries may wait for a connection that does not take them.
const REDELIVERIES_MAX: usize = 100;
/// How many changes may wait for a connection that does not take them.
const CHANGES_MAX: usize = 100;

/// The orders that a connection has not carried out.
#[derive(Default)]
pub(super) struct Orders {
    pub(super) renewal: Option<Arc<Grants>>,
    pub(super) warning: Option<u64>,
    /// Why it ends, and since when it should have been gone.
    pub(super) closing: Option<(GoodbyeReason, TimeMs)>,
    changes: VecDeque<Change>,
    redeliveries: VecDeque<Redelivery>,
}

impl Orders {
    /// The next one. Who is told to close is told nothing else.
    pub(super) fn take(&mut self) -> Option<Order> {
        if let Some((reason, _)) = self.closing {
            return Some(Order::Close(reason));
        }
        if let Some(grants) = self.renewal.take() {
            return Some(Order::Renew(grants));
        }
        if let Some(change) = self.changes.pop_front() {
            return Some(Order::Change(change));
        }
        if let Some(expires_in_ms) = self.warning.take() {
            return Some(Order::Warn(expires_in_ms));
        }
        self.redeliveries.pop_front().map(Order::Redeliver)
    }

    /// Whether there is none.
    pub(super) fn is_empty(&self) -> bool {
        self.closing.is_none()
            && self.renewal.is_none()
            && self.warning.is_none()
            && self.changes.is_empty()
            && self.redeliveries.is_empty()
    }

    /// Adds changes, unless there are too many to do.
    pub(super) fn change(&mut self, changes: Vec<Change>) -> bool {
        let has_room = self.changes.len() + changes.len() <= CHANGES_MAX;
        if has_room {
            self.changes.extend(changes);
        }
        has_room
    }

    /// Adds an event that comes again, unless there are too many to send.
    pub(super) fn redeliver(&mut self, redelivery: &Redelivery) -> bool {
        let has_room = self.redeliveries.len() < REDELIVERIES_MAX;
        if has_room {
            self.redeliveries.push_back(redelivery.clone());
        }
        has_room
    }
}
