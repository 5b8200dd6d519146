//! Comments, keys and literals, none of which an author's words can break out of.

use serde_json::Value;

/// Lines of documentation; nothing if there are no words.
pub(super) fn comment(indent: &str, parts: &[&str]) -> String {
    let safe = parts.join("\n").replace("*/", "*\\/").replace(['\r', '\u{2028}', '\u{2029}'], "\n");
    match safe.trim().lines().map(str::trim_end).collect::<Vec<_>>().as_slice() {
        [] => String::new(),
        [line] => format!("{indent}/** {line} */\n"),
        lines => {
            let lines: Vec<String> = lines
                .iter()
                .map(|line| format!("{indent} * {line}").trim_end().to_owned())
                .collect();
            format!("{indent}/**\n{}\n{indent} */\n", lines.join("\n"))
        }
    }
}

/// A text as a literal.
pub(super) fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

/// The key of a property, quoted where it must be.
pub(super) fn key(text: &str) -> String {
    let is_start = |c: char| c.is_ascii_alphabetic() || matches!(c, '_' | '$');
    let is_plain = text.starts_with(is_start)
        && text.chars().all(|c| is_start(c) || c.is_ascii_digit())
        && text != "__proto__";
    if is_plain { text.to_owned() } else { quoted(text) }
}

/// The type that exactly one value has.
pub(super) fn literal(value: &Value) -> String {
    match value {
        Value::Null | Value::Bool(_) | Value::String(_) => value.to_string(),
        // Beyond what JavaScript holds exactly, a literal would promise too much.
        Value::Number(number) => match number.as_f64() {
            Some(exact) if exact.is_finite() && exact.abs() < 9e15 => number.to_string(),
            _ => "number".to_owned(),
        },
        Value::Array(items) => {
            format!("[{}]", items.iter().map(literal).collect::<Vec<_>>().join(", "))
        }
        Value::Object(members) => {
            let members = members.iter().map(|(name, value)| {
                let (name, value) = (key(name), literal(value));
                format!("{name}: {value}")
            });
            format!("{{ {} }}", members.collect::<Vec<_>>().join("; "))
        }
    }
}
