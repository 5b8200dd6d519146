//! A problem document as a client reads it (RFC 9457, protocol §2).

use std::fmt;

use serde::{Deserialize, Serialize};

/// One place in `eventData` that breaks the schema.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Violation {
    /// A JSON pointer into `eventData`; empty for the whole.
    pub pointer: String,
    /// What is wrong there.
    pub message: String,
}

/// A refusal of the hub, with every member that it had.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ProblemDocument {
    /// The URI of the kind of problem.
    #[serde(rename = "type", default, skip_serializing_if = "String::is_empty")]
    pub kind: String,
    /// A short sentence, the same for every occurrence.
    #[serde(default)]
    pub title: String,
    /// The HTTP status.
    #[serde(default)]
    pub status: u16,
    /// What is wrong this time.
    #[serde(default)]
    pub detail: String,
    /// The stable code to branch on; empty where the answer came from something else than a hub.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub code: String,
    /// Names the request in the hub's log.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// The failing places of a schema violation.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<Violation>,
    /// The members that this client does not know.
    #[serde(flatten)]
    pub rest: serde_json::Map<String, serde_json::Value>,
}

impl ProblemDocument {
    /// Reads the body of a refusal; one that is no problem document becomes one with the status
    /// and the beginning of the body.
    pub(crate) fn from_body(status: http::StatusCode, body: &[u8]) -> Self {
        const DETAIL_CHARS: usize = 200;
        if let Ok(document) = serde_json::from_slice::<Self>(body)
            && !document.code.is_empty()
        {
            return Self { status: status.as_u16(), ..document };
        }
        let text = String::from_utf8_lossy(body);
        Self {
            title: status.canonical_reason().unwrap_or("refused").to_owned(),
            status: status.as_u16(),
            detail: text.trim().chars().take(DETAIL_CHARS).collect(),
            ..Self::default()
        }
    }

    /// Whether the same request may be accepted later: 408, 429 and 5xx.
    pub const fn is_temporary(&self) -> bool {
        matches!(self.status, 408 | 429 | 500..=599)
    }
}

impl fmt::Display for ProblemDocument {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.code.is_empty() {
            write!(f, "HTTP {} {}", self.status, self.title)?;
        } else {
            f.write_str(&self.code)?;
        }
        if !self.detail.is_empty() {
            write!(f, ": {}", self.detail)?;
        }
        for violation in &self.errors {
            let at = if violation.pointer.is_empty() { "eventData" } else { &violation.pointer };
            write!(f, "; {at} {}", violation.message)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(status: u16, body: &str, shown: &str) -> ProblemDocument {
        let status = http::StatusCode::from_u16(status).unwrap();
        let document = ProblemDocument::from_body(status, body.as_bytes());
        assert_eq!(document.to_string(), shown, "{body}");
        document
    }

    #[test]
    fn a_document_is_read_with_unknown_members_kept() {
        let body = r#"{"type":"urn:radial:problem:version-conflict","title":"t","status":409,
            "detail":"d","code":"version-conflict","requestId":"r-1","currentVersion":8}"#;
        let document = check(409, body, "version-conflict: d");
        assert_eq!(document.rest.get("currentVersion"), Some(&8.into()));
        let written = serde_json::to_value(&document).unwrap();
        assert_eq!(written, serde_json::from_str::<serde_json::Value>(body).unwrap());
    }

    #[test]
    fn failing_places_are_shown() {
        let body = r#"{"code":"schema-violation","detail":"2 places fail",
            "errors":[{"pointer":"/a","message":"is missing"},{"pointer":"","message":"is no"}]}"#;
        let shown = "schema-violation: 2 places fail; /a is missing; eventData is no";
        assert_eq!(check(422, body, shown).status, 422);
    }

    #[test]
    fn any_other_body_is_survived() {
        check(502, "<html>bad gateway</html>", "HTTP 502 Bad Gateway: <html>bad gateway</html>");
        check(404, "", "HTTP 404 Not Found");
        check(418, r#"{"error":"x"}"#, r#"HTTP 418 I'm a teapot: {"error":"x"}"#);
    }
}
