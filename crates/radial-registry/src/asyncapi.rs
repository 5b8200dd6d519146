//! The registry as a document of `AsyncAPI` 3: one message for each event type, with the newest
//! version of its schema.
//!
//! There is one registry for the whole hub, so nothing of a tenant is in it.

use std::collections::HashSet;

use serde_json::{Map, Value, json};

use crate::event_type::EventType;
use crate::registry::Registry;
use crate::schema::keywords;

/// The address of the stream, and of the publishes.
const ADDRESS: &str = "/api/sse/events";
const CHANNEL: &str = "#/channels/events";

/// Writes the document; `version` is the hub's.
pub fn asyncapi(registry: &Registry, version: &str) -> Value {
    let mut taken = HashSet::new();
    let (mut messages, mut schemas) = (Map::new(), Map::new());
    let mut of_channel = Map::new();
    for event_type in registry.iter() {
        let Some(newest) = event_type.newest() else { continue };
        let key = key(event_type.name.as_str(), &mut taken);
        let at = format!("#/components/schemas/{key}");
        schemas.insert(key.clone(), moved(newest.schema(), newest.schema(), &at));
        messages.insert(key.clone(), message(event_type, newest.name(), &at));
        let message = json!({ "$ref": format!("#/components/messages/{key}") });
        of_channel.insert(key, message);
    }
    let about = |action: &str, summary: &str| json!({ "action": action, "channel": { "$ref": CHANNEL }, "summary": summary });
    json!({
        "asyncapi": "3.0.0",
        "info": {
            "title": "Radial",
            "version": version,
            "description": "The event types of this hub. How they are published and delivered is in \
                            /openapi.json and in docs/protocol.md.",
        },
        "defaultContentType": "application/json",
        "channels": {
            "events": {
                "address": ADDRESS,
                "description": "Published by POST, delivered as Server-Sent Events; the same events \
                                go over WebSocket at /api/ws and long poll at /api/poll.",
                "messages": of_channel,
            },
        },
        "operations": {
            "publish": about("receive", "The hub takes events from those who may publish them."),
            "deliver": about("send", "The hub delivers events to those who may see them."),
        },
        "components": { "messages": messages, "schemas": schemas },
    })
}

fn message(event_type: &EventType, version: &str, data: &str) -> Value {
    let id = json!({ "type": "string", "minLength": 1, "maxLength": 256 });
    json!({
        "name": event_type.name,
        "summary": event_type.description,
        "contentType": "application/json",
        "payload": {
            "type": "object",
            "required": ["eventType", "eventData"],
            "properties": {
                "eventType": { "const": event_type.name },
                "eventData": { "$ref": data },
                "eventId": id,
                "version": { "type": "string", "default": version },
                "channel": { "type": "string", "default": "main" },
            },
        },
        "x-policy": event_type.policy,
    })
}

/// A key of components is of `A-Z a-z 0-9 . _ -`; a name of an event type may have `:` too.
fn key(name: &str, taken: &mut HashSet<String>) -> String {
    let base = name.replace(':', "-");
    let mut key = base.clone();
    let mut number = 2;
    while !taken.insert(key.clone()) {
        key = format!("{base}-{number}");
        number += 1;
    }
    key
}

/// The schema at its place in the document: its references lead there too.
fn moved(root: &Value, schema: &Value, at: &str) -> Value {
    let Value::Object(members) = schema else { return schema.clone() };
    let moved = members.iter().map(|(word, value)| {
        let value = match (word.as_str(), value) {
            ("$ref" | "$dynamicRef", Value::String(target)) => {
                return ("$ref".to_owned(), Value::String(place(root, target, at)));
            }
            (_, Value::Object(inner)) if keywords::holds_map(word) => Value::Object(
                inner.iter().map(|(name, sub)| (name.clone(), moved(root, sub, at))).collect(),
            ),
            (_, Value::Array(items)) if keywords::holds_list(word) => {
                items.iter().map(|item| moved(root, item, at)).collect()
            }
            (_, Value::Object(_))
                if !keywords::subschemas(word, value).is_empty() && holds(word) =>
            {
                moved(root, value, at)
            }
            _ => value.clone(),
        };
        (word.clone(), value)
    });
    // Where the schema stands, its own name would lead elsewhere.
    Value::Object(moved.filter(|(word, _)| word != "$id" && word != "$schema").collect())
}

