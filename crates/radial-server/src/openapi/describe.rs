//! Each operation, beside the rows of the table of routes.

use http::Method;
use radial_protocol::Code;
use radial_protocol::limits::Limits;
use serde_json::{Map, Value, json};

use super::operation::{Operation, WRITES};
use super::words::{
    boolean, count, cursor, header, id, limit, list, name, object, path, pattern, query, reference,
    strict, text, time,
};
use super::{acks, reading, schemas};
use crate::http::routes::{Access, ROUTES, Route};

/// The path of the event stream, where events are published too.
const STREAM: &str = "/api/sse/events";

const DESCRIPTION: &str = "The HTTP surface of a Radial hub. How streams and WebSockets go on after \
                           their first answer, and what all of it means, is in docs/protocol.md.";

/// The document of a hub with these limits.
pub fn document(limits: &Limits) -> Value {
    let mut paths: Map<String, Value> = Map::new();
    for route in ROUTES.iter().filter(|route| route.access != Access::Developer) {
        let Some(operation) = operation(route, limits) else { continue };
        let path = paths.entry(route.path).or_insert_with(|| json!({}));
        let operation = operation.finish(route.access);
        if route.path == STREAM && route.method == Method::GET {
            path["head"] = head(&operation);
        }
        path[route.method.as_str().to_lowercase()] = operation;
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Radial",
            "version": env!("CARGO_PKG_VERSION"),
            "description": DESCRIPTION,
            "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" },
        },
        "paths": paths,
        "components": {
            "schemas": schemas::all(limits),
            "securitySchemes": {
                "bearer": { "type": "http", "scheme": "bearer",
                    "description": "a signed token, or an API key" },
                "cookie": { "type": "apiKey", "in": "cookie", "name": "radial_token" },
            },
        },
    })
}

/// The same without content: it ends, where the stream does not. `HEAD` is answered wherever `GET`
/// is, and said only here.
fn head(operation: &Value) -> Value {
    let mut head = operation.clone();
    head["operationId"] = "streamHead".into();
    head["summary"] = "The headers of an event stream alone".into();
    if let Some(answers) = head["responses"].as_object_mut() {
        for (_, answer) in answers.iter_mut() {
            if let Some(answer) = answer.as_object_mut() {
                answer.remove("content");
            }
        }
    }
    head
}

/// What is said of a row; `None` if nobody has described it.
pub(super) fn operation(route: &Route, limits: &Limits) -> Option<Operation> {
    let get = route.method == Method::GET;
    Some(match (route.path, get) {
        (STREAM, false) => publish(limits),
        (STREAM, true) => reading::stream(),
        ("/api/sse/subscriptions", _) => subscriptions(),
        ("/api/sse/acks", _) => acks::acknowledge(limits),
        ("/api/ws", _) => reading::websocket(),
        ("/api/poll", _) => reading::poll(),
        ("/api/events", _) => reading::history(),
        ("/api/entities/{entity_type}", _) => reading::entities(),
        ("/api/entities/{entity_type}/{id}", _) => reading::entity(),
        ("/api/presence", _) => reading::presence(),
        ("/api/registry", _) => reading::registry(),
        ("/api/registry/{event_type}", _) => reading::event_type(),
        ("/api/auth/renew", _) => renew(),
        ("/api/auth/tickets", _) => tickets(),
        ("/api/admin/status", _) => status(),
        ("/api/admin/disable", _) => switch("disable", "Switch the hub off"),
        ("/api/admin/enable", _) => enable(),
        ("/api/admin/revocations", false) => revoke(),
        ("/api/admin/revocations", true) => revocations(),
        ("/api/admin/keys", false) => create_key(),
        ("/api/admin/keys", true) => keys(),
        ("/api/admin/keys/{id}/rotate", _) => rotate_key(),
        ("/api/admin/keys/{id}", _) => remove_key(),
        ("/api/admin/acks", _) => acks::who_has(),
        ("/api/admin/connections", _) => connections(),
        ("/api/admin/connections/{id}", _) => end_connection(),
        ("/healthz", _) => Operation::new("healthz", "Whether the process answers").answers(
            200,
            "it does",
            &[("text/plain", text())],
        ),
        ("/readyz", _) => ready(),
        ("/metrics", _) => Operation::new("metrics", "Counters").answers(
            200,
            "OpenMetrics text",
            &[("application/openmetrics-text", text())],
        ),
        ("/openapi.json", _) => described("openapi", "This document"),
        ("/asyncapi.json", _) => described("asyncapi", "The event types, as AsyncAPI 3"),
        _ => return None,
    })
}

