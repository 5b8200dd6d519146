//! `/api/admin/keys`: API keys, made, listed, rotated and taken back.

use std::sync::Arc;

use axum::Extension;
use axum::body::Body;
use axum::extract::{RawQuery, State};
use axum::response::Response;
use http::{HeaderMap, StatusCode};
use radial_auth::{KeyRecord, Tenants};
use radial_protocol::grants::{CredentialKind, Operator};
use radial_protocol::{Code, Problem, TimeMs};
use radial_registry::duration;
use serde::Deserialize;
use serde_json::json;

use super::OperatorGrants;
use crate::app::App;
use crate::http::answer;
use crate::http::body;
use crate::http::parameters::{Parameters, invalid};
use crate::http::path::PathPart;
use crate::http::refusal::Refusal;
use crate::keys::{self, GRACE_DEFAULT, NewKey};

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Rotation {
    /// How long the old secret still counts, such as `24h`.
    grace: Option<String>,
}

pub(crate) async fn create(
    State(app): State<Arc<App>>,
    Extension(operator): Extension<OperatorGrants>,
    query: RawQuery,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refusal> {
    Parameters::parse(&query)?.finish()?;
    let bytes = body::read_json(&app, &headers, body).await?;
    let new: NewKey = body::parse(&bytes)?;
    let tenants = match new.tenants.clone() {
        Some(tenants) => tenants,
        None => Tenants::Only(vec![operator.tenant(None)?]),
    };
    check(&app, &operator, &tenants, &new)?;
    let (key, record) = new.make(tenants, app.hub.runtime())?;
    let (id, text) = (keys::id(&record), keys::text(&record));
    let recorded = app.hub.store_key(operator.actor(), id, text).await?;
    let persisted = recorded.persisted;
    let made = json!({"key": key.reveal(), "record": keys::shown(&record), "persisted": persisted});
    Ok(answer::json(StatusCode::CREATED, &made))
}

/// The operator of a tenant makes keys of that tenant alone, and none that operates more.
fn check(
    app: &App,
    operator: &OperatorGrants,
    tenants: &Tenants,
    new: &NewKey,
) -> Result<(), Problem> {
    if !operator.is_of_hub()
        && (!is_within(operator, tenants) || new.scrape || new.operator == Some(Operator::Hub))
    {
        let detail = "the credential may make keys of its own tenant only, and none for the hub";
        return Err(Problem::new(Code::Forbidden, detail));
    }
    if let Tenants::Only(tenants) = tenants
        && !tenants.iter().all(|tenant| app.hub.has_tenant(tenant))
    {
        return Err(Problem::new(Code::NotFound, "the hub has no such tenant"));
    }
    if new.expires.is_some_and(|expires| expires <= app.hub.runtime().now()) {
        return Err(invalid("expires is a time to come, in milliseconds since 1970"));
    }
    Ok(())
}

fn is_within(operator: &OperatorGrants, tenants: &Tenants) -> bool {
    match tenants {
        Tenants::All => operator.is_of_hub(),
        Tenants::Only(tenants) => tenants.iter().all(|tenant| operator.reaches(tenant)),
    }
}

pub(crate) async fn list(
    State(app): State<Arc<App>>,
    Extension(operator): Extension<OperatorGrants>,
    query: RawQuery,
) -> Result<Response, Refusal> {
    Parameters::parse(&query)?.finish()?;
    let mut shown = Vec::new();
    for text in app.hub.keys() {
        let record = keys::read(&text)?;
        if is_theirs(&operator, &record) {
            shown.push(keys::shown(&record));
        }
    }
    Ok(answer::json(StatusCode::OK, &json!({"total": shown.len(), "keys": shown})))
}

pub(crate) async fn rotate(
    State(app): State<Arc<App>>,
    Extension(operator): Extension<OperatorGrants>,
    PathPart(id): PathPart<String>,
    query: RawQuery,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refusal> {
    Parameters::parse(&query)?.finish()?;
    let bytes = body::read_json(&app, &headers, body).await?;
    let asked: Rotation = if bytes.is_empty() { Rotation::default() } else { body::parse(&bytes)? };
    let grace = match asked.grace {
        None => GRACE_DEFAULT,
        Some(text) => {
            duration::parse(&text).map_err(|error| invalid(&format!("grace: {error}")))?
        }
    };
    let mut record = find(&app, &operator, &id)?;
    let now = app.hub.runtime().now();
    let until = now.plus_ms(u64::try_from(grace.as_millis()).unwrap_or(u64::MAX));
    let key = keys::rotate(&mut record, app.hub.runtime(), until);
    let (id, text) = (keys::id(&record), keys::text(&record));
    let recorded = app.hub.store_key(operator.actor(), id, text).await?;
    shorten(&app, &record, until);
    let persisted = recorded.persisted;
    let made = json!({"key": key.reveal(), "record": keys::shown(&record), "persisted": persisted});
    Ok(answer::json(StatusCode::OK, &made))
}

/// Streams that are open, and tickets for streams, came with the old secret: they end with it.
fn shorten(app: &App, record: &KeyRecord, until: TimeMs) {
    app.auth.shorten_tickets(&keys::id(record), until);
    for connection in app.table.all() {
        let grants = connection.grants();
        let credential = &grants.credential;
        let is_of_key = credential.kind == CredentialKind::Key
            && credential.id.as_ref().is_some_and(|id| id.as_str() == record.id.as_str());
        if is_of_key && credential.expires.is_none_or(|expires| until < expires) {
            let mut grants = (*grants).clone();
            grants.credential.expires = Some(until);
            connection.renew(Arc::new(grants));
        }
    }
}

pub(crate) async fn remove(
    State(app): State<Arc<App>>,
    Extension(operator): Extension<OperatorGrants>,
    PathPart(id): PathPart<String>,
    query: RawQuery,
) -> Result<Response, Refusal> {
    Parameters::parse(&query)?.finish()?;
    let record = find(&app, &operator, &id)?;
    let recorded = app.hub.remove_key(operator.actor(), keys::id(&record)).await?;
    Ok(answer::json(StatusCode::OK, &json!({"id": id, "persisted": recorded.persisted})))
}

/// Whether an operator may see and change a key: one that they could have made. Who rotates a key
/// is shown its new secret, and so holds whatever it grants.
fn is_theirs(operator: &OperatorGrants, record: &KeyRecord) -> bool {
    let is_for_hub = record.scrape || record.operator == Some(Operator::Hub);
    is_within(operator, &record.tenants) && (operator.is_of_hub() || !is_for_hub)
}

/// A key that the operator may touch; of others it is not said whether they exist.
fn find(app: &App, operator: &OperatorGrants, id: &str) -> Result<KeyRecord, Problem> {
    let record = app.hub.key(id).map(|text| keys::read(&text)).transpose()?;
    record
        .filter(|record| is_theirs(operator, record))
        .ok_or_else(|| Problem::new(Code::NotFound, "there is no such key"))
}
