//! A reader: a place and a filter, and which of the log or the timeline it reads next.
//!
//! The seams are here. From log to timeline a reader goes only at a place that the timeline
//! covers, and then from the first entry after that place, so that nothing is missed or doubled.
//! From timeline back to log it goes with its place, when the timeline has moved on without it. The
//! log has no `live` events: what the timeline lost of those meanwhile is due as [`Due::Lost`].

use std::sync::Arc;

use radial_protocol::control::Gap;
use radial_protocol::event::TimeMs;
use radial_protocol::filter::{Filter, Verdict};
use radial_protocol::{Event, Offset};

use crate::gone::{Count, Lost};
use crate::resident::Spot;
use crate::timeline::{Stretch, Timeline, Way};

/// The most events that one step looks at (protocol §5).
const PAGE_EVENTS: usize = 1_000;
/// The most bytes of events that one step looks at, unless one event alone is larger: far less than
/// the contract allows, since it may be held for each reader that is behind.
const PAGE_BYTES: usize = 64 * 1024;
/// Who is no further behind than this may be given to a worker.
const SPOT_EVENTS: u64 = 64;

/// What a page of the log holds for a reader.
#[derive(Clone, Debug)]
pub enum Found {
    /// An event of the log.
    Event(Arc<Event>),
    /// A stretch that cannot be read; the reader is told, whatever its filter.
    Gap(Gap),
}

/// One thing that is due to a reader.
#[derive(Clone, Debug)]
pub enum Due {
    /// An event that its filter admits.
    Event(Arc<Event>),
    /// A stretch that is missing.
    Gap(Gap),
    /// `live` events that were gone before the reader came to them.
    Lost(Lost),
}

/// What the filter let through and held back; added up, never reset.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Events that were due.
    pub delivered: u64,
    /// Events whose time to live was over.
    pub expired: u64,
}

/// What a reader needs next.
#[derive(Debug)]
pub enum Step {
    /// Write this; the reader's place is now behind it. It may be empty: then only the place moved.
    Deliver(Vec<Due>),
    /// Read the log on after this place, and give the page to [`Reader::take_page`].
    ReadLog(Offset),
    /// Nothing is due until the timeline's end moves.
    Wait,
}

/// A cursor moving along one tenant's log.
#[derive(Debug)]
pub struct Reader {
    filter: Filter,
    place: Offset,
    position: Option<u64>,
    /// `live` events before it the reader has had or lost, or it was not there yet: they are never
    /// replayed.
    live_from: u64,
    tally: Tally,
}

impl Reader {
    /// A reader of this timeline that has dealt with everything of the log up to `place`, and gets
    /// the `live` events that come from now on.
    pub fn new(filter: Filter, place: Offset, timeline: &Timeline) -> Self {
        let live_from = timeline.end();
        Self { filter, place, position: None, live_from, tally: Tally::default() }
    }

    /// Gives it no `live` events at all.
    pub fn leave_out_live(&mut self) {
        self.live_from = u64::MAX;
    }

    /// A reader that goes on where somebody else has got to, with what was let through and held
    /// back so far.
    pub fn going_on(filter: Filter, spot: Spot, tally: Tally) -> Self {
        let Spot { position, place } = spot;
        Self { filter, place, position: Some(position), live_from: position, tally }
    }

    /// Its filter, once it is no longer needed.
    pub fn into_filter(self) -> Filter {
        self.filter
    }

    /// Everything at or before it has been delivered, or by policy never will be.
    pub fn place(&self) -> Offset {
        self.place
    }

    /// What the filter let through and held back so far.
    pub fn tally(&self) -> Tally {
        self.tally
    }

    /// Puts another filter in the place of the one that it has: it decides about everything after
    /// [`Self::place`].
    pub fn set_filter(&mut self, filter: Filter) {
        self.filter = filter;
    }

    /// What the reader asked for, narrowed to its grants.
    pub fn filter(&self) -> &Filter {
        &self.filter
    }

    /// Where a worker may go on in its stead; `None` while it is reading the log, or so far behind
    /// that a worker would give it back, or still at events that it has had from the log: a worker
    /// gives whatever comes after a position.
    pub fn spot(&self, timeline: &Timeline) -> Option<Spot> {
        let spot = Spot { position: self.position?, place: self.place };
        let missing = timeline.end().saturating_sub(spot.position);
        (missing <= SPOT_EVENTS && timeline.has_only_newer(spot)).then_some(spot)
    }

    /// Takes what is due from the timeline, or says what is needed instead.
    pub fn step(&mut self, timeline: &Timeline, now: TimeMs) -> Step {
        let (position, stretch) = match self.find(timeline) {
            Ok(found) => found,
            Err(step) => return step,
        };
        self.position = Some(stretch.next);
        if stretch.events.is_empty() {
            return Step::Wait;
        }
        let before = self.place;
        self.place = before.max(stretch.place);
        let events = (position..).zip(stretch.events);
        let live_from = self.live_from;
        let due = events.filter(|(at, event)| match event.offset() {
            Some(offset) => offset > before,
            None => *at >= live_from,
        });
        Step::Deliver(self.admitted(due.map(|(_, event)| Found::Event(event)), now))
    }

    /// Finds the stretch of the timeline that is next, and its position; or what is to be done first.
    fn find(&mut self, timeline: &Timeline) -> Result<(u64, Stretch), Step> {
        loop {
            let position = match self.position {
                Some(position) => position,
                None => match timeline.way(self.place, self.live_from) {
                    Way::From(position) => position,
                    Way::Log => return Err(Step::ReadLog(self.place)),
                    Way::Gone(gone, start) => match self.lose(&gone, start) {
                        Some(lost) => return Err(Step::Deliver(vec![Due::Lost(lost)])),
                        None => continue,
                    },
                },
            };
            if let Some(stretch) = timeline.stretch(position, PAGE_EVENTS, PAGE_BYTES) {
                return Ok((position, stretch));
            }
            self.position = None;
            self.live_from = self.live_from.max(position);
        }
    }

    /// What of this was still to come to the reader, if it is to be told of that.
    fn lose(&mut self, gone: &Count, start: u64) -> Option<Lost> {
        self.live_from = start;
        let lost = gone.of(&self.filter)?;
        self.tally.expired += lost.expired;
        (lost.count > 0 || lost.is_least).then_some(lost)
    }

    /// Takes a page of the log that was read on after [`Self::place`] and reaches to `to`.
    pub fn take_page(
        &mut self,
        page: impl IntoIterator<Item = Found>,
        to: Offset,
        now: TimeMs,
    ) -> Vec<Due> {
        self.place = self.place.max(to);
        self.admitted(page.into_iter(), now)
    }

    fn admitted(&mut self, found: impl Iterator<Item = Found>, now: TimeMs) -> Vec<Due> {
        let mut due = Vec::new();
        for found in found {
            match found {
                Found::Gap(gap) => due.push(Due::Gap(gap)),
                Found::Event(event) => match self.filter.admits(&event, now) {
                    Verdict::Admitted => {
                        self.tally.delivered += 1;
                        due.push(Due::Event(event));
                    }
                    Verdict::Expired => self.tally.expired += 1,
                    Verdict::Hidden => {}
                },
            }
        }
        due
    }
}

#[cfg(test)]
#[cfg(not(modelled))]
mod tests;
