//! The schemas that several operations share.

use radial_protocol::Code;
use radial_protocol::limits::Limits;
use serde_json::{Value, json};

use super::words::{
    boolean, count, cursor, event_type, id, list, name, object, pattern, reference, strict, text,
    time,
};

/// `components.schemas`.
pub(super) fn all(limits: &Limits) -> Value {
    let mut all = published(limits);
    for more in [delivered(), pages(), operating()] {
        if let (Value::Object(all), Value::Object(more)) = (&mut all, more) {
            all.extend(more);
        }
    }
    all
}

/// What is published.
fn published(limits: &Limits) -> Value {
    let names =
        |items: Value| json!({ "type": "array", "items": items, "maxItems": limits.audience });
    let audience =
        strict(&[], &[("users", names(id())), ("sessions", names(id())), ("roles", names(name()))]);
    let priority = json!({ "enum": ["low", "normal", "high", "critical"] });
    let persistence = json!({ "enum": ["durable", "recent", "live"] });
    let envelope = [
        ("eventType", event_type()),
        ("eventData", json!({ "description": "any JSON that the type's schema admits" })),
        ("eventId", id()),
        ("version", text()),
        ("userId", id()),
        ("sessionId", id()),
        ("tenantId", name()),
        ("timestamp", time()),
        ("channel", name()),
        ("correlationId", id()),
        ("causationId", id()),
        ("traceparent", text()),
        ("expectedVersion", count()),
        ("audience", audience),
        ("priority", priority),
        ("ttlMs", json!({ "type": "integer", "minimum": 1, "maximum": 9_007_199_254_740_991_u64 })),
        ("broadcast", boolean()),
        ("routes", list(&name())),
        ("persistence", json!({ "deprecated": true, "description": "the type decides" })),
    ];
    json!({
        "Envelope": strict(&["eventType", "eventData"], &envelope),
        "CloudEvent": object(
            &["specversion", "id", "source", "type"],
            &[
                ("specversion", json!({ "const": "1.0" })),
                ("id", id()),
                ("source", json!({ "type": "string", "minLength": 1 })),
                ("type", event_type()),
                ("time", json!({ "type": "string", "format": "date-time" })),
                ("datacontenttype", text()),
                ("data", json!({})),
                ("data_base64", json!(false)),
            ],
        ),
        "Accepted": object(
            &["eventId", "duplicate", "persistence"],
            &[
                ("eventId", id()),
                ("cursor", cursor()),
                ("offset", count()),
                ("entityVersion", count()),
                ("duplicate", boolean()),
                ("persistence", persistence),
            ],
        ),
    })
}

/// What is delivered, and what is said instead.
fn delivered() -> Value {
    let codes: Vec<&str> = Code::ALL.iter().map(|code| code.as_str()).collect();
    let violation = object(&["pointer", "message"], &[("pointer", text()), ("message", text())]);
    let entity =
        object(&["type", "id", "version"], &[("type", name()), ("id", id()), ("version", count())]);
    let priority = json!({ "enum": ["low", "normal", "high", "critical"] });
    json!({
        "Problem": object(
            &["type", "title", "status", "detail", "code"],
            &[
                ("type", json!({ "type": "string", "pattern": "^urn:radial:problem:" })),
                ("title", text()),
                ("status", json!({ "type": "integer", "minimum": 400, "maximum": 599 })),
                ("detail", text()),
                ("code", json!({ "enum": codes })),
                ("requestId", text()),
                ("errors", list(&violation)),
                ("currentVersion", count()),
                ("currentState", json!({})),
            ],
        ),
        "Event": object(
            &["eventId", "eventType", "eventData", "version", "tenantId", "channel", "receivedAt"],
            &[
                ("cursor", cursor()),
                ("offset", count()),
                ("eventId", id()),
                ("eventType", event_type()),
                ("eventData", json!({})),
                ("version", text()),
                ("tenantId", name()),
                ("channel", name()),
                ("sessionId", id()),
                ("userId", id()),
                ("timestamp", time()),
                ("receivedAt", time()),
                ("priority", priority),
                ("entity", entity),
                ("correlationId", id()),
                ("causationId", id()),
                ("traceparent", text()),
                ("cloudEvent", json!({ "type": "object" })),
                ("ack", boolean()),
            ],
        ),
    })
}

