//! From a request to its grants: for whom it acts. How a credential is carried is in `shown`.
//!
//! Nothing that a request says about itself outside its credential is believed. It may only agree
//! with the credential, choose one of an API key's tenants, or, with `actAs`, name whom it acts for.

mod shown;

pub(super) use shown::{QUERY_TOKEN, TICKET};

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::FromRequestParts;
use http::request::Parts;
use http::{HeaderMap, HeaderValue, header};
use radial_auth::{KeyRecord, Refused};
use radial_protocol::grants::{CredentialKind, Grants, Operator};
use radial_protocol::names::{SessionId, UserId};
use radial_protocol::{Code, Problem, TenantId, TimeMs};

use super::guard::{Arrival, Told};
use super::refusal::Refusal;
use crate::app::{App, Mode};
use crate::auth::Shown;
use crate::rates::Permit;

/// Names the tenant that a request is for, where its credential is of several.
const TENANT_HEADER: &str = "radial-tenant";

/// Who sent a request, before it is known for whom it acts.
pub(crate) struct Caller {
    shown: Option<Shown>,
    /// The tenant that the header names, if it names one and no other.
    header: Option<Result<TenantId, ()>>,
    told: Told,
    app: Arc<App>,
}

impl FromRequestParts<Arc<App>> for Caller {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Refusal> {
        let arrival = parts.extensions.get::<Arrival>().copied();
        let arrival = arrival.expect("the guard has seen every request");
        let told = parts.extensions.get::<Told>().cloned().unwrap_or_default();
        Ok(Self::of(app, parts, arrival, told).await?)
    }
}

/// Who sent a request, if it says so: a WebSocket may be opened first, and say so then.
pub(crate) struct MaybeCaller(pub(crate) Option<Caller>);

impl FromRequestParts<Arc<App>> for MaybeCaller {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Refusal> {
        let is_bare = app.mode == Mode::Serve && !shown::is_there(app, parts);
        if is_bare && !app.auth.asks_application() {
            return Ok(Self(None));
        }
        match Caller::from_request_parts(parts, app).await {
            // The application may know a request by what nobody else sees in it; or not yet.
            Err(_) if is_bare => Ok(Self(None)),
            asked => asked.map(Some).map(Self),
        }
    }
}

fn named_by_header(headers: &HeaderMap) -> Option<Result<TenantId, ()>> {
    let mut values = headers.get_all(TENANT_HEADER).iter();
    match (values.next(), values.next()) {
        (None, _) => None,
        (Some(value), None) => {
            let tenant = value.to_str().ok().and_then(|name| TenantId::new(name).ok());
            Some(tenant.ok_or(()))
        }
        (Some(_), Some(_)) => Some(Err(())),
    }
}

impl Caller {
    /// Who sent a request that arrived so.
    ///
    /// # Errors
    /// `unauthorized`; `rate-limited` where too many were bad.
    pub(super) async fn of(
        app: &Arc<App>,
        parts: &Parts,
        arrival: Arrival,
        told: Told,
    ) -> Result<Self, Problem> {
        let shown = match app.mode {
            Mode::Dev => None,
            Mode::Serve => Some(shown::judged(app, parts, arrival).await?),
        };
        let header = named_by_header(&parts.headers);
        Ok(Self { shown, header, told, app: Arc::clone(app) })
    }

    /// Who shows this token or API key otherwise than with a request.
    ///
    /// # Errors
    /// `unauthorized`; `rate-limited` where too many were bad.
    pub(crate) async fn of_token(
        app: &Arc<App>,
        token: &str,
        address: IpAddr,
    ) -> Result<Self, Problem> {
        let shown = match app.mode {
            Mode::Dev => None,
            Mode::Serve => Some(shown::judged_token(app, token, address).await?),
        };
        Ok(Self { shown, header: None, told: Told::default(), app: Arc::clone(app) })
    }

    /// Asks again what the credential is worth that was shown when a connection was opened.
    ///
    /// A token says until when it counts, and the hub knows whether it was taken back. But a key
    /// may have been rotated since, and a session of an application may have ended or changed.
    ///
    /// # Errors
    /// `unauthorized`: it is worth nothing any more, or is somebody else's now; `overloaded`: the
    /// application does not say.
    pub(crate) async fn ask_again(
        &mut self,
        cookies: Option<&[HeaderValue]>,
    ) -> Result<(), Problem> {
        let (app, shown) = (&self.app, self.shown.as_ref());
        let again = match (shown, cookies) {
            (Some(Shown::Key { record, hash, .. }), _) => {
                app.auth.key_again(record, *hash, &app.hub)
            }
            (Some(Shown::Grants(held)), Some(cookies))
                if held.credential.kind == CredentialKind::Forward =>
            {
                app.auth.cookies(cookies, &app.hub).await.and_then(|shown| match shown {
                    Shown::Grants(newer) if is_of_same(held, &newer) => Ok(Shown::Grants(newer)),
                    _ => Err(Refused::Revoked.into()),
                })
            }
            _ => return Ok(()),
        };
        self.shown = Some(again.map_err(shown::no_more)?);
        Ok(())
    }

