//! Folders of event types, and everything that can be wrong in them.

use std::fs;
use std::time::Duration;

use radial_protocol::event::{Persistence, Priority, Scope};
use radial_registry::{
    Conflict, Fallback, Registry, RegistryError, Rule, SchemaVersion, StateChange,
};
use serde_json::json;

use super::{folder, refused, registry, with_type};

const EVERYTHING: &str = r#"
[types."card.moved"]
description = "A card changed its zone or position."
persistence = "durable"
broadcast = true
scope = "channel"
priority = "high"
batch = "20ms"
dedupe = { window = "1s", key = ["/cardId"] }
ack = true
entity = { type = "card", id = "/cardId", state = "merge", deletes = false, conflict = "mergeDisjoint" }
publishRoles = ["editor"]
subscribeRoles = ["viewer", "editor"]
fallback = { kind = "invalidate", keys = [["cards"], ["card", "moved"]] }
routes = ["analytics"]

[types."card.moved".versions.1]
schema = { type = "object", required = ["cardId"] }

[types."card.moved".versions.10]
schema = "schemas/card-moved-10.json"

[types."card.moved".versions.2]
schema = "./card-moved-2.json"
"#;

#[test]
fn every_key_of_a_file_is_taken() {
    let files = [
        ("card.toml", EVERYTHING),
        ("card-moved-2.json", r#"{"type": "object", "required": ["cardId", "zone"]}"#),
        ("schemas/card-moved-10.json", r#"{"type": "object", "required": ["cardId", "to"]}"#),
    ];
    let registry = Registry::from_folder(&folder(&files)).unwrap();
    let moved = registry.get("card.moved").unwrap();
    let policy = &moved.policy;
    assert_eq!(moved.description, "A card changed its zone or position.");
    assert_eq!(moved.source(), "card.toml");
    assert_eq!(
        (policy.persistence, policy.scope, policy.priority),
        (Persistence::Durable, Scope::Channel, Priority::High)
    );
    assert_eq!(policy.batch, Some(Duration::from_millis(20)));
    let dedupe = policy.dedupe.as_ref().unwrap();
    assert_eq!((dedupe.window, dedupe.key[0].as_str()), (Duration::from_secs(1), "/cardId"));
    let entity = policy.entity.as_ref().unwrap();
    assert_eq!((entity.state, entity.conflict), (StateChange::Merge, Conflict::MergeDisjoint));
    assert!(policy.ack && policy.broadcast && policy.changes_state());
    assert_eq!(policy.subscribe_roles.len(), 2);
    assert_eq!(policy.routes[0].as_str(), "analytics");
    assert!(matches!(&policy.fallback, Fallback::Invalidate { keys } if keys.len() == 2));

    let versions: Vec<&str> = moved.versions().iter().map(SchemaVersion::name).collect();
    assert_eq!(versions, ["1", "2", "10"]);
    let data = json!({"cardId": "c", "zone": "z"});
    assert!(moved.version(Some("2")).unwrap().validate(&data).is_ok());
    assert!(moved.version(None).unwrap().validate(&data).is_err());
    let unknown = moved.version(Some("3")).unwrap_err().to_string();
    assert_eq!(unknown, "The event type \"card.moved\" has no version \"3\"; it has 1, 2, 10.");
    assert!(registry.get("card.Moved").is_none());
}

#[test]
fn toml_and_json_make_the_same_type() {
    let json = r#"{"types": {"t.a": {"description": "d", "ttl": "1m", "versions": {"1": {"schema": {"type": "object", "required": ["id"]}}}}}}"#;
    let from_json = Registry::from_folder(&folder(&[("t.json", json)])).unwrap();
    let from_toml = registry(&with_type("ttl = \"60s\""));
    let view = |registry: &Registry| serde_json::to_value(registry).unwrap();
    assert_eq!(view(&from_json), view(&from_toml));
}

#[test]
fn the_problems_of_all_files_are_reported_together() {
    let report = refused(&[
        (
            "a.toml",
            "[types.\"t.a\"]\nack = true\npriority = \"hihg\"\nversions.1.schema = { type = \"x\" }",
        ),
        ("b.toml", "[types"),
        (
            "c.json",
            "{\"types\": {\"t.c\": {\"ack\": true, \"versions\": {\"1\": {\"schema\": {}}}}}}",
        ),
    ]);
    let found: Vec<(&str, &str)> =
        report.problems.iter().map(|each| (each.file.as_str(), each.code.code())).collect();
    for expected in [
        ("a.toml", "bad-value"),
        ("a.toml", "schema-invalid"),
        ("b.toml", "file-syntax"),
        ("c.json", "ack-needs-durable"),
    ] {
        assert!(found.contains(&expected), "{found:?}");
    }
    assert_eq!(report.problems[0].field.as_deref(), Some("priority"));
    assert!(report.problems[0].message.contains("Did you mean \"high\"?"));
}

/// So many types with the same lines.
fn types(count: usize, lines: &str) -> String {
    let types: Vec<String> =
        (0..count).map(|index| format!("[types.\"t.a{index}\"]\n{lines}")).collect();
    types.concat()
}

#[test]
fn limits_across_files_hold() {
    let one = with_type("");
    let report = refused(&[("a.toml", &one), ("b.toml", &one)]);
    assert_eq!(report.problems[0].code, Rule::DuplicateType);
    assert!(report.problems[0].message.contains("a.toml"));

    let large = format!("# {}\n{one}", "x".repeat(radial_registry::FILE_BYTES_MAX));
    assert_eq!(refused(&[("a.toml", &large)]).problems[0].code, Rule::FileTooLarge);

    let many =
        types(radial_registry::TYPES_MAX + 1, "description = \"d\"\nversions.1.schema = true\n");
    assert_eq!(refused(&[("a.toml", &many)]).problems[0].code, Rule::TooManyTypes);

    let wrong = types(700, "");
    let report = refused(&[("a.toml", &wrong)]);
    assert_eq!((report.problems.len(), report.error_count), (radial_registry::PROBLEMS_MAX, 700));
    assert!(report.to_string().contains("900 more not shown"), "{report}");
}

#[test]
fn a_folder_is_read_with_its_schemas_and_without_what_is_hidden() {
    let place = tempfile::tempdir().unwrap();
    let path = place.path();
    fs::create_dir_all(path.join("schemas/deeper")).unwrap();
    fs::create_dir_all(path.join(".git")).unwrap();
    fs::write(path.join(".git/x.toml"), "not toml").unwrap();
    fs::write(path.join(".hidden.toml"), "not toml").unwrap();
    fs::write(path.join("README.md"), "not toml").unwrap();
    fs::write(path.join("schemas/ignored.toml"), "not toml").unwrap();
    fs::write(path.join("schemas/deeper/a.json"), "{\"type\": \"object\"}").unwrap();
    let text =
        "[types.\"t.a\"]\ndescription = \"d\"\nversions.1.schema = \"schemas/deeper/a.json\"";
    fs::write(path.join("t.toml"), text).unwrap();
    let registry = Registry::load_folder(path).unwrap();
    assert_eq!(registry.len(), 1);
    assert!(!registry.is_empty() && registry.warnings().is_empty());

    let missing = Registry::load_folder(&path.join("missing")).unwrap_err();
    assert!(matches!(&missing, RegistryError::Read { path, .. } if path.ends_with("missing")));
    fs::write(path.join("binary.toml"), [0xff, 0xfe]).unwrap();
    assert!(matches!(Registry::load_folder(path), Err(RegistryError::Read { .. })));
}

#[test]
fn a_document_changes_a_registry_as_a_whole_or_not_at_all() {
    let registry = registry(&with_type("ttl = \"60s\""));
    let document = json!({"types": {
        "t.a": {"description": "d", "versions": {"1": {"schema": true}}},
        "t.b": {"description": "d", "versions": {"1": {"schema": true}}},
    }});
    let changed = registry.with_document("admin", &document).unwrap();
    assert_eq!((registry.len(), changed.len()), (1, 2));
    assert!(changed.get("t.a").unwrap().policy.ttl.is_none());
    assert!(changed.get_shared("t.b").is_some());
    assert_eq!(
        changed.without("t.a").iter().map(|each| each.name.as_str()).collect::<Vec<_>>(),
        ["t.b"]
    );

    let file = json!({"types": {"t.a": {"versions": {"1": {"schema": "a.json"}}}}});
    let error = registry.with_document("admin", &file).unwrap_err().to_string();
    assert!(error.contains("error[schema-missing] admin: t.a: versions.1.schema"), "{error}");

    let both = Registry::builtin().extended_with(&registry).unwrap();
    assert_eq!(both.len(), Registry::builtin().len() + 1);
    let clash = registry.with_document("admin", &json!({"types": {"t.card": {
        "description": "d", "persistence": "durable", "subscribeRoles": ["few"],
        "entity": {"type": "card", "id": "/id"}, "versions": {"1": {"schema": {"type": "object", "required": ["id"]}}},
    }}}));
    let error = Registry::builtin().extended_with(&clash.unwrap()).unwrap_err().to_string();
    assert!(error.contains("entity-visibility"), "{error}");
}
