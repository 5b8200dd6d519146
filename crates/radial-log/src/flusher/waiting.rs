//! Between the committer and the flusher: committed rounds that the store does not have yet.
//!
//! Of class `recent` a tenant keeps its newest 10,000. Where more than that come between two
//! transactions of the store, it would be given most of them only to take them out again. So the
//! newest rounds stay here once, for the next time: what is older than they are then need not be
//! written at all. A round stays or goes as a whole, because what it reserves stands in it once.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use radial_protocol::Offset;

use crate::record::{Placed, TenantNo};
use crate::tenant::Tenant;

/// How long events may wait for company. A crash costs nothing but reading them again.
const INTERVAL: Duration = Duration::from_millis(500);
/// So much is brought in at once, and without waiting.
const FLUSH_BYTES: usize = 16 * 1024 * 1024;
/// So much stays for the next time: 10,000 events of some 600 bytes.
const KEPT_BYTES: usize = 12 * 1024 * 1024;
/// So much may be behind before the committer has to wait.
const BEHIND_BYTES_MAX: usize = 64 * 1024 * 1024;

/// Committed events of one append.
#[derive(Debug)]
pub(crate) struct Flush {
    pub(crate) tenant: Arc<Tenant>,
    pub(crate) placed: Vec<Placed>,
    pub(crate) reserved: Offset,
    /// How many of the events are of class `recent`.
    recents: usize,
}

/// What was committed at once.
#[derive(Debug)]
struct Round {
    flushes: Vec<Flush>,
    bytes: usize,
    last_seq: u64,
}

/// What the store is to get.
#[derive(Debug, Default)]
pub(crate) struct Taken {
    pub(crate) flushes: Vec<Flush>,
    /// The newest record of the write-ahead file among them.
    pub(crate) last_seq: u64,
    /// Events of class `recent` that are newer and stay for the next time, of each tenant by its
    /// number.
    pub(crate) newer_recents: HashMap<TenantNo, u64>,
}

#[derive(Debug, Default)]
struct Inner {
    rounds: VecDeque<Round>,
    bytes: usize,
    /// How many of the oldest rounds have stayed once, and their bytes.
    kept: (usize, usize),
    closed: bool,
}

/// The queue itself.
#[derive(Debug, Default)]
pub(crate) struct FlushQueue {
    inner: Mutex<Inner>,
    changed: Condvar,
}

impl FlushQueue {
    /// Adds a round of committed events; waits while the flusher is too far behind.
    pub(crate) fn push(&self, flushes: Vec<Flush>, last_seq: u64) {
        let placed = flushes.iter().flat_map(|flush| &flush.placed);
        let bytes = placed.map(Placed::memory_bytes).sum();
        let mut inner = self.lock();
        while inner.bytes > BEHIND_BYTES_MAX && !inner.closed {
            inner = self.changed.wait(inner).unwrap_or_else(PoisonError::into_inner);
        }
        inner.bytes += bytes;
        inner.rounds.push_back(Round { flushes, bytes, last_seq });
        let wake = inner.fresh_bytes() >= FLUSH_BYTES;
        drop(inner);
        if wake {
            self.changed.notify_all();
        }
    }

    /// Waits for enough, or long enough, and takes what is to be stored, which may be nothing;
    /// `None` once it is closed and empty.
    pub(crate) fn take(&self) -> Option<Taken> {
        let mut inner = self.lock();
        while !inner.closed && inner.fresh_bytes() < FLUSH_BYTES {
            let (guard, timeout) =
                self.changed.wait_timeout(inner, INTERVAL).unwrap_or_else(PoisonError::into_inner);
            inner = guard;
            if timeout.timed_out() {
                break;
            }
        }
        if inner.rounds.is_empty() && inner.closed {
            return None;
        }
        let taken = inner.take();
        drop(inner);
        self.changed.notify_all();
        Some(taken)
    }

    /// Whether the flusher had better bring events in than tidy up.
    pub(crate) fn is_pressing(&self) -> bool {
        let inner = self.lock();
        inner.closed || inner.fresh_bytes() >= FLUSH_BYTES / 2
    }

