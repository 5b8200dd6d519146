//! One tenant's connections in a worker's hands, and the walk along its timeline.
//!
//! Connections that keep up have no place of their own: they are where their shard is. Only one
//! whose socket is full gets one, until it has caught up.

use std::sync::Arc;

use bytes::Bytes;
use radial_protocol::filter::{Verdict, is_for_everyone};
use radial_protocol::{Epoch, Event};

use super::class::{ClassId, Classes};
use super::hands::{Hands, Leave};
use super::mailbox::Bell;
use super::seat::{Behind, Seat};
use crate::resident::{Spot, Why};
use crate::timeline::{Stretch, Timeline};

/// The most events that go out in one write.
const WALK_EVENTS: usize = 1_000;
/// The most bytes of events that go out in one write, unless one event alone is larger: so much
/// is kept for a connection whose socket is full.
const WALK_BYTES: usize = 64 * 1024;

pub(crate) struct Shard {
    pub(crate) timeline: Arc<Timeline>,
    pub(crate) bell: Arc<Bell>,
    pub(crate) epoch: Epoch,
    pub(crate) spot: Spot,
    pub(crate) classes: Classes,
    /// How many connections it has.
    pub(crate) seats: usize,
}

impl Shard {
    /// Walks to the end of the timeline, and writes to each connection what is due to it.
    pub(crate) fn walk(&mut self, hands: &mut Hands<'_>) {
        self.bell.answer();
        loop {
            let stretch = self.timeline.stretch(self.spot.position, WALK_EVENTS, WALK_BYTES);
            let Some(stretch) = stretch else {
                self.lose_the_timeline(hands);
                return;
            };
            if stretch.events.is_empty() {
                return;
            }
            let next = Spot { position: stretch.next, place: self.spot.place.max(stretch.place) };
            for id in self.find_due(&stretch, hands) {
                self.give(id, &stretch.events, next, hands);
            }
            self.spot = next;
        }
    }

    /// Finds out which classes are due what.
    fn find_due(&mut self, stretch: &Stretch, hands: &mut Hands<'_>) -> Vec<ClassId> {
        let mut due = Vec::new();
        for (index, event) in stretch.events.iter().enumerate() {
            let (is_expired, is_personal) =
                (event.is_expired(hands.now), !is_for_everyone(&event.head));
            self.classes.for_each_asked(event, |id, class| {
                if !class.filter.shows_kind(&event.head) {
                    return;
                }
                let has_none = class.due.is_empty() && class.expired_personal.is_empty();
                if has_none && class.expired == 0 {
                    due.push(id);
                }
                let index = u32::try_from(index).unwrap_or(u32::MAX);
                match (is_expired, is_personal) {
                    (true, true) => class.expired_personal.push(index),
                    (true, false) => class.expired += 1,
                    (false, _) => {
                        class.due.push(index);
                        class.is_personal |= is_personal;
                    }
                }
            });
        }
        due
    }

    /// Writes to all of a class what is due to them.
    fn give(&mut self, id: ClassId, events: &[Arc<Event>], next: Spot, hands: &mut Hands<'_>) {
        let Some(class) = self.classes.get_mut(id) else { return };
        let due = class.due.iter().filter_map(|index| events.get(*index as usize));
        let (mut common, mut personal) = (Vec::new(), Vec::new());
        for event in due {
            if class.is_personal && !is_for_everyone(&event.head) {
                personal.push(event);
            } else {
                common.push(event);
            }
        }
        hands.bytes.clear();
        if !common.is_empty() {
            class.encoding.events(&common, hands.bytes);
        }
        let of_persons = class.expired_personal.iter();
        let of_persons = of_persons.filter_map(|index| events.get(*index as usize));
        let of_persons: Vec<_> = of_persons.collect();
        let for_all = std::mem::take(&mut class.expired);
        let mut shared: Option<Bytes> = None;
        for seat_id in &class.members {
            let Some(seat) = hands.seats.get_mut(*seat_id) else { continue };
            if seat.behind.is_some() || seat.is_leaving {
                continue;
            }
            let own = of_persons.iter().filter(|event| seat.filter.shows_person(&event.head));
            let expired = for_all + own.count() as u64;
            seat.tally.expired += expired;
            hands.counted.expired += expired;
            let own = personal.iter().any(|event| seat.filter.shows_person(&event.head));
            let (bytes, count) = if own {
                let due = class.due.iter().filter_map(|index| events.get(*index as usize));
                let due: Vec<_> =
                    due.filter(|event| seat.filter.shows_person(&event.head)).collect();
                hands.own_bytes.clear();
                class.encoding.events(&due, hands.own_bytes);
                (&*hands.own_bytes, due.len())
            } else {
                (&*hands.bytes, common.len())
            };
            if bytes.is_empty() {
                continue;
            }
            seat.tally.delivered += count as u64;
            hands.counted.delivered += count as u64;
            let copy = || Bytes::copy_from_slice(bytes);
            // However many are stuck with what is common, there is one copy of it.
            let whole = || if own { copy() } else { shared.get_or_insert_with(copy).clone() };
            if let Some(leave) = seat.write_or_wait(bytes, whole, next, hands.uptime) {
                hands.leaving.push((*seat_id, leave));
            }
        }
        class.due.clear();
        class.expired_personal.clear();
        class.is_personal = false;
    }

