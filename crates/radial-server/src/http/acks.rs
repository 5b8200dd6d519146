//! `POST /api/sse/acks`: a session acknowledges events, so that they do not come again.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{RawQuery, State};
use axum::response::Response;
use http::{HeaderMap, StatusCode};
use radial_protocol::names::{EventId, SessionId, UserId};
use radial_protocol::{Code, Problem};
use serde::Deserialize;

use super::answer::json;
use super::beside;
use super::credential::Caller;
use super::parameters::invalid;
use super::refusal::Refusal;
use crate::app::App;

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Wish {
    #[serde(default)]
    event_id: Option<EventId>,
    #[serde(default)]
    event_ids: Option<Vec<EventId>>,
    /// For whom, where the credential may act for others.
    user_id: Option<UserId>,
    session_id: Option<SessionId>,
}

pub(crate) async fn acknowledge(
    State(app): State<Arc<App>>,
    caller: Caller,
    query: RawQuery,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refusal> {
    let request = (query, headers, body);
    let whom = |wish: &mut Wish| (wish.user_id.take(), wish.session_id.take());
    let (wish, grants) = beside::read(&app, &caller, request, whom).await?;
    let ids = ids(wish.event_id, wish.event_ids, app.limits.batch_events)?;
    let acknowledged = app.hub.acknowledge(&grants, &ids).await?;
    Ok(json(StatusCode::OK, &acknowledged))
}

/// The events that an acknowledgement names: one, or a list of at most so many.
///
/// # Errors
/// `invalid-parameter`, `batch-too-large`.
pub(crate) fn ids(
    one: Option<EventId>,
    more: Option<Vec<EventId>>,
    most: usize,
) -> Result<Vec<EventId>, Problem> {
    let ids = match (one, more) {
        (Some(one), None) => vec![one],
        (None, Some(more)) if !more.is_empty() => more,
        _ => {
            return Err(invalid(
                "an acknowledgement has either eventId, or eventIds with at least one",
            ));
        }
    };
    if ids.len() > most {
        let detail = format!("at most {most} events are acknowledged at a time");
        return Err(Problem::new(Code::BatchTooLarge, detail));
    }
    Ok(ids)
}
