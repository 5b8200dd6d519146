//! Refusals: stable codes, and the problem documents of RFC 9457 that carry them.
//!
//! A code exists only if a client would branch on it. A retired code is never used again.

use serde::Serialize;

macro_rules! codes {
    ($($(#[$doc:meta])* $variant:ident = $text:literal, $status:literal, $title:literal;)*) => {
        /// A stable code, its HTTP status and its title.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Code { $($(#[$doc])* $variant,)* }

        impl Code {
            /// Every code, in the order of the documentation.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The text of the `code` field.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)* }
            }

            /// The HTTP status that goes with it.
            pub const fn status(self) -> u16 {
                match self { $(Self::$variant => $status,)* }
            }

            /// A short sentence, the same for every occurrence.
            pub const fn title(self) -> &'static str {
                match self { $(Self::$variant => $title,)* }
            }
        }
    };
}

codes! {
    /// Not JSON at all, or not UTF-8.
    MalformedJson = "malformed-json", 400, "The body is not well-formed JSON";
    /// JSON, but not an envelope: an unknown field, a wrong type, a name that is none.
    InvalidEnvelope = "invalid-envelope", 400, "The event's envelope is not valid";
    /// An object names a key twice.
    DuplicateKey = "duplicate-key", 400, "An object has the same key twice";
    /// Deeper than the nesting limit.
    NestingTooDeep = "nesting-too-deep", 400, "The event is nested too deeply";
    /// A query parameter or header that cannot be understood.
    InvalidParameter = "invalid-parameter", 400, "A parameter is not valid";
    /// A text that no hub ever handed out as a cursor.
    InvalidCursor = "invalid-cursor", 400, "The cursor is not valid";
    /// No credential, or a bad one.
    Unauthorized = "unauthorized", 401, "A valid credential is needed";
    /// The credential does not allow it.
    Forbidden = "forbidden", 403, "The credential does not allow this";
    /// A `Host` or `Origin` that this hub does not serve.
    OriginForbidden = "origin-forbidden", 403, "This host or origin is not served";
    /// No such path.
    NotFound = "not-found", 404, "There is nothing here";
    /// The path exists, the method does not.
    MethodNotAllowed = "method-not-allowed", 405, "The method is not allowed here";
    /// The body took too long to come.
    BodyTimeout = "body-timeout", 408, "The body took too long";
    /// An entity has moved on.
    VersionConflict = "version-conflict", 409, "The entity has a newer version";
    /// A change to an entity that was deleted.
    EntityDeleted = "entity-deleted", 409, "The entity was deleted";
    /// Some ids of an atomic batch are known, but not all from one batch.
    BatchConflict = "batch-conflict", 409, "The batch was published in part before";
    /// A body over the limit.
    BodyTooLarge = "body-too-large", 413, "The body is too large";
    /// One event over the limit.
    EventTooLarge = "event-too-large", 413, "The event is too large";
    /// Too many events in one batch.
    BatchTooLarge = "batch-too-large", 413, "The batch has too many events";
    /// A content type or coding that is not spoken.
    UnsupportedMedia = "unsupported-media-type", 415, "The content type is not supported";
    /// The registry does not know the type.
    UnknownEventType = "unknown-event-type", 422, "The event type is not registered";
    /// The registry does not know this version of the type.
    UnknownVersion = "unknown-version", 422, "The schema version is not registered";
    /// `eventData` breaks its schema.
    SchemaViolation = "schema-violation", 422, "The event data breaks its schema";
    /// The same `eventId` with other content.
    IdempotencyMismatch = "idempotency-mismatch", 422, "The event id was used for another event";
    /// The request asks for more than the registry's policy gives.
    PolicyConflict = "policy-conflict", 422, "The request asks for more than the policy allows";
    /// An audience that names nobody.
    EmptyAudience = "empty-audience", 422, "The audience names nobody";
    /// Too many users, sessions and roles.
    AudienceTooLarge = "audience-too-large", 422, "The audience names too many";
    /// A user- or session-scoped event from a credential without one.
    ScopeWithoutIdentity = "scope-without-identity", 422, "The event needs a user or session";
    /// The path is a WebSocket, and was not asked for as one.
    UpgradeRequired = "upgrade-required", 426, "A WebSocket handshake is needed";
    /// Too much, too fast.
    RateLimited = "rate-limited", 429, "Too many requests";
    /// Something failed inside the hub.
    Internal = "internal", 500, "The hub failed";
    /// Switched off.
    HubDisabled = "hub-disabled", 503, "The hub is switched off";
    /// The log takes no writes.
    LogUnavailable = "log-unavailable", 503, "The log takes no writes";
    /// More is waiting for storage than the hub may hold.
    Overloaded = "overloaded", 503, "The hub is overloaded";
    /// Going down.
    Draining = "draining", 503, "The hub is shutting down";
    /// No room on the disk.
    DiskFull = "disk-full", 507, "The disk is full";
}

