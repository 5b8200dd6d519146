//! `POST /api/auth/tickets`: a one-use ticket for URLs that cannot carry a header.

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use http::{HeaderValue, StatusCode, header};
use radial_auth::ticket;
use radial_protocol::{Code, Problem};
use serde_json::json;

use super::credential::Caller;
use super::refusal::Refusal;
use crate::app::App;

pub(crate) async fn issue(
    State(app): State<Arc<App>>,
    caller: Caller,
) -> Result<Response, Refusal> {
    let grants = caller.grants(None)?;
    let ticket = app
        .auth
        .issue_ticket(grants, &app.hub)
        .map_err(|too_many| Problem::new(Code::RateLimited, too_many.to_string()))?;
    let expires_in_ms = u64::try_from(ticket::LIFE.as_millis()).unwrap_or(u64::MAX);
    let body = json!({ "ticket": ticket, "expiresInMs": expires_in_ms });
    let mut response = (StatusCode::CREATED, axum::Json(body)).into_response();
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}
