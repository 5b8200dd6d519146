//! The publish request: one event or a batch, parsed strictly (protocol §3).
//!
//! Parsing goes in two steps, so that one bad event of a batch is refused by itself: the body is
//! split into items, then each item becomes a [`PublishRequest`].

use std::borrow::Cow;

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;

use crate::cloudevents::Kept;
use crate::cursor::OFFSET_LIMIT;
use crate::event::{Audience, Priority, TimeMs};
use crate::json::{self, JsonIssue};
use crate::limits::Limits;
use crate::names::{ChannelName, EventId, EventTypeName, Id, Name, SessionId, TenantId, UserId};
use crate::object::Object;
use crate::problem::{Code, Problem};
use crate::trace::TraceParent;

/// One event as a publisher asked for it; nothing in it has been checked against a registry or a
/// credential.
#[derive(Clone, Debug, PartialEq)]
pub struct PublishRequest {
    /// The type.
    pub event_type: EventTypeName,
    /// The data, without white space between its tokens.
    pub data: String,
    /// The idempotency key, where the publisher gave one.
    pub event_id: Option<EventId>,
    /// The schema version; absent: the newest.
    pub version: Option<String>,
    /// Whom the publisher says it acts for.
    pub user: Option<UserId>,
    /// The session that the publisher says it acts for.
    pub session: Option<SessionId>,
    /// The tenant, where a credential for several must name one.
    pub tenant: Option<TenantId>,
    /// The publisher's own time; drives nothing.
    pub timestamp: Option<TimeMs>,
    /// The channel; absent: `main`.
    pub channel: ChannelName,
    /// What a chain of events has in common.
    pub correlation_id: Option<Id>,
    /// The event that caused this one.
    pub causation_id: Option<Id>,
    /// Where the event belongs in a trace.
    pub traceparent: Option<TraceParent>,
    /// The entity version that the change is based on.
    pub expected_version: Option<u64>,
    /// Who may see it.
    pub audience: Option<Audience>,
    /// A wish to lower the registry's priority.
    pub priority: Option<Priority>,
    /// A wish to shorten the registry's time to live.
    pub ttl_ms: Option<u64>,
    /// `false` keeps it from subscribers.
    pub broadcast: Option<bool>,
    /// A wish to narrow the registry's routes.
    pub routes: Option<Vec<Name>>,
    /// What a `CloudEvent` says that this has no place for.
    pub cloud_event: Option<Kept>,
}

