//! From a delivered event to a `CloudEvent` in the JSON format.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::{JSON, SPECVERSION, rfc3339};
use crate::draft::{member, raw};
use crate::event::{Event, TimeMs};

/// What is read of the delivered JSON.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Delivered<'a> {
    #[serde(borrow)]
    event_data: &'a RawValue,
    #[serde(borrow)]
    version: Cow<'a, str>,
    #[serde(borrow)]
    tenant_id: Cow<'a, str>,
    timestamp: Option<TimeMs>,
    priority: Option<String>,
    causation_id: Option<String>,
    traceparent: Option<String>,
    #[serde(default)]
    cloud_event: BTreeMap<String, Value>,
}

/// Writes the event as one object.
pub fn json(event: &Event) -> String {
    let delivered = event.json();
    let delivered: Delivered<'_> =
        serde_json::from_slice(&delivered).expect("the hub wrote this JSON itself");
    let head = &event.head;
    let mut out = String::with_capacity(event.memory_bytes() + 256);
    out.push('{');
    member(&mut out, "specversion", SPECVERSION);
    member(&mut out, "id", head.event_id.as_str());
    member(&mut out, "type", head.event_type.as_str());
    if !delivered.cloud_event.contains_key("source") {
        member(&mut out, "source", &format!("/{}/{}", delivered.tenant_id, head.channel));
    }
    for (name, value) in &delivered.cloud_event {
        raw(&mut out, name, &value.to_string());
    }
    let time = |at: TimeMs| rfc3339::format(at);
    let entity = head.entity.as_ref();
    for (name, text) in [
        ("time", delivered.timestamp.and_then(time)),
        ("recordedtime", time(event.received_at)),
        ("cursor", event.place.map(|place| place.to_string())),
        ("version", Some(delivered.version.into_owned())),
        ("tenantid", Some(delivered.tenant_id.into_owned())),
        ("channel", Some(head.channel.to_string())),
        ("sessionid", head.session.as_ref().map(ToString::to_string)),
        ("userid", head.user.as_ref().map(ToString::to_string)),
        ("priority", delivered.priority),
        ("entitytype", entity.map(|entity| entity.entity.entity_type.to_string())),
        ("entityid", entity.map(|entity| entity.entity.id.to_string())),
        ("entityversion", entity.map(|entity| entity.version.to_string())),
        ("correlationid", head.correlation_id.as_ref().map(ToString::to_string)),
        ("causationid", delivered.causation_id),
        ("traceparent", delivered.traceparent),
    ] {
        if let Some(text) = text {
            member(&mut out, name, &text);
        }
    }
    if head.ack {
        raw(&mut out, "ack", "true");
    }
    if delivered.event_data.get() != "null" {
        if !delivered.cloud_event.contains_key("datacontenttype") {
            member(&mut out, "datacontenttype", JSON);
        }
        raw(&mut out, "data", delivered.event_data.get());
    }
    out.push('}');
    out
}
