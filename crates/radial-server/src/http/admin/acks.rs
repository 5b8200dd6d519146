//! `GET /api/admin/acks`: who has acknowledged an event, and who has not.

use std::sync::Arc;

use axum::Extension;
use axum::extract::{RawQuery, State};
use axum::response::Response;
use http::StatusCode;
use radial_hub::{AckQuery, AckState};
use radial_protocol::{Code, Problem};

use super::OperatorGrants;
use crate::app::App;
use crate::http::answer::json;
use crate::http::parameters::{Parameters, invalid};
use crate::http::refusal::Refusal;

/// The sessions of an answer unless the request says how many.
const LIMIT_DEFAULT: usize = 100;
/// The most sessions of an answer.
const LIMIT_MAX: usize = 1_000;

pub(crate) async fn list(
    State(app): State<Arc<App>>,
    Extension(operator): Extension<OperatorGrants>,
    query: RawQuery,
) -> Result<Response, Refusal> {
    let mut parameters = Parameters::parse(&query)?;
    let tenant = operator.tenant(parameters.parsed("tenant")?)?;
    let event = parameters.parsed("eventId")?.ok_or_else(|| invalid("eventId is missing"))?;
    let state = match parameters.one("state")?.as_deref() {
        None => None,
        Some("acknowledged") => Some(AckState::Acknowledged),
        Some("owed") => Some(AckState::Owed),
        Some("ended") => Some(AckState::Ended),
        Some("unknown") => Some(AckState::Unknown),
        Some(_) => return Err(invalid("state is acknowledged, owed, ended or unknown").into()),
    };
    let limit = parameters.limit(LIMIT_DEFAULT, LIMIT_MAX)?;
    let after = (parameters.parsed("afterUserId")?, parameters.parsed("afterSessionId")?);
    parameters.finish()?;
    let after = (after != (None, None)).then_some(after);
    let query = AckQuery { tenant, event, state, after, limit };
    let hub = Arc::clone(&app.hub);
    let page = tokio::task::spawn_blocking(move || hub.acks_of(&query)).await;
    let page = page.map_err(|_| Problem::new(Code::Internal, "the sessions cannot be read"))?;
    Ok(json(StatusCode::OK, &page?))
}
