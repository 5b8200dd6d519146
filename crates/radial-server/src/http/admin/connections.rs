//! `/api/admin/connections`: who is connected, and ending one of them.

use std::net::IpAddr;
use std::sync::Arc;

use axum::Extension;
use axum::extract::{RawQuery, State};
use axum::response::{IntoResponse as _, Response};
use http::StatusCode;
use radial_protocol::control::GoodbyeReason;
use radial_protocol::names::{Id, SessionId, UserId};
use radial_protocol::{Code, Offset, Problem, TenantId, TimeMs};
use serde::Serialize;

use super::OperatorGrants;
use crate::app::App;
use crate::connections::{Connection, ConnectionId};
use crate::http::answer::json;
use crate::http::parameters::Parameters;
use crate::http::path::PathPart;
use crate::http::refusal::Refusal;

/// The connections of an answer unless the request says how many.
const LIMIT_DEFAULT: usize = 100;
/// The most connections of an answer.
const LIMIT_MAX: usize = 10_000;

#[derive(Serialize)]
struct List<'a> {
    /// How many there are, whatever the limit.
    total: usize,
    /// The oldest of them.
    connections: Vec<Row<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Row<'a> {
    connection_id: String,
    tenant: TenantId,
    #[serde(skip_serializing_if = "Option::is_none")]
    user_id: Option<UserId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    session_id: Option<SessionId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_id: Option<&'a Id>,
    transport: &'static str,
    address: IpAddr,
    since: TimeMs,
    /// How many places of the log it is behind.
    lag: u64,
}

impl<'a> Row<'a> {
    fn of(app: &App, connection: &'a Connection) -> Self {
        let grants = connection.grants();
        let head = app.hub.head(&grants.tenant).map_or(0, Offset::get);
        Self {
            connection_id: connection.id.to_string(),
            tenant: grants.tenant.clone(),
            user_id: grants.user.clone(),
            session_id: grants.session.clone(),
            client_id: connection.client.as_ref(),
            transport: connection.transport.as_str(),
            address: connection.address,
            since: connection.since,
            lag: head.saturating_sub(connection.place()),
        }
    }
}

/// Lists them, the oldest first.
pub(crate) async fn list(
    State(app): State<Arc<App>>,
    Extension(operator): Extension<OperatorGrants>,
    query: RawQuery,
) -> Result<Response, Refusal> {
    let mut parameters = Parameters::parse(&query)?;
    let tenant = operator.narrowed(parameters.parsed("tenant")?)?;
    let limit = parameters.limit(LIMIT_DEFAULT, LIMIT_MAX)?;
    parameters.finish()?;
    let mut open = app.table.all();
    open.retain(|open| tenant.as_ref().is_none_or(|tenant| open.grants().tenant == *tenant));
    open.sort_by_key(|open| (open.since, open.id.0));
    let connections = open.iter().take(limit).map(|open| Row::of(&app, open)).collect();
    Ok(json(StatusCode::OK, &List { total: open.len(), connections }))
}

/// Ends one: it is told to come back, like everybody in a drain.
pub(crate) async fn end(
    State(app): State<Arc<App>>,
    Extension(operator): Extension<OperatorGrants>,
    PathPart(id): PathPart<String>,
) -> Result<Response, Refusal> {
    let connection = id.parse::<ConnectionId>().ok().and_then(|id| app.table.get(id));
    let connection = connection.filter(|open| operator.reaches(&open.grants().tenant));
    let Some(connection) = connection else {
        return Err(Problem::new(Code::NotFound, "there is no such connection").into());
    };
    connection.close(GoodbyeReason::Drain, app.hub.runtime().now());
    tracing::info!(
        change = "connection.ended",
        connection = %connection.id,
        tenant = %connection.grants().tenant,
        by = %operator.actor(),
        "operator"
    );
    Ok(StatusCode::NO_CONTENT.into_response())
}
