//! The operations of acknowledgements.

use radial_protocol::Code;
use radial_protocol::limits::Limits;
use serde_json::{Value, json};

use super::operation::Operation;
use super::words::{
    boolean, count, event_type, id, limit, list, name, object, query, strict, time,
};

pub(super) fn acknowledge(limits: &Limits) -> Operation {
    let several = json!({ "type": "array", "items": id(), "minItems": 1,
        "maxItems": limits.batch_events });
    let for_whom = [("userId", id()), ("sessionId", id())];
    let named = |member: (&str, Value)| {
        let members = [std::slice::from_ref(&member), &for_whom[..]].concat();
        strict(&[member.0], &members)
    };
    let body = json!({ "oneOf": [named(("eventIds", several)), named(("eventId", id()))] });
    let answer = object(
        &["acknowledged", "notOwed"],
        &[("acknowledged", list(&id())), ("notOwed", list(&id()))],
    );
    Operation::new("acknowledge", "Acknowledge events for a session")
        .takes(vec![])
        .body(true, &[("application/json", body)])
        .json(200, "those that come no more are on stable storage", &answer)
        .refuses(&[Code::BatchTooLarge, Code::LogUnavailable, Code::DiskFull])
}

pub(super) fn who_has() -> Operation {
    let states = json!({ "enum": ["acknowledged", "owed", "ended", "unknown"] });
    let session = object(
        &["state", "connections", "seen"],
        &[
            ("userId", id()),
            ("sessionId", id()),
            ("state", states.clone()),
            ("attempts", count()),
            ("connections", count()),
            ("seen", time()),
        ],
    );
    let each = ["acknowledged", "owed", "ended", "unknown"];
    let answer = object(
        &["eventId", "eventType", "channel", "offset", "counts", "sessions", "hasMore"],
        &[
            ("eventId", id()),
            ("eventType", event_type()),
            ("channel", name()),
            ("offset", count()),
            ("expiresAt", time()),
            ("counts", object(&each, &each.map(|state| (state, count())))),
            ("sessions", list(&session)),
            ("hasMore", boolean()),
        ],
    );
    let mut event = query("eventId", "which event", &id());
    event["required"] = Value::Bool(true);
    Operation::new("acks", "Who has acknowledged an event, and who has not")
        .takes(vec![
            event,
            query("tenant", "of this tenant", &name()),
            query("state", "only sessions in this state", &states),
            query("afterUserId", "only sessions after the one of this user", &id()),
            query("afterSessionId", "only sessions after this one", &id()),
            query("limit", "the most sessions of the answer", &limit(100, 1_000)),
        ])
        .json(200, "counts, and a page of sessions", &answer)
        .refuses(&[Code::NotFound])
}
