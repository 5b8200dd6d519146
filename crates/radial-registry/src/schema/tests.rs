//! What schemas accept, refuse, and are refused for.

use serde_json::{Map, json};

use super::*;

/// The rule and message by which a schema is refused.
fn refused(schema: &Value) -> (Rule, String) {
    match Compiled::new(schema) {
        Err(fault) => (fault.rule, fault.message),
        Ok(_) => panic!("the schema is accepted: {schema}"),
    }
}

/// The failing places of data as `pointer message`.
fn violations(schema: &Value, data: &Value) -> Vec<String> {
    let compiled = Compiled::new(schema).unwrap_or_else(|fault| panic!("{}", fault.message));
    let violations = compiled.validate(data).err().unwrap_or_default();
    violations.iter().map(|each| format!("{} {}", each.pointer, each.message)).collect()
}

/// `{key: {key: … inner}}`.
fn nested(key: &str, levels: usize, inner: Value) -> Value {
    (0..levels).fold(inner, |value, _| Value::Object(Map::from_iter([(key.to_owned(), value)])))
}

/// Definitions `a0` to `a<count>`, each made from the name of the next; the last is a string.
fn chain(count: usize, link: impl Fn(Value) -> Value) -> Value {
    let mut definitions = Map::new();
    for index in 0..count {
        let next = json!({"$ref": format!("#/$defs/a{}", index + 1)});
        definitions.insert(format!("a{index}"), link(next));
    }
    definitions.insert(format!("a{count}"), json!({"type": "string"}));
    json!({"$ref": "#/$defs/a0", "$defs": definitions})
}

#[test]
fn every_failing_place_is_named() {
    let schema = json!({
        "type": "object",
        "required": ["id", "name"],
        "properties": {
            "id": {"type": "string", "minLength": 2},
            "kind": {"enum": ["a", "b"]},
            "a/b": {"type": ["integer", "null"]},
            "items": {"type": "array", "items": {"type": "number", "minimum": 0}},
            "code": {"pattern": "^[A-Z]+$"},
        },
        "propertyNames": {"maxLength": 6},
        "additionalProperties": false,
    });
    let data = json!({"id": "x", "kind": "c", "a/b": 1.5, "items": [1, -1, "2"], "code": "abc", "surplus": 1});
    let mut found = violations(&schema, &data);
    found.sort();
    assert_eq!(
        found,
        [
            " has a property name that must be at most 6 characters long",
            " has properties that are not allowed: \"surplus\"",
            " lacks the property \"name\"",
            "/a~1b must be of type null, integer",
            "/code must match the pattern \"^[A-Z]+$\"",
            "/id must be at least 2 characters long",
            "/items/1 must be at least 0",
            "/items/2 must be of type number",
            "/kind must be one of \"a\", \"b\"",
        ]
    );
}

#[test]
fn violations_are_few_and_short_however_large_the_data() {
    let schema = json!({"items": {"type": "string"}, "additionalProperties": false});
    assert_eq!(violations(&schema, &json!(vec![0; 5_000])).len(), VIOLATIONS_MAX);
    let long = "k".repeat(100_000);
    let data = json!({(long.as_str()): long.as_str(), "z\n": 1});
    for line in violations(&schema, &data) {
        assert!(line.len() < 1_000 && !line.contains('\n'), "{line}");
    }
    let schema = json!({"additionalProperties": {"const": long}, "enum": [long, 1]});
    for line in violations(&schema, &data) {
        assert!(line.len() < 1_000, "{line}");
    }
}

#[test]
fn more_possible_errors_than_can_be_collected_name_the_first_place_only() {
    let required: Vec<String> = (0..50).map(|index| format!("p{index}")).collect();
    let schema = json!({"items": {"type": "object", "required": required}});
    let found = violations(&schema, &json!(vec![json!({}); 80_000]));
    assert_eq!(found, ["/0 lacks the property \"p0\""]);
    let schema = json!({"anyOf": [schema]});
    let found = violations(&schema, &json!(vec![json!({}); 80_000]));
    assert_eq!(found, [" does not match its schema, and is too large to name every place"]);
}

