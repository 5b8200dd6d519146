//! A seat: one connection in a worker's hands.

use std::time::Duration;

use bytes::{Buf as _, Bytes};
use radial_protocol::filter::Filter;

use super::class::ClassId;
use super::hands::Leave;
use super::line::{Left, Line, Wrote};
use super::mailbox::{ShardId, Stay};
use crate::Tally;
use crate::resident::{Ended, Resident, Spot, Why};

/// A connection in a worker's hands.
pub(crate) struct Seat {
    pub(crate) stay: Stay,
    pub(crate) shard: ShardId,
    pub(crate) class: ClassId,
    /// Where it stands in the list of its class.
    pub(crate) rank: u32,
    pub(crate) line: Line,
    pub(crate) filter: Filter,
    /// Where it is, if it is not where its shard is.
    pub(crate) behind: Option<Box<Behind>>,
    pub(crate) beat_at: Millis,
    pub(crate) beat_every: Millis,
    pub(crate) until: Millis,
    pub(crate) tally: Tally,
    /// It has been given up already; nothing more is written to it.
    pub(crate) is_leaving: bool,
    pub(crate) resident: Box<dyn Resident>,
}

/// A `Duration` in half of its room. What is shorter than a millisecond is rounded up.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Millis(u64);

impl Millis {
    /// Whether an uptime has come.
    pub(crate) fn has_come(self, uptime: Duration) -> bool {
        uptime >= self.into()
    }
}

impl From<Duration> for Millis {
    fn from(duration: Duration) -> Self {
        Self(u64::try_from(duration.as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX))
    }
}

impl From<Millis> for Duration {
    fn from(Millis(ms): Millis) -> Self {
        Self::from_millis(ms)
    }
}

/// Where a connection is that has not had everything that its shard has.
pub(crate) struct Behind {
    pub(crate) spot: Spot,
    /// What its socket did not take.
    pub(crate) unwritten: Bytes,
    /// Since when it takes nothing.
    pub(crate) since: Duration,
}

impl Behind {
    pub(crate) fn new(spot: Spot, unwritten: Bytes, since: Duration) -> Self {
        Self { spot, unwritten, since }
    }
}

impl Seat {
    /// Goes on with what it could not write before.
    pub(crate) fn write_rest(&mut self, now: Duration) -> Wrote {
        let Some(behind) = &mut self.behind else { return Wrote::All };
        let wrote = self.line.write_ready(&behind.unwritten);
        match wrote {
            Wrote::All => behind.unwritten = Bytes::new(),
            Wrote::Part(0) | Wrote::Gone => {}
            Wrote::Part(len) => {
                behind.unwritten.advance(len);
                behind.since = now;
            }
        }
        wrote
    }

    /// Whether its time has come, or its socket has taken nothing for too long.
    pub(crate) fn is_due_to_leave(&self, now: Duration, slow_after: Duration) -> Option<Leave> {
        if self.until.has_come(now) {
            return Some(Leave::Back(Why::Time));
        }
        let stuck = self.behind.as_ref().filter(|behind| !behind.unwritten.is_empty())?;
        let is_slow = now.saturating_sub(stuck.since) >= slow_after;
        is_slow.then_some(Leave::Ended(Ended::Slow))
    }

    /// The same with bytes that are nobody else's.
    pub(crate) fn write_own(&mut self, bytes: &[u8], spot: Spot, now: Duration) -> Option<Leave> {
        self.write_or_wait(bytes, || Bytes::copy_from_slice(bytes), spot, now)
    }

    /// Writes to a connection that keeps up; what its socket does not take waits at this spot, as
    /// the rest of `whole`'s copy of the bytes, which others may share.
    pub(crate) fn write_or_wait(
        &mut self,
        bytes: &[u8],
        whole: impl FnOnce() -> Bytes,
        spot: Spot,
        now: Duration,
    ) -> Option<Leave> {
        match self.line.write(bytes, whole) {
            Left::Nothing => None,
            Left::Bytes(unwritten) => {
                self.behind = Some(Box::new(Behind::new(spot, unwritten, now)));
                None
            }
            Left::Gone => {
                self.is_leaving = true;
                Some(Leave::Ended(Ended::Gone))
            }
        }
    }
}
