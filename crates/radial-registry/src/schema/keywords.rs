//! The keywords of JSON Schema 2020-12 and where they hold subschemas.

use serde_json::Value;

/// What stands behind a keyword.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Keyword {
    /// Says something about the value itself.
    Assertion,
    /// Says nothing that is checked.
    Annotation,
    /// Subschemas that are not applied unless referred to.
    Definitions,
    /// Subschemas applied to the same value.
    InPlace,
    /// Subschemas applied to the value's members or items.
    Descend,
}

const KEYWORDS: [(&str, Keyword); 59] = {
    use Keyword::{Annotation, Assertion, Definitions, Descend, InPlace};
    [
        ("$anchor", Annotation),
        ("$comment", Annotation),
        ("$defs", Definitions),
        ("$dynamicAnchor", Annotation),
        ("$dynamicRef", Assertion),
        ("$id", Annotation),
        ("$ref", Assertion),
        ("$schema", Annotation),
        ("$vocabulary", Annotation),
        ("additionalProperties", Descend),
        ("allOf", InPlace),
        ("anyOf", InPlace),
        ("const", Assertion),
        ("contains", Descend),
        ("contentEncoding", Annotation),
        ("contentMediaType", Annotation),
        ("contentSchema", Annotation),
        ("default", Annotation),
        ("definitions", Definitions),
        ("dependentRequired", Assertion),
        ("dependentSchemas", InPlace),
        ("deprecated", Annotation),
        ("description", Annotation),
        ("else", InPlace),
        ("enum", Assertion),
        ("examples", Annotation),
        ("exclusiveMaximum", Assertion),
        ("exclusiveMinimum", Assertion),
        ("format", Annotation),
        ("if", InPlace),
        ("items", Descend),
        ("maxContains", Assertion),
        ("maxItems", Assertion),
        ("maxLength", Assertion),
        ("maxProperties", Assertion),
        ("maximum", Assertion),
        ("minContains", Assertion),
        ("minItems", Assertion),
        ("minLength", Assertion),
        ("minProperties", Assertion),
        ("minimum", Assertion),
        ("multipleOf", Assertion),
        ("not", InPlace),
        ("oneOf", InPlace),
        ("pattern", Assertion),
        ("patternProperties", Descend),
        ("prefixItems", Descend),
        ("properties", Descend),
        ("propertyNames", Descend),
        ("readOnly", Annotation),
        ("required", Assertion),
        ("then", InPlace),
        ("title", Annotation),
        ("type", Assertion),
        ("unevaluatedItems", Descend),
        ("unevaluatedProperties", Descend),
        ("uniqueItems", Assertion),
        ("writeOnly", Annotation),
        ("x-", Annotation),
    ]
};

/// What a keyword does; `None` if there is no such keyword.
pub(crate) fn keyword(name: &str) -> Option<Keyword> {
    if name.starts_with("x-") {
        return Some(Keyword::Annotation);
    }
    KEYWORDS.iter().find(|(known, _)| *known == name).map(|(_, kind)| *kind)
}

/// The names of all keywords.
pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    KEYWORDS.iter().map(|(name, _)| *name).filter(|name| *name != "x-")
}

/// Whether the keyword's subschemas stand in an object, under names of the author's choice.
pub(crate) fn holds_map(name: &str) -> bool {
    matches!(
        name,
        "$defs" | "definitions" | "dependentSchemas" | "patternProperties" | "properties"
    )
}

/// Whether the keyword's subschemas stand in a list.
pub(crate) fn holds_list(name: &str) -> bool {
    matches!(name, "allOf" | "anyOf" | "oneOf" | "prefixItems")
}

/// The subschemas behind a keyword that holds any.
pub(crate) fn subschemas<'v>(name: &str, value: &'v Value) -> Vec<&'v Value> {
    match value {
        Value::Object(members) if holds_map(name) => members.values().collect(),
        Value::Array(items) if holds_list(name) => items.iter().collect(),
        Value::Object(_) | Value::Bool(_) if !holds_map(name) && !holds_list(name) => vec![value],
        _ => Vec::new(),
    }
}

/// The schema without what says nothing: titles, descriptions, examples and the like.
///
/// Two schemas that are the same so accept the same data. `schema` must not be deeper than the
/// limit of this crate.
pub(crate) fn without_annotations(schema: &Value) -> Value {
    let Value::Object(members) = schema else {
        return schema.clone();
    };
    let checked = members.iter().filter_map(|(name, value)| {
        let kept = match keyword(name) {
            Some(Keyword::Annotation) if !name.starts_with('$') => return None,
            Some(_) if name == "$comment" => return None,
            Some(Keyword::Definitions | Keyword::InPlace | Keyword::Descend) => match value {
                Value::Object(inner) if holds_map(name) => Value::Object(
                    inner
                        .iter()
                        .map(|(key, sub)| (key.clone(), without_annotations(sub)))
                        .collect(),
                ),
                Value::Array(items) if holds_list(name) => {
                    items.iter().map(without_annotations).collect()
                }
                single => without_annotations(single),
            },
            _ => value.clone(),
        };
        Some((name.clone(), kept))
    });
    Value::Object(checked.collect())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_annotations_are_left_out() {
        let schema = json!({
            "title": "T", "$comment": "c", "type": "object", "x-own": 1,
            "properties": {"title": {"type": "string", "description": "d"}},
            "allOf": [{"examples": [1], "minimum": 1}],
            "const": {"title": "kept"},
        });
        let expected = json!({
            "type": "object",
            "properties": {"title": {"type": "string"}},
            "allOf": [{"minimum": 1}],
            "const": {"title": "kept"},
        });
        assert_eq!(without_annotations(&schema), expected);
    }
}
