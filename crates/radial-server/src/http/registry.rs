//! `GET /api/registry`: the event types, their schemas and policies.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::response::{IntoResponse as _, Response};
use radial_protocol::{Code, Problem};
use radial_registry::EventType;

use super::refusal::Refusal;
use crate::app::App;

pub(crate) async fn list(State(app): State<Arc<App>>) -> Response {
    let types: Vec<&EventType> = app.hub.registry().iter().collect();
    Json(serde_json::json!({ "types": types })).into_response()
}

pub(crate) async fn show(
    State(app): State<Arc<App>>,
    Path(event_type): Path<String>,
) -> Result<Response, Refusal> {
    match app.hub.registry().get(&event_type) {
        Some(event_type) => Ok(Json(event_type).into_response()),
        None => Err(Problem::new(Code::NotFound, "no such event type is registered").into()),
    }
}
