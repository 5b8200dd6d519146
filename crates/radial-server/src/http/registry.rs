//! `GET /api/registry`: the event types, their schemas and policies.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use http::HeaderMap;
use radial_protocol::grants::{Grants, any_matches};
use radial_protocol::{Code, Problem};
use radial_registry::EventType;

use super::credential::Caller;
use super::etag;
use super::path::PathPart;
use super::refusal::Refusal;
use crate::app::App;

pub(crate) async fn list(
    State(app): State<Arc<App>>,
    caller: Caller,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let grants = caller.grants(None)?;
    let types: Vec<&EventType> =
        app.hub.registry().iter().filter(|event_type| is_shown(&grants, event_type)).collect();
    Ok(etag::answer(&headers, &serde_json::json!({ "types": types }), None))
}

pub(crate) async fn show(
    State(app): State<Arc<App>>,
    caller: Caller,
    PathPart(event_type): PathPart<String>,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let grants = caller.grants(None)?;
    match app.hub.registry().get(&event_type).filter(|found| is_shown(&grants, found)) {
        Some(event_type) => Ok(etag::answer(&headers, event_type, None)),
        None => Err(Problem::new(Code::NotFound, "no such event type is registered").into()),
    }
}

/// Types that a credential can neither publish nor receive are not there for it.
fn is_shown(grants: &Grants, event_type: &EventType) -> bool {
    let name = event_type.name.as_str();
    any_matches(&grants.rights.publish, name)
        || any_matches(&grants.rights.subscribe, name)
        || grants.rights.routes.iter().any(|sink| event_type.policy.routes.contains(sink))
}