#[test]
fn a_reference_is_never_fetched() {
    for reference in [
        "https://example.org/a.json",
        "http://127.0.0.1:1/",
        "file:///etc/passwd",
        "other.json",
        "urn:x",
    ] {
        let (rule, message) = refused(&json!({"properties": {"a": {"$ref": reference}}}));
        assert_eq!(rule, Rule::SchemaRemoteReference);
        assert!(message.contains(reference), "{message}");
        // Places that this crate does not read as schemas are refused by the retriever at most.
        drop(Compiled::new(
            &json!({"contentSchema": {"$ref": reference}, "x-y": {"$ref": reference}}),
        ));
    }
    let uri = jsonschema::uri::from_str("https://example.org/a.json").unwrap();
    let message = Refuse.retrieve(&uri).unwrap_err().to_string();
    assert_eq!(
        message,
        "\"https://example.org/a.json\" is outside the schema, and schemas are never fetched"
    );
}

#[test]
fn references_inside_the_schema_work() {
    let schema = json!({
        "$schema": DIALECT,
        "$id": "https://example.org/tree",
        "type": "object",
        "properties": {
            "a": {"$ref": "#/$defs/with%20space"},
            "b": {"$ref": "#named"},
            "c": {"$ref": "#/$defs/x~1y"},
            "child": {"$ref": "#"},
            "other": {"$dynamicRef": "#dynamic"},
        },
        "$defs": {
            "with space": {"type": "string"},
            "n": {"$anchor": "named", "type": "number"},
            "x/y": {"type": "null"},
            "d": {"$dynamicAnchor": "dynamic", "type": "boolean"},
        },
    });
    let data = json!({"a": 1, "child": {"b": "x", "child": {"c": 0, "other": 1}}});
    assert_eq!(
        violations(&schema, &data),
        [
            "/a must be of type string",
            "/child/b must be of type number",
            "/child/child/c must be of type null",
            "/child/child/other must be of type boolean",
        ]
    );
}

