//! The `ack` events of one tenant that the log still has: a fold over it, by place and by id.

use std::collections::{BTreeMap, HashMap};
use std::ops::Bound;

use radial_protocol::event::Head;
use radial_protocol::names::EventId;
use radial_protocol::{Event, Offset, TimeMs};

/// What all heads of a tenant may take in memory, besides their number.
const BYTES_MAX: usize = 64 * 1024 * 1024;

/// One of them, without its data.
#[derive(Debug)]
pub(super) struct AckEvent {
    pub(super) head: Head,
    pub(super) expires_at: Option<TimeMs>,
    bytes: usize,
}

impl AckEvent {
    pub(super) fn is_expired(&self, now: TimeMs) -> bool {
        self.expires_at.is_some_and(|end| end <= now)
    }
}

/// The index. It knows everything at or before [`Self::through`], from where its reading began.
#[derive(Debug, Default)]
pub(super) struct AckEvents {
    by_offset: BTreeMap<Offset, AckEvent>,
    by_id: HashMap<EventId, Offset>,
    bytes: usize,
    /// How far the log has been looked at.
    pub(super) through: Offset,
}

impl AckEvents {
    /// Adds an event if it is one to be acknowledged, and newer than what is known. Says whether it
    /// was added.
    pub(super) fn add(&mut self, event: &Event) -> bool {
        let Some(offset) = event.offset().filter(|offset| *offset > self.through) else {
            return false;
        };
        self.through = offset;
        if !event.head.ack {
            return false;
        }
        let head = event.head.clone();
        let bytes = memory_bytes(&head);
        self.bytes += bytes;
        self.by_id.insert(head.event_id.clone(), offset);
        self.by_offset.insert(offset, AckEvent { head, expires_at: event.expires_at(), bytes });
        true
    }

    /// Lets the oldest go where there are too many. Gives the newest place that has gone.
    pub(super) fn keep_newest(&mut self, events: usize) -> Option<Offset> {
        let mut gone = None;
        while self.by_offset.len() > events || self.bytes > BYTES_MAX {
            let Some(offset) = self.pop_oldest() else { break };
            gone = Some(offset);
        }
        gone
    }

    /// Lets go what the log does not have any more.
    pub(super) fn keep_from(&mut self, first: Offset) {
        while self.by_offset.first_key_value().is_some_and(|(offset, _)| *offset < first) {
            self.pop_oldest();
        }
    }

    fn pop_oldest(&mut self) -> Option<Offset> {
        let (offset, event) = self.by_offset.pop_first()?;
        self.bytes -= event.bytes;
        // The id may have been used again long after.
        if self.by_id.get(&event.head.event_id) == Some(&offset) {
            self.by_id.remove(&event.head.event_id);
        }
        Some(offset)
    }

    pub(super) fn at(&self, offset: Offset) -> Option<&AckEvent> {
        self.by_offset.get(&offset)
    }

    pub(super) fn find(&self, id: &EventId) -> Option<(Offset, &AckEvent)> {
        let offset = self.by_id.get(id)?;
        self.at(*offset).map(|event| (*offset, event))
    }

    /// Those after a place, oldest first.
    pub(super) fn after(&self, place: Offset) -> impl Iterator<Item = (Offset, &AckEvent)> {
        let range = (Bound::Excluded(place), Bound::Unbounded);
        self.by_offset.range(range).map(|(offset, event)| (*offset, event))
    }

    pub(super) fn len(&self) -> usize {
        self.by_offset.len()
    }
}

/// About how much a head takes: texts are shared, lists are not.
fn memory_bytes(head: &Head) -> usize {
    let audience = head.audience.as_ref().map_or(0, radial_protocol::event::Audience::len);
    2 * size_of::<Head>() + 64 + 80 * audience
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::acks::tests::event;

    #[test]
    fn it_holds_the_newest_and_what_the_log_has() {
        let mut events = AckEvents::default();
        for offset in 1..=10 {
            assert_eq!(events.add(&event(offset, offset % 2 == 0)), offset % 2 == 0);
            assert!(!events.add(&event(offset, true)), "each once");
        }
        let places = |events: &AckEvents| {
            events.after(Offset::ZERO).map(|(offset, _)| offset.get()).collect::<Vec<_>>()
        };
        assert_eq!(places(&events), [2, 4, 6, 8, 10]);
        assert_eq!(events.keep_newest(3).map(Offset::get), Some(4));
        events.keep_from(Offset::new(7).unwrap());
        assert_eq!(places(&events), [8, 10]);
        let id = |n: u64| EventId::new(&format!("e-{n}")).unwrap();
        assert!(events.find(&id(6)).is_none() && events.find(&id(7)).is_none());
        assert_eq!(events.find(&id(8)).map(|(offset, _)| offset.get()), Some(8));
        events.keep_newest(0);
        assert!(events.by_id.is_empty() && events.bytes == 0);
    }
}
