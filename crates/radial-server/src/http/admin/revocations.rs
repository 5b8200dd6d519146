//! `/api/admin/revocations`: taking credentials back, and what is taken back.

use std::sync::Arc;

use axum::Extension;
use axum::body::Body;
use axum::extract::{RawQuery, State};
use axum::response::Response;
use http::{HeaderMap, StatusCode};
use radial_hub::{Revocation, Subject};
use radial_protocol::names::{Id, SessionId, UserId};
use radial_protocol::{Problem, TenantId, TimeMs};
use serde::{Deserialize, Serialize};

use super::{OperatorGrants, checked_text};
use crate::app::App;
use crate::http::answer::json;
use crate::http::body;
use crate::http::parameters::{Parameters, invalid};
use crate::http::refusal::Refusal;

/// The revocations of an answer unless the request says how many.
const LIMIT_DEFAULT: usize = 100;
/// The most revocations of an answer.
const LIMIT_MAX: usize = 10_000;

/// A revocation as it goes over the wire: exactly one of the four subjects is there.
#[derive(Default, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Wire {
    #[serde(skip_serializing_if = "Option::is_none")]
    tenant: Option<TenantId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    token_id: Option<Id>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user_id: Option<UserId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    session_id: Option<SessionId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    all: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

#[derive(Serialize)]
struct Listed {
    #[serde(flatten)]
    revocation: Wire,
    /// What was issued until then counts no more.
    at: TimeMs,
}

#[derive(Serialize)]
struct List {
    total: usize,
    revocations: Vec<Listed>,
}

#[derive(Serialize)]
struct Revoked {
    #[serde(flatten)]
    revocation: Wire,
    /// Whether it will hold after a restart.
    persisted: bool,
}

impl Wire {
    fn subject(&self) -> Result<Subject, Problem> {
        let subjects = [
            self.token_id.clone().map(Subject::Token),
            self.user_id.clone().map(Subject::User),
            self.session_id.clone().map(Subject::Session),
            self.all.filter(|all| *all).map(|_| Subject::All),
        ];
        let mut subjects = subjects.into_iter().flatten();
        match (subjects.next(), subjects.next()) {
            (Some(subject), None) => Ok(subject),
            _ => Err(invalid("name exactly one of tokenId, userId, sessionId, all")),
        }
    }

    fn of(revocation: &Revocation) -> Self {
        let mut wire = Self {
            tenant: Some(revocation.tenant.clone()),
            reason: revocation.reason.clone(),
            ..Self::default()
        };
        match &revocation.subject {
            Subject::Token(id) => wire.token_id = Some(id.clone()),
            Subject::User(user) => wire.user_id = Some(user.clone()),
            Subject::Session(session) => wire.session_id = Some(session.clone()),
            Subject::All => wire.all = Some(true),
        }
        wire
    }
}

pub(crate) async fn revoke(
    State(app): State<Arc<App>>,
    Extension(operator): Extension<OperatorGrants>,
    query: RawQuery,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refusal> {
    Parameters::parse(&query)?.finish()?;
    let bytes = body::read_json(&app, &headers, body).await?;
    let asked: Wire = body::parse(&bytes)?;
    let subject = asked.subject()?;
    let reason = checked_text("reason", asked.reason)?;
    let revocation = Revocation { tenant: operator.tenant(asked.tenant)?, subject, reason };
    let wire = Wire::of(&revocation);
    let recorded = app.hub.revoke(operator.actor(), revocation).await?;
    let revoked = Revoked { revocation: wire, persisted: recorded.persisted };
    Ok(json(StatusCode::CREATED, &revoked))
}

/// Lists what is remembered, the newest first.
pub(crate) async fn list(
    State(app): State<Arc<App>>,
    Extension(operator): Extension<OperatorGrants>,
    query: RawQuery,
) -> Result<Response, Refusal> {
    let mut parameters = Parameters::parse(&query)?;
    let tenant = operator.narrowed(parameters.parsed("tenant")?)?;
    let limit = parameters.limit(LIMIT_DEFAULT, LIMIT_MAX)?;
    parameters.finish()?;
    let list = app.hub.revocations(tenant.as_ref());
    let listed = |(revocation, at): &(Revocation, TimeMs)| Listed {
        revocation: Wire::of(revocation),
        at: *at,
    };
    let revocations = list.iter().take(limit).map(listed).collect();
    Ok(json(StatusCode::OK, &List { total: list.len(), revocations }))
}
