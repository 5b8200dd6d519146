//! `POST /api/auth/renew`: a newer credential for a stream that is open.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{RawQuery, State};
use axum::response::Response;
use http::{HeaderMap, StatusCode};
use radial_hub::CredentialState;
use radial_protocol::control::GrantedFilter;
use radial_protocol::grants::Grants;
use radial_protocol::names::{SessionId, UserId};
use radial_protocol::{Code, Problem};
use serde::{Deserialize, Serialize};

use super::answer::json;
use super::body;
use super::credential::Caller;
use super::parameters::Parameters;
use super::refusal::Refusal;
use crate::app::App;
use crate::connections::{Connection, ConnectionId};

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
    Parameters::parse(&query)?.finish()?;
    let bytes = body::read_json(&app, &headers, body).await?;
    let renewal: Renewal = body::parse(&bytes)?;
    let grants = caller.acting(renewal.user, renewal.session)?;
    let connection = own_connection(&app, &renewal.connection, &grants)?;
    let filter = app.hub.subscriber_filter(&connection.wanted(), &grants)?;
    let now = app.hub.runtime().now();
    let token_expires_in_ms = match app.hub.credential_state(&grants, now) {
        CredentialState::Counts(until) => until.map(|until| until.0.saturating_sub(now.0)),
        CredentialState::Expired | CredentialState::Revoked => return Err(none().into()),
    };
    if !connection.renew(grants) {
        return Err(none().into());
    }
    let filter = GrantedFilter { channels: filter.channels(), types: filter.types() };
    Ok(json(StatusCode::OK, &Renewed { filter, token_expires_in_ms }))
}

/// An open connection of the credential's own session.
pub(super) fn own_connection(
    app: &App,
    id: &str,
    grants: &Grants,
) -> Result<Arc<Connection>, Problem> {
    let connection = id.parse::<ConnectionId>().ok().and_then(|id| app.table.get(id));
    connection.filter(|connection| is_of(&connection.grants(), grants)).ok_or_else(none)
}

/// Whether a credential is of whom the connection is.
fn is_of(connection: &Grants, newer: &Grants) -> bool {
    connection.tenant == newer.tenant
        && connection.user == newer.user
        && connection.session == newer.session
}

/// Of a stranger's stream, one that has ended and one that never was, the same is said.
fn none() -> Problem {
    Problem::new(Code::NotFound, "the credential's session has no such open connection")
}