    /// The grants of a request that acts for nobody but its credential.
    ///
    /// `named` is the tenant that its body names; the header wins, and the hub refuses an event
    /// that names another one.
    ///
    /// # Errors
    /// `forbidden`: the request does not name exactly one tenant of its credential.
    pub(crate) fn grants(&self, named: Option<&TenantId>) -> Result<Arc<Grants>, Problem> {
        let wanted = match &self.header {
            Some(Ok(tenant)) => Some(tenant),
            Some(Err(())) => return Err(self.other_tenant()),
            None => named,
        };
        let grants = match &self.shown {
            None => {
                let tenant = wanted.or(self.app.tenants.first()).cloned();
                let tenant = tenant.filter(|tenant| self.app.auth.is_tenant(tenant));
                tenant.map(|tenant| Arc::new(Grants::everything(tenant)))
            }
            Some(Shown::Grants(grants)) => {
                wanted.is_none_or(|tenant| *tenant == grants.tenant).then(|| Arc::clone(grants))
            }
            Some(Shown::Key { record, expires, .. }) => {
                let tenant = wanted.or(record.tenants.single()).cloned();
                let tenant = tenant.filter(|tenant| self.app.auth.is_tenant(tenant));
                tenant.and_then(|tenant| record.grants(tenant, *expires)).map(Arc::new)
            }
        };
        let grants = grants.ok_or_else(|| self.other_tenant())?;
        self.check(&grants)?;
        self.told.tenant(&grants.tenant);
        Ok(grants)
    }

    /// The grants of a request that may say for whom it acts.
    ///
    /// # Errors
    /// As [`grants`](Self::grants); and `forbidden` if it names others without `actAs`.
    pub(crate) fn acting(
        &self,
        user: Option<UserId>,
        session: Option<SessionId>,
    ) -> Result<Arc<Grants>, Problem> {
        let grants = self.grants(None)?;
        let is_other = (user.is_some() && user != grants.user)
            || (session.is_some() && session != grants.session);
        if !is_other {
            return Ok(grants);
        }
        if !grants.rights.act_as {
            let detail =
                "userId or sessionId is not the credential's own, and it may not act for others";
            return Err(Problem::new(Code::Forbidden, detail));
        }
        Ok(Arc::new(Grants::clone(&grants).acting_for(user, session)))
    }

    /// The cookies by which an application knew who it is, to ask it again while a stream is open.
    pub(crate) fn session_cookies(&self, headers: &HeaderMap) -> Option<Vec<HeaderValue>> {
        match &self.shown {
            Some(Shown::Grants(grants)) if grants.credential.kind == CredentialKind::Forward => {
                Some(headers.get_all(header::COOKIE).iter().cloned().collect())
            }
            _ => None,
        }
    }

    /// A place among the connections that the credential's owner may have. A key that has not said
    /// for which of its tenants it is used has none yet.
    ///
    /// # Errors
    /// `rate-limited`.
    pub(crate) fn permit(&self, address: IpAddr) -> Result<Option<Permit>, Problem> {
        let grants = self.grants(None).ok();
        grants.map(|grants| self.app.rates.open(&grants, address)).transpose()
    }

    /// Lets those through who may read the measurements of the whole hub.
    pub(crate) fn scrape(&self) -> Result<(), Problem> {
        let grants = match &self.shown {
            None => return Ok(()),
            Some(Shown::Grants(grants)) => Some(Arc::clone(grants)),
            // Whichever of its tenants: what is measured is the whole hub.
            Some(Shown::Key { record, expires, .. }) => self.in_any_tenant(record, *expires),
        };
        let may = match grants {
            Some(grants) => self.check(&grants).map(|()| grants.rights.scrape)?,
            None => false,
        };
        if may { Ok(()) } else { Err(forbidden("the credential may not read /metrics")) }
    }

    /// The grants of who operates a tenant, or the whole hub.
    ///
    /// # Errors
    /// As [`grants`](Self::grants); and `forbidden` if the credential operates less.
    pub(crate) fn operator(&self, least: Operator) -> Result<Arc<Grants>, Problem> {
        let grants = match (&self.shown, &self.header) {
            // Who operates the whole hub need not say from which tenant.
            (Some(Shown::Key { record, expires, .. }), None)
                if record.operator == Some(Operator::Hub) && record.tenants.single().is_none() =>
            {
                let grants = self.in_any_tenant(record, *expires);
                let grants = grants.ok_or_else(|| self.other_tenant())?;
                self.check(&grants)?;
                grants
            }
            _ => self.grants(None)?,
        };
        if grants.rights.operator >= Some(least) {
            return Ok(grants);
        }
        Err(forbidden("the credential may not operate this"))
    }

    /// The grants of a key in the first tenant that it is for.
    fn in_any_tenant(&self, record: &KeyRecord, expires: Option<TimeMs>) -> Option<Arc<Grants>> {
        let tenants = self.app.tenants.iter().cloned();
        tenants.filter_map(|tenant| record.grants(tenant, expires)).map(Arc::new).next()
    }

    /// Nobody goes on with a credential that was taken back, whatever is remembered of it.
    fn check(&self, grants: &Grants) -> Result<(), Problem> {
        self.app.hub.check_credential(grants).map_err(|_| shown::unauthorized(Refused::Revoked))
    }

    fn other_tenant(&self) -> Problem {
        forbidden(match &self.shown {
            None => "the Radial-Tenant header, or tenantId, does not name one tenant of this hub",
            Some(_) => {
                "the Radial-Tenant header, or tenantId, does not name one tenant of the credential"
            }
        })
    }
}

/// Whether two credentials are of the same session.
pub(crate) fn is_of_same(held: &Grants, newer: &Grants) -> bool {
    held.tenant == newer.tenant && held.user == newer.user && held.session == newer.session
}

fn forbidden(detail: &str) -> Problem {
    Problem::new(Code::Forbidden, detail)
}
