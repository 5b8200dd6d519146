//! TOML and JSON texts to one kind of value.

use radial_protocol::json;
use serde_json::{Map, Value};

/// The deepest nesting that `serde_json` reads.
const JSON_DEPTH_MAX: usize = 128;

/// Reads a text as what its file name says.
///
/// # Errors
///
/// What is wrong and where, in a sentence.
pub(super) fn parse(file: &str, text: &str) -> Result<Value, String> {
    if file.rsplit_once('.').is_some_and(|(_, extension)| extension == "toml") {
        let table = text.parse::<toml::Table>().map_err(|error| toml_message(&error, text))?;
        return converted(toml::Value::Table(table));
    }
    let value = serde_json::from_str(text).map_err(|error| format!("{error}."))?;
    // Of two equal keys the parser would silently keep the last.
    json::compact(text, JSON_DEPTH_MAX).map_err(|issue| format!("The text {issue}."))?;
    Ok(value)
}

fn toml_message(error: &toml::de::Error, text: &str) -> String {
    let before = error.span().and_then(|span| text.get(..span.start));
    let line = before.map(|before| before.matches('\n').count() + 1);
    let message = error.message().trim().replace('\n', ", ");
    match line {
        Some(line) => format!("Line {line}: {message}."),
        None => format!("{message}."),
    }
}

fn converted(value: toml::Value) -> Result<Value, String> {
    Ok(match value {
        toml::Value::String(text) => Value::String(text),
        toml::Value::Integer(number) => Value::from(number),
        toml::Value::Boolean(flag) => Value::Bool(flag),
        toml::Value::Float(number) => serde_json::Number::from_f64(number)
            .map(Value::Number)
            .ok_or_else(|| format!("The number {number} does not exist in JSON."))?,
        toml::Value::Datetime(time) => {
            return Err(format!("The date {time} does not exist in JSON: put it in quotes."));
        }
        toml::Value::Array(items) => {
            Value::Array(items.into_iter().map(converted).collect::<Result<_, _>>()?)
        }
        toml::Value::Table(members) => {
            let members = members.into_iter().map(|(key, value)| Ok((key, converted(value)?)));
            Value::Object(members.collect::<Result<Map<_, _>, String>>()?)
        }
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn toml_and_json_say_the_same() {
        let toml = "[a.\"b.c\"]\nx = [1, 2.5, true, \"t\"]";
        let json = r#"{"a": {"b.c": {"x": [1, 2.5, true, "t"]}}}"#;
        let expected = json!({"a": {"b.c": {"x": [1, 2.5, true, "t"]}}});
        assert_eq!(parse("a.toml", toml).unwrap(), expected);
        assert_eq!(parse("a.json", json).unwrap(), expected);
    }

    #[test]
    fn what_cannot_be_read_is_said_with_its_place() {
        for (file, text, expected) in [
            ("a.toml", "a = 1\nb = = 2", "Line 2: "),
            ("a.toml", "a = 1\na = 2", "Line 2: duplicate key"),
            ("a.toml", "a = nan", "does not exist in JSON"),
            ("a.toml", "a = 2020-01-01", "put it in quotes"),
            ("a.json", "{\"a\": 1,}", "line 1 column 9"),
            ("a.json", "{\"a\": 1, \"a\": 2}", "twice"),
            ("a.json", "", "line 1"),
        ] {
            let message = parse(file, text).unwrap_err();
            assert!(message.contains(expected), "{text:?}: {message}");
        }
    }

    #[test]
    fn deep_texts_are_refused_without_overflow() {
        assert!(parse("a.json", &"[".repeat(1_000_000)).is_err());
        assert!(parse("a.toml", &format!("a = {}", "[".repeat(1_000_000))).is_err());
        assert!(parse("a.toml", &format!("a{} = 1", ".a".repeat(100_000))).is_err());
        assert!(parse("a.toml", &format!("[a{}]", ".a".repeat(100_000))).is_err());
    }
}
