//! `/api/admin/status`, `/disable` and `/enable`: the hub as a whole.

use std::collections::HashMap;
use std::sync::Arc;

use axum::Extension;
use axum::body::Body;
use axum::extract::{RawQuery, State};
use axum::response::Response;
use http::{HeaderMap, StatusCode};
use radial_hub::{Readiness, Switch};
use radial_protocol::{Offset, Problem, TenantId, TimeMs};
use serde::{Deserialize, Serialize};

use super::{OperatorGrants, checked_text};
use crate::app::App;
use crate::http::answer::json;
use crate::http::body;
use crate::http::parameters::Parameters;
use crate::http::refusal::Refusal;
use crate::http::status::why_not_ready;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Status {
    node: String,
    version: &'static str,
    now: TimeMs,
    ready: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    disabled: bool,
    durability: &'static str,
    /// The tenants that the operator may see.
    tenants: Vec<Tenant>,
    /// Who touched the switch last: for operators of the hub.
    #[serde(skip_serializing_if = "Option::is_none")]
    switch: Option<Switch>,
    /// What operators did and the log does not have: for operators of the hub.
    #[serde(skip_serializing_if = "Option::is_none")]
    unstored_changes: Option<usize>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Tenant {
    #[serde(rename = "tenant")]
    id: TenantId,
    /// The newest offset of its log.
    head: u64,
    connections: usize,
    revocations: usize,
}

/// What became of a change.
#[derive(Serialize)]
struct Switched {
    disabled: bool,
    /// Whether it will be so after a restart.
    persisted: bool,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Reason {
    reason: Option<String>,
}

pub(crate) async fn status(
    State(app): State<Arc<App>>,
    Extension(operator): Extension<OperatorGrants>,
    query: RawQuery,
) -> Result<Response, Refusal> {
    let mut parameters = Parameters::parse(&query)?;
    let tenant = operator.narrowed(parameters.parsed("tenant")?)?;
    parameters.finish()?;
    let mut open: HashMap<TenantId, usize> = HashMap::new();
    for connection in app.table.all() {
        *open.entry(connection.grants().tenant.clone()).or_default() += 1;
    }
    let tenants = app.tenants.iter().filter(|id| tenant.as_ref().is_none_or(|only| only == *id));
    let tenants = tenants
        .map(|id| Tenant {
            id: id.clone(),
            head: app.hub.head(id).map_or(0, Offset::get),
            connections: open.get(id).copied().unwrap_or_default(),
            revocations: app.hub.revocation_count(id),
        })
        .collect();
    let of_hub = operator.is_of_hub();
    let readiness = app.hub.readiness();
    Ok(json(
        StatusCode::OK,
        &Status {
            node: app.node.clone(),
            version: env!("CARGO_PKG_VERSION"),
            now: app.hub.runtime().now(),
            ready: readiness == Readiness::Ready,
            reason: why_not_ready(&readiness).filter(|_| of_hub),
            disabled: app.hub.is_disabled(),
            durability: app.durability,
            tenants,
            switch: app.hub.switch().filter(|_| of_hub),
            unstored_changes: of_hub.then(|| app.hub.unstored_changes()),
        },
    ))
}

pub(crate) async fn disable(
    State(app): State<Arc<App>>,
    Extension(operator): Extension<OperatorGrants>,
    query: RawQuery,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refusal> {
    let Reason { reason } = read(&app, &query, &headers, body).await?;
    let reason = checked_text("reason", reason)?;
    let recorded = app.hub.disable(operator.actor(), reason).await;
    Ok(json(StatusCode::OK, &Switched { disabled: true, persisted: recorded.persisted }))
}

pub(crate) async fn enable(
    State(app): State<Arc<App>>,
    Extension(operator): Extension<OperatorGrants>,
    query: RawQuery,
) -> Result<Response, Refusal> {
    Parameters::parse(&query)?.finish()?;
    let recorded = app.hub.enable(operator.actor()).await;
    Ok(json(StatusCode::OK, &Switched { disabled: false, persisted: recorded.persisted }))
}

/// A body that may be left out.
async fn read(
    app: &App,
    query: &RawQuery,
    headers: &HeaderMap,
    body: Body,
) -> Result<Reason, Problem> {
    Parameters::parse(query)?.finish()?;
    let bytes = body::read_json(app, headers, body).await?;
    if bytes.is_empty() { Ok(Reason::default()) } else { body::parse(&bytes) }
}
