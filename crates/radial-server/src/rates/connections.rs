//! How many streams are open: of each user, from each address, of each tenant and in all.
//!
//! An entry is there as long as it counts something, so the table is as large as what is open.

use std::collections::HashMap;
use std::net::IpAddr;
use std::num::NonZeroU64;
use std::sync::{Arc, Mutex, PoisonError};

use radial_protocol::Problem;
use radial_protocol::grants::{CredentialKind, Grants};
use radial_protocol::problem::RateLimit;

use super::Rates;
use super::publishing::refusal;
use super::scope::{Scope, subscriber};

/// After how long a client that finds no room should come back: others close by then.
const COME_BACK_MS: u64 = 5_000;

/// Whose it is: a bucket's key, in a form that takes no more room where there may be none.
type Key = NonZeroU64;

/// What is open, by whose it is.
#[derive(Debug, Default)]
pub(super) struct Open(Mutex<HashMap<Key, usize>>);

/// The most limits that one stream counts for.
const LIMITS: usize = 4;

/// One open stream, as long as it is held.
#[derive(Debug)]
pub(crate) struct Permit {
    open: Arc<Open>,
    keys: [Option<Key>; LIMITS],
}

impl Rates {
    /// Counts one more stream.
    ///
    /// # Errors
    /// `rate-limited`, with the limit that is reached.
    pub(crate) fn open(&self, grants: &Grants, address: IpAddr) -> Result<Permit, Problem> {
        let limits = &self.limits;
        let tenant = grants.tenant.as_str().as_bytes();
        let mut wanted = vec![(Scope::Connections, limits.connections, &[][..])];
        let (is_known, address) = (!address.is_unspecified(), subscriber(address));
        let by_address: [&[u8]; 1] = [&address];
        let by_tenant: [&[u8]; 1] = [tenant];
        let user = grants.user.as_ref().map(|user| user.as_str().as_bytes());
        let by_user: [&[u8]; 2] = [tenant, user.unwrap_or_default()];
        if grants.credential.kind != CredentialKind::Local {
            wanted.push((Scope::ConnectionsTenant, limits.connections_tenant, &by_tenant));
            if grants.credential.kind != CredentialKind::Key {
                if is_known {
                    wanted.push((
                        Scope::ConnectionsAddress,
                        limits.connections_address,
                        &by_address,
                    ));
                }
                if user.is_some() {
                    wanted.push((Scope::ConnectionsUser, limits.connections_user, &by_user));
                }
            }
        }
        let mut keys = [None; LIMITS];
        for (key, (scope, _, parts)) in keys.iter_mut().zip(&wanted) {
            *key = Some(Key::new(scope.key(self.seed, parts)).unwrap_or(Key::MIN));
        }
        let mut open = self.open.0.lock().unwrap_or_else(PoisonError::into_inner);
        for ((scope, most, _), key) in wanted.iter().zip(keys.iter().flatten()) {
            if *most > 0 && open.get(key).is_some_and(|count| count >= most) {
                self.counters.refuse(*scope);
                let quota = u64::try_from(*most).unwrap_or(u64::MAX);
                let limit = RateLimit {
                    policy: scope.name(),
                    quota,
                    window_seconds: 0,
                    remaining: 0,
                    wait_ms: COME_BACK_MS,
                };
                return Err(refusal(*scope, limit));
            }
        }
        for key in keys.iter().flatten() {
            *open.entry(*key).or_default() += 1;
        }
        Ok(Permit { open: Arc::clone(&self.open), keys })
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let mut open = self.open.0.lock().unwrap_or_else(PoisonError::into_inner);
        for key in self.keys.iter().flatten() {
            if let Some(count) = open.get_mut(key) {
                *count -= 1;
                if *count == 0 {
                    open.remove(key);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use radial_protocol::TenantId;
    use radial_protocol::grants::Credential;

    use super::*;
    use crate::config;

    fn rates() -> Rates {
        let limits = config::Rates {
            connections: 40,
            connections_tenant: 30,
            connections_address: 20,
            connections_user: 10,
            ..config::Rates::default()
        };
        Rates::new(limits, 1)
    }

    fn grants(kind: CredentialKind, tenant: &str, user: &str) -> Grants {
        let mut grants = Grants::everything(TenantId::new(tenant).unwrap());
        grants.credential = Credential { kind, ..Credential::LOCAL };
        grants.user = Some(user.parse().unwrap());
        grants
    }

    /// Opens until refused; what is open, and what refused.
    fn fill(rates: &Rates, grants: &Grants, address: &str) -> (Vec<Permit>, &'static str) {
        let mut permits = Vec::new();
        loop {
            match rates.open(grants, address.parse().unwrap()) {
                Ok(permit) => permits.push(permit),
                Err(problem) => return (permits, problem.rate_limit.unwrap().policy),
            }
        }
    }

    #[test]
    fn each_limit_holds_and_what_closes_makes_room() {
        use CredentialKind::{Local, Token};
        let rates = rates();
        let one = grants(Token, "acme", "u1");
        let (first, limit) = fill(&rates, &one, "192.0.2.1");
        assert_eq!((first.len(), limit), (10, "connections-user"));
        let (second, limit) = fill(&rates, &grants(Token, "acme", "u2"), "192.0.2.1");
        assert_eq!((second.len(), limit), (10, "connections-address"));
        let (third, limit) = fill(&rates, &grants(Token, "acme", "u3"), "192.0.2.1");
        assert_eq!((third.len(), limit), (0, "connections-address"));
        let (third, limit) = fill(&rates, &grants(Token, "acme", "u3"), "192.0.2.2");
        assert_eq!((third.len(), limit), (10, "connections-tenant"));
        let (none, limit) = fill(&rates, &grants(Token, "acme", "u4"), "192.0.2.3");
        assert_eq!((none.len(), limit), (0, "connections-tenant"));
        // The same user of another tenant is another one.
        let (other, limit) = fill(&rates, &grants(Token, "globex", "u1"), "192.0.2.3");
        assert_eq!((other.len(), limit), (10, "connections"));
        assert!(rates.open(&grants(Local, "acme", "u"), "127.0.0.1".parse().unwrap()).is_err());
        drop(first);
        assert!(rates.open(&one, "192.0.2.1".parse().unwrap()).is_ok());
        drop((second, third, other));
        assert!(rates.open.0.lock().unwrap().is_empty(), "nothing is kept of what is closed");
        let (dev, limit) = fill(&rates, &grants(Local, "acme", "u1"), "127.0.0.1");
        assert_eq!((dev.len(), limit), (40, "connections"));
    }
}