#[test]
fn schemas_that_cannot_be_applied_are_refused() {
    for (schema, expected) in [
        (json!(1), Rule::SchemaInvalid),
        (json!({"type": "strin"}), Rule::SchemaInvalid),
        (json!({"properties": []}), Rule::SchemaInvalid),
        (json!({"items": [{"type": "string"}]}), Rule::SchemaInvalid),
        (json!({"$schema": "http://json-schema.org/draft-07/schema#"}), Rule::SchemaDialect),
        (json!({"$ref": "#/$defs/missing"}), Rule::SchemaReference),
        (json!({"$ref": "#missing"}), Rule::SchemaReference),
        (json!({"$ref": "#/%zz"}), Rule::SchemaReference),
        (json!({"$ref": "#/%c3"}), Rule::SchemaReference),
        (json!({"$ref": "#/enum/0", "enum": [{"type": "string"}]}), Rule::SchemaReference),
        (json!({"$ref": "#"}), Rule::SchemaReference),
        (json!({"allOf": [{"$ref": "#"}]}), Rule::SchemaReference),
        (json!({"properties": {"a": {"not": {"$ref": "#/properties/a"}}}}), Rule::SchemaReference),
        (
            json!({"$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"$ref": "#/$defs/a"}}}),
            Rule::SchemaReference,
        ),
        (json!({"properties": {"a": {"$id": "https://example.org/x"}}}), Rule::SchemaReference),
        (json!({"pattern": "("}), Rule::SchemaPattern),
        (json!({"pattern": "(a)\\1"}), Rule::SchemaPattern),
        (json!({"pattern": "(?=a)b"}), Rule::SchemaPattern),
        (json!({"patternProperties": {"(?!x)": {}}}), Rule::SchemaPattern),
        (json!({"pattern": "((a{0,1000}){0,1000}){0,1000}"}), Rule::SchemaPattern),
        (json!({"pattern": "(".repeat(2_000)}), Rule::SchemaPattern),
        (json!({"pattern": "a".repeat(3_000)}), Rule::SchemaPattern),
    ] {
        let (rule, message) = refused(&schema);
        assert_eq!(rule, expected, "{schema}: {message}");
        assert!(message.len() < 500, "{message}");
    }
    let patterns: Map<String, Value> = (0..200).map(|i| (format!("^a{i}"), json!({}))).collect();
    assert_eq!(refused(&json!({"patternProperties": patterns})).0, Rule::SchemaTooCostly);
}

#[test]
fn size_and_depth_are_limited() {
    let large = json!({"enum": ["x".repeat(SCHEMA_BYTES_MAX)]});
    assert_eq!(refused(&large).0, Rule::SchemaTooLarge);
    for levels in [65, 1_000] {
        assert_eq!(refused(&nested("not", levels, json!({}))).0, Rule::SchemaTooDeep);
        assert_eq!(refused(&nested("items", levels, json!({}))).0, Rule::SchemaTooDeep);
    }
    assert!(Compiled::new(&nested("items", 63, json!({}))).is_ok());
    assert!(Compiled::new(&nested("const", 63, json!({}))).is_ok());
}

#[test]
fn chains_and_fans_of_references_are_limited() {
    assert_eq!(refused(&chain(33, |next| next)).0, Rule::SchemaTooDeep);
    assert!(Compiled::new(&chain(30, |next| next)).is_ok());
    assert_eq!(refused(&chain(300, |next| json!({"items": next}))).0, Rule::SchemaTooDeep);
    assert_eq!(refused(&chain(5_000, |next| json!({"items": next}))).0, Rule::SchemaTooDeep);
    assert!(Compiled::new(&chain(120, |next| json!({"items": next}))).is_ok());
    for keyword in ["allOf", "anyOf", "oneOf"] {
        let doubled = chain(14, |next| json!({keyword: [next, next]}));
        assert_eq!(refused(&doubled).0, Rule::SchemaTooCostly);
    }
    let crossing =
        chain(40, |next| json!({"properties": {"a": next}, "patternProperties": {"a": next}}));
    assert_eq!(refused(&crossing).0, Rule::SchemaTooCostly);
    let again = chain(8, |next| json!({"allOf": [next], "unevaluatedProperties": false}));
    assert_eq!(refused(&again).0, Rule::SchemaTooCostly);
}

/// Half of the stack of a runtime's worker, so that there is room for what calls this crate.
const STACK_BYTES: usize = 1024 * 1024;

#[test]
fn the_deepest_allowed_recursion_fits_half_a_stack() {
    for keyword in ["allOf", "anyOf", "oneOf"] {
        let mut schema = chain(5, |next| json!({keyword: [next]}));
        if let Some(last) = schema.pointer_mut("/$defs/a5") {
            *last = json!({"properties": {"a": {"$ref": "#"}}, "type": ["object", "string"]});
        }
        let thread = std::thread::Builder::new().stack_size(STACK_BYTES).spawn(move || {
            let compiled =
                Compiled::new(&schema).unwrap_or_else(|fault| panic!("{}", fault.message));
            assert!(compiled.validate(&nested("a", 64, json!("x"))).is_ok());
            assert!(!compiled.validate(&nested("a", 64, json!(1))).unwrap_err().is_empty());
            let violations = compiled.validate(&nested("a", 65, json!("x"))).unwrap_err();
            assert_eq!(violations[0].message, "is nested more than 64 levels deep");
        });
        thread.unwrap().join().unwrap();
    }
}

#[test]
fn alternatives_that_refer_back_do_not_multiply() {
    let node = |kind: &str| {
        json!({
            "type": "object",
            "required": ["kind"],
            "properties": {"left": {"$ref": "#"}, "right": {"$ref": "#"}, "kind": {"const": kind}},
        })
    };
    let schema = json!({"anyOf": [{"type": "number"}, node("add"), node("mul"), node("sub")]});
    let compiled = Compiled::new(&schema).unwrap_or_else(|fault| panic!("{}", fault.message));
    let tree = |leaf: Value| {
        (0..60).fold(leaf, |left, _| json!({"kind": "sub", "left": left, "right": 1}))
    };
    assert!(compiled.validate(&tree(json!(1))).is_ok());
    let violations = compiled.validate(&tree(json!("bad"))).unwrap_err();
    assert!(violations[0].message.contains("too large to name every place"), "{violations:?}");
    let violations = compiled.validate(&json!({"kind": "sub", "left": "bad"})).unwrap_err();
    assert_eq!(violations[0].message, "matches none of the alternatives of anyOf");
}

#[test]
fn patterns_match_in_linear_time() {
    let compiled = Compiled::new(&json!({"pattern": "^(a+)+$"}))
        .unwrap_or_else(|fault| panic!("{}", fault.message));
    let data = json!(format!("{}b", "a".repeat(100_000)));
    assert_eq!(compiled.validate(&data).unwrap_err().len(), 1);
}

#[test]
fn what_is_probably_not_meant_is_remarked() {
    let schema = json!({
        "requried": ["a"], "x-own": 1,
        "properties": {"a": {"format": "email"}, "b": {"format": "email"}, "requried": {}},
    });
    let compiled = Compiled::new(&schema).unwrap_or_else(|fault| panic!("{}", fault.message));
    let rules: Vec<Rule> = compiled.remarks().iter().map(|(rule, _)| *rule).collect();
    assert_eq!(rules, [Rule::SchemaFormat, Rule::SchemaKeyword]);
    assert!(compiled.remarks()[1].1.contains("Did you mean \"required\"?"));
}
