//! Whatever a publisher sends, a strict reader of the event stream gets one message out of the
//! frame, and its data is the delivered JSON: nothing in an event can end or forge a frame.
//!
//! The first byte chooses the stream (bit 0: the event has a place, bit 1: `named`); the rest is
//! the body of a publish request.

#![no_main]

use libfuzzer_sys::fuzz_target;
use radial_protocol::envelope::{PublishRequest, parse_publish};
use radial_protocol::event::{Content, Draft, EntityRef, EntityVersion, Head, Reach};
use radial_protocol::limits::Limits;
use radial_protocol::names::EventId;
use radial_protocol::{Cursor, Epoch, Event, Name, Offset, TenantId, TimeMs, sse};
use serde_json::value::RawValue;

fuzz_target!(|bytes: &[u8]| {
    let Some((flags, body)) = bytes.split_first() else { return };
    let Ok(request) = parse_publish(body, &Limits::default()) else { return };
    let offset = Offset::new(7).expect("7 is below the limit");
    let place = (flags & 1 == 1).then_some(Cursor { epoch: Epoch::new(42), offset });
    let event = place_event(request, place);
    let json = String::from_utf8(event.json().to_vec()).expect("JSON is UTF-8");
    let raw: Result<&RawValue, _> = serde_json::from_str(&json);
    assert!(raw.is_ok(), "the delivered text is JSON: {json}");

    let named = flags & 2 == 2;
    let mut stream = sse::retry_line(1_000).to_vec();
    if named {
        stream.extend_from_slice(&sse::event_line(&event));
    }
    stream.extend_from_slice(&event.sse_frame());
    let name = if named { event.head.event_type.as_str() } else { "message" };
    let id = place.map_or_else(String::new, |cursor| cursor.to_string());
    let expected = Message { name: name.to_owned(), data: json, id };
    assert_eq!(read(&stream), [expected]);

    let again = Event::from_members(event.head.clone(), place, event.received_at, event.members());
    assert_eq!(again.sse_frame(), event.sse_frame(), "the stored members give the same frame");
});

fn place_event(request: PublishRequest, place: Option<Cursor>) -> Event {
    let tenant = TenantId::new("t1").expect("a valid name");
    let version = request.version.unwrap_or_else(|| "1".to_owned());
    let content = Content {
        tenant: request.tenant.as_ref().unwrap_or(&tenant),
        data: &request.data,
        version: &version,
        timestamp: request.timestamp,
        causation_id: request.causation_id.as_ref(),
        traceparent: request.traceparent,
        cloud_event: None,
    };
    let event_id = request.event_id.unwrap_or_else(|| EventId::new("e1").expect("a valid id"));
    let head = Head {
        channel: request.channel,
        user: request.user,
        session: request.session,
        audience: request.audience,
        reach: Reach::new(request.broadcast.unwrap_or(true), None),
        priority: request.priority.unwrap_or_default(),
        ttl_ms: request.ttl_ms,
        ack: place.is_some(),
        correlation_id: request.correlation_id,
        ..Head::new(event_id, request.event_type)
    };
    let id = request.causation_id.clone();
    let entity = id.map(|id| EntityVersion {
        entity: EntityRef { entity_type: Name::new("card").expect("a valid name"), id },
        version: 7,
    });
    Draft::new(head, &content).place(place, TimeMs(1_766_000_000_000), entity)
}

#[derive(Debug, PartialEq)]
struct Message {
    name: String,
    data: String,
    id: String,
}

/// The WHATWG algorithm ("9.2.6 Interpreting an event stream"), except that what it ignores
/// (comments, unknown fields, a message cut off at the end) is a failure here.
fn read(stream: &[u8]) -> Vec<Message> {
    let text = std::str::from_utf8(stream).expect("a stream is UTF-8");
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    let text = text.strip_suffix('\n').expect("the stream ends with a line end");
    let mut messages = Vec::new();
    let (mut name, mut data, mut id) = (String::new(), String::new(), String::new());
    for line in text.split('\n') {
        if line.is_empty() {
            if let Some(data) = data.strip_suffix('\n') {
                let name = if name.is_empty() { "message" } else { &name };
                let message = Message { name: name.into(), data: data.into(), id: id.clone() };
                messages.push(message);
            }
            name.clear();
            data.clear();
            continue;
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "event" => name = value.to_owned(),
            "data" => data += &format!("{value}\n"),
            "id" if !value.contains('\0') => id = value.to_owned(),
            "retry" if value.bytes().all(|byte| byte.is_ascii_digit()) => {}
            _ => panic!("a strict reader does not know the line {line:?}"),
        }
    }
    assert!(data.is_empty() && name.is_empty(), "a message was cut off");
    messages
}
