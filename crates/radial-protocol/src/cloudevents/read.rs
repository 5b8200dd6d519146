//! From a `CloudEvent` to a publish request, in both content modes.

use std::collections::BTreeMap;

use serde_json::Value;
use serde_json::value::RawValue;

use super::attributes::Attributes;
use super::{JSON, KEPT_BYTES_MAX, Kept, OF_THE_HUB, SPECVERSION, rfc3339};
use crate::cursor::OFFSET_LIMIT;
use crate::draft::{member, raw};
use crate::envelope::{self, PublishRequest};
use crate::event::Priority;
use crate::json;
use crate::limits::Limits;
use crate::names::{ChannelName, EventId, EventTypeName};
use crate::problem::{Code, Problem};
use crate::trace::TraceParent;

/// An attribute of the binary content mode: its name without `ce-`, and the header's value.
pub type Header<'a> = (&'a str, &'a [u8]);

/// Reads an event in the JSON format: one item of a batch, or the body of a structured request.
///
/// # Errors
/// `invalid-envelope` naming every attribute that is missing or wrong, `unsupported-media-type` for
/// data that is not JSON, and what an envelope is refused for: `duplicate-key`, `nesting-too-deep`,
/// `event-too-large`.
pub fn structured(item: &RawValue, limits: &Limits) -> Result<PublishRequest, Problem> {
    if !item.get().starts_with('{') {
        return Err(Problem::new(Code::InvalidEnvelope, "a CloudEvent is an object"));
    }
    // The attributes are a level of their own around the data.
    let text = json::compact(item.get(), limits.nesting + 1)
        .map_err(|issue| envelope::issue_problem("the CloudEvent", &issue))?;
    let members: BTreeMap<String, &RawValue> =
        serde_json::from_str(&text).map_err(|error| envelope::problem(&error))?;
    let mut attributes = Attributes::new();
    let mut data = None;
    for (name, value) in members {
        match name.as_str() {
            "data" => data = Some(value.get()),
            "data_base64" => {
                let detail = "data_base64 is not taken: eventData is JSON. Give binary data an \
                              address, or write it into data as a text";
                return Err(Problem::new(Code::UnsupportedMedia, detail));
            }
            _ => {
                let value: Value =
                    serde_json::from_str(value.get()).map_err(|error| envelope::problem(&error))?;
                attributes.add(&name, value);
            }
        }
    }
    let media = attributes.text("datacontenttype");
    request(attributes, media.as_deref(), data, limits)
}

/// Reads an event of the binary content mode: attributes in headers, data in the body.
/// `content_type` is that of the request.
///
/// # Errors
/// As [`structured`], and `malformed-json`.
pub fn binary<'a>(
    headers: impl IntoIterator<Item = Header<'a>>,
    content_type: Option<&str>,
    body: &[u8],
    limits: &Limits,
) -> Result<PublishRequest, Problem> {
    let mut attributes = Attributes::new();
    for (name, value) in headers {
        match decoded(value) {
            // Content-Type says it.
            Some(_) if name == "datacontenttype" => {
                attributes.wrong(name, "is said by Content-Type");
            }
            Some(text) => attributes.add(name, Value::String(text)),
            None => attributes.wrong(name, "is no percent-encoded UTF-8"),
        }
    }
    // Before the body, which need not be JSON then.
    content_type.map_or(Ok(()), check_media)?;
    if body.iter().all(u8::is_ascii_whitespace) {
        return request(attributes, content_type, None, limits);
    }
    let data: &RawValue =
        serde_json::from_slice(body).map_err(|error| envelope::json_problem(&error))?;
    request(attributes, content_type, Some(data.get()), limits)
}

/// `application/json` or another type whose syntax is JSON (RFC 6839).
fn check_media(media: &str) -> Result<(), Problem> {
    let essence = media.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    if essence.ends_with("/json") || essence.ends_with("+json") {
        return Ok(());
    }
    let detail = "datacontenttype is not JSON, and eventData is";
    Err(Problem::new(Code::UnsupportedMedia, detail))
}