fn publish(limits: &Limits) -> Operation {
    let batch = |item: &str| {
        json!({ "type": "array", "items": reference(item), "minItems": 1,
            "maxItems": limits.batch_events })
    };
    let item = json!({ "oneOf": [reference("Accepted"), reference("Problem")] });
    Operation::new("publish", "Publish one event or a batch")
        .takes(vec![
            query("atomic", "accept a batch whole or not at all", &boolean()),
            header("traceparent", "W3C Trace Context, for all events", &text()),
        ])
        .body(
            true,
            &[
                (
                    "application/json",
                    json!({ "anyOf": [reference("Envelope"), batch("Envelope")] }),
                ),
                ("application/cloudevents+json", reference("CloudEvent")),
                ("application/cloudevents-batch+json", batch("CloudEvent")),
            ],
        )
        .example("application/json", &json!({ "eventType": "test:event", "eventData": { "n": 1 } }))
        .example(
            "application/cloudevents+json",
            &json!({ "specversion": "1.0", "id": "e-1", "source": "/shop", "type": "test:event",
                "data": { "n": 1 } }),
        )
        .json(
            201,
            "the event, or the atomic batch, was accepted",
            &json!({ "anyOf": [reference("Accepted"), list(&reference("Accepted"))] }),
        )
        .json(207, "one answer or problem for each event, in order", &list(&item))
        .refuses(&[
            Code::InvalidEnvelope,
            Code::DuplicateKey,
            Code::NestingTooDeep,
            Code::VersionConflict,
            Code::EntityDeleted,
            Code::BatchConflict,
            Code::EventTooLarge,
            Code::BatchTooLarge,
            Code::UnknownEventType,
            Code::UnknownVersion,
            Code::SchemaViolation,
            Code::IdempotencyMismatch,
            Code::PolicyConflict,
            Code::EmptyAudience,
            Code::AudienceTooLarge,
            Code::ScopeWithoutIdentity,
        ])
        .refuses(WRITES)
}

fn subscriptions() -> Operation {
    let several = json!({ "anyOf": [reference("Selection"), list(&reference("Selection"))] });
    let body = strict(
        &["connectionId"],
        &[
            ("connectionId", text()),
            ("add", several.clone()),
            ("remove", several),
            ("userId", id()),
            ("sessionId", id()),
        ],
    );
    let filter = object(&["filter"], &[("filter", reference("Filter"))]);
    Operation::new("changeSubscriptions", "Change what an open event stream asks for")
        .body(true, &[("application/json", body)])
        .json(200, "the change is in effect", &filter)
        .json(202, "it will be, when the stream gets there", &filter)
        .refuses(&[Code::NotFound, Code::InvalidCursor])
}

fn renew() -> Operation {
    let body = strict(
        &["connectionId"],
        &[("connectionId", text()), ("userId", id()), ("sessionId", id())],
    );
    let ends = json!({ "anyOf": [count(), { "type": "null" }] });
    let answer = object(
        &["filter", "tokenExpiresInMs"],
        &[("filter", reference("Filter")), ("tokenExpiresInMs", ends)],
    );
    Operation::new("renew", "Give an open stream the credential of this request")
        .body(true, &[("application/json", body)])
        .json(200, "the stream goes on with it", &answer)
        .refuses(&[Code::NotFound])
}

fn tickets() -> Operation {
    let answer =
        object(&["ticket", "expiresInMs"], &[("ticket", text()), ("expiresInMs", count())]);
    Operation::new("issueTicket", "A ticket that opens one stream").json(
        201,
        "for a URL that cannot carry a header",
        &answer,
    )
}

fn of_tenant() -> Value {
    query("tenant", "only this tenant", &name())
}

fn status() -> Operation {
    let answer = object(
        &["node", "version", "now", "ready", "disabled", "durability", "tenants"],
        &[
            ("node", text()),
            ("version", text()),
            ("now", time()),
            ("ready", boolean()),
            ("reason", text()),
            ("disabled", boolean()),
            ("durability", text()),
            ("tenants", list(&json!({ "type": "object" }))),
            ("switch", json!({ "type": "object" })),
            ("unstoredChanges", count()),
        ],
    );
    Operation::new("status", "The state of the hub").takes(vec![of_tenant()]).json(
        200,
        "as far as the operator may see it",
        &answer,
    )
}

fn switch(id: &'static str, summary: &'static str) -> Operation {
    let body = strict(&[], &[("reason", text())]);
    Operation::new(id, summary).body(false, &[("application/json", body)]).json(
        200,
        "it acts from now on",
        &reference("Switched"),
    )
}