/// One place in `eventData` that breaks the schema.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Violation {
    /// A JSON pointer into `eventData`; empty for the whole.
    pub pointer: String,
    /// What is wrong there.
    pub message: String,
}

/// A refusal: the code, what happened this time, and every failing place.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}: {detail}", code.as_str())]
pub struct Problem {
    /// The stable code.
    pub code: Code,
    /// What is wrong this time and what to do, for a person to read.
    pub detail: String,
    /// The failing places of a schema violation.
    pub errors: Vec<Violation>,
    /// What an entity is now, where that is why.
    pub current: Option<Current>,
    /// The limit that was reached, where that is why. It is told beside the document.
    pub rate_limit: Option<Box<RateLimit>>,
}

/// A limit and what is left of it, as `RateLimit` and `RateLimit-Policy` tell it
/// (draft-ietf-httpapi-ratelimit-headers).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateLimit {
    /// The name of the limit.
    pub policy: &'static str,
    /// How many it allows.
    pub quota: u64,
    /// In how many seconds; 0 for what is counted and not measured by time.
    pub window_seconds: u64,
    /// How many are left.
    pub remaining: u64,
    /// In milliseconds: after a refusal, when to ask again; else, when nothing of it is used.
    pub wait_ms: u64,
}

/// What an entity is, for a publisher whose change came too late.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Current {
    /// Its version.
    pub current_version: u64,
    /// Its state, for those who may read it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub current_state: Option<serde_json::Value>,
}

impl Problem {
    /// A refusal with this code and explanation.
    pub fn new(code: Code, detail: impl Into<String>) -> Self {
        Self { code, detail: detail.into(), errors: Vec::new(), current: None, rate_limit: None }
    }

    /// The document of RFC 9457, as JSON.
    pub fn document(&self, request_id: Option<&str>) -> Document<'_> {
        Document {
            kind: format!("urn:radial:problem:{}", self.code.as_str()),
            title: self.code.title(),
            status: self.code.status(),
            detail: &self.detail,
            code: self.code.as_str(),
            request_id: request_id.map(str::to_owned),
            errors: &self.errors,
            current: self.current.as_ref(),
        }
    }
}

/// The members of a problem document.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Document<'a> {
    #[serde(rename = "type")]
    kind: String,
    title: &'static str,
    status: u16,
    detail: &'a str,
    code: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    request_id: Option<String>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    errors: &'a [Violation],
    #[serde(flatten)]
    current: Option<&'a Current>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_distinct_and_statuses_are_errors() {
        let mut texts: Vec<_> = Code::ALL.iter().map(|code| code.as_str()).collect();
        texts.sort_unstable();
        texts.dedup();
        assert_eq!(texts.len(), Code::ALL.len());
        assert!(Code::ALL.iter().all(|code| (400..600).contains(&code.status())));
    }

    #[test]
    fn the_document_has_the_members_of_rfc_9457_and_ours() {
        let mut problem = Problem::new(Code::SchemaViolation, "1 place fails");
        problem.errors.push(Violation { pointer: "/cardId".into(), message: "is missing".into() });
        let json = serde_json::to_value(problem.document(Some("r-1"))).unwrap();
        assert_eq!(
            json,
            serde_json::json!({
                "type": "urn:radial:problem:schema-violation", "title": "The event data breaks its schema",
                "status": 422, "detail": "1 place fails", "code": "schema-violation", "requestId": "r-1",
                "errors": [{"pointer": "/cardId", "message": "is missing"}],
            })
        );
    }
}
