//! The built-in types accept what they should and refuse the rest.

use std::time::Duration;

use radial_protocol::event::{Persistence, Priority, Scope};
use radial_registry::{Conflict, EntityId, Fallback, Policy, Registry, StateChange};
use serde_json::{Value, json};

/// A type, data that it accepts, data that it refuses, and the pointers of the failing places.
type Sample = (&'static str, Value, Value, &'static [&'static str]);

fn samples() -> Vec<Sample> {
    let card = json!({"cardId": "c1", "cardData": {"title": "T"}, "zone": "done", "position": {"x": 3, "y": 0.5}, "conversationId": "v1", "further": null});
    let session = json!({"sessionId": "s", "userId": "u", "activityType": "click", "metadata": {}});
    vec![
        (
            "card.created",
            card.clone(),
            json!({"cardId": "", "cardData": 1}),
            &["/cardData", "/cardId"],
        ),
        ("card.updated", card.clone(), json!({"cardId": "c".repeat(129)}), &["/cardId"]),
        (
            "card.moved",
            card.clone(),
            json!({"position": {"x": "1"}}),
            &["", "", "/position", "/position/x"],
        ),
        ("card.deleted", card, json!({}), &[""]),
        ("session.started", session.clone(), json!([]), &[""]),
        ("session.ended", session.clone(), json!({"userId": 7}), &["/userId"]),
        ("session.activity", session, json!({"metadata": "m"}), &["/metadata"]),
        ("ui.themeChanged", json!({"theme": "dark"}), json!({"theme": null}), &["/theme"]),
        ("preference.changed", json!({"key": "k", "value": [1]}), json!({"value": 1}), &[""]),
        ("ui.dialogOpen", json!({"dialogType": "d"}), json!({"dialogType": 1}), &["/dialogType"]),
        ("ui.trayOpen", json!({}), json!({"trayType": {}}), &["/trayType"]),
        ("ui.buttonClick", json!({"buttonId": "b"}), json!("b"), &[""]),
        (
            "activity:new",
            json!({"id": "a", "entityType": "card", "entityId": "c", "action": "moved", "description": "", "userName": "u", "createdAt": "2026-01-01T00:00:00Z"}),
            json!({"id": "a", "createdAt": false}),
            &["", "/createdAt"],
        ),
        (
            "notification:new",
            json!({"id": "n", "type": "urgent", "title": "T", "message": "m", "actionUrl": "/x", "groupKey": "g"}),
            json!({"id": 1, "title": ""}),
            &["/id", "/title"],
        ),
        ("user.updated", json!({"userId": "u", "name": "N"}), json!({"name": "N"}), &[""]),
        (
            "conversation.message",
            json!({"conversationId": "v", "message": "hi"}),
            json!({"message": 1}),
            &["", "/message"],
        ),
    ]
}

#[test]
fn every_type_accepts_the_good_and_names_the_bad() {
    let registry = Registry::builtin();
    for (name, good, bad, pointers) in samples() {
        let schema = registry.get(name).unwrap().version(None).unwrap();
        assert_eq!(schema.name(), "1");
        assert_eq!(schema.validate(&good), Ok(()), "{name}");
        let violations = schema.validate(&bad).unwrap_err();
        let mut found: Vec<&str> = violations.iter().map(|each| each.pointer.as_str()).collect();
        found.sort_unstable();
        assert_eq!(found, pointers, "{name}: {violations:?}");
    }
    for name in ["test:event", "client.report"] {
        let schema = registry.get(name).unwrap().version(Some("1")).unwrap();
        for anything in [json!(null), json!(1), json!("x"), json!([]), json!({"a": {}})] {
            assert_eq!(schema.validate(&anything), Ok(()), "{name}");
        }
    }
    assert_eq!(registry.len(), samples().len() + 2);
    assert!(registry.warnings().is_empty(), "{}", registry.warnings());
}

fn policy(name: &str) -> Policy {
    Registry::builtin().get(name).expect("it is built in").policy.clone()
}

#[test]
fn the_policies_are_those_of_the_contract() {
    for (name, persistence, broadcast, priority) in [
        ("card.created", Persistence::Durable, true, Priority::Critical),
        ("card.updated", Persistence::Durable, true, Priority::High),
        ("card.moved", Persistence::Durable, true, Priority::High),
        ("card.deleted", Persistence::Durable, true, Priority::Critical),
        ("session.started", Persistence::Durable, true, Priority::Normal),
        ("session.ended", Persistence::Durable, true, Priority::Normal),
        ("session.activity", Persistence::Recent, false, Priority::Low),
        ("ui.themeChanged", Persistence::Durable, true, Priority::Normal),
        ("preference.changed", Persistence::Durable, true, Priority::Normal),
        ("ui.dialogOpen", Persistence::Recent, false, Priority::Low),
        ("ui.trayOpen", Persistence::Recent, false, Priority::Low),
        ("ui.buttonClick", Persistence::Recent, false, Priority::Low),
        ("activity:new", Persistence::Durable, true, Priority::Normal),
        ("notification:new", Persistence::Durable, true, Priority::High),
        ("user.updated", Persistence::Durable, true, Priority::Normal),
        ("conversation.message", Persistence::Durable, true, Priority::Normal),
        ("test:event", Persistence::Live, true, Priority::Low),
        ("client.report", Persistence::Recent, false, Priority::Low),
    ] {
        let policy = policy(name);
        assert_eq!(
            (policy.persistence, policy.broadcast, policy.priority),
            (persistence, broadcast, priority),
            "{name}"
        );
        let batch = (priority < Priority::High).then_some(Duration::from_millis(50));
        assert_eq!(policy.batch, batch, "{name}");
    }
}

#[test]
fn entities_scopes_and_fallbacks_are_those_of_the_contract() {
    for (name, state, deletes) in [
        ("card.created", StateChange::Replace, false),
        ("card.updated", StateChange::Merge, false),
        ("card.moved", StateChange::Merge, false),
        ("card.deleted", StateChange::None, true),
    ] {
        let policy = policy(name);
        let entity = policy.entity.unwrap();
        assert_eq!((entity.entity_type.as_str(), entity.id.as_str()), ("card", "/cardId"));
        assert_eq!((entity.state, entity.deletes), (state, deletes), "{name}");
        assert_eq!(policy.fallback, Fallback::Invalidate { keys: vec![vec!["cards".to_owned()]] });
    }
    for name in ["ui.themeChanged", "preference.changed"] {
        let policy = policy(name);
        let entity = policy.entity.unwrap();
        assert_eq!(policy.scope, Scope::User);
        assert_eq!((entity.id, entity.state), (EntityId::User, StateChange::Replace));
        assert_eq!(entity.conflict, Conflict::LastWriteWins);
        assert_eq!(policy.fallback, Fallback::LocalStorage);
    }
    for name in ["session.activity", "ui.dialogOpen", "ui.trayOpen", "ui.buttonClick"] {
        assert_eq!(policy(name).dedupe.unwrap().window, Duration::from_millis(100), "{name}");
    }
    assert_eq!(policy("session.activity").fallback, Fallback::LocalStorage);
}

#[test]
fn events_made_from_a_real_history_are_accepted() {
    let registry = Registry::builtin();
    let lines = include_str!("../fixtures/repository-history.jsonl");
    for line in lines.lines() {
        let event: Value = serde_json::from_str(line).unwrap();
        let schema =
            registry.get(event["eventType"].as_str().unwrap()).unwrap().version(None).unwrap();
        assert_eq!(schema.validate(&event["eventData"]), Ok(()), "{line}");
    }
}

#[test]
fn the_description_of_a_type_is_json_as_in_the_files() {
    let registry = Registry::builtin();
    let view = serde_json::to_value(registry.get("ui.themeChanged").unwrap()).unwrap();
    assert_eq!(
        view,
        json!({
            "name": "ui.themeChanged",
            "description": "A user chose another theme.",
            "newestVersion": "1",
            "versions": [{"version": "1", "schema": {
                "type": "object",
                "properties": {"theme": {"type": "string", "minLength": 1, "maxLength": 128}},
            }}],
            "policy": {
                "persistence": "durable", "broadcast": true, "scope": "user", "priority": "normal",
                "ttl": null, "batch": "50ms", "coalesceKey": [], "dedupe": null, "ack": false,
                "entity": {"type": "theme", "id": "$userId", "state": "replace", "deletes": false, "conflict": "lastWriteWins"},
                "publishRoles": [], "subscribeRoles": [], "fallback": "localStorage", "routes": [],
            },
        })
    );
    let view = serde_json::to_value(&registry).unwrap();
    assert_eq!(view["types"].as_array().unwrap().len(), registry.len());
    let created = &view["types"].as_array().unwrap()[1]["policy"];
    assert_eq!(created["batch"], "off");
    assert_eq!(created["fallback"], json!({"kind": "invalidate", "keys": [["cards"]]}));
}
