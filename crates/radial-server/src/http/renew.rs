//! `POST /api/auth/renew`: a newer credential for a stream that is open.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{RawQuery, State};
use axum::response::Response;
use http::{HeaderMap, StatusCode};
use radial_hub::CredentialState;
use radial_protocol::control::GrantedFilter;
use radial_protocol::names::{SessionId, UserId};
use serde::{Deserialize, Serialize};

use super::answer::json;
use super::beside::{self, no_connection, own_connection};
use super::credential::Caller;
use super::refusal::Refusal;
use crate::app::App;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Renewal {
    #[serde(rename = "connectionId")]
    connection: String,
    /// For whom, where the credential may act for others.
    #[serde(rename = "userId")]
    user: Option<UserId>,
    #[serde(rename = "sessionId")]
    session: Option<SessionId>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Renewed {
    /// The filter as the newer credential grants it.
    filter: GrantedFilter,
    /// How long that credential is good, if it ends at all.
    token_expires_in_ms: Option<u64>,
}

pub(crate) async fn renew(
    State(app): State<Arc<App>>,
    caller: Caller,
    query: RawQuery,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refusal> {
    let request = (query, headers, body);
    let whom = |renewal: &mut Renewal| (renewal.user.take(), renewal.session.take());
    let (renewal, grants) = beside::read(&app, &caller, request, whom).await?;
    let connection = own_connection(&app, &renewal.connection, &grants)?;
    let filter = app.hub.subscriber_filter(&connection.wanted(), &grants)?;
    let now = app.hub.runtime().now();
    let token_expires_in_ms = match app.hub.credential_state(&grants, now) {
        CredentialState::Counts(until) => until.map(|until| until.0.saturating_sub(now.0)),
        CredentialState::Expired | CredentialState::Revoked => return Err(no_connection().into()),
    };
    if !connection.renew(grants) {
        return Err(no_connection().into());
    }
    let filter = GrantedFilter { channels: filter.channels(), types: filter.types() };
    Ok(json(StatusCode::OK, &Renewed { filter, token_expires_in_ms }))
}
