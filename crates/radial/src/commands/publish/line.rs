//! One line of input: checked to be JSON, and given an `eventId` if it has none.

use radial_client::ProblemDocument;
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use super::refusal;

/// A publish request that is ready to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Line {
    /// Counted from 1.
    pub(super) number: u64,
    /// Where the line ends in the input, in bytes.
    pub(super) end: u64,
    /// The request.
    pub(super) json: String,
}

#[derive(Deserialize)]
struct Probe<'a> {
    #[serde(rename = "eventId", borrow, default, deserialize_with = "as_written")]
    event_id: Option<&'a RawValue>,
}

/// Keeps `null` apart from nothing.
fn as_written<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<&'de RawValue>, D::Error> {
    <&RawValue>::deserialize(deserializer).map(Some)
}

/// Prepares the text of a line; `None` for one that is blank.
///
/// Only what is no JSON is refused here: whether it is a publish request is the hub's to say.
/// `new_id` makes an `eventId`; with one, sending the line twice publishes it once.
pub(super) fn prepare(
    bytes: &[u8],
    new_id: impl FnOnce() -> String,
) -> Option<Result<String, Box<ProblemDocument>>> {
    let bytes = bytes.trim_ascii();
    if bytes.is_empty() {
        return None;
    }
    let Ok(text) = std::str::from_utf8(bytes) else {
        return Some(Err(refusal("malformed-json", "the line is not UTF-8".to_owned())));
    };
    if !text.starts_with('{') {
        return Some(checked(text));
    }
    Some(match serde_json::from_str::<Probe<'_>>(text) {
        Ok(probe) => Ok(with_id(text, probe.event_id.map(RawValue::get), new_id)),
        // An object with two ids, perhaps: the hub's refusal says it better.
        Err(_) => checked(text),
    })
}

/// The text as it is, if it is JSON at all.
fn checked(text: &str) -> Result<String, Box<ProblemDocument>> {
    match serde_json::from_str::<serde::de::IgnoredAny>(text) {
        Ok(_) => Ok(text.to_owned()),
        Err(error) => {
            let error = error.to_string().replace(" at line 1 column ", " at column ");
            Err(refusal("malformed-json", format!("the line is not JSON: {error}")))
        }
    }
}

/// `id` is a part of `text`: what stands there as the `eventId`.
fn with_id(text: &str, id: Option<&str>, new_id: impl FnOnce() -> String) -> String {
    let (before, after) = match id {
        Some("null") => {
            let id = id.unwrap_or_default();
            let start = id.as_ptr() as usize - text.as_ptr() as usize;
            (text.get(..start), text.get(start + id.len()..))
        }
        Some(_) => return text.to_owned(),
        None => (Some("{\"eventId\":"), text.strip_prefix('{')),
    };
    let (Some(before), Some(after)) = (before, after) else { return text.to_owned() };
    let is_only = id.is_none() && after.trim_start().starts_with('}');
    let comma = if id.is_some() || is_only { "" } else { "," };
    format!("{before}\"{}\"{comma}{after}", new_id())
}

/// The request for one event.
pub(super) fn request(event_type: &str, data: &RawValue, channel: Option<&str>) -> String {
    let quoted = |text: &str| serde_json::Value::from(text).to_string();
    let channel = channel.map(|channel| format!(r#","channel":{}"#, quoted(channel)));
    format!(
        r#"{{"eventId":"{}","eventType":{}{},"eventData":{}}}"#,
        random_id(),
        quoted(event_type),
        channel.unwrap_or_default(),
        data.get()
    )
}

/// A random UUID.
pub(super) fn random_id() -> String {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).expect("the operating system has random bytes");
    uuid::Builder::from_random_bytes(bytes).into_uuid().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(line: &str, expected: &str) {
        let prepared = prepare(line.as_bytes(), || "new".to_owned()).expect("not blank");
        assert_eq!(prepared.unwrap(), expected, "{line}");
    }

    #[test]
    fn a_line_without_an_id_is_given_one_and_else_left_alone() {
        check(r#"{"eventType":"a.b"}"#, r#"{"eventId":"new","eventType":"a.b"}"#);
        check(r#" { "n" : 1.0 } "#, r#"{"eventId":"new", "n" : 1.0 }"#);
        check("{ }", r#"{"eventId":"new" }"#);
        check(r#"{"a":{"eventId":"x"}}"#, r#"{"eventId":"new","a":{"eventId":"x"}}"#);
        check(r#"{"a":1,"eventId":"x"}"#, r#"{"a":1,"eventId":"x"}"#);
        check(r#"{"a":1,"eventId": null , "b":2}"#, r#"{"a":1,"eventId": "new" , "b":2}"#);
        check("{\"event\\u0049d\":\"x\"}", "{\"event\\u0049d\":\"x\"}");
    }

    #[test]
    fn json_that_is_no_request_is_for_the_hub_to_refuse() {
        for line in
            ["42", "[]", "[1,2]", "[{}]", "\"x\"", "null", r#"{"eventId":"a","eventId":"b"}"#]
        {
            check(line, line);
        }
    }

    #[test]
    fn what_is_no_json_is_refused_here() {
        for line in
            [&b"{"[..], b"{\"a\":1}}", b"nope", b"{\"a\":\"\xff\"}", b"[1,]", b"{\"eventId\":1 2}"]
        {
            let refused = prepare(line, || "new".to_owned()).expect("not blank");
            assert_eq!(refused.unwrap_err().code, "malformed-json");
        }
        assert!(prepare(b" \t\r", || "new".to_owned()).is_none());
    }

    #[test]
    fn a_request_is_made_of_its_parts() {
        let data: &RawValue = serde_json::from_str(r#"{"n": 1.0}"#).unwrap();
        let request = request("a\".b", data, Some("board:1"));
        let limits = radial_protocol::limits::Limits::default();
        assert!(radial_protocol::envelope::parse_publish(request.as_bytes(), &limits).is_err());
        let request = super::request("a.b", data, Some("board:1"));
        let parsed = radial_protocol::envelope::parse_publish(request.as_bytes(), &limits).unwrap();
        assert_eq!((parsed.channel.as_str(), parsed.data.as_str()), ("board:1", r#"{"n":1.0}"#));
        assert_eq!(parsed.event_id.unwrap().as_str().len(), 36);
    }

    proptest! {
        #[test]
        fn any_object_gets_exactly_one_id(
            members in prop::collection::btree_map("[a-zA-Z]{1,8}", "[ -~]{0,8}", 0..5),
            id in prop::option::of(prop::option::of("[a-z]{1,4}")),
        ) {
            let mut object = serde_json::Map::new();
            for (name, value) in members {
                object.insert(name, value.into());
            }
            if let Some(id) = &id {
                object.insert("eventId".to_owned(), id.clone().into());
            }
            let line = serde_json::Value::from(object.clone()).to_string();
            let prepared = prepare(line.as_bytes(), || "new".to_owned()).unwrap().unwrap();
            let read: serde_json::Value = serde_json::from_str(&prepared).unwrap();
            object.insert("eventId".to_owned(), id.flatten().unwrap_or("new".to_owned()).into());
            prop_assert_eq!(read, serde_json::Value::from(object));
            prop_assert_eq!(prepared.matches("\"eventId\"").count(), 1);
        }
    }
}
