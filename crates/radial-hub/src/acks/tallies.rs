//! What is counted about acknowledgements.

use std::sync::atomic::{AtomicU64, Ordering};

/// Counters since the start; never reset.
#[derive(Debug, Default)]
pub(super) struct Counters {
    pub(super) acknowledged: AtomicU64,
    pub(super) again: AtomicU64,
    pub(super) not_owed: AtomicU64,
    pub(super) not_stored: AtomicU64,
    pub(super) redelivered: AtomicU64,
    pub(super) withheld_acknowledged: AtomicU64,
    pub(super) withheld_hidden: AtomicU64,
    pub(super) withheld_expired: AtomicU64,
    pub(super) withheld_busy: AtomicU64,
    pub(super) given_up_acks: AtomicU64,
    pub(super) given_up_events: AtomicU64,
    pub(super) given_up_expired: AtomicU64,
    pub(super) forgotten_unseen: AtomicU64,
    pub(super) forgotten_room: AtomicU64,
    pub(super) forgotten_epoch: AtomicU64,
    pub(super) untracked: AtomicU64,
}

/// The counters at one moment, and what there is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AckTallies {
    /// Ids in acknowledgements, by what became of them.
    pub acknowledgements: Vec<(&'static str, u64)>,
    /// Acknowledgements that could not be stored.
    pub not_stored: u64,
    /// Events that were sent again.
    pub redelivered: u64,
    /// Redeliveries that were due and not sent, by reason.
    pub withheld: Vec<(&'static str, u64)>,
    /// Followed debts that ended without an acknowledgement, by reason.
    pub given_up: Vec<(&'static str, u64)>,
    /// Sessions that were forgotten, or never followed, by reason.
    pub forgotten: Vec<(&'static str, u64)>,
    /// Sessions of which is known what they owe.
    pub sessions: u64,
    /// Debts that are followed.
    pub debts: u64,
    /// Events that may be owed.
    pub events: u64,
}

/// Adds to a counter.
pub(super) fn add(counter: &AtomicU64, count: u64) {
    counter.fetch_add(count, Ordering::Relaxed);
}

impl Counters {
    /// The counters now; what there is comes from elsewhere.
    pub(super) fn tallies(&self) -> AckTallies {
        let load = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        AckTallies {
            acknowledgements: vec![
                ("acknowledged", load(&self.acknowledged)),
                ("again", load(&self.again)),
                ("not-owed", load(&self.not_owed)),
            ],
            not_stored: load(&self.not_stored),
            redelivered: load(&self.redelivered),
            withheld: vec![
                ("acknowledged", load(&self.withheld_acknowledged)),
                ("hidden", load(&self.withheld_hidden)),
                ("expired", load(&self.withheld_expired)),
                ("busy", load(&self.withheld_busy)),
            ],
            given_up: vec![
                ("too-many-acks", load(&self.given_up_acks)),
                ("too-many-events", load(&self.given_up_events)),
                ("expired", load(&self.given_up_expired)),
            ],
            forgotten: vec![
                ("unseen", load(&self.forgotten_unseen)),
                ("too-many", load(&self.forgotten_room)),
                ("epoch", load(&self.forgotten_epoch)),
                ("untracked", load(&self.untracked)),
            ],
            ..AckTallies::default()
        }
    }
}