    /// The timeline has moved on without the worker: everybody who kept up goes on in the log.
    fn lose_the_timeline(&mut self, hands: &mut Hands<'_>) {
        let lost = self.spot;
        let (position, place) = self.timeline.end_and_head();
        for seat_id in self.classes.members() {
            let Some(seat) = hands.seats.get_mut(seat_id) else { continue };
            if seat.behind.is_none() && !seat.is_leaving {
                seat.behind = Some(Box::new(Behind::new(lost, Bytes::new(), hands.uptime)));
                seat.is_leaving = true;
                hands.leaving.push((seat_id, Leave::Back(Why::Behind)));
            }
        }
        self.spot = Spot { position, place: lost.place.max(place) };
    }

    /// Lets a connection whose socket takes bytes catch up, if one write is enough for it.
    pub(crate) fn catch_up(&mut self, seat_id: usize, hands: &mut Hands<'_>) {
        let Some(seat) = hands.seats.get_mut(seat_id) else { return };
        let Some(behind) = &seat.behind else { return };
        let spot = behind.spot;
        let Ok(missing) = usize::try_from(self.spot.position.saturating_sub(spot.position)) else {
            return;
        };
        if missing == 0 {
            seat.behind = None;
            return;
        }
        let stretch = self.timeline.stretch(spot.position, missing.min(WALK_EVENTS), WALK_BYTES);
        match stretch {
            Some(stretch) if stretch.next == self.spot.position => {
                self.give_rest(seat_id, &stretch, hands);
            }
            _ => {
                seat.is_leaving = true;
                hands.leaving.push((seat_id, Leave::Back(Why::Behind)));
            }
        }
    }

    /// Gives one connection the stretch that it has missed.
    fn give_rest(&mut self, seat_id: usize, stretch: &Stretch, hands: &mut Hands<'_>) {
        let Some(seat) = hands.seats.get_mut(seat_id) else { return };
        let Some(class) = self.classes.get_mut(seat.class) else { return };
        let mut due = Vec::new();
        for event in &stretch.events {
            match seat.filter.admits(event, hands.now) {
                Verdict::Admitted => due.push(event),
                Verdict::Expired => {
                    seat.tally.expired += 1;
                    hands.counted.expired += 1;
                }
                Verdict::Hidden => {}
            }
        }
        seat.behind = None;
        if due.is_empty() {
            return;
        }
        seat.tally.delivered += due.len() as u64;
        hands.counted.delivered += due.len() as u64;
        hands.own_bytes.clear();
        class.encoding.events(&due, hands.own_bytes);
        if let Some(leave) = seat.write_own(hands.own_bytes, self.spot, hands.uptime) {
            hands.leaving.push((seat_id, leave));
        }
    }

    /// Where a connection is.
    pub(crate) fn spot_of(&self, seat: &Seat) -> Spot {
        seat.behind.as_ref().map_or(self.spot, |behind| behind.spot)
    }
}
