//! An event before its place is known: everything is written that can be.
//!
//! Publishers write the members of the delivered JSON side by side; what is left for the step that
//! gives places is to put the pieces together.

use crate::cursor::Cursor;
use crate::event::{EntityVersion, Event, Head, Priority, TimeMs};
use crate::names::{Id, TenantId};
use crate::trace::TraceParent;

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
        raw(&mut middle, "eventType", &quoted(head.event_type.as_str()));
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
            raw(&mut middle, "timestamp", &timestamp.0.to_string());
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
        let mut members = String::with_capacity(self.middle.len() + self.suffix.len() + 96);
        members.push_str(&self.middle);
        raw(&mut members, "receivedAt", &received_at.0.to_string());
        members.push_str(self.priority);
        if let Some(EntityVersion { entity, version }) = &entity {
            members.push_str(",\"entity\":{");
            member(&mut members, "type", entity.entity_type.as_str());
            member(&mut members, "id", entity.id.as_str());
            raw(&mut members, "version", &version.to_string());
            members.push('}');
        }
        members.push_str(&self.suffix);
        self.head.entity = entity;
        Event::from_members(self.head, place, received_at, &members)
    }
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

pub(crate) fn member(out: &mut String, name: &str, text: &str) {
    raw(out, name, &quoted(text));
}

/// Appends `"name":value`, with a comma before it unless it begins an object.
pub(crate) fn raw(out: &mut String, name: &str, value: &str) {
    if !out.is_empty() && !out.ends_with('{') && !out.ends_with(',') {
        out.push(',');
    }
    out.push('"');
    out.push_str(name);
    out.push_str("\":");
    out.push_str(value);
}
