//! What a change of the registry means to those who published before it.

use radial_registry::compatibility::compare;

use super::{registry, with_type};

/// The changes between two types as `field breaking`.
fn changes(old: &str, new: &str) -> Vec<(String, bool)> {
    compare(&registry(old), &registry(new))
        .into_iter()
        .map(|change| (change.field, change.breaking))
        .collect()
}

fn with_versions(versions: &str) -> String {
    format!("[types.\"t.a\"]\ndescription = \"d\"\n{versions}")
}

#[test]
fn a_change_of_policy_breaks_or_not() {
    for (field, old, new, breaking) in [
        ("description", "", "[types.\"t.b\"]", false),
        ("persistence", "persistence = \"durable\"", "persistence = \"recent\"", true),
        ("persistence", "persistence = \"recent\"", "persistence = \"live\"", true),
        ("persistence", "persistence = \"live\"", "persistence = \"durable\"", false),
        ("broadcast", "broadcast = true", "broadcast = false", true),
        ("broadcast", "broadcast = false", "broadcast = true", false),
        ("scope", "scope = \"user\"", "scope = \"channel\"", true),
        ("scope", "", "scope = \"session\"", true),
        ("priority", "", "priority = \"low\"", true),
        ("ttl", "", "ttl = \"1h\"", true),
        ("ttl", "ttl = \"2h\"", "ttl = \"1h\"", true),
        ("ttl", "ttl = \"1h\"", "ttl = \"2h\"", false),
        ("ttl", "ttl = \"1h\"", "", false),
        ("batch", "", "batch = \"off\"", false),
        ("coalesceKey", "", "coalesceKey = [\"/id\"]", true),
        ("coalesceKey", "coalesceKey = [\"/id\"]", "", false),
        ("dedupe", "", "dedupe = {}", true),
        ("dedupe", "dedupe = {}", "", false),
        ("ack", "persistence = \"durable\"", "persistence = \"durable\"\nack = true", true),
        ("fallback", "", "fallback = \"localStorage\"", false),
        ("publishRoles", "", "publishRoles = [\"a\"]", true),
        ("publishRoles", "publishRoles = [\"a\"]", "publishRoles = [\"a\", \"b\"]", false),
        ("publishRoles", "publishRoles = [\"a\", \"b\"]", "publishRoles = [\"b\"]", true),
        ("subscribeRoles", "subscribeRoles = [\"a\"]", "", false),
        ("subscribeRoles", "subscribeRoles = [\"a\"]", "subscribeRoles = [\"b\"]", true),
        ("routes", "routes = [\"a\"]", "routes = [\"b\"]", true),
        ("routes", "routes = [\"a\"]", "routes = [\"a\", \"b\"]", false),
    ] {
        if field == "description" {
            let changed = with_type("").replace("\"d\"", "\"e\"");
            assert_eq!(changes(&with_type(""), &changed), [(field.to_owned(), false)]);
            continue;
        }
        let found = changes(&with_type(old), &with_type(new));
        assert_eq!(found, [(field.to_owned(), breaking)], "{old} -> {new}");
    }
    let sorted = ["publishRoles = [\"a\", \"b\"]", "publishRoles = [\"b\", \"a\"]"].map(with_type);
    assert_eq!(changes(&sorted[0], &sorted[1]), []);
}

#[test]
fn a_change_of_the_entity_breaks_or_not() {
    let entity = |inner: &str| {
        with_type(&format!(
            "persistence = \"durable\"\nentity = {{ type = \"e\", id = \"/id\"{inner} }}"
        ))
    };
    let none = with_type("persistence = \"durable\"");
    for (field, old, new, breaking) in [
        ("entity", none.clone(), entity(""), false),
        ("entity", entity(""), none, true),
        ("entity.state", entity(""), entity(", state = \"merge\""), true),
        ("entity.deletes", entity(""), entity(", deletes = true"), true),
        ("entity.conflict", entity(", conflict = \"lastWriteWins\""), entity(""), true),
        (
            "entity.conflict",
            entity(", conflict = \"reject\""),
            entity(", conflict = \"mergeDisjoint\""),
            false,
        ),
    ] {
        assert_eq!(changes(&old, &new), [(field.to_owned(), breaking)], "{old} -> {new}");
    }
}

#[test]
fn a_version_is_never_changed_nor_removed() {
    let one = with_versions("versions.1.schema = { type = \"object\", title = \"old\" }");
    for (new, field, breaking) in [
        (
            "versions.1.schema = { type = \"object\", title = \"new\", description = \"d\" }",
            "versions.1",
            false,
        ),
        (
            "versions.1.schema = { type = \"object\", title = \"old\", minProperties = 1 }",
            "versions.1",
            true,
        ),
        (
            "versions.1.schema = { type = [\"object\", \"null\"], title = \"old\" }",
            "versions.1",
            true,
        ),
        (
            "versions.1.schema = { type = \"object\", title = \"old\" }\nversions.2.schema = {}",
            "versions.2",
            false,
        ),
        (
            "versions.1.schema = { type = \"object\", title = \"old\" }\nversions.0.schema = {}",
            "versions.0",
            false,
        ),
    ] {
        assert_eq!(changes(&one, &with_versions(new)), [(field.to_owned(), breaking)], "{new}");
    }
    let two = with_versions("versions.1.schema = {}\nversions.2.schema = {}");
    let back = with_versions("versions.1.schema = {}");
    assert_eq!(
        changes(&two, &back),
        [("versions.2".to_owned(), true), ("versions".to_owned(), true)]
    );
}

#[test]
fn types_come_and_go() {
    let one = registry(&with_type(""));
    let other = registry(&with_type("").replace("t.a", "t.b"));
    let found: Vec<String> = compare(&one, &other).iter().map(ToString::to_string).collect();
    assert_eq!(
        found,
        ["breaking: t.a: The type is removed.", "compatible: t.b: The type is added."]
    );
    assert_eq!(compare(&one, &one), []);
    let change = serde_json::to_value(&compare(&one, &other)[0]).unwrap();
    assert_eq!(change["eventType"], "t.a");
    assert_eq!(change["breaking"], true);
}
