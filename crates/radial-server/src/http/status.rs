//! `/healthz`, `/readyz`, `/metrics`: what operators and their probes ask.

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use http::{HeaderValue, StatusCode, header};
use radial_hub::Readiness;
use serde_json::json;

use super::credential::Caller;
use super::refusal::Refusal;
use crate::app::App;
use crate::metrics;

/// The process runs and answers.
pub(crate) async fn healthz() -> &'static str {
    "ok\n"
}

/// The hub takes and gives events; if not, why.
pub(crate) async fn readyz(State(app): State<Arc<App>>) -> Response {
    let readiness = app.hub.readiness();
    let (ready, reason) = (readiness == Readiness::Ready, why_not_ready(&readiness));
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, axum::Json(json!({ "ready": ready, "reason": reason, "durability": app.durability })))
        .into_response()
}

/// Why the hub does not take and give events, if it does not.
pub(crate) fn why_not_ready(readiness: &Readiness) -> Option<String> {
    match readiness {
        Readiness::Ready => None,
        Readiness::Disabled => Some("an operator switched the hub off".to_owned()),
        Readiness::Draining => Some("the hub is shutting down".to_owned()),
        Readiness::LogFull(reason) | Readiness::LogFailed(reason) => {
            Some(format!("the log takes no writes: {reason}"))
        }
        Readiness::ControlUnstored(count) => {
            Some(format!("{count} changes by operators act here, but are not stored"))
        }
    }
}

/// What Prometheus scrapes.
pub(crate) async fn metrics(
    State(app): State<Arc<App>>,
    caller: Caller,
) -> Result<Response, Refusal> {
    caller.scrape()?;
    let mut response = metrics::text(&app).into_response();
    response.headers_mut().insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/openmetrics-text; version=1.0.0; charset=utf-8"),
    );
    Ok(response)
}
