//! From a request to its grants.
//!
//! No credential is asked for yet, and the guard lets only this machine in: whoever gets here may
//! do everything in one tenant, and says for whom it acts.

use http::HeaderMap;
use radial_protocol::grants::Grants;
use radial_protocol::names::{SessionId, UserId};
use radial_protocol::{Code, Problem, TenantId};

use crate::app::App;

/// Names the tenant that a request is for; without it, the first one configured.
const TENANT_HEADER: &str = "radial-tenant";

/// The grants of a request that acts for nobody in particular.
///
/// `named` is the tenant that its body names; the header wins.
pub(crate) fn grants(
    app: &App,
    headers: &HeaderMap,
    named: Option<&TenantId>,
) -> Result<Grants, Problem> {
    let mut header = headers.get_all(TENANT_HEADER).iter();
    let tenant = match (header.next(), header.next()) {
        (None, _) => named.or(app.tenants.first()).cloned(),
        (Some(name), None) => name.to_str().ok().and_then(|name| TenantId::new(name).ok()),
        (Some(_), Some(_)) => None,
    };
    match tenant.filter(|tenant| app.tenants.contains(tenant)) {
        Some(tenant) => Ok(Grants::everything(tenant)),
        None => Err(Problem::new(
            Code::Forbidden,
            "the Radial-Tenant header, or tenantId, does not name one tenant of this hub",
        )),
    }
}

/// The grants of a request that may say for whom it acts.
pub(crate) fn acting_grants(
    app: &App,
    headers: &HeaderMap,
    user: Option<UserId>,
    session: Option<SessionId>,
) -> Result<Grants, Problem> {
    Ok(grants(app, headers, None)?.acting_for(user, session))
}
