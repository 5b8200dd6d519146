//! JSON Merge Patch (RFC 7396) on texts: numbers, escapes and the order of keys stay as they were
//! written, which a value tree would not keep.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

/// Applies `patch` to `target` (RFC 7396, section 2). Both are JSON without white space; a target
/// that is not there is `None`.
pub(crate) fn merge(target: Option<&str>, patch: &str) -> String {
    let Some(changes) = members(patch) else { return patch.to_owned() };
    let kept = target.and_then(members).unwrap_or_default();
    let mut result: Vec<(String, String)> =
        kept.into_iter().map(|(key, value)| (key, value.get().to_owned())).collect();
    for (key, change) in changes {
        let known = result.iter().position(|(found, _)| *found == key);
        match (known, change.get()) {
            (Some(index), "null") => drop(result.remove(index)),
            (None, "null") => {}
            (Some(index), change) => {
                if let Some((_, value)) = result.get_mut(index) {
                    *value = merge(Some(value), change);
                }
            }
            (None, change) => result.push((key, merge(None, change))),
        }
    }
    let mut text = String::from("{");
    for (index, (key, value)) in result.iter().enumerate() {
        if index > 0 {
            text.push(',');
        }
        text.push_str(&serde_json::Value::from(key.as_str()).to_string());
        text.push(':');
        text.push_str(value);
    }
    text.push('}');
    text
}

/// Whether a JSON text without white space is an object.
pub(crate) fn is_object(text: &str) -> bool {
    text.starts_with('{')
}

/// The keys of an object; none for anything else.
pub(crate) fn top_level_fields(text: &str) -> Vec<String> {
    members(text).unwrap_or_default().into_iter().map(|(key, _)| key).collect()
}

fn members(text: &str) -> Option<Vec<(String, &RawValue)>> {
    if !is_object(text) {
        return None;
    }
    serde_json::from_str::<Members<'_>>(text).ok().map(|members| members.0)
}

struct Members<'a>(Vec<(String, &'a RawValue)>);

impl<'de: 'a, 'a> Deserialize<'de> for Members<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InOrder;
        impl<'de> Visitor<'de> for InOrder {
            type Value = Vec<(String, &'de RawValue)>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(members)
            }
        }
        deserializer.deserialize_map(InOrder).map(Members)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The examples of RFC 7396, appendix A, and what a value tree would lose.
    #[test]
    fn merges_as_the_specification_says_and_keeps_the_text() {
        for (target, patch, expected) in [
            (r#"{"a":"b"}"#, r#"{"a":"c"}"#, r#"{"a":"c"}"#),
            (r#"{"a":"b"}"#, r#"{"b":"c"}"#, r#"{"a":"b","b":"c"}"#),
            (r#"{"a":"b"}"#, r#"{"a":null}"#, "{}"),
            (r#"{"a":"b","b":"c"}"#, r#"{"a":null}"#, r#"{"b":"c"}"#),
            (r#"{"a":["b"]}"#, r#"{"a":"c"}"#, r#"{"a":"c"}"#),
            (r#"{"a":"c"}"#, r#"{"a":["b"]}"#, r#"{"a":["b"]}"#),
            (r#"{"a":{"b":"c"}}"#, r#"{"a":{"b":"d","c":null}}"#, r#"{"a":{"b":"d"}}"#),
            (r#"{"a":[{"b":"c"}]}"#, r#"{"a":[1]}"#, r#"{"a":[1]}"#),
            (r#"["a","b"]"#, r#"["c","d"]"#, r#"["c","d"]"#),
            (r#"{"a":"b"}"#, r#"["c"]"#, r#"["c"]"#),
            (r#"{"a":"foo"}"#, "null", "null"),
            (r#"{"a":"foo"}"#, r#""bar""#, r#""bar""#),
            (r#"{"e":null}"#, r#"{"a":1}"#, r#"{"e":null,"a":1}"#),
            ("[1,2]", r#"{"a":"b","c":null}"#, r#"{"a":"b"}"#),
            ("{}", r#"{"a":{"bb":{"ccc":null}}}"#, r#"{"a":{"bb":{}}}"#),
            (
                r#"{"z":1.10,"n":123456789012345678901}"#,
                r#"{"b":1e2}"#,
                r#"{"z":1.10,"n":123456789012345678901,"b":1e2}"#,
            ),
        ] {
            assert_eq!(merge(Some(target), patch), expected, "{target} + {patch}");
        }
        assert_eq!(merge(None, r#"{"a":null,"b":1}"#), r#"{"b":1}"#);
    }
}