    pub(crate) fn close(&self) {
        self.lock().closed = true;
        self.changed.notify_all();
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    /// What has come since the last time.
    fn fresh_bytes(&self) -> usize {
        self.bytes.saturating_sub(self.kept.1)
    }

    fn take(&mut self) -> Taken {
        let (staying, staying_bytes) = if self.closed { (0, 0) } else { self.staying() };
        let later = self.rounds.split_off(self.rounds.len() - staying);
        let rounds = std::mem::replace(&mut self.rounds, later);
        (self.bytes, self.kept) = (staying_bytes, (staying, staying_bytes));
        let mut taken = Taken::default();
        for round in rounds {
            taken.last_seq = round.last_seq;
            taken.flushes.extend(round.flushes);
        }
        for flush in self.rounds.iter().flat_map(|round| &round.flushes) {
            *taken.newer_recents.entry(flush.tenant.no).or_default() += flush.recents as u64;
        }
        taken
    }

    /// How many of the newest rounds stay, and their bytes. None stays twice, and none where most
    /// would be written later anyway: a crash would only have more to read again.
    fn staying(&self) -> (usize, usize) {
        let fresh = || self.rounds.iter().skip(self.kept.0);
        let events = || fresh().flat_map(|round| &round.flushes);
        let all: usize = events().map(|flush| flush.placed.len()).sum();
        let recents: usize = events().map(|flush| flush.recents).sum();
        if recents * 2 <= all {
            return (0, 0);
        }
        let mut staying = (0, 0);
        for round in fresh().rev() {
            if staying.1 + round.bytes > KEPT_BYTES {
                break;
            }
            staying = (staying.0 + 1, staying.1 + round.bytes);
        }
        staying
    }
}

impl Flush {
    pub(crate) fn new(tenant: Arc<Tenant>, placed: Vec<Placed>, reserved: Offset) -> Self {
        let recents = placed.iter().filter(|placed| placed.is_recent()).count();
        Self { tenant, placed, reserved, recents }
    }
}

#[cfg(test)]
mod tests {
    use radial_protocol::event::{Event, Head, Persistence, TimeMs};
    use radial_protocol::names::EventId;
    use radial_protocol::{Cursor, Epoch, EventTypeName, TenantId};

    use super::*;
    use crate::store::{HeadRow, TenantRow};

    const EVENT_BYTES: usize = 1024 * 1024;

    fn round(tenant: &Arc<Tenant>, offset: u64, classes: &[Persistence]) -> Vec<Flush> {
        let placed = classes.iter().map(|class| {
            let event_type = EventTypeName::new("card.moved").unwrap();
            let mut head = Head::new(EventId::new("e").unwrap(), event_type);
            head.persistence = *class;
            let offset = Offset::new(offset).unwrap();
            let cursor = Cursor { epoch: Epoch::new(1), offset };
            let members = format!("\"x\":\"{}\"", "x".repeat(EVENT_BYTES));
            let event = Event::from_members(head, Some(cursor), TimeMs(1), &members);
            let (event, batch) = (Arc::new(event), offset);
            Placed { event, fingerprint: None, batch, effect: None, changed: None }
        });
        vec![Flush::new(Arc::clone(tenant), placed.collect(), Offset::ZERO)]
    }

    fn tenant() -> Arc<Tenant> {
        let head = HeadRow::default();
        let epoch = Epoch::new(1);
        let row = TenantRow { no: 7, epoch, head, first: Offset::ZERO.next(), lost: Vec::new() };
        Arc::new(Tenant::new(TenantId::new("acme").unwrap(), row))
    }

    fn seen(taken: &Taken) -> (usize, u64, Option<u64>) {
        (taken.flushes.len(), taken.last_seq, taken.newer_recents.get(&7).copied())
    }

    #[test]
    fn the_newest_rounds_of_class_recent_stay_once_and_what_is_taken_knows_of_them() {
        use Persistence::{Durable, Recent};
        let (queue, tenant) = (FlushQueue::default(), tenant());
        for seq in 1..=16 {
            let classes: &[_] = if seq == 10 { &[Durable] } else { &[Recent] };
            queue.push(round(&tenant, seq, classes), seq);
        }
        // Twelve would be as large as what may stay, and a little more is around each.
        assert_eq!(seen(&queue.take().unwrap()), (5, 5, Some(10)));
        assert!(!queue.is_pressing(), "what stays does not press");
        for seq in 17..=32 {
            queue.push(round(&tenant, seq, &[Recent]), seq);
        }
        // Those that have stayed go, whatever their class.
        assert_eq!(seen(&queue.take().unwrap()), (16, 21, Some(11)));
        queue.close();
        assert_eq!(seen(&queue.take().unwrap()), (11, 32, None));
        assert!(queue.take().is_none());
    }

    #[test]
    fn none_stays_where_most_would_be_stored_later_anyway() {
        use Persistence::{Durable, Recent};
        let (queue, tenant) = (FlushQueue::default(), tenant());
        for seq in 1..=8 {
            queue.push(round(&tenant, seq, &[Recent, Durable]), seq);
        }
        assert_eq!(seen(&queue.take().unwrap()), (8, 8, None));
    }
}