/// A header's value: the text between quotes, if it has some, percent-decoded once.
fn decoded(value: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(value).ok()?.trim();
    let inner = text.strip_prefix('"').and_then(|text| text.strip_suffix('"'));
    let text = inner.map_or_else(|| text.to_owned(), unescaped);
    let mut pieces = text.split('%');
    let mut bytes = pieces.next().unwrap_or_default().as_bytes().to_vec();
    for piece in pieces {
        let (hex, rest) = piece.split_at_checked(2)?;
        if !hex.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return None;
        }
        bytes.push(u8::from_str_radix(hex, 16).ok()?);
        bytes.extend_from_slice(rest.as_bytes());
    }
    String::from_utf8(bytes).ok()
}

/// The text of a quoted string (RFC 9110, section 5.6.4).
fn unescaped(quoted: &str) -> String {
    let mut text = String::with_capacity(quoted.len());
    let mut chars = quoted.chars();
    while let Some(c) = chars.next() {
        text.extend(if c == '\\' { chars.next() } else { Some(c) });
    }
    text
}

fn request(
    mut attributes: Attributes,
    media: Option<&str>,
    data: Option<&str>,
    limits: &Limits,
) -> Result<PublishRequest, Problem> {
    media.map_or(Ok(()), check_media)?;
    if attributes.required("specversion").is_some_and(|version| version != SPECVERSION) {
        attributes.wrong("specversion", format!("is not {SPECVERSION}"));
    }
    let event_id: Option<EventId> =
        attributes.required("id").and_then(|id| attributes.read("id", &id));
    let event_type: Option<EventTypeName> =
        attributes.required("type").and_then(|name| attributes.read("type", &name));
    let source = attributes.required("source");
    let timestamp = attributes.text("time").and_then(|text| {
        let time = rfc3339::parse(&text).filter(|time| time.0 < OFFSET_LIMIT);
        if time.is_none() {
            attributes.wrong("time", "is no time of RFC 3339 since 1970");
        }
        time
    });
    let ttl_ms = number(&mut attributes, "ttlms", 1);
    let expected_version = number(&mut attributes, "expectedversion", 0);
    let priority = attributes.text("priority").and_then(|text| {
        let priority: Option<Priority> = serde_json::from_value(Value::String(text)).ok();
        if priority.is_none() {
            attributes.wrong("priority", "is none of low, normal, high and critical");
        }
        priority
    });
    let request = PublishRequest {
        channel: attributes.parsed("channel").unwrap_or_else(ChannelName::main),
        version: attributes.text("version"),
        user: attributes.parsed("userid"),
        session: attributes.parsed("sessionid"),
        tenant: attributes.parsed("tenantid"),
        correlation_id: attributes.parsed("correlationid"),
        causation_id: attributes.parsed("causationid"),
        traceparent: attributes.text("traceparent").as_deref().and_then(TraceParent::parse),
        broadcast: attributes.parsed("broadcast"),
        data: envelope::read_data(data.unwrap_or("null"), limits)?,
        event_id,
        timestamp,
        expected_version,
        audience: None,
        priority,
        ttl_ms,
        routes: None,
        cloud_event: Some(kept(&mut attributes, media, source.unwrap_or_default())),
        // Refused below if there was none.
        event_type: event_type.unwrap_or_else(unnamed),
    };
    attributes.finish()?;
    Ok(request)
}

fn unnamed() -> EventTypeName {
    EventTypeName::new("un.named").expect("it has a domain and an action")
}

fn number(attributes: &mut Attributes, name: &str, least: u64) -> Option<u64> {
    let number: u64 = attributes.parsed(name)?;
    if (least..OFFSET_LIMIT).contains(&number) {
        return Some(number);
    }
    attributes.wrong(name, format!("must be at least {least} and below 2^53"));
    None
}

/// What the envelope has no place for, `source` first.
fn kept(attributes: &mut Attributes, media: Option<&str>, source: String) -> Kept {
    attributes.forget(&OF_THE_HUB);
    let mut json = String::from("{");
    member(&mut json, "source", &source);
    if let Some(media) = media.filter(|media| *media != JSON) {
        member(&mut json, "datacontenttype", media);
    }
    for (name, value) in attributes.rest() {
        raw(&mut json, &name, &value.to_string());
    }
    json.push('}');
    if json.len() > KEPT_BYTES_MAX {
        let message = format!("and other attributes have more than {KEPT_BYTES_MAX} bytes");
        attributes.wrong("source", message);
    }
    Kept { source, json }
}
