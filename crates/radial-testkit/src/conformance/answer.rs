//! What an answer over HTTP must be, and what every refusal is besides.

use serde_json::{Value, json};

use super::case::Expected;
use super::pattern;
use super::variables::Variables;
use crate::wire::Answer;

/// What was expected and what was found instead.
#[derive(Debug)]
pub(super) struct Difference {
    pub(super) expected: String,
    pub(super) found: String,
}

impl Difference {
    pub(super) fn new(expected: impl Into<String>, found: impl Into<String>) -> Self {
        Self { expected: expected.into(), found: found.into() }
    }
}

impl From<String> for Difference {
    fn from(error: String) -> Self {
        Self::new("a step that can be carried out", error)
    }
}

impl From<anyhow::Error> for Difference {
    fn from(error: anyhow::Error) -> Self {
        Self::new("an answer", format!("{error:#}"))
    }
}

/// Checks an answer and returns its body, `null` where it is no JSON.
pub(super) fn check(
    expected: &Expected,
    default_status: u16,
    variables: &Variables,
    answer: &Answer,
) -> Result<Value, Difference> {
    let shown = || format!("{}, {}", answer.status, String::from_utf8_lossy(&answer.body));
    let status = expected.status.unwrap_or(default_status);
    if answer.status != status {
        return Err(Difference::new(format!("status {status}"), shown()));
    }
    let body = answer.json().unwrap_or_default();
    if let Some(pattern) = &expected.body {
        fits("the body", &variables.fill(pattern)?, Some(&body))?;
    }
    for (name, pattern) in &expected.headers {
        let value = answer.header(&name.to_ascii_lowercase()).map(Value::from);
        fits(&format!("the header {name}"), &variables.fill(pattern)?, value.as_ref())?;
    }
    let is_problem = answer.header("content-type") == Some("application/problem+json");
    if is_problem {
        fits("every problem document", &problem(status), Some(&body))?;
    } else if (400..500).contains(&status) {
        return Err(Difference::new("a problem document", shown()));
    }
    Ok(body)
}

/// A found value fits, or the difference says where it does not.
pub(super) fn fits(what: &str, pattern: &Value, found: Option<&Value>) -> Result<(), Difference> {
    pattern::check(pattern, found).map_err(|mismatch| {
        let place = match mismatch.pointer.as_str() {
            "" => String::new(),
            pointer => format!(" at {pointer}"),
        };
        let whole = found.map_or_else(String::new, |found| format!(", in {found}"));
        let found = mismatch.found.map_or_else(|| "nothing".to_owned(), |found| found.to_string());
        Difference::new(format!("{what}{place}: {}", mismatch.expected), format!("{found}{whole}"))
    })
}

fn problem(status: u16) -> Value {
    json!({
        "type": "$any", "title": "$any", "status": status, "detail": "$any", "code": "$any",
        "requestId": "$any",
    })
}