/// What is read.
fn pages() -> Value {
    let gap = object(
        &["reason", "scope", "from", "to"],
        &[
            ("reason", json!({ "enum": ["retention", "restart", "overflow", "epoch", "ahead"] })),
            ("scope", json!({ "enum": ["all", "recent"] })),
            ("from", json!({ "anyOf": [cursor(), { "type": "null" }] })),
            ("to", cursor()),
        ],
    );
    let version = object(&["version", "schema"], &[("version", text()), ("schema", json!({}))]);
    let selection = strict(
        &[],
        &[
            ("channels", json!({ "anyOf": [list(&pattern()), text()] })),
            ("types", json!({ "anyOf": [list(&pattern()), text()] })),
            ("cursor", cursor()),
            ("lastEventId", text()),
            ("since", time()),
        ],
    );
    json!({
        "Gap": gap,
        "Page": object(
            &["events", "cursor", "complete"],
            &[
                ("events", list(&reference("Event"))),
                ("cursor", cursor()),
                ("complete", boolean()),
                ("gap", reference("Gap")),
            ],
        ),
        "Poll": object(
            &["events", "cursor", "flags", "polling"],
            &[
                ("events", list(&reference("Event"))),
                ("cursor", cursor()),
                ("gap", reference("Gap")),
                ("snapshot", list(&json!({ "type": "object" }))),
                ("flags", json!({ "type": "object" })),
                ("redeliveries", list(&object(
                    &["attempt", "event"],
                    &[("attempt", count()), ("event", reference("Event"))],
                ))),
                ("polling", object(&["intervalMs"], &[("intervalMs", count())])),
            ],
        ),
        "Entity": object(
            &["channel", "id", "version", "state"],
            &[("channel", name()), ("id", id()), ("version", count()), ("state", json!({}))],
        ),
        "EventType": object(
            &["name", "description", "newestVersion", "versions", "policy"],
            &[
                ("name", event_type()),
                ("description", text()),
                ("newestVersion", text()),
                ("versions", list(&version)),
                ("policy", json!({ "type": "object" })),
            ],
        ),
        "Selection": selection,
        "Filter": object(
            &["channels", "types"],
            &[("channels", list(&text())), ("types", list(&text()))],
        ),
    })
}

/// What operators see and change.
fn operating() -> Value {
    let subject = [
        ("tenant", name()),
        ("tokenId", id()),
        ("userId", id()),
        ("sessionId", id()),
        ("all", boolean()),
        ("reason", text()),
    ];
    let tenants = json!({ "anyOf": [list(&name()), { "const": "*" }] });
    let rights = [
        ("roles", list(&name())),
        ("publish", list(&pattern())),
        ("subscribe", list(&pattern())),
        ("channels", list(&pattern())),
        ("routes", list(&name())),
        ("history", boolean()),
        ("actAs", boolean()),
        ("scrape", boolean()),
        ("operator", json!({ "enum": ["tenant", "hub", null] })),
        ("expires", json!({ "anyOf": [time(), { "type": "null" }] })),
    ];
    let named = [("name", text()), ("tenants", tenants)];
    let record = [("id", text()), ("created", time()), ("previous", json!({ "type": "object" }))];
    json!({
        "Revocation": object(&[], &subject),
        "NewKey": strict(&["name"], &[&named[..], &rights[..]].concat()),
        "Key": object(
            &["id", "name", "tenants", "created"],
            &[&record[..], &named[..], &rights[..]].concat(),
        ),
        "MadeKey": object(
            &["key", "record", "persisted"],
            &[
                ("key", json!({ "type": "string", "pattern": "^rk_" })),
                ("record", reference("Key")),
                ("persisted", boolean()),
            ],
        ),
        "Connection": object(
            &["connectionId", "tenant", "transport", "address", "since", "lag"],
            &[
                ("connectionId", text()),
                ("tenant", name()),
                ("userId", id()),
                ("sessionId", id()),
                ("clientId", id()),
                ("transport", text()),
                ("address", text()),
                ("since", time()),
                ("lag", count()),
            ],
        ),
        "Switched": object(
            &["disabled", "persisted"],
            &[("disabled", boolean()), ("persisted", boolean())],
        ),
    })
}
