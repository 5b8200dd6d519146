//! Who pays for a publish: its client, its user, its address and its tenant.
//!
//! A request is one, whether it holds an event or a batch; the events have a budget of their own.
//! For a server's key only the key and its tenant pay: a server speaks for many users, from one
//! address. All that pay must be able to: whoever is refused by one has paid none.

use std::net::IpAddr;
use std::time::Duration;

use radial_protocol::grants::{Credential, CredentialKind, Grants};
use radial_protocol::names::Id;
use radial_protocol::problem::RateLimit;
use radial_protocol::{Code, Problem};

use super::Rates;
use super::bucket::{Level, Rate};
use super::scope::{Scope, subscriber};
use super::table::Key;

/// One bucket that pays.
#[derive(Clone, Copy, Debug)]
struct Charge {
    scope: Scope,
    rate: Rate,
    key: Key,
    tokens: u64,
}

impl Rates {
    /// Takes one publish of so many events out of everybody's buckets; what is left of the scarcest
    /// of them, or nothing if none is limited.
    ///
    /// # Errors
    /// `rate-limited`, with the limit and the time after which it would be given.
    pub(crate) fn publish(
        &self,
        grants: &Grants,
        address: IpAddr,
        events: usize,
        now: Duration,
    ) -> Result<Option<RateLimit>, Problem> {
        let charges = self.charges(grants, address, events as u64);
        // First a look: what one refuses is not taken from the others. Two that look at once may
        // both be given the last token; the bucket then owes it.
        for charge in &charges {
            let level = self
                .buckets
                .with(charge.key, now, |bucket| charge.rate.look(*bucket, now, charge.tokens));
            if !level.given {
                self.counters.refuse(charge.scope);
                return Err(refusal(charge.scope, state(charge, level)));
            }
        }
        let taken = charges.iter().map(|charge| {
            let level = self
                .buckets
                .with(charge.key, now, |bucket| charge.rate.pay(bucket, now, charge.tokens));
            state(charge, level)
        });
        Ok(taken.min_by_key(|limit| limit.remaining.saturating_mul(1_000) / limit.quota.max(1)))
    }

    fn charges(&self, grants: &Grants, address: IpAddr, events: u64) -> Vec<Charge> {
        let limits = &self.limits;
        let tenant = grants.tenant.as_str().as_bytes();
        let is_key = match grants.credential.kind {
            CredentialKind::Local => return Vec::new(),
            CredentialKind::Key => true,
            CredentialKind::Token | CredentialKind::Forward | CredentialKind::Application => false,
        };
        let (requests, budget) = if is_key {
            (limits.publish_key, limits.events_key)
        } else {
            (limits.publish_client, limits.events_client)
        };
        let client = client(grants);
        let client: [&[u8]; 3] = [tenant, client.0, client.1.as_bytes()];
        let mut charges = Vec::with_capacity(5);
        let mut charge = |scope: Scope, quota: usize, parts: &[&[u8]], tokens| {
            // Who has no limit needs no bucket.
            let Some(rate) = Rate::a_minute(quota) else { return };
            charges.push(Charge { scope, rate, key: scope.key(self.seed, parts), tokens });
        };
        charge(Scope::PublishClient, requests, &client, 1);
        charge(Scope::EventsClient, budget, &client, events);
        if !is_key {
            if let Some(user) = &grants.user {
                let parts = [tenant, user.as_str().as_bytes()];
                charge(Scope::PublishUser, limits.publish_user, &parts, 1);
            }
            if !address.is_unspecified() {
                let address = subscriber(address);
                charge(Scope::PublishAddress, limits.publish_address, &[&address], 1);
            }
        }
        charge(Scope::PublishTenant, limits.publish_tenant, &[tenant], 1);
        charges
    }
}

/// What one client is called: a key by its id; else the session, which is one sign-in with all its
/// tabs, else the user, else the token. Never what the client calls itself.
fn client(grants: &Grants) -> (&'static [u8], &str) {
    let Credential { kind, id, .. } = &grants.credential;
    let id = id.as_ref().map(Id::as_str);
    match (kind, &grants.session, &grants.user) {
        (CredentialKind::Key, _, _) => (b"key", id.unwrap_or_default()),
        (_, Some(session), _) => (b"session", session.as_str()),
        (_, None, Some(user)) => (b"user", user.as_str()),
        (_, None, None) => (b"token", id.unwrap_or_default()),
    }
}

fn state(charge: &Charge, level: Level) -> RateLimit {
    RateLimit {
        policy: charge.scope.name(),
        quota: charge.rate.quota,
        window_seconds: charge.rate.period.as_secs(),
        remaining: level.left,
        wait_ms: u64::try_from(level.wait.as_millis()).unwrap_or(u64::MAX).max(1),
    }
}

/// The refusal of a limit.
pub(super) fn refusal(scope: Scope, limit: RateLimit) -> Problem {
    let detail = format!("at most {} {}", limit.quota, scope.noun());
    let mut problem = Problem::new(Code::RateLimited, detail);
    problem.rate_limit = Some(Box::new(limit));
    problem
}

#[cfg(test)]
mod tests {
    use radial_protocol::TenantId;
    use radial_protocol::names::{SessionId, UserId};

    use super::*;
    use crate::config;

    const HERE: &str = "192.0.2.1";

    fn limits() -> config::Rates {
        config::Rates {
            publish_client: 100,
            events_client: 2_000,
            publish_user: 150,
            publish_address: 200,
            publish_tenant: 1_000,
            publish_key: 500,
            events_key: 5_000,
            ..config::Rates::default()
        }
    }

