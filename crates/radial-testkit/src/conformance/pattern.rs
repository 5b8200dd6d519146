//! Patterns: what a found value must fit, with room for what the case does not care about.
//!
//! An object fits if each of its members does; others may be there. A list fits a list of the same
//! length, item by item. Everything else must be equal.

use serde_json::Value;

/// Fits whatever is there.
const ANY: &str = "$any";
/// Fits only if there is nothing.
const ABSENT: &str = "$absent";
/// `{$above: number}`: fits a larger number.
const ABOVE: &str = "$above";
/// `{$contains: pattern}`: fits a list of which one item fits.
const CONTAINS: &str = "$contains";
/// `{$not: pattern}`: fits what does not fit the pattern.
const NOT: &str = "$not";

/// The words that are no variables.
pub(super) const WORDS: [&str; 2] = [ANY, ABSENT];

/// Where a value does not fit.
#[derive(Debug, PartialEq)]
pub(super) struct Mismatch {
    /// A JSON pointer; empty for the whole.
    pub(super) pointer: String,
    pub(super) expected: Value,
    /// `None` if there is nothing.
    pub(super) found: Option<Value>,
}

/// Whether a value fits; the first place where it does not.
pub(super) fn check(pattern: &Value, found: Option<&Value>) -> Result<(), Mismatch> {
    check_at("", pattern, found)
}

fn check_at(pointer: &str, pattern: &Value, found: Option<&Value>) -> Result<(), Mismatch> {
    let fits = match (pattern, found) {
        (Value::String(word), found) if word == ABSENT => found.is_none(),
        (Value::String(word), found) if word == ANY => found.is_some(),
        (Value::Object(members), found) => match operator(members) {
            Some((name, operand)) => apply(name, operand, found),
            None => return check_members(pointer, members, pattern, found),
        },
        (Value::Array(items), Some(Value::Array(values))) if items.len() == values.len() => {
            return items.iter().zip(values).enumerate().try_for_each(|(index, (item, value))| {
                check_at(&format!("{pointer}/{index}"), item, Some(value))
            });
        }
        (pattern, found) => found == Some(pattern),
    };
    if fits { Ok(()) } else { Err(mismatch(pointer, pattern, found)) }
}

fn check_members(
    pointer: &str,
    members: &serde_json::Map<String, Value>,
    pattern: &Value,
    found: Option<&Value>,
) -> Result<(), Mismatch> {
    let Some(Value::Object(values)) = found else {
        return Err(mismatch(pointer, pattern, found));
    };
    members.iter().try_for_each(|(name, member)| {
        check_at(&format!("{pointer}/{name}"), member, values.get(name))
    })
}

fn operator(members: &serde_json::Map<String, Value>) -> Option<(&str, &Value)> {
    let (name, operand) = members.iter().next()?;
    let is_operator = [ABOVE, CONTAINS, NOT].contains(&name.as_str()) && members.len() == 1;
    is_operator.then_some((name.as_str(), operand))
}

fn apply(name: &str, operand: &Value, found: Option<&Value>) -> bool {
    match name {
        ABOVE => {
            let number = |value: &Value| value.as_u64();
            number(operand).zip(found.and_then(number)).is_some_and(|(limit, found)| found > limit)
        }
        CONTAINS => found
            .and_then(Value::as_array)
            .is_some_and(|items| items.iter().any(|item| check(operand, Some(item)).is_ok())),
        _ => check(operand, found).is_err(),
    }
}

fn mismatch(pointer: &str, expected: &Value, found: Option<&Value>) -> Mismatch {
    Mismatch { pointer: pointer.to_owned(), expected: expected.clone(), found: found.cloned() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[track_caller]
    fn verify(pattern: &Value, found: &Value, expected: Option<&str>) {
        let place = check(pattern, Some(found)).err().map(|mismatch| mismatch.pointer);
        assert_eq!(place.as_deref(), expected, "{pattern} and {found}");
    }

    #[test]
    fn an_object_may_have_more_and_a_list_may_not() {
        verify(&json!({"a": 1}), &json!({"a": 1, "b": 2}), None);
        verify(&json!({"a": {"b": 1}}), &json!({"a": {"b": 2}}), Some("/a/b"));
        verify(&json!({"a": 1}), &json!({"b": 1}), Some("/a"));
        verify(&json!([{"a": 1}, 2]), &json!([{"a": 1, "b": 1}, 2]), None);
        verify(&json!([1]), &json!([1, 2]), Some(""));
        verify(&json!([1, 2]), &json!([1, 3]), Some("/1"));
        verify(&json!({}), &json!(1), Some(""));
        verify(&json!(1), &json!("1"), Some(""));
    }

    #[test]
    fn words_and_operators_fit_what_they_say() {
        verify(&json!({"a": "$any"}), &json!({"a": null}), None);
        verify(&json!({"a": "$any"}), &json!({}), Some("/a"));
        verify(&json!({"a": "$absent"}), &json!({}), None);
        verify(&json!({"a": "$absent"}), &json!({"a": null}), Some("/a"));
        verify(&json!({"$above": 4}), &json!(5), None);
        verify(&json!({"$above": 5}), &json!(5), Some(""));
        verify(&json!({"$above": 5}), &json!("6"), Some(""));
        verify(&json!({"$contains": {"a": 1}}), &json!([3, {"a": 1, "b": 2}]), None);
        verify(&json!({"$contains": 1}), &json!([]), Some(""));
        verify(&json!({"a": {"$not": "b"}}), &json!({"a": "c"}), None);
        verify(&json!({"a": {"$not": "b"}}), &json!({"a": "b"}), Some("/a"));
        verify(&json!({"$not": {"$contains": 1}}), &json!([2]), None);
    }
}
