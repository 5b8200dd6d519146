//! Who operates, and of what.

use std::sync::Arc;

use axum::extract::{FromRequestParts as _, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use radial_hub::Actor;
use radial_protocol::grants::{Grants, Operator};
use radial_protocol::{Code, Problem, TenantId};

use crate::app::App;
use crate::http::credential::Caller;
use crate::http::refusal::Refusal;

/// The grants of somebody who may operate. Only [`require`] makes one.
#[derive(Clone, Debug)]
pub(crate) struct OperatorGrants(Arc<Grants>);

/// Lets those pass who operate at least so much.
pub(crate) async fn require(
    State((app, least)): State<(Arc<App>, Operator)>,
    request: Request,
    next: Next,
) -> Response {
    let (mut parts, body) = request.into_parts();
    let caller = match Caller::from_request_parts(&mut parts, &app).await {
        Ok(caller) => caller,
        Err(refusal) => return refusal.into_response(),
    };
    match caller.operator(least) {
        Ok(grants) => {
            parts.extensions.insert(OperatorGrants(grants));
            next.run(Request::from_parts(parts, body)).await
        }
        Err(problem) => Refusal(problem).into_response(),
    }
}

impl OperatorGrants {
    /// Who that is, for the record.
    pub(crate) fn actor(&self) -> Actor {
        Actor::of(&self.0)
    }

    /// Whether the whole hub is theirs.
    pub(crate) fn is_of_hub(&self) -> bool {
        self.0.rights.operator == Some(Operator::Hub)
    }

    /// Whether they may see and change something of this tenant.
    pub(crate) fn reaches(&self, tenant: &TenantId) -> bool {
        self.is_of_hub() || self.0.tenant == *tenant
    }

    /// The only tenant that they ask about, or that they may ask about; `None`: all.
    ///
    /// # Errors
    /// `forbidden` for a tenant that is not theirs, whether it exists or not.
    pub(crate) fn narrowed(&self, named: Option<TenantId>) -> Result<Option<TenantId>, Problem> {
        match named {
            Some(tenant) if !self.reaches(&tenant) => {
                Err(Problem::new(Code::Forbidden, "the credential may operate its own tenant only"))
            }
            Some(tenant) => Ok(Some(tenant)),
            None if self.is_of_hub() => Ok(None),
            None => Ok(Some(self.0.tenant.clone())),
        }
    }

    /// The tenant that they mean: the one that they name, or their own.
    ///
    /// # Errors
    /// As [`narrowed`](Self::narrowed).
    pub(crate) fn tenant(&self, named: Option<TenantId>) -> Result<TenantId, Problem> {
        Ok(self.narrowed(named)?.unwrap_or_else(|| self.0.tenant.clone()))
    }
}