    fn grants(kind: CredentialKind, tenant: &str, who: &str, session: &str) -> Grants {
        let mut grants = Grants::everything(TenantId::new(tenant).unwrap());
        grants.credential =
            Credential { kind, id: Some(who.parse().unwrap()), ..Credential::LOCAL };
        if kind != CredentialKind::Key {
            grants.user = Some(who.parse::<UserId>().unwrap());
            grants.session = Some(session.parse::<SessionId>().unwrap());
        }
        grants
    }

    /// What of an hour of publishes, one each `every_ms`, by turns of these clients, is taken.
    fn taken(clients: &[(Grants, &str)], every_ms: usize, events: usize) -> u64 {
        let rates = Rates::new(limits(), 1);
        let mut taken = 0;
        for (turn, ms) in (0..3_600_000_u64).step_by(every_ms).enumerate() {
            let (grants, address) = &clients[turn % clients.len()];
            let now = Duration::from_millis(ms);
            let answer = rates.publish(grants, address.parse().unwrap(), events, now);
            taken += u64::from(answer.is_ok());
        }
        taken
    }

    /// The quota of an hour, and the bucket that was full at its beginning.
    fn assert_sustained(taken: u64, quota: u64) {
        assert!((quota * 60..=quota * 61).contains(&taken), "{taken} of {quota} a minute");
    }

    #[test]
    fn over_an_hour_each_limit_holds_and_gives_what_it_says() {
        use CredentialKind::{Key, Token};
        let one = (grants(Token, "acme", "u", "s"), HERE);
        assert_sustained(taken(std::slice::from_ref(&one), 100, 1), 100);
        // Twenty batches of a hundred are as many as the events of a minute.
        assert_sustained(taken(&[one], 500, 100), 20);
        let sessions: Vec<_> =
            (0..5).map(|n| (grants(Token, "acme", "u", &format!("s{n}")), HERE)).collect();
        assert_sustained(taken(&sessions, 100, 1), 150);
        let users: Vec<_> = (0..5)
            .map(|n| (grants(Token, "acme", &format!("u{n}"), &format!("s{n}")), HERE))
            .collect();
        assert_sustained(taken(&users, 100, 1), 200);
        let key = (grants(Key, "acme", "rk-1", ""), HERE);
        assert_sustained(taken(&[key], 50, 1), 500);
        let keys: Vec<_> =
            (0..5).map(|n| (grants(Key, "acme", &format!("rk-{n}"), ""), HERE)).collect();
        assert_sustained(taken(&keys, 20, 1), 1_000);
    }

    #[test]
    fn nobody_pays_for_another() {
        let rates = Rates::new(limits(), 1);
        let now = Duration::from_secs(1);
        let here = HERE.parse().unwrap();
        let publish = |grants: &Grants, address| rates.publish(grants, address, 1, now).is_ok();
        let one = grants(CredentialKind::Token, "acme", "u", "s");
        while publish(&one, here) {}
        let there = "198.51.100.7".parse().unwrap();
        assert!(!publish(&one, there), "another address does not help");
        assert!(publish(&grants(CredentialKind::Token, "acme", "v", "t"), here));
        // The same names in another tenant are others.
        assert!(publish(&grants(CredentialKind::Token, "globex", "u", "s"), here));
        assert!(publish(&grants(CredentialKind::Key, "acme", "s", ""), here));
        for _ in 0..100_000 {
            assert!(publish(&Grants::everything(TenantId::new("acme").unwrap()), here), "dev");
        }
    }

    #[test]
    fn who_is_refused_has_paid_nothing_and_is_told_when_to_come_back() {
        let rates = Rates::new(limits(), 1);
        let (one, here) = (grants(CredentialKind::Token, "acme", "u", "s"), HERE.parse().unwrap());
        let mut now = Duration::from_secs(1);
        for left in (0..100).rev() {
            let limit = rates.publish(&one, here, 1, now).unwrap().unwrap();
            assert_eq!((limit.policy, limit.quota, limit.remaining), ("publish-client", 100, left));
        }
        for _ in 0..1_000 {
            let problem = rates.publish(&one, here, 1, now).unwrap_err();
            assert_eq!(problem.code, Code::RateLimited);
            let limit = *problem.rate_limit.unwrap();
            assert_eq!((limit.policy, limit.remaining, limit.wait_ms), ("publish-client", 0, 600));
        }
        now += Duration::from_millis(600);
        assert!(rates.publish(&one, here, 1, now).is_ok());
        assert_eq!(rates.tallies().first(), Some(&("publish-client", 1_000)));
        // The user and the address have paid for what was taken, no more.
        let other = grants(CredentialKind::Token, "acme", "u", "t");
        assert_eq!((0..1_000).filter(|_| rates.publish(&other, here, 1, now).is_ok()).count(), 50);
    }

    #[test]
    fn a_limit_of_0_is_none() {
        let none = config::Rates {
            publish_client: 0,
            events_client: 0,
            publish_user: 0,
            publish_address: 0,
            publish_tenant: 0,
            ..limits()
        };
        let rates = Rates::new(none, 1);
        let one = grants(CredentialKind::Token, "acme", "u", "s");
        for _ in 0..10_000 {
            let answer = rates.publish(&one, HERE.parse().unwrap(), 1_000, Duration::from_secs(1));
            assert_eq!(answer.unwrap(), None);
        }
    }
}
