//! An event before its place is known: everything is written that can be.
//!
//! Publishers write the members of the delivered JSON side by side; what is left for the step that
//! gives places is to put the pieces together.

use std::fmt::Write as _;

use crate::cursor::Cursor;
use crate::event::{EntityVersion, Event, Frame, Head, Priority, TimeMs};
use crate::names::{Id, TenantId};
use crate::trace::TraceParent;

/// What `receivedAt` takes, with a comma.
const PLACED_BYTES: usize = 34;
/// What `entity` takes beside its type and its id.
const ENTITY_BYTES: usize = 64;

/// An event that has not got its place in the log yet.
#[derive(Clone, Debug)]
pub struct Draft {
    /// What decides who gets it.
    pub head: Head,
    /// The delivered JSON's members from `eventId` to before `receivedAt`, without a comma at
    /// either end.
    middle: String,
    /// The member between `receivedAt` and `entity`, with a leading comma.
    priority: &'static str,
    /// The members after `entity`, each with a leading comma.
    suffix: String,
}

/// The members of the delivered JSON that the head does not hold.
#[derive(Clone, Copy, Debug)]
pub struct Content<'a> {
    /// The tenant.
    pub tenant: &'a TenantId,
    /// `eventData`, already without white space.
    pub data: &'a str,
    /// The schema version.
    pub version: &'a str,
    /// The publisher's own time, if it gave one.
    pub timestamp: Option<TimeMs>,
    /// The event that caused this one.
    pub causation_id: Option<&'a Id>,
    /// Where the event belongs in a trace.
    pub traceparent: Option<TraceParent>,
    /// What a `CloudEvent` says that nothing else here does: an object.
    pub cloud_event: Option<&'a str>,
}

impl<'a> Content<'a> {
    /// This data, which is already without white space, in version `1`, and nothing beside it.
    pub fn new(tenant: &'a TenantId, data: &'a str) -> Self {
        Self {
            tenant,
            data,
            version: "1",
            timestamp: None,
            causation_id: None,
            traceparent: None,
            cloud_event: None,
        }
    }
}

impl Draft {
    /// Writes what can be written before the place is known.
    pub fn new(head: Head, content: &Content<'_>) -> Self {
        let mut middle = String::with_capacity(content.data.len() + 256);
        member(&mut middle, "eventId", head.event_id.as_str());
        member(&mut middle, "eventType", head.event_type.as_str());
        raw(&mut middle, "eventData", content.data);
        member(&mut middle, "version", content.version);
        member(&mut middle, "tenantId", content.tenant.as_str());
        member(&mut middle, "channel", head.channel.as_str());
        if let Some(session) = &head.session {
            member(&mut middle, "sessionId", session.as_str());
        }
        if let Some(user) = &head.user {
            member(&mut middle, "userId", user.as_str());
        }
        if let Some(timestamp) = content.timestamp {
            number(&mut middle, "timestamp", timestamp.0);
        }
        let priority = match head.priority {
            Priority::Normal => "",
            Priority::Low => ",\"priority\":\"low\"",
            Priority::High => ",\"priority\":\"high\"",
            Priority::Critical => ",\"priority\":\"critical\"",
        };
        let mut suffix = String::new();
        for (name, id) in
            [("correlationId", head.correlation_id.as_ref()), ("causationId", content.causation_id)]
        {
            if let Some(id) = id {
                suffix.push(',');
                member(&mut suffix, name, id.as_str());
            }
        }
        if let Some(traceparent) = content.traceparent {
            suffix.push(',');
            member(&mut suffix, "traceparent", &traceparent.to_string());
        }
        if let Some(kept) = content.cloud_event {
            suffix.push(',');
            raw(&mut suffix, "cloudEvent", kept);
        }
        if head.ack {
            suffix.push_str(",\"ack\":true");
        }
        Self { head, middle, priority, suffix }
    }

    /// Gives the event its place and its time, and writes its bytes.
    ///
    /// A `live` event has no place: `None`. `entity` is what the event changed, with the version
    /// that it got by that.
    pub fn place(
        mut self,
        place: Option<Cursor>,
        received_at: TimeMs,
        entity: Option<EntityVersion>,
    ) -> Event {
        let Self { head, middle, priority, suffix } = &mut self;
        let changed = entity.as_ref().map_or(0, |changed| {
            ENTITY_BYTES
                + changed.entity.entity_type.as_str().len()
                + changed.entity.id.as_str().len()
        });
        let len = middle.len() + PLACED_BYTES + priority.len() + changed + suffix.len();
        let frame = Frame::write(place, len, |members| {
            members.push_str(middle);
            number(members, "receivedAt", received_at.0);
            members.push_str(priority);
            if let Some(EntityVersion { entity, version }) = &entity {
                members.push_str(",\"entity\":{");
                member(members, "type", entity.entity_type.as_str());
                member(members, "id", entity.id.as_str());
                number(members, "version", *version);
                members.push('}');
            }
            members.push_str(suffix);
        });
        head.entity = entity;
        Event::of_frame(self.head, place, received_at, frame)
    }
}

pub(crate) fn member(out: &mut String, name: &str, text: &str) {
    begin_member(out, name);
    // Names and ids seldom have anything to escape, and the library takes two allocations to find
    // that out.
    if text.bytes().all(|byte| byte >= b' ' && byte != b'"' && byte != b'\\') {
        out.push('"');
        out.push_str(text);
        out.push('"');
    } else {
        out.push_str(&serde_json::Value::from(text).to_string());
    }
}

pub(crate) fn number(out: &mut String, name: &str, number: u64) {
    begin_member(out, name);
    // Writing to a String cannot fail.
    let _ = write!(out, "{number}");
}

/// Appends `"name":value`, with a comma before it unless it begins an object.
pub(crate) fn raw(out: &mut String, name: &str, value: &str) {
    begin_member(out, name);
    out.push_str(value);
}

fn begin_member(out: &mut String, name: &str) {
    if !out.is_empty() && !out.ends_with('{') && !out.ends_with(',') {
        out.push(',');
    }
    out.push('"');
    out.push_str(name);
    out.push_str("\":");
}
