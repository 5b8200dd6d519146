//! What a document says an answer is, compared with the answer.
//!
//! `…` stands for what differs from one run to the next: as a value, or inside a string, for any
//! text or number; as the last member of an object, for further members. Everything else must be
//! equal.

use anyhow::{Context as _, Result, bail, ensure};
use radial_testkit::Frame;
use serde_json::Value;

/// Stands for anything.
const ANY: &str = "…";

/// An answer as an `http` block shows it.
#[derive(Debug)]
pub(crate) struct Expected {
    /// The status, if the block says it.
    pub(crate) status: Option<u16>,
    /// The headers that must be there.
    pub(crate) headers: Vec<(String, String)>,
    /// The body.
    pub(crate) body: String,
}

impl Expected {
    /// Reads an `http` block: status line, headers, an empty line, the body.
    pub(crate) fn of_http(text: &str) -> Result<Self> {
        let (head, body) = text.split_once("\n\n").unwrap_or((text.trim_end(), ""));
        let mut lines = head.lines();
        let status = lines.next().and_then(|line| line.split(' ').nth(1));
        let status = status.context("the block begins with a status line")?.parse()?;
        let headers = lines
            .map(|line| line.split_once(": ").context("a header has a colon"))
            .map(|pair| pair.map(|(name, value)| (name.to_owned(), value.to_owned())))
            .collect::<Result<_>>()?;
        Ok(Self { status: Some(status), headers, body: body.to_owned() })
    }
}

/// Compares a body, as JSON if both are.
pub(crate) fn check_body(expected: &str, found: &str) -> Result<()> {
    match serde_json::from_str(found) {
        Ok(found) => check_json(expected, &found),
        Err(_) => check_text(expected.trim_end(), found.trim_end()),
    }
}

/// Compares JSON.
pub(crate) fn check_json(expected: &str, found: &Value) -> Result<()> {
    let pattern = serde_json::from_str(&quoted(expected))
        .with_context(|| format!("the document's JSON cannot be read: {expected}"))?;
    check_value(&pattern, found, "").with_context(|| format!("the answer is {found}"))
}

/// Compares the frames of a stream, one by one.
pub(crate) fn check_frame(expected: &str, found: &Frame) -> Result<()> {
    let mut left = vec!["id", "event", "retry", "data"];
    for line in expected.lines() {
        let (field, value) = line.split_once(": ").with_context(|| format!("no field: {line}"))?;
        left.retain(|name| *name != field);
        let retry = found.retry.map(|retry| retry.to_string());
        let text = match field {
            "id" => &found.id,
            "event" => &found.event,
            "retry" => &retry,
            "data" => {
                check_json(value, &found.json()?)?;
                continue;
            }
            _ => bail!("{field} is no field of a frame"),
        };
        let text = text.as_deref().with_context(|| format!("no {field} in {found:?}"))?;
        check_text(value, text)?;
    }
    let there = |name: &&str| match *name {
        "id" => found.id.is_some(),
        "event" => found.event.is_some(),
        "retry" => found.retry.is_some(),
        _ => found.data.is_some(),
    };
    ensure!(!left.iter().any(there), "more in {found:?} than in {expected:?}");
    Ok(())
}

fn check_value(pattern: &Value, found: &Value, place: &str) -> Result<()> {
    match (pattern, found) {
        (Value::String(text), _) if text == ANY => Ok(()),
        (Value::String(text), Value::String(found)) => check_text(text, found),
        (Value::Array(patterns), Value::Array(items)) => {
            ensure!(patterns.len() == items.len(), "{place} has {} items", items.len());
            let pairs = patterns.iter().zip(items).enumerate();
            pairs.into_iter().try_for_each(|(index, (pattern, item))| {
                check_value(pattern, item, &format!("{place}/{index}"))
            })
        }
        (Value::Object(patterns), Value::Object(members)) => {
            for (name, pattern) in patterns.iter().filter(|(name, _)| *name != ANY) {
                let place = format!("{place}/{name}");
                let member = members.get(name).with_context(|| format!("no {place}"))?;
                check_value(pattern, member, &place)?;
            }
            let more = members.keys().find(|name| !patterns.contains_key(*name));
            match more.filter(|_| !patterns.contains_key(ANY)) {
                Some(name) => bail!("{place}/{name} is not in the document"),
                None => Ok(()),
            }
        }
        _ if pattern == found => Ok(()),
        _ => bail!("{place} is {found}, not {pattern}"),
    }
}

/// Compares text in which `…` stands for any text.
fn check_text(pattern: &str, found: &str) -> Result<()> {
    let mut parts = pattern.split(ANY);
    let first = parts.next().unwrap_or_default();
    let mut rest = found.strip_prefix(first);
    let mut last = None;
    for part in parts {
        rest = rest.and_then(|rest| rest.find(part).map(|at| &rest[at + part.len()..]));
        last = Some(part);
    }
    let whole = match (rest, last) {
        (Some(""), _) | (Some(_), Some("")) => true,
        (Some(_), Some(part)) => found.ends_with(part),
        _ => false,
    };
    ensure!(whole, "{found:?} is not {pattern:?}");
    Ok(())
}

/// Makes JSON of the document's shorthand: a bare `…` is a value, or stands for further members.
fn quoted(text: &str) -> String {
    let mut json = String::new();
    let mut inside = false;
    let mut escaped = false;
    for c in text.chars() {
        if c == '"' && !escaped {
            inside = !inside;
        }
        escaped = c == '\\' && !escaped;
        match json.trim_end().chars().last() {
            _ if inside || c != '…' => json.push(c),
            Some('{' | ',') => json.push_str("\"…\":\"…\""),
            _ => json.push_str("\"…\""),
        }
    }
    json
}

#[test]
fn only_what_differs_from_run_to_run_may_differ() {
    let found = serde_json::json!({"a": 1, "b": {"c": [1, "x-9"]}, "d": "t"});
    for good in [
        r#"{"a":1,"b":{"c":[1,"x-9"]},"d":"t"}"#,
        r#"{"a":…,"b":{"c":[…,"x-…"]},"d":"…"}"#,
        r#"{"a":1, …}"#,
        "{…}",
        "…",
    ] {
        check_json(good, &found).unwrap();
    }
    for bad in [
        r#"{"a":2, …}"#,
        r#"{"a":1,"b":…}"#,
        r#"{"a":1,"b":{"c":[1]},"d":"t"}"#,
        r#"{"a":1,"b":{"c":[1,"y-…"]},"d":"t"}"#,
        r#"{"a":1,"e":…, …}"#,
    ] {
        assert!(check_json(bad, &found).is_err(), "{bad}");
    }
}

#[test]
fn text_has_holes_only_where_the_document_has_them() {
    for (pattern, found, fits) in [
        ("a", "a", true),
        ("a", "ab", false),
        ("…", "anything", true),
        ("a…", "abc", true),
        ("a…c", "abc", true),
        ("a…c", "abcd", false),
        ("a…b…", "axbx", true),
        ("a…b…", "ax", false),
    ] {
        assert_eq!(check_text(pattern, found).is_ok(), fits, "{pattern} {found}");
    }
}
