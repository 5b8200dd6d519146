//! The committer thread: one write and at most one fsync for all that is waiting.
//!
//! It never waits for company: a lone publisher is committed at once, and while its fsync runs
//! the next ones gather.

use std::collections::HashMap;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use radial_protocol::Offset;

use crate::clock::Clock;
use crate::event_log::{AppendError, OnCommit};
use crate::flusher::{Flush, FlushQueue};
use crate::queue::{CommitQueue, Waiting};
use crate::record::{Record, StoredEvent, TenantNo, encode_onto};
use crate::settings::Durability;
use crate::slot::Wake;
use crate::wal::Wal;

/// How many offsets ahead are reserved for `recent` events at once: one fsync per so many.
const RESERVATION: u64 = 8_192;

/// What the thread works with.
pub(crate) struct Committer {
    pub(crate) wal: Wal,
    pub(crate) queue: Arc<CommitQueue>,
    pub(crate) flushes: Arc<FlushQueue>,
    pub(crate) on_commit: OnCommit,
    pub(crate) wake: Wake,
    /// Per tenant, the highest offset that may be shown before it is on stable storage.
    pub(crate) reserved: HashMap<TenantNo, Offset>,
    pub(crate) counters: Arc<Counters>,
    pub(crate) durability: Durability,
    pub(crate) clock: Arc<Clock>,
    /// Since when, in uptime, something is written and not synced.
    pub(crate) unsynced_since: Option<Duration>,
}

/// What can be counted of the committer's work; never reset.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) fsyncs: std::sync::atomic::AtomicU64,
    pub(crate) poison: std::sync::OnceLock<String>,
}

impl Committer {
    /// Works until the queue is closed and empty, or a write fails.
    pub(crate) fn run(mut self) {
        let _poison = PoisonOnPanic {
            thread: "committer",
            queue: Arc::clone(&self.queue),
            flushes: Arc::clone(&self.flushes),
            counters: Arc::clone(&self.counters),
        };
        while let Some(round) = self.queue.take(self.sync_wait()) {
            let done = if round.is_empty() { self.sync() } else { self.commit(&round) };
            if let Err(error) = done {
                tracing::error!(%error, "a write to stable storage failed: the log takes no writes");
                let _ = self.counters.poison.set(error.to_string());
                self.wal.mark_failed();
                self.queue.refuse(&AppendError::Poisoned);
                for waiting in round {
                    waiting.slot.complete(Err(AppendError::Poisoned));
                }
                break;
            }
        }
        if self.unsynced_since.is_some() && self.counters.poison.get().is_none() {
            // The store takes over all of it before the stop is called clean.
            let _ = self.sync();
        }
        self.flushes.close();
    }

    /// How long a round may be waited for: with relaxed durability, until the window ends.
    fn sync_wait(&self) -> Option<Duration> {
        let Durability::Relaxed { window } = self.durability else { return None };
        let waited = self.clock.uptime().saturating_sub(self.unsynced_since?);
        Some(window.saturating_sub(waited))
    }

    fn sync(&mut self) -> io::Result<()> {
        self.wal.sync()?;
        self.unsynced_since = None;
        self.counters.fsyncs.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        Ok(())
    }

    /// Whether this round must be on stable storage before it is answered and seen.
    fn must_sync(&self, round: &[Waiting]) -> bool {
        let any_durable = round.iter().any(|waiting| waiting.durable);
        match self.durability {
            Durability::Durable => any_durable,
            // What operators did is not given up for speed.
            Durability::Relaxed { .. } => {
                round.iter().any(|waiting| waiting.tenant.id.is_control())
                    || self.sync_wait() == Some(Duration::ZERO)
            }
        }
    }

    fn commit(&mut self, round: &[Waiting]) -> io::Result<()> {
        let reserves = self.stage_reservations(round);
        let mut last_seq = 0;
        for waiting in round {
            last_seq = self.wal.stage(|out| encode_onto(&batch_record(waiting), out));
        }
        self.wal.write()?;
        if reserves || self.must_sync(round) {
            self.sync()?;
        } else if self.unsynced_since.is_none() {
            self.unsynced_since = Some(self.clock.uptime());
        }
        for waiting in round {
            waiting.tenant.show(&waiting.placed);
            let events: Vec<_> =
                waiting.placed.iter().map(|placed| Arc::clone(&placed.event)).collect();
            (self.on_commit)(&waiting.tenant.id, &events);
            waiting.slot.set(Ok(()));
        }
        // Before this, a panic wakes them: whoever holds a slot sees to its own.
        let mut answered = Vec::with_capacity(round.len());
        for waiting in round {
            waiting.slot.hand_over(&mut answered);
        }
        (self.wake)(answered);
        let flushes = round.iter().map(|waiting| {
            let up_to = self.reserved.get(&waiting.tenant.no).copied().unwrap_or_default();
            Flush::new(Arc::clone(&waiting.tenant), waiting.placed.clone(), up_to)
        });
        self.flushes.push(flushes.collect(), last_seq);
        Ok(())
    }

    /// Makes sure that what is shown before it is durable lies in a durable reservation, so that
    /// after a power loss its offsets are not given out again.
    fn stage_reservations(&mut self, round: &[Waiting]) -> bool {
        let mut any = false;
        for waiting in round.iter().filter(|waiting| !waiting.durable) {
            let Some(last) = waiting.placed.last().and_then(|placed| placed.event.offset()) else {
                continue;
            };
            let reserved = self.reserved.entry(waiting.tenant.no).or_default();
            if last > *reserved {
                *reserved = last.plus(RESERVATION);
                let up_to = reserved.get();
                let reserve = Record::Reserve { tenant: waiting.tenant.no, up_to };
                self.wal.stage(|out| encode_onto(&reserve, out));
                any = true;
            }
        }
        any
    }
}

/// A panic of a thread must not leave publishers, or the other thread, waiting for ever.
pub(crate) struct PoisonOnPanic {
    pub(crate) thread: &'static str,
    pub(crate) queue: Arc<CommitQueue>,
    pub(crate) flushes: Arc<FlushQueue>,
    pub(crate) counters: Arc<Counters>,
}

impl Drop for PoisonOnPanic {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let _ = self.counters.poison.set(format!("the {} panicked", self.thread));
            self.queue.refuse(&AppendError::Poisoned);
            self.queue.close();
            self.flushes.close();
        }
    }
}

fn batch_record(waiting: &Waiting) -> Record<'_> {
    let first = waiting.placed.first().map(|placed| &placed.event);
    Record::Batch {
        tenant: waiting.tenant.no,
        first: first.and_then(|event| event.offset()).unwrap_or_default().get(),
        received_at: first.map(|event| event.received_at).unwrap_or_default(),
        events: waiting.placed.iter().map(StoredEvent::of).collect(),
    }
}
