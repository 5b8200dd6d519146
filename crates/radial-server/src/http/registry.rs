//! `GET /api/registry`: the event types, their schemas and policies.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use http::HeaderMap;
use radial_protocol::{Code, Problem};
use radial_registry::EventType;

use super::etag;
use super::path::PathPart;
use super::refusal::Refusal;
use crate::app::App;

pub(crate) async fn list(State(app): State<Arc<App>>, headers: HeaderMap) -> Response {
    let types: Vec<&EventType> = app.hub.registry().iter().collect();
    etag::answer(&headers, &serde_json::json!({ "types": types }), None)
}

pub(crate) async fn show(
    State(app): State<Arc<App>>,
    PathPart(event_type): PathPart<String>,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    match app.hub.registry().get(&event_type) {
        Some(event_type) => Ok(etag::answer(&headers, event_type, None)),
        None => Err(Problem::new(Code::NotFound, "no such event type is registered").into()),
    }
}
