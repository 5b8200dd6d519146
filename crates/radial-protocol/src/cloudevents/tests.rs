//! Events in, events out, and what is refused.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::cursor::{Cursor, Epoch, Offset};
use crate::envelope::PublishRequest;
use crate::event::{Content, Draft, Event, Head, TimeMs};
use crate::limits::Limits;
use crate::names::{EventId, TenantId};
use crate::problem::{Code, Problem};

fn read(value: &Value) -> Result<PublishRequest, Problem> {
    let raw = serde_json::value::to_raw_value(value).unwrap();
    structured(&raw, &Limits::default())
}

fn least() -> Value {
    json!({"specversion": "1.0", "id": "e-1", "source": "/shop", "type": "card.moved"})
}

/// The least event with another member.
fn with(name: &str, value: impl Into<Value>) -> Value {
    let mut event = least();
    event[name] = value.into();
    event
}

/// What the hub makes of a request.
fn event_of(request: PublishRequest) -> Event {
    let tenant = TenantId::new("acme").unwrap();
    let content = Content {
        tenant: &tenant,
        data: &request.data,
        version: request.version.as_deref().unwrap_or("1"),
        timestamp: request.timestamp,
        causation_id: request.causation_id.as_ref(),
        traceparent: request.traceparent,
        cloud_event: request.cloud_event.as_ref().map(|kept| kept.json.as_str()),
    };
    let head = Head {
        channel: request.channel,
        user: request.user,
        session: request.session,
        priority: request.priority.unwrap_or_default(),
        correlation_id: request.correlation_id,
        ..Head::new(request.event_id.unwrap(), request.event_type)
    };
    let place = Cursor { epoch: Epoch::new(7), offset: Offset::new(3).unwrap() };
    Draft::new(head, &content).place(Some(place), TimeMs(1_766_000_000_004), None)
}

fn refused(value: &Value, code: Code, pointers: &[&str]) {
    let problem = read(value).expect_err(&value.to_string());
    assert_eq!(problem.code, code, "{value}: {problem}");
    let found: Vec<&str> = problem.errors.iter().map(|error| error.pointer.as_str()).collect();
    assert_eq!(found, pointers, "{value}: {problem}");
}

