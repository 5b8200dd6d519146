//! The types by which the hub itself tells who is on a channel (protocol §5). No file may have them.

use radial_protocol::{EventTypeName, presence};
use serde_json::{Value, json};

use crate::event_type::EventType;
use crate::file;
use crate::problem::Report;

/// `presence.joined` and `presence.left`.
pub(crate) fn event_types() -> Vec<EventType> {
    let described = [
        (presence::joined(), "Members have come to a channel."),
        (presence::left(), "Members have gone from a channel, and their time of grace is over."),
    ];
    let read = |(name, description): (EventTypeName, &str)| {
        // Read by another name, as files are refused that have these.
        let document = json!({"types": {"presence.told": told(description)}});
        let mut report = Report::default();
        let mut read = file::event_types_of("presence", &document, &mut report);
        debug_assert!(!report.has_errors(), "{report}");
        for event_type in &mut read {
            event_type.name = name.clone();
        }
        read
    };
    described.into_iter().flat_map(read).collect()
}

fn told(description: &str) -> Value {
    let member = json!({
        "type": "object",
        "properties": {"userId": {"type": "string"}, "sessionId": {"type": "string"}},
        "minProperties": 1,
        "maxProperties": 1
    });
    let schema = json!({
        "type": "object",
        "required": ["channel", "count"],
        "properties": {
            "channel": {"type": "string"},
            "count": {"type": "integer", "minimum": 0},
            "members": {"type": "array", "items": member}
        }
    });
    json!({
        "description": description,
        "persistence": "live",
        "versions": {"1": {"schema": schema}}
    })
}

#[cfg(test)]
mod tests {
    use radial_protocol::event::Persistence;
    use serde_json::json;

    use crate::Registry;

    #[test]
    fn the_types_of_presence_are_there_where_they_are_wanted_and_take_what_the_hub_tells() {
        let registry = Registry::builtin().with_presence();
        assert_eq!(registry.len(), Registry::builtin().len() + 2);
        for name in ["presence.joined", "presence.left"] {
            let event_type = registry.get(name).unwrap();
            assert_eq!(event_type.policy.persistence, Persistence::Live);
            let version = event_type.version(None).unwrap();
            let members = json!([{"userId": "u"}, {"sessionId": "s"}]);
            for good in [
                json!({"channel": "board:1", "count": 1, "members": members}),
                json!({"channel": "board:1", "count": 2_000}),
            ] {
                assert!(version.validate(&good).is_ok());
            }
            assert!(version.validate(&json!({"channel": "board:1"})).is_err());
        }
    }
}