/// Whether a keyword has one subschema as its value.
fn holds(word: &str) -> bool {
    use keywords::Keyword;
    keywords::keyword(word).is_some_and(|kind| matches!(kind, Keyword::InPlace | Keyword::Descend))
}

/// Where a reference inside a schema leads, once the schema stands at `at`.
fn place(root: &Value, target: &str, at: &str) -> String {
    let fragment = target.strip_prefix('#').unwrap_or_default();
    if fragment.is_empty() || fragment.starts_with('/') {
        return format!("{at}{fragment}");
    }
    match anchor(root, fragment) {
        Some(pointer) => format!("{at}{pointer}"),
        None => target.to_owned(),
    }
}

/// The pointer of the subschema that has this anchor.
fn anchor(schema: &Value, name: &str) -> Option<String> {
    let is_it = |word: &str| schema[word].as_str() == Some(name);
    if is_it("$anchor") || is_it("$dynamicAnchor") {
        return Some(String::new());
    }
    let step = |token: &str| format!("/{}", token.replace('~', "~0").replace('/', "~1"));
    schema.as_object()?.iter().find_map(|(word, value)| {
        let inside = |(token, sub): (String, &Value)| {
            anchor(sub, name).map(|rest| format!("{}{}{rest}", step(word), step(&token)))
        };
        match value {
            Value::Object(inner) if keywords::holds_map(word) => {
                inner.iter().map(|(token, sub)| (token.clone(), sub)).find_map(inside)
            }
            Value::Array(items) if keywords::holds_list(word) => {
                items.iter().enumerate().map(|(i, sub)| (i.to_string(), sub)).find_map(inside)
            }
            Value::Object(_) if holds(word) => {
                anchor(value, name).map(|rest| format!("{}{rest}", step(word)))
            }
            _ => None,
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn references<'v>(value: &'v Value, found: &mut Vec<&'v str>) {
        match value {
            Value::Object(members) => {
                for (name, value) in members {
                    match value {
                        Value::String(target) if name == "$ref" => found.push(target),
                        _ => references(value, found),
                    }
                }
            }
            Value::Array(items) => items.iter().for_each(|item| references(item, found)),
            _ => {}
        }
    }

    fn check(document: &Value) {
        let mut found = Vec::new();
        references(document, &mut found);
        for target in found {
            let pointer = target.strip_prefix('#').expect("it stays in the document");
            assert!(document.pointer(pointer).is_some(), "{target} leads nowhere");
        }
    }

    #[test]
    fn every_built_in_type_is_a_message() {
        let registry = Registry::builtin();
        let document = asyncapi(&registry, "0");
        check(&document);
        let messages = document["components"]["messages"].as_object().unwrap();
        assert_eq!(messages.len(), registry.len());
        assert_eq!(messages["activity-new"]["name"], "activity:new");
        let schema = &document["components"]["schemas"]["card.moved"];
        assert_eq!(schema, registry.get("card.moved").unwrap().newest().unwrap().schema());
    }

    #[test]
    fn references_lead_where_the_schema_stands() {
        let schema = json!({
            "$id": "https://example.org/own", "$defs": {"a/b": {"$anchor": "here", "type": "number"}},
            "properties": {"all": {"$ref": "#"}, "one": {"items": {"$ref": "#/$defs/a~1b"}}, "$ref": {"$ref": "#here"}},
            "const": {"$ref": "no reference"},
        });
        let types = json!({"types": {"a.b": {"versions": {"1": {"schema": schema}}}, "a:b": {"versions": {"1": {"schema": true}}},
            "a.b-2": {"versions": {"1": {"schema": {}}}}}});
        let registry = Registry::default().with_document("test", &types).unwrap();
        let document = asyncapi(&registry, "0");
        let moved = &document["components"]["schemas"]["a.b"];
        assert_eq!(moved["properties"]["all"]["$ref"], "#/components/schemas/a.b");
        let one = &moved["properties"]["one"]["items"]["$ref"];
        assert_eq!(one, "#/components/schemas/a.b/$defs/a~1b");
        assert_eq!(&moved["properties"]["$ref"]["$ref"], one);
        assert_eq!(moved["const"], json!({"$ref": "no reference"}));
        assert!(moved.get("$id").is_none());
        assert!(document["components"]["schemas"]["a-b"] == true);
    }
}
