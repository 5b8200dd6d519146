//! A connection in a worker's hands: what is kept of it until it comes back.
//!
//! There may be a hundred thousand of them, so there is nothing here that can be found elsewhere
//! or be made anew.

use std::sync::Arc;

use bytes::Bytes;
use radial_fanout::{Ended, Outlet, Returned, Tally, Why};
use radial_hub::{Kept, Resting, Subscription};
use radial_protocol::Offset;

use super::Life;
use super::held::{End, Held};
use crate::app::App;
use crate::connections::SocketCut;

/// A connection that rests, and what its transport keeps of it. Dropping it ends it.
pub(crate) struct AtRest<T> {
    pub(super) held: Held,
    pub(super) kept: Kept,
    pub(super) retry_ms: u32,
    pub(super) kept_by_transport: T,
}

// The next size that the allocator has is 160 bytes.
#[cfg(target_pointer_width = "64")]
const _: () = assert!(size_of::<AtRest<u16>>() <= 128);

/// What a connection comes back with.
pub(crate) struct Awake {
    pub(crate) life: Life,
    pub(crate) outlet: Outlet,
    /// Ends the socket from outside.
    pub(crate) cut: SocketCut,
    /// What must be written before anything else.
    pub(crate) unwritten: Bytes,
    pub(crate) why: Why,
}

impl<T> AtRest<T> {
    /// Notes how far it has come.
    pub(crate) fn noted(&self, place: Offset) {
        self.held.moved_to(place);
    }

    /// The hub and what the edge knows.
    pub(crate) fn app(&self) -> &Arc<App> {
        &self.held.app
    }

    /// Goes on where a worker has got to.
    pub(crate) fn wake(self, returned: Returned) -> (Awake, T) {
        let Self { held, kept, retry_ms, kept_by_transport } = self;
        let Returned { outlet, timeline, epoch, filter, unwritten, spot, tally, .. } = returned;
        let resting = Resting { timeline, epoch, filter, spot };
        let has_seat = kept.has_seat();
        let mut subscription = Subscription::go_on(&held.app.hub, resting, kept, tally);
        if !has_seat {
            held.take_redeliveries(&mut subscription);
        }
        let (beat_at, age_at, cut) = (returned.beat, returned.until, held.entry.wakes());
        let retry_ms = retry_ms.into();
        let mut life = Life { held, subscription, beat_at, age_at, retry_ms };
        life.moved();
        (Awake { life, outlet, cut, unwritten, why: returned.why }, kept_by_transport)
    }

    /// A worker has ended it.
    pub(crate) fn ended_there(mut self, ended: Ended, tally: Tally) {
        self.kept.count(tally);
        self.held.entry.was_given(self.kept.delivered());
        match ended {
            Ended::Gone => {}
            Ended::Slow => self.held.ended(End::Slow),
            Ended::Failed => self.held.ended(End::Error),
        }
    }
}
