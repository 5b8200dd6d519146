//! Whatever is validated, nothing panics.

use proptest::prelude::*;
use radial_registry::{Registry, VIOLATIONS_MAX};
use serde_json::{Map, Value, json};

use super::{folder, registry};

/// Names that the schemas know, so that the generated data meets them.
const NAMES: [&str; 14] = [
    "cardId",
    "cardData",
    "zone",
    "position",
    "x",
    "y",
    "id",
    "description",
    "title",
    "createdAt",
    "key",
    "value",
    "a/b~c",
    "",
];

fn scalar() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(|number| json!(number)),
        ".{0,40}".prop_map(Value::from),
        Just(Value::from("x".repeat(5_000))),
    ]
}

fn data() -> impl Strategy<Value = Value> {
    scalar().prop_recursive(8, 200, 12, |inner| {
        let name = prop_oneof![
            3 => prop::sample::select(&NAMES[..]).prop_map(str::to_owned),
            1 => ".{0,20}",
        ];
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..12).prop_map(Value::from),
            prop::collection::vec((name, inner), 0..12)
                .prop_map(|members| Value::Object(Map::from_iter(members))),
        ]
    })
}

/// Values in the shape of a registry file, most of them wrong.
fn document() -> impl Strategy<Value = Value> {
    let word = prop::sample::select(
        &[
            "types",
            "t.a",
            "versions",
            "1",
            "schema",
            "type",
            "properties",
            "$ref",
            "#",
            "#/types",
            "anyOf",
            "items",
            "pattern",
            "(",
            "enum",
            "entity",
            "id",
            "/id",
            "dedupe",
            "window",
            "50ms",
            "fallback",
            "kind",
            "keys",
            "invalidate",
            "persistence",
            "durable",
            "required",
            "$id",
            "patternProperties",
            "unevaluatedProperties",
            "const",
            "not",
            "if",
            "format",
            "$anchor",
        ][..],
    );
    let leaf = prop_oneof![scalar(), word.clone().prop_map(Value::from)];
    leaf.prop_recursive(7, 100, 6, move |inner| {
        prop_oneof![
            1 => prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            4 => prop::collection::vec((word.clone().prop_map(str::to_owned), inner), 0..6)
                .prop_map(|members| Value::Object(Map::from_iter(members))),
        ]
    })
}

/// A schema that refers to itself and has every kind of alternative.
const RECURSIVE: &str = r##"
[types."t.a"]
description = "d"
[types."t.a".versions.1.schema]
type = ["object", "array", "null"]
propertyNames = { maxLength = 12 }
unevaluatedProperties = { "$ref" = "#" }
items = { oneOf = [{ "$ref" = "#" }, { type = "number" }, { type = "string", pattern = "^[a-m]" }] }
uniqueItems = true
contains = { type = "null" }
[types."t.a".versions.1.schema.properties]
id = { not = { type = "null" } }
position = { anyOf = [{ "$ref" = "#" }, { type = "boolean" }] }
"##;

proptest! {
    #[test]
    fn no_data_makes_validation_panic(data in data()) {
        let registries = [Registry::builtin(), registry(RECURSIVE)];
        for event_type in registries.iter().flat_map(Registry::iter) {
            let Err(violations) = event_type.version(None).unwrap().validate(&data) else {
                continue;
            };
            prop_assert!((1..=VIOLATIONS_MAX).contains(&violations.len()));
            for violation in violations {
                prop_assert!(violation.pointer.chars().count() <= 257);
                prop_assert!(violation.message.chars().count() <= 201);
            }
        }
    }

    #[test]
    fn no_document_makes_loading_panic(inner in document()) {
        let schema = json!({"types": {"t.a": {"versions": {"1": {"schema": inner.clone()}}}}});
        let event_type = json!({"types": {"t.a": inner.clone()}});
        for document in [inner, event_type, schema] {
            drop(Registry::default().with_document("d", &document));
        }
    }

    #[test]
    fn no_text_makes_loading_panic(text in ".{0,200}") {
        for file in ["a.toml", "a.json"] {
            drop(Registry::from_folder(&folder(&[(file, &text)])));
        }
    }
}

#[test]
fn data_deeper_than_the_limit_is_refused() {
    let position = |inner| Value::Object(Map::from_iter([("position".to_owned(), inner)]));
    let deep = (0..1_000).fold(json!(1), |inner, _| position(inner));
    let registry = registry(RECURSIVE);
    let violations =
        registry.get("t.a").unwrap().version(None).unwrap().validate(&deep).unwrap_err();
    assert_eq!(violations[0].message, "is nested more than 64 levels deep");
}