#[test]
fn each_attribute_goes_to_its_place() {
    let request = read(&json!({
        "specversion": "1.0", "id": "e-1", "source": "/shop", "type": "card.moved",
        "subject": "c1", "time": "2025-12-17T19:33:20.004Z", "dataschema": "https://example.org/card",
        "datacontenttype": "application/json; charset=utf-8", "channel": "board:42", "userid": "u", "sessionid": "s",
        "tenantid": "acme", "version": "2", "correlationid": "c", "causationid": "d", "priority": "low",
        "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "ttlms": 5, "broadcast": false,
        "expectedversion": "7", "partitionkey": "p", "sampledrate": 3, "cursor": "of another hub", "subsys": null,
        "data": {"cardId": "c1", "n": 1.0},
    }))
    .unwrap();
    assert_eq!(request.event_id.as_ref().map(EventId::as_str), Some("e-1"));
    assert_eq!(request.data, r#"{"cardId":"c1","n":1.0}"#);
    assert_eq!((request.ttl_ms, request.expected_version), (Some(5), Some(7)));
    assert_eq!(
        (request.broadcast, request.timestamp),
        (Some(false), Some(TimeMs(1_766_000_000_004)))
    );
    assert!(request.traceparent.is_some() && request.correlation_id.is_some());
    let kept = request.cloud_event.unwrap();
    assert_eq!(
        kept.json,
        r#"{"source":"/shop","datacontenttype":"application/json; charset=utf-8","dataschema":"https://example.org/card","partitionkey":"p","sampledrate":3,"subject":"c1"}"#
    );
}

#[test]
fn every_missing_and_wrong_attribute_is_named() {
    refused(&json!({}), Code::InvalidEnvelope, &["/specversion", "/id", "/type", "/source"]);
    let mut event = least();
    event["specversion"] = "0.3".into();
    event["type"] = "moved".into();
    event["time"] = "yesterday".into();
    event["ttlms"] = 0.into();
    event["userId"] = "u".into();
    let pointers = ["/userId", "/specversion", "/type", "/time", "/ttlms"];
    refused(&event, Code::InvalidEnvelope, &pointers);
    for (name, value) in [
        ("source", json!("")),
        ("source", json!("x".repeat(KEPT_BYTES_MAX))),
        ("subject", json!("a\nb")),
        ("subject", json!({"a": 1})),
        ("number", json!(1.5)),
        ("number", json!(2_147_483_648_u64)),
        ("channel", json!("$hub")),
        ("priority", json!("urgent")),
        ("broadcast", json!("yes")),
        ("expectedversion", json!("9007199254740992")),
    ] {
        refused(&with(name, value), Code::InvalidEnvelope, &[&format!("/{name}")]);
    }
}

#[test]
fn what_is_no_json_data_is_refused() {
    refused(&with("data_base64", "AAA="), Code::UnsupportedMedia, &[]);
    refused(&with("datacontenttype", "text/plain"), Code::UnsupportedMedia, &[]);
    assert!(read(&with("datacontenttype", "application/vnd.shop.order+json")).is_ok());
    assert_eq!(read(&least()).unwrap().data, "null");
}

#[test]
fn duplicate_keys_and_depth_are_refused_as_everywhere() {
    for (text, code) in [
        (r#"{"id":"a","id":"b"}"#, Code::DuplicateKey),
        (r#"{"data":{"a":1,"a":2}}"#, Code::DuplicateKey),
        (&format!(r#"{{"data":{}{}}}"#, "[".repeat(65), "]".repeat(65)), Code::NestingTooDeep),
        ("[]", Code::InvalidEnvelope),
        ("7", Code::InvalidEnvelope),
    ] {
        let raw: Box<serde_json::value::RawValue> = serde_json::from_str(text).unwrap();
        assert_eq!(structured(&raw, &Limits::default()).unwrap_err().code, code, "{text}");
    }
}

#[test]
fn headers_are_decoded_and_mean_the_same() {
    let headers: Vec<Header<'_>> = vec![
        ("specversion", b"1.0"),
        ("id", b"\"e \\\"1\\\"\""),
        ("source", b"/shop"),
        ("type", b"card.moved"),
        ("subject", b"Euro%20%E2%82%AC%20%F0%9F%98%80"),
        ("ttlms", b"5"),
    ];
    let limits = Limits::default();
    let request = binary(headers.clone(), Some("application/json"), br#" {"a": 1} "#, &limits);
    let request = request.unwrap();
    assert_eq!(request.event_id.unwrap().as_str(), "e \"1\"");
    assert_eq!(request.cloud_event.unwrap().json, r#"{"source":"/shop","subject":"Euro € 😀"}"#);
    assert_eq!((request.data.as_str(), request.ttl_ms), (r#"{"a":1}"#, Some(5)));
    assert_eq!(binary(headers.clone(), None, b"", &limits).unwrap().data, "null");
    let refused = |headers: &[Header<'_>], media, body: &[u8]| {
        binary(headers.iter().copied(), media, body, &limits).unwrap_err().code
    };
    assert_eq!(refused(&headers, Some("text/plain"), b"hello"), Code::UnsupportedMedia);
    assert_eq!(refused(&headers, None, b"hello"), Code::MalformedJson);
    for bad in [("x", &b"%"[..]), ("x", b"%+1"), ("x", b"\xff"), ("id", b"twice"), ("data", b"1")] {
        let all = [headers.clone(), vec![bad]].concat();
        assert_eq!(refused(&all, None, b""), Code::InvalidEnvelope, "{bad:?}");
    }
}

#[test]
fn an_event_of_another_publisher_is_a_cloud_event_too() {
    let request = crate::envelope::parse_publish(
        br#"{"eventType":"card.moved","eventData":{"cardId":"c1"},"eventId":"e-1","channel":"board:42"}"#,
        &Limits::default(),
    );
    let found: Value = serde_json::from_str(&json(&event_of(request.unwrap()))).unwrap();
    assert_eq!(
        found,
        json!({
            "specversion": "1.0", "id": "e-1", "type": "card.moved", "source": "/acme/board:42",
            "recordedtime": "2025-12-17T19:33:20.004Z", "cursor": "AAAAAAAAAAc.3", "version": "1",
            "tenantid": "acme", "channel": "board:42", "datacontenttype": "application/json",
            "data": {"cardId": "c1"},
        })
    );
}

fn any_event() -> impl Strategy<Value = Value> {
    let text = "[^\\p{Cc}]{1,20}";
    let extension = prop_oneof![
        text.prop_map(Value::from),
        any::<i32>().prop_map(Value::from),
        any::<bool>().prop_map(Value::from)
    ];
    (
        (text, text),
        prop::option::of(text),
        prop::option::of(0_u64..253_402_300_800_000),
        prop::option::of(text),
        prop::collection::btree_map("x[a-z0-9]{1,10}", extension, 0..4),
        prop::option::of(prop_oneof![any::<i64>().prop_map(Value::from), text.prop_map(Value::from)]),
    )
        .prop_map(|((id, source), subject, time, correlation, extensions, data)| {
            let mut event = json!({"specversion": "1.0", "id": id, "source": source, "type": "card.moved",
                "version": "1", "channel": "main", "tenantid": "acme"});
            let subject = subject.map(|subject| ("subject".to_owned(), subject.into()));
            let correlation = correlation.map(|id| ("correlationid".to_owned(), id.into()));
            let time = time.and_then(|time| rfc3339::format(TimeMs(time)));
            let time = time.map(|time| ("time".to_owned(), time.into()));
            for (name, value) in subject.into_iter().chain(correlation).chain(time).chain(extensions) {
                event[name.as_str()] = value;
            }
            if let Some(data) = data {
                event["datacontenttype"] = "application/json".into();
                event["data"] = json!({ "d": data });
            }
            event
        })
}

proptest! {
    #[test]
    fn what_goes_in_comes_out(event in any_event()) {
        let out = json(&event_of(read(&event).unwrap()));
        let mut found: Value = serde_json::from_str(&out).unwrap();
        let members = found.as_object_mut().unwrap();
        prop_assert!(members.remove("recordedtime").is_some() && members.remove("cursor").is_some());
        prop_assert_eq!(&found, &event);
        // And once more, through another hub.
        let again = json(&event_of(read(&serde_json::from_str(&out).unwrap()).unwrap()));
        prop_assert_eq!(again, out);
    }

    #[test]
    fn any_near_miss_is_survived(name in "[a-z_]{1,12}", value in ".{0,20}", header in prop::collection::vec(any::<u8>(), 0..20)) {
        let _ = read(&with(&name, value));
        let _ = binary([(name.as_str(), header.as_slice())], None, &header, &Limits::default());
    }
}
