//! A subscription that only follows its timeline, while somebody else does that in its stead.
//!
//! What a worker needs goes to it; what nobody needs meanwhile is not held. Both together are the
//! subscription again.

use std::collections::VecDeque;
use std::sync::Arc;

use radial_fanout::{Reader, Spot, Tally, Timeline};
use radial_protocol::filter::{Filter, Selection};
use radial_protocol::{Epoch, Offset};

use super::Subscription;
use crate::acks::Seat;
use crate::hub::Hub;

/// What a worker needs to go on in a subscription's stead.
pub struct Resting {
    /// What it follows.
    pub timeline: Arc<Timeline>,
    /// The history that its places belong to.
    pub epoch: Epoch,
    /// What is due to it.
    pub filter: Filter,
    /// Where it is.
    pub spot: Spot,
}

/// What is kept meanwhile, for the subscription to go on.
pub struct Kept {
    wanted: Arc<[Selection]>,
    /// Before it nothing is missed: it was told so.
    from: Offset,
    /// How many events it was given so far.
    delivered: u64,
    /// If it has one.
    seat: Option<Box<Seat>>,
}

impl Subscription {
    /// Where somebody else may go on in its stead; `None` while there is more to do than to follow.
    pub fn spot(&self) -> Option<Spot> {
        let follows =
            self.live && self.ready.is_empty() && self.snapshot.is_none() && self.reading.is_none();
        follows.then(|| self.reader.spot(&self.timeline)).flatten()
    }

    /// Rests at this spot, which [`Self::spot`] gave.
    pub fn rest(self, spot: Spot) -> (Resting, Kept) {
        let delivered = self.tally().delivered;
        let Self { wanted, timeline, reader, epoch, kept_from, seat, .. } = self;
        let filter = reader.into_filter();
        let seat = seat.is_taken().then(|| Box::new(seat));
        let kept = Kept { wanted, from: kept_from, delivered, seat };
        (Resting { timeline, epoch, filter, spot }, kept)
    }

    /// Goes on where somebody else has got to, who gave and kept back so much and counted it.
    ///
    /// Redeliveries come where [`Self::redeliver_by`] says from now on.
    pub fn go_on(hub: &Arc<Hub>, resting: Resting, mut kept: Kept, tally: Tally) -> Self {
        kept.count(tally);
        let Resting { timeline, epoch, filter, spot } = resting;
        let Kept { wanted, from: kept_from, delivered, seat } = kept;
        // What was expired has been counted.
        let tally = Tally { delivered, expired: 0 };
        let grants = Arc::clone(filter.grants());
        Self {
            hub: Arc::clone(hub),
            grants,
            wanted,
            end: timeline.watch_end(),
            timeline,
            reader: Reader::going_on(filter, spot, tally),
            epoch,
            opening: None,
            ready: VecDeque::new(),
            snapshot: None,
            reading: None,
            kept_from,
            live: true,
            counted: tally,
            spared: 0,
            seat: seat.map_or_else(|| hub.acks.seat(), |seat| *seat),
        }
    }
}

impl Kept {
    /// Notes what was given meanwhile.
    pub fn count(&mut self, tally: Tally) {
        self.delivered += tally.delivered;
    }

    /// How many events were given so far.
    pub fn delivered(&self) -> u64 {
        self.delivered
    }

    /// Whether redeliveries can come to it.
    pub fn has_seat(&self) -> bool {
        self.seat.is_some()
    }
}
