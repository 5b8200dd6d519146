//! What the rooms of this module share in their tests.

use radial_protocol::event::{Content, Draft, Head};
use radial_protocol::names::EventId;
use radial_protocol::{Cursor, Epoch, Event, EventTypeName, Offset, TenantId, TimeMs};

/// An event `e-<offset>` at this place, to be acknowledged or not.
pub(crate) fn event(offset: u64, ack: bool) -> Event {
    let event_type = EventTypeName::new("notice.given").unwrap();
    let id = EventId::new(&format!("e-{offset}")).unwrap();
    let head = Head { ack, ..Head::new(id, event_type) };
    let tenant = TenantId::new("acme").unwrap();
    let content = Content::new(&tenant, "{}");
    let place = Cursor { epoch: Epoch::new(7), offset: Offset::new(offset).unwrap() };
    Draft::new(head, &content).place(Some(place), TimeMs(offset), None)
}