fn enable() -> Operation {
    Operation::new("enable", "Switch the hub on").takes(vec![]).json(
        200,
        "it acts from now on",
        &reference("Switched"),
    )
}

fn revoke() -> Operation {
    let mut answer = reference("Revocation");
    answer = json!({ "allOf": [answer, object(&["persisted"], &[("persisted", boolean())])] });
    Operation::new("revoke", "Take credentials back")
        .body(true, &[("application/json", reference("Revocation"))])
        .json(201, "they count no more", &answer)
        .refuses(&[Code::NotFound])
}

fn revocations() -> Operation {
    let at = object(&["at"], &[("at", time())]);
    let item = json!({ "allOf": [reference("Revocation"), at] });
    let answer =
        object(&["total", "revocations"], &[("total", count()), ("revocations", list(&item))]);
    Operation::new("listRevocations", "What was taken back")
        .takes(vec![of_tenant(), query("limit", "the most of the answer", &limit(100, 10_000))])
        .json(200, "the newest of them", &answer)
}

fn create_key() -> Operation {
    Operation::new("createKey", "Make an API key")
        .body(true, &[("application/json", reference("NewKey"))])
        .json(201, "the key is in this answer and never again", &reference("MadeKey"))
        .refuses(&[Code::NotFound])
}

fn keys() -> Operation {
    let answer =
        object(&["total", "keys"], &[("total", count()), ("keys", list(&reference("Key")))]);
    Operation::new("listKeys", "The API keys").takes(vec![]).json(200, "their records", &answer)
}

fn rotate_key() -> Operation {
    let grace = json!({ "type": "string", "description": "how long the old secret still counts",
        "examples": ["24h", "0s"] });
    Operation::new("rotateKey", "Give an API key a new secret")
        .takes(vec![path("id", &text())])
        .body(false, &[("application/json", strict(&[], &[("grace", grace)]))])
        .json(200, "the key is in this answer and never again", &reference("MadeKey"))
        .refuses(&[Code::NotFound])
}

fn remove_key() -> Operation {
    let answer = object(&["id", "persisted"], &[("id", text()), ("persisted", boolean())]);
    Operation::new("removeKey", "Take an API key back")
        .takes(vec![path("id", &text())])
        .json(200, "it counts no more", &answer)
        .refuses(&[Code::NotFound])
}

fn connections() -> Operation {
    let answer = object(
        &["total", "connections"],
        &[("total", count()), ("connections", list(&reference("Connection")))],
    );
    Operation::new("listConnections", "Open connections")
        .takes(vec![of_tenant(), query("limit", "the most of the answer", &limit(100, 10_000))])
        .json(200, "the oldest of them", &answer)
}

fn end_connection() -> Operation {
    Operation::new("endConnection", "End a connection")
        .takes(vec![path("id", &text())])
        .answers(204, "it was told to come back", &[])
        .refuses(&[Code::NotFound])
}

fn ready() -> Operation {
    let answer = object(
        &["ready", "reason", "durability"],
        &[
            ("ready", boolean()),
            ("reason", json!({ "type": ["string", "null"] })),
            ("durability", text()),
        ],
    );
    Operation::new("readyz", "Whether the hub takes and gives events")
        .json(200, "it does", &answer)
        .json(503, "it does not, with the reason", &answer)
}

fn described(id: &'static str, summary: &'static str) -> Operation {
    Operation::new(id, summary).json(200, "the document", &json!({ "type": "object" })).cached()
}

/// What streams, polls and pages take alike.
pub(super) fn selection(channels: &str) -> Vec<Value> {
    let with_default = |default: &str| {
        let mut schema = list(&pattern());
        schema["default"] = json!([default]);
        schema
    };
    vec![
        query("channels", "names and patterns", &with_default(channels)),
        query("types", "patterns of event types", &with_default("*")),
    ]
}

/// Where a stream or a poll begins, and for whom it is.
pub(super) fn place() -> Vec<Value> {
    let places = json!({ "anyOf": [cursor(), { "const": "earliest" }] });
    vec![
        query("cursor", "go on after this place", &places),
        query("lastEventId", "stands for Last-Event-ID", &text()),
        query("since", "begin with the first event of this time or later", &time()),
        query("snapshot", "entity types whose state comes first", &list(&name())),
        query("clientId", "the client's own name for this page load", &id()),
        query("userId", "for whom, with actAs", &id()),
        query("sessionId", "for whom, with actAs", &id()),
        header("Last-Event-ID", "go on after this place; it wins", &text()),
    ]
}
