//! The operations that read: streams, polls, the log, entities and the registry.

use radial_protocol::Code;
use serde_json::{Value, json};

use super::describe::{place, selection};
use super::operation::Operation;
use super::words::{
    boolean, count, cursor, id, limit, list, name, object, path, pattern, query, reference, text,
    time,
};

pub(super) fn stream() -> Operation {
    Operation::new("stream", "Stream events as Server-Sent Events")
        .takes(selection("main"))
        .takes(place())
        .takes(vec![
            query("named", "an event: line with the type", &boolean()),
            query("ticket", "a ticket instead of another credential", &text()),
        ])
        .answers(200, "the stream, which stays open", &[("text/event-stream", text())])
        .refuses(&[Code::InvalidCursor])
}

pub(super) fn websocket() -> Operation {
    Operation::new("websocket", "Open a WebSocket with the subprotocol radial.v1")
        .takes(vec![
            query("clientId", "the client's own name for this page load", &id()),
            query("ticket", "a ticket instead of another credential", &text()),
        ])
        .answers(101, "the WebSocket", &[])
        .refuses(&[Code::UpgradeRequired])
}

pub(super) fn poll() -> Operation {
    let wait = json!({ "type": "string", "default": "25s", "examples": ["0s", "55s"],
        "description": "0s to 55s" });
    Operation::new("poll", "Wait for events")
        .takes(selection("main"))
        .takes(place())
        .takes(vec![
            query("wait", "how long to wait for the first event", &wait),
            query("limit", "the most events of the answer", &limit(1_000, 1_000)),
        ])
        .json(200, "events, and the cursor to come back with", &reference("Poll"))
        .cached()
        .refuses(&[Code::InvalidCursor, Code::EventTooLarge])
}

pub(super) fn history() -> Operation {
    let since = json!({ "anyOf": [cursor(), time(), { "const": "earliest" }] });
    let events = list(&reference("CloudEvent"));
    let page =
        [("application/json", reference("Page")), ("application/cloudevents-batch+json", events)];
    Operation::new("history", "Read a page of the log")
        .takes(selection("*"))
        .takes(vec![
            query("channel", "a name or pattern; it wins over channels", &pattern()),
            query("since", "a cursor, a time, or earliest", &since),
            query("until", "only events received before", &time()),
            query("limit", "the most events of the page", &limit(100, 1_000)),
            query("correlationId", "only events with it", &id()),
            query("userId", "only events with it", &id()),
            query("sessionId", "only events with it", &id()),
        ])
        .answers(200, "a page, in the shape that Accept prefers", &page)
        .cached()
        .refuses(&[Code::InvalidCursor])
}

fn whose() -> Vec<Value> {
    vec![
        query("channel", "a channel or pattern", &pattern()),
        query("channels", "several", &list(&pattern())),
        query("userId", "for whom, with actAs", &id()),
        query("sessionId", "for whom, with actAs", &id()),
    ]
}

pub(super) fn entities() -> Operation {
    let next = object(&["afterChannel", "afterId"], &[("afterChannel", name()), ("afterId", id())]);
    let page = object(&["entities"], &[("entities", list(&reference("Entity"))), ("next", next)]);
    Operation::new("entities", "The state of the entities of a type")
        .takes(vec![path("entity_type", &name())])
        .takes(whose())
        .takes(vec![
            query("limit", "the most entities of the page", &limit(1_000, 10_000)),
            query("afterChannel", "go on after this one, with afterId", &name()),
            query("afterId", "go on after this one, with afterChannel", &id()),
        ])
        .json(200, "a page, true at Radial-Cursor", &page)
        .cached()
        .refuses(&[Code::NotFound])
}

pub(super) fn entity() -> Operation {
    Operation::new("entity", "The state of one entity")
        .takes(vec![path("entity_type", &name()), path("id", &id())])
        .takes(whose())
        .json(200, "true at Radial-Cursor", &reference("Entity"))
        .cached()
        .refuses(&[Code::NotFound])
}

pub(super) fn presence() -> Operation {
    let member = object(&[], &[("userId", id()), ("sessionId", id())]);
    let present = object(
        &["channel", "count"],
        &[("channel", name()), ("count", count()), ("members", list(&member))],
    );
    let next = object(&["afterChannel"], &[("afterChannel", name())]);
    let page = object(&["channels"], &[("channels", list(&present)), ("next", next)]);
    Operation::new("presence", "Who is on channels")
        .takes(whose())
        .takes(vec![
            query("limit", "the most channels of the page", &limit(100, 1_000)),
            query("afterChannel", "go on after this one", &name()),
        ])
        .json(200, "a page, sorted by channel", &page)
        .cached()
        .refuses(&[Code::NotFound])
}

pub(super) fn registry() -> Operation {
    let types = object(&["types"], &[("types", list(&reference("EventType")))]);
    Operation::new("registry", "The event types")
        .json(200, "those that are granted", &types)
        .cached()
}

pub(super) fn event_type() -> Operation {
    Operation::new("eventType", "One event type")
        .takes(vec![path("event_type", &super::words::event_type())])
        .json(200, "its schemas and its policy", &reference("EventType"))
        .cached()
        .refuses(&[Code::NotFound])
}
