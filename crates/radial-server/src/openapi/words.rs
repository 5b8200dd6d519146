//! Pieces of JSON Schema and of parameters, named once.

use radial_protocol::names::{ID_BYTES_MAX, NAME_BYTES_MAX};
use serde_json::{Map, Value, json};

/// A schema of the components.
pub(super) fn reference(name: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{name}") })
}

/// An object of these properties, of which some must be there. More may come with newer hubs.
pub(super) fn object(required: &[&str], properties: &[(&str, Value)]) -> Value {
    let properties: Map<String, Value> =
        properties.iter().map(|(name, schema)| ((*name).to_owned(), schema.clone())).collect();
    json!({ "type": "object", "required": required, "properties": properties })
}

/// An object that the hub reads: a property that it does not know is refused.
pub(super) fn strict(required: &[&str], properties: &[(&str, Value)]) -> Value {
    let mut object = object(required, properties);
    object["additionalProperties"] = Value::Bool(false);
    object
}

pub(super) fn list(items: &Value) -> Value {
    json!({ "type": "array", "items": items })
}

pub(super) fn text() -> Value {
    json!({ "type": "string" })
}

pub(super) fn boolean() -> Value {
    json!({ "type": "boolean" })
}

/// A whole number that JavaScript holds exactly.
pub(super) fn count() -> Value {
    json!({ "type": "integer", "minimum": 0, "maximum": 9_007_199_254_740_991_u64 })
}

/// A tenant, a channel, a role.
pub(super) fn name() -> Value {
    json!({ "type": "string", "pattern": format!("^[A-Za-z0-9._:-]{{1,{NAME_BYTES_MAX}}}$") })
}

pub(super) fn event_type() -> Value {
    json!({
        "type": "string",
        "pattern": "^[A-Za-z0-9_-]+[.:][A-Za-z0-9._:-]+$",
        "maxLength": NAME_BYTES_MAX,
        "description": "domain.action or domain:action",
        "examples": ["test:event", "user.updated", "card.moved"],
    })
}

/// A name, a prefix that ends in `*`, or `*`.
pub(super) fn pattern() -> Value {
    json!({ "type": "string", "pattern": format!("^[A-Za-z0-9._:-]{{0,{NAME_BYTES_MAX}}}\\*?$"), "minLength": 1 })
}

/// What applications bring along: users, sessions, events, entities.
pub(super) fn id() -> Value {
    json!({ "type": "string", "minLength": 1, "maxLength": ID_BYTES_MAX, "description":
        format!("1 to {ID_BYTES_MAX} bytes of UTF-8 without control characters") })
}

pub(super) fn cursor() -> Value {
    json!({ "type": "string", "pattern": "^[A-Za-z0-9._-]{1,64}$", "description": "a place in the log" })
}

/// Milliseconds since 1970, UTC.
pub(super) fn time() -> Value {
    let mut schema = count();
    schema["description"] = "milliseconds since 1970, UTC".into();
    schema
}

pub(super) fn limit(default: u64, max: u64) -> Value {
    json!({ "type": "integer", "minimum": 1, "maximum": max, "default": default })
}

/// A parameter of the query. A list may come with commas or several times.
pub(super) fn query(name: &str, description: &str, schema: &Value) -> Value {
    let mut parameter =
        json!({ "name": name, "in": "query", "description": description, "schema": schema });
    if schema["type"] == "array" {
        parameter["explode"] = Value::Bool(false);
    }
    parameter
}

pub(super) fn header(name: &str, description: &str, schema: &Value) -> Value {
    json!({ "name": name, "in": "header", "description": description, "schema": schema })
}

pub(super) fn path(name: &str, schema: &Value) -> Value {
    json!({ "name": name, "in": "path", "required": true, "schema": schema })
}