/// A request body: one event, or several.
#[derive(Debug)]
pub enum Body<'a> {
    /// An object.
    One(&'a RawValue),
    /// An array.
    Batch(Vec<&'a RawValue>),
}

impl<'a> Body<'a> {
    /// Splits a body into its items.
    ///
    /// # Errors
    /// `malformed-json`, `invalid-envelope` for anything that is neither object nor array or an
    /// empty array, `batch-too-large`.
    pub fn split(body: &'a [u8], limits: &Limits) -> Result<Self, Problem> {
        let raw: &RawValue = serde_json::from_slice(body).map_err(|error| json_problem(&error))?;
        match raw.get().as_bytes().first() {
            Some(b'{') => Ok(Self::One(raw)),
            Some(b'[') => {
                let items: Vec<&RawValue> =
                    serde_json::from_str(raw.get()).map_err(|error| json_problem(&error))?;
                match items.len() {
                    0 => Err(Problem::new(Code::InvalidEnvelope, "the batch is empty")),
                    len if len > limits.batch_events => Err(Problem::new(
                        Code::BatchTooLarge,
                        format!("{len} events, at most {} go into one batch", limits.batch_events),
                    )),
                    _ => Ok(Self::Batch(items)),
                }
            }
            _ => Err(Problem::new(
                Code::InvalidEnvelope,
                "the body is neither an event (an object) nor a batch (an array)",
            )),
        }
    }
}

/// Parses a body that holds one event.
pub fn parse_publish(body: &[u8], limits: &Limits) -> Result<PublishRequest, Problem> {
    if let Some(request) = PublishRequest::parse_body(body, limits) {
        return request;
    }
    match Body::split(body, limits)? {
        Body::One(item) => PublishRequest::parse(item, limits),
        Body::Batch(_) => Err(Problem::new(Code::InvalidEnvelope, "one event is expected here")),
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Wire<'a> {
    event_type: EventTypeName,
    #[serde(borrow)]
    event_data: &'a RawValue,
    event_id: Option<EventId>,
    version: Option<String>,
    user_id: Option<UserId>,
    session_id: Option<SessionId>,
    tenant_id: Option<TenantId>,
    timestamp: Option<u64>,
    channel: Option<ChannelName>,
    correlation_id: Option<Id>,
    causation_id: Option<Id>,
    #[serde(borrow)]
    traceparent: Option<Cow<'a, str>>,
    expected_version: Option<u64>,
    audience: Option<Object<Audience>>,
    priority: Option<Priority>,
    ttl_ms: Option<u64>,
    broadcast: Option<bool>,
    routes: Option<Vec<Name>>,
    /// Older emitters send it in many forms; the registry decides.
    #[serde(default, rename = "persistence")]
    _persistence: IgnoredAny,
}

impl PublishRequest {
    /// Parses one item.
    ///
    /// # Errors
    /// `invalid-envelope`, `duplicate-key`, `nesting-too-deep`, `event-too-large`,
    /// `empty-audience`, `audience-too-large`.
    pub fn parse(item: &RawValue, limits: &Limits) -> Result<Self, Problem> {
        if !item.get().starts_with('{') {
            return Err(Problem::new(Code::InvalidEnvelope, "an event is an object"));
        }
        let wire = serde_json::from_str(item.get()).map_err(|error| problem(&error))?;
        Self::of(wire, limits)
    }

    /// Parses a body that is one event, in one pass; `None` if it is anything else, and then
    /// [`Body::split`] says what.
    ///
    /// # Errors
    /// As [`parse`](Self::parse).
    pub fn parse_body(body: &[u8], limits: &Limits) -> Option<Result<Self, Problem>> {
        let text = std::str::from_utf8(body).ok()?;
        let is_object = text.trim_start_matches([' ', '\t', '\n', '\r']).starts_with('{');
        let wire = is_object.then(|| serde_json::from_str(text).ok())??;
        Some(Self::of(wire, limits))
    }

    fn of(mut wire: Wire<'_>, limits: &Limits) -> Result<Self, Problem> {
        let data = read_data(wire.event_data.get(), limits)?;
        let audience = wire.audience.take().map(|Object(audience)| audience);
        check_audience(audience.as_ref(), limits)?;
        check_numbers(&wire)?;
        Ok(Self {
            event_type: wire.event_type,
            data,
            event_id: wire.event_id,
            version: wire.version,
            user: wire.user_id,
            session: wire.session_id,
            tenant: wire.tenant_id,
            timestamp: wire.timestamp.map(TimeMs),
            channel: wire.channel.unwrap_or_else(ChannelName::main),
            correlation_id: wire.correlation_id,
            causation_id: wire.causation_id,
            traceparent: wire.traceparent.as_deref().and_then(TraceParent::parse),
            expected_version: wire.expected_version,
            audience,
            priority: wire.priority,
            ttl_ms: wire.ttl_ms,
            broadcast: wire.broadcast,
            routes: wire.routes,
            cloud_event: None,
        })
    }
}

/// Takes the white space out of `eventData` and checks it against its limits.
pub(crate) fn read_data(raw: &str, limits: &Limits) -> Result<String, Problem> {
    let data =
        json::compact(raw, limits.nesting).map_err(|issue| issue_problem("eventData", &issue))?;
    if data.len() > limits.event_bytes {
        let detail = format!(
            "eventData has {} bytes, at most {} are allowed",
            data.len(),
            limits.event_bytes
        );
        return Err(Problem::new(Code::EventTooLarge, detail));
    }
    Ok(data)
}

/// The refusal of well-formed JSON that the contract forbids.
pub(crate) fn issue_problem(what: &str, issue: &JsonIssue) -> Problem {
    let code = match issue {
        JsonIssue::TooDeep { .. } => Code::NestingTooDeep,
        JsonIssue::DuplicateKey { .. } => Code::DuplicateKey,
    };
    Problem::new(code, format!("{what} {issue}"))
}

fn check_audience(audience: Option<&Audience>, limits: &Limits) -> Result<(), Problem> {
    let Some(audience) = audience else {
        return Ok(());
    };
    match audience.len() {
        0 => Err(Problem::new(
            Code::EmptyAudience,
            "the audience has no user, session or role; leave it out to reach the whole channel",
        )),
        len if len > limits.audience => Err(Problem::new(
            Code::AudienceTooLarge,
            format!("the audience names {len}, at most {} are allowed", limits.audience),
        )),
        _ => Ok(()),
    }
}

/// Numbers that JavaScript could not hold exactly are refused rather than bent.
fn check_numbers(wire: &Wire<'_>) -> Result<(), Problem> {
    let numbers = [
        ("timestamp", wire.timestamp),
        ("expectedVersion", wire.expected_version),
        ("ttlMs", wire.ttl_ms),
    ];
    for (field, number) in numbers {
        if number.is_some_and(|number| number >= OFFSET_LIMIT) {
            let detail = format!("{field} must be below 2^53");
            return Err(Problem::new(Code::InvalidEnvelope, detail));
        }
    }
    if wire.ttl_ms == Some(0) {
        return Err(Problem::new(Code::InvalidEnvelope, "ttlMs must be at least 1"));
    }
    Ok(())
}

pub(crate) fn json_problem(error: &serde_json::Error) -> Problem {
    Problem::new(Code::MalformedJson, error.to_string())
}

pub(crate) fn problem(error: &serde_json::Error) -> Problem {
    let detail = error.to_string();
    let code = match error.classify() {
        serde_json::error::Category::Data if detail.starts_with("duplicate field") => {
            Code::DuplicateKey
        }
        serde_json::error::Category::Data => Code::InvalidEnvelope,
        _ => Code::MalformedJson,
    };
    Problem::new(code, detail)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(body: &str, expected: Code) {
        let problem = parse_publish(body.as_bytes(), &Limits::default()).expect_err(body);
        assert_eq!(problem.code, expected, "{body}: {problem}");
    }

    #[test]
    fn the_whole_envelope_is_read() {
        let body = r#"{"eventType":"card.moved","eventData":{"cardId" : "c1"},"eventId":"0198c0de","version":"1",
            "sessionId":"s-1","userId":"u-1","timestamp":1766000000000,"channel":"board:42","correlationId":"c",
            "causationId":"d","expectedVersion":7,"audience":{"users":[],"sessions":[],"roles":["editor"]},
            "priority":"high","ttlMs":60000,"broadcast":false,"routes":["analytics"],"persistence":"database"}"#;
        let request = parse_publish(body.as_bytes(), &Limits::default()).unwrap();
        assert_eq!(request.data, r#"{"cardId":"c1"}"#);
        assert_eq!(request.channel.as_str(), "board:42");
        assert_eq!(request.audience.unwrap().roles.len(), 1);
        assert_eq!(request.priority, Some(Priority::High));
        assert_eq!(request.ttl_ms, Some(60_000));
    }

    #[test]
    fn only_type_and_data_are_required() {
        let request =
            parse_publish(br#"{"eventType":"test:event","eventData":null}"#, &Limits::default())
                .unwrap();
        assert_eq!((request.channel.as_str(), request.data.as_str()), ("main", "null"));
    }

    #[test]
    fn each_kind_of_bad_input_has_its_code() {
        let event = |rest: &str| format!(r#"{{"eventType":"a.b","eventData":{{}}{rest}}}"#);
        check("", Code::MalformedJson);
        check("{", Code::MalformedJson);
        check(r#"{"eventType":"a.b","eventData":{}"#, Code::MalformedJson);
        check("42", Code::InvalidEnvelope);
        check("[]", Code::InvalidEnvelope);
        check(r#"{"eventType":"a.b"}"#, Code::InvalidEnvelope);
        check(r#"{"eventType":"ab","eventData":1}"#, Code::InvalidEnvelope);
        check(r#"{"eventType":"a.b\r\nx","eventData":1}"#, Code::InvalidEnvelope);
        check(&event(r#","surprise":1"#), Code::InvalidEnvelope);
        check(&event(r#","eventType":"a.c""#), Code::DuplicateKey);
        check(&event(r#","eventId":"a\u0000b""#), Code::InvalidEnvelope);
        check(&event(r#","channel":"$hub""#), Code::InvalidEnvelope);
        check(&event(r#","timestamp":-1"#), Code::InvalidEnvelope);
        check(&event(r#","timestamp":1e999"#), Code::MalformedJson);
        check(&event(r#","expectedVersion":9007199254740992"#), Code::InvalidEnvelope);
        check(&event(r#","ttlMs":0"#), Code::InvalidEnvelope);
        check(&event(r#","audience":{}"#), Code::EmptyAudience);
        check(&event(r#","audience":[["u"],[],[]]"#), Code::InvalidEnvelope);
        check(&event(r#","audience":{"groups":["x"]}"#), Code::InvalidEnvelope);
        check(&event(r#","priority":"urgent""#), Code::InvalidEnvelope);
        check(r#"{"eventType":"a.b","eventData":{"a":1,"a":2}}"#, Code::DuplicateKey);
        check(
            &format!(r#"{{"eventType":"a.b","eventData":{}{}}}"#, "[".repeat(65), "]".repeat(65)),
            Code::NestingTooDeep,
        );
        check(
            &format!(r#"{{"eventType":"a.b","eventData":"{}"}}"#, "x".repeat(256 * 1024)),
            Code::EventTooLarge,
        );
        let users = vec!["\"u\""; 1_001].join(",");
        check(&event(&format!(r#","audience":{{"users":[{users}]}}"#)), Code::AudienceTooLarge);
    }

    #[test]
    fn invalid_utf8_is_malformed() {
        let body = b"{\"eventType\":\"a.b\",\"eventData\":\"\xff\"}";
        assert_eq!(parse_publish(body, &Limits::default()).unwrap_err().code, Code::MalformedJson);
    }

    #[test]
    fn a_batch_is_split_and_limited() {
        let limits = Limits { batch_events: 2, ..Limits::default() };
        assert!(
            matches!(Body::split(b" [1, {}] ", &limits), Ok(Body::Batch(items)) if items.len() == 2)
        );
        let refused = Body::split(b"[1,2,3]", &limits).unwrap_err();
        assert_eq!(refused.code, Code::BatchTooLarge);
        assert_eq!(Body::split(b"[]", &limits).unwrap_err().code, Code::InvalidEnvelope);
    }

    #[test]
    fn an_event_is_an_object_even_if_a_list_has_all_its_fields_in_order() {
        let limits = Limits::default();
        let list = format!(r#"["a.b",{{}}{}]"#, ",null".repeat(17));
        let item: &RawValue = serde_json::from_str(&list).unwrap();
        let refused = PublishRequest::parse(item, &limits).unwrap_err();
        assert_eq!(refused.code, Code::InvalidEnvelope);
        assert!(PublishRequest::parse_body(list.as_bytes(), &limits).is_none());
    }

    proptest! {
        #[test]
        fn any_bytes_are_survived(body in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = parse_publish(&body, &Limits::default());
        }

        #[test]
        fn any_near_miss_is_survived(field in "[a-zA-Z]{1,12}", value in ".{0,20}") {
            let body = serde_json::json!({"eventType": "a.b", "eventData": {}, field: value}).to_string();
            let _ = parse_publish(body.as_bytes(), &Limits::default());
        }

        #[test]
        fn what_is_read_in_one_pass_is_read_the_same_item_by_item(
            before in "[ \n\t]{0,2}", name in "[a-z]{1,3}|channel", value in "[a-z0-9\"{}, ]{1,6}", rest in "[ }x]{0,2}"
        ) {
            let body = format!(r#"{before}{{"eventType":"a.b","eventData":{{"x" : 1}},"{name}":{value}}}{rest}"#);
            let limits = Limits::default();
            let by_item = match Body::split(body.as_bytes(), &limits) {
                Ok(Body::One(item)) => Some(PublishRequest::parse(item, &limits)),
                _ => None,
            };
            match (PublishRequest::parse_body(body.as_bytes(), &limits), by_item) {
                (Some(at_once), Some(by_item)) => {
                    prop_assert_eq!(at_once.map_err(|it| it.code), by_item.map_err(|it| it.code));
                }
                (at_once, by_item) => {
                    prop_assert!(at_once.is_none() && by_item.is_none_or(|it| it.is_err()));
                }
            }
        }
    }
}
