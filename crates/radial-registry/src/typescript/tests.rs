//! What each keyword becomes.

use serde_json::{Value, json};

use super::*;

/// The types that a schema of `a.b` becomes.
fn of(schema: &Value) -> String {
    let document = json!({"types": {"a.b": {"versions": {"1": {"schema": schema}}}}});
    let registry = Registry::default().with_document("test", &document).expect("it is valid");
    let text = typescript(&registry);
    text.split_once("version 1. */\n").expect("it has a type").1.to_owned()
}

fn check(schema: &Value, expected: &str) {
    assert_eq!(of(schema).trim_end(), format!("export type AB = {expected};"), "{schema}");
}

#[test]
fn kinds_and_values_become_types() {
    check(&json!({}), "unknown");
    check(&json!({"type": "integer"}), "number");
    check(&json!({"type": ["string", "null"]}), "string | null");
    check(&json!({"const": "a\"b"}), r#""a\"b""#);
    check(&json!({"const": {"a-b": [1, null]}}), r#"{ "a-b": [1, null] }"#);
    check(&json!({"enum": ["low", "high", 3, true]}), r#""low" | "high" | 3 | true"#);
    check(&json!({"type": "string", "enum": ["x"]}), r#""x""#);
}

#[test]
fn lists_become_arrays_and_tuples() {
    check(&json!({"type": "array"}), "unknown[]");
    check(&json!({"type": "array", "items": {"type": ["string", "null"]}}), "(string | null)[]");
    check(&json!({"items": {"enum": ["a | b"]}}), r#""a | b"[]"#);
    let pair = json!([{"type": "number"}, {"type": "string"}]);
    check(
        &json!({"type": "array", "prefixItems": pair, "minItems": 1}),
        "[number, string?, ...unknown[]]",
    );
    check(
        &json!({"type": "array", "prefixItems": pair, "minItems": 2, "items": false}),
        "[number, string]",
    );
}

#[test]
fn objects_say_what_is_required_and_what_more_there_may_be() {
    check(&json!({"type": "object"}), "{ [more: string]: unknown }");
    check(&json!({"type": "object", "additionalProperties": false}), "{ [more: string]: never }");
    check(
        &json!({"type": "object", "additionalProperties": {"type": "number"}}),
        "{ [more: string]: number }",
    );
    check(
        &json!({"required": ["a", "c"], "properties": {"a": {"type": "string"}, "b-c": {}}}),
        "{\n  a: string;\n  \"b-c\"?: unknown;\n  c: unknown;\n}",
    );
    check(
        &json!({"properties": {"a": {"type": "string"}}, "additionalProperties": {"type": "number"}}),
        "{\n  a?: string;\n  [more: string]: number | string | undefined;\n}",
    );
    check(
        &json!({"type": "object", "patternProperties": {"^x": {"type": "boolean"}}, "additionalProperties": false}),
        "{ [more: string]: boolean }",
    );
}

#[test]
fn choices_become_unions_and_demands_intersections() {
    check(
        &json!({"anyOf": [{"type": "string"}, {"type": "number"}, {"type": "string"}]}),
        "string | number",
    );
    check(
        &json!({"oneOf": [{"const": "a"}, {"const": "b"}], "allOf": [{"type": "string"}]}),
        r#"("a" | "b") & string"#,
    );
    check(&json!({"type": "string", "not": {"const": "x"}, "minLength": 1}), "string");
}

#[test]
fn references_get_names_and_may_lead_back() {
    let tree = json!({
        "type": "object",
        "properties": {"left": {"$ref": "#"}, "leaf": {"$ref": "#/$defs/leaf%20one"}, "same": {"$ref": "#leaf"}},
        "$defs": {"leaf one": {"$anchor": "leaf", "description": "The end.", "type": "number"}},
    });
    assert_eq!(
        of(&tree).trim_end(),
        "export type AB = {\n  leaf?: ABLeaf20one;\n  left?: AB;\n  same?: ABLeaf20one;\n};\n\n\
         /** The end. */\nexport type ABLeaf20one = number;"
    );
}

#[test]
fn words_of_an_author_cannot_break_out() {
    let hostile = json!({"properties": {
        "a\"]: never; b": {"description": "*/ export const x = 1; /*\n@see y", "format": "date-time"},
    }});
    assert_eq!(
        of(&hostile).trim_end(),
        "export type AB = {\n  /**\n   * *\\/ export const x = 1; /*\n   * @see y\n   * Format: date-time.\n   */\n  \
         \"a\\\"]: never; b\"?: unknown;\n};"
    );
}

#[test]
fn every_event_type_is_in_the_map() {
    let registry = Registry::builtin();
    let text = typescript(&registry);
    for event_type in registry.iter() {
        assert!(text.contains(&format!("  \"{}\": ", event_type.name)), "{}", event_type.name);
    }
}
