//! Events, filters, and a log that is a plain list.

use std::sync::Arc;
use std::time::Duration;

use radial_model::{Found, Timeline, TimelineLimit};
use radial_protocol::event::{Content, Draft, Head};
use radial_protocol::filter::{Filter, Selection, View};
use radial_protocol::grants::Grants;
use radial_protocol::names::{EventId, EventTypeName, Pattern, TenantId};
use radial_protocol::{Cursor, Epoch, Event, Offset, TimeMs};
use shuttle::sync::Mutex;

pub(crate) const EPOCH: Epoch = Epoch::new(1);
/// How many events a page of the log has.
const PAGE: usize = 2;

pub(crate) fn offset(offset: u64) -> Offset {
    Offset::new(offset).unwrap()
}

fn event(name: &str, place: Option<Offset>) -> Arc<Event> {
    let head = Head::new(EventId::new(name).unwrap(), EventTypeName::new("card.moved").unwrap());
    let tenant = TenantId::new("acme").unwrap();
    let content = Content::new(&tenant, "1");
    let place = place.map(|offset| Cursor { epoch: EPOCH, offset });
    Arc::new(Draft::new(head, &content).place(place, TimeMs(0), None))
}

/// The event at this offset; its id is the offset.
pub(crate) fn logged(at: u64) -> Arc<Event> {
    event(&at.to_string(), Some(offset(at)))
}

/// The `live` event of this number, which is its id after an `l`.
pub(crate) fn live(number: u64) -> Arc<Event> {
    event(&format!("l{number}"), None)
}

pub(crate) fn everything() -> Filter {
    let wanted = Selection { channels: vec![Pattern::All], types: vec![Pattern::All] };
    let grants = Grants::everything(TenantId::new("acme").unwrap());
    Filter::new(&wanted, Arc::new(grants), Arc::default(), View::Subscriber).unwrap()
}

/// A log and its timeline.
pub(crate) struct Log {
    events: Mutex<Vec<Arc<Event>>>,
    pub(crate) timeline: Arc<Timeline>,
}

impl Log {
    /// Its timeline keeps so many events.
    pub(crate) fn new(kept: usize) -> Arc<Self> {
        let limit = TimelineLimit { events: kept, bytes: usize::MAX };
        let timeline = Arc::new(Timeline::new(Offset::ZERO, limit));
        Arc::new(Self { events: Mutex::default(), timeline })
    }

    /// As a commit does it: readers of the log see them a moment before the timeline has them.
    pub(crate) fn commit(&self, events: Vec<Arc<Event>>, window: Duration) {
        self.events.lock().unwrap().extend(events.iter().cloned());
        self.timeline.publish(events, window);
    }

    /// A page, and how far it reaches.
    pub(crate) fn page(&self, after: Offset) -> (Vec<Found>, Offset) {
        let events = self.events.lock().unwrap();
        let later = events.iter().filter(|event| event.offset() > Some(after));
        let page: Vec<_> = later.take(PAGE).cloned().collect();
        let to = page.last().and_then(|event| event.offset()).unwrap_or(after);
        (page.into_iter().map(Found::Event).collect(), to)
    }
}
