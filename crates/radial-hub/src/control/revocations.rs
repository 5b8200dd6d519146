//! Credentials that count no more although their time has not come.
//!
//! A revocation looks back: what was issued until that moment counts no more, what is issued
//! later does. It is forgotten once nothing from before it can still count.

use std::collections::HashMap;
use std::time::Duration;

use radial_protocol::grants::{Credential, CredentialKind, Grants};
use radial_protocol::names::{Id, SessionId, UserId};
use radial_protocol::{TenantId, TimeMs};

use super::change::{Revocation, Subject};

/// The most revocations that are remembered of one tenant. Revoking the whole tenant takes the
/// place of all of them.
pub(crate) const REVOCATIONS_MAX: usize = 100_000;
/// How long a key that was taken back is remembered: longer than any stream that it opened lives.
/// New requests do not find it any more.
const REMOVED_KEY: Duration = Duration::from_hours(30 * 24);

/// Everything that was taken back.
#[derive(Debug, Default)]
pub(crate) struct Revocations {
    tenants: HashMap<TenantId, OfTenant>,
    keys: HashMap<Id, TimeMs>,
}

#[derive(Debug, Default)]
struct OfTenant {
    all: Option<Revoked>,
    tokens: HashMap<Id, Revoked>,
    users: HashMap<UserId, Revoked>,
    sessions: HashMap<SessionId, Revoked>,
}

#[derive(Clone, Debug)]
struct Revoked {
    at: TimeMs,
    reason: Option<String>,
}

impl Revocations {
    /// Takes a revocation in.
    pub(crate) fn add(&mut self, revocation: &Revocation, at: TimeMs) {
        let tenant = self.tenants.entry(revocation.tenant.clone()).or_default();
        let revoked = Revoked { at, reason: revocation.reason.clone() };
        match &revocation.subject {
            Subject::Token(id) => drop(tenant.tokens.insert(id.clone(), revoked)),
            Subject::User(user) => drop(tenant.users.insert(user.clone(), revoked)),
            Subject::Session(session) => drop(tenant.sessions.insert(session.clone(), revoked)),
            Subject::All => {
                *tenant = OfTenant { all: Some(revoked), ..OfTenant::default() };
            }
        }
    }

    /// Remembers that a key was taken back.
    pub(crate) fn remove_key(&mut self, id: Id, at: TimeMs) {
        self.keys.insert(id, at);
    }

    /// Whether a credential was taken back.
    pub(crate) fn covers(&self, grants: &Grants) -> bool {
        let credential = &grants.credential;
        let id = credential.id.as_ref();
        if credential.kind == CredentialKind::Local {
            return false;
        }
        let is_key = credential.kind == CredentialKind::Key;
        if is_key && id.is_some_and(|id| self.keys.contains_key(id)) {
            return true;
        }
        let Some(tenant) = self.tenants.get(&grants.tenant) else { return false };
        if is_before(credential, tenant.all.as_ref()) {
            return true;
        }
        // Whom a key acts for says nothing about the key. A token is of who acts and of whom it
        // acts for: taking back either takes back what it has opened.
        let mut users = [&grants.user, &credential.user].into_iter().flatten();
        let mut sessions = [&grants.session, &credential.session].into_iter().flatten();
        !is_key
            && (id.is_some_and(|id| tenant.tokens.contains_key(id))
                || users.any(|id| is_before(credential, tenant.users.get(id)))
                || sessions.any(|id| is_before(credential, tenant.sessions.get(id))))
    }

    /// Forgets what no credential from before can outlive.
    pub(crate) fn forget(&mut self, token_age_max: Option<Duration>, now: TimeMs) {
        self.keys.retain(|_, at| !is_over(*at, REMOVED_KEY, now));
        let Some(age) = token_age_max else { return };
        for tenant in self.tenants.values_mut() {
            let lives = |revoked: &Revoked| !is_over(revoked.at, age, now);
            tenant.tokens.retain(|_, revoked| lives(revoked));
            tenant.users.retain(|_, revoked| lives(revoked));
            tenant.sessions.retain(|_, revoked| lives(revoked));
        }
    }

    /// How many revocations of a tenant are remembered.
    pub(crate) fn len(&self, tenant: &TenantId) -> usize {
        self.tenants.get(tenant).map_or(0, OfTenant::len)
    }

    /// Whether nothing is revoked.
    pub(crate) fn is_empty(&self) -> bool {
        self.keys.is_empty() && self.tenants.values().all(|tenant| tenant.len() == 0)
    }

    /// The revocations of one tenant, or of all, newest first.
    pub(crate) fn list(&self, tenant: Option<&TenantId>) -> Vec<(Revocation, TimeMs)> {
        let tenants = self.tenants.iter().filter(|(id, _)| tenant.is_none_or(|only| only == *id));
        let mut list: Vec<_> = tenants.flat_map(|(id, of)| of.list(id)).collect();
        list.sort_by_key(|(_, at)| std::cmp::Reverse(*at));
        list
    }
}

impl OfTenant {
    fn len(&self) -> usize {
        usize::from(self.all.is_some()) + self.tokens.len() + self.users.len() + self.sessions.len()
    }

    fn list<'a>(&'a self, id: &'a TenantId) -> impl Iterator<Item = (Revocation, TimeMs)> + 'a {
        let all = self.all.iter().map(|revoked| (Subject::All, revoked));
        let tokens = self.tokens.iter().map(|(id, at)| (Subject::Token(id.clone()), at));
        let users = self.users.iter().map(|(id, at)| (Subject::User(id.clone()), at));
        let sessions = self.sessions.iter().map(|(id, at)| (Subject::Session(id.clone()), at));
        all.chain(tokens).chain(users).chain(sessions).map(|(subject, revoked)| {
            let reason = revoked.reason.clone();
            (Revocation { tenant: id.clone(), subject, reason }, revoked.at)
        })
    }
}

/// What was issued in the very millisecond, or does not say when, is from before: a token that is
/// refused for nothing is got again, one that counts for nothing is not taken back.
fn is_before(credential: &Credential, revoked: Option<&Revoked>) -> bool {
    revoked.is_some_and(|revoked| credential.issued.is_none_or(|issued| issued <= revoked.at))
}

fn is_over(at: TimeMs, age: Duration, now: TimeMs) -> bool {
    let age_ms = u64::try_from(age.as_millis()).unwrap_or(u64::MAX);
    at.plus_ms(age_ms) < now
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tenant(name: &str) -> TenantId {
        TenantId::new(name).unwrap()
    }

    /// A token of the user `u` and the session `s` in `acme`.
    fn token(issued: Option<u64>) -> Grants {
        let mut grants = Grants::everything(tenant("acme"))
            .acting_for(Some(UserId::new("u").unwrap()), Some(SessionId::new("s").unwrap()));
        grants.credential = Credential {
            kind: CredentialKind::Token,
            id: Some(Id::new("t").unwrap()),
            issued: issued.map(TimeMs),
            ..Credential::LOCAL
        };
        grants
    }

    fn revoke(revocations: &mut Revocations, name: &str, subject: Subject, at: u64) {
        let revocation = Revocation { tenant: tenant(name), subject, reason: None };
        revocations.add(&revocation, TimeMs(at));
    }

    fn check(name: &str, subject: &Subject, issued: Option<u64>, expected: bool) {
        let mut revocations = Revocations::default();
        revoke(&mut revocations, name, subject.clone(), 100);
        assert_eq!(revocations.covers(&token(issued)), expected, "{subject:?} {issued:?}");
    }

    #[test]
    fn what_was_issued_until_then_counts_no_more_and_what_comes_later_does() {
        for subject in [
            Subject::All,
            Subject::User(UserId::new("u").unwrap()),
            Subject::Session(SessionId::new("s").unwrap()),
        ] {
            check("acme", &subject, Some(99), true);
            check("acme", &subject, Some(100), true);
            check("acme", &subject, Some(101), false);
            check("acme", &subject, None, true);
            check("globex", &subject, Some(99), false);
        }
        let user = Subject::User(UserId::new("other").unwrap());
        check("acme", &user, Some(99), false);
        check("acme", &Subject::Session(SessionId::new("u").unwrap()), Some(99), false);
    }

    #[test]
    fn a_token_that_was_named_counts_no_more_whenever_it_says_it_was_issued() {
        let named = Subject::Token(Id::new("t").unwrap());
        check("acme", &named, Some(1_000), true);
        check("globex", &named, Some(1), false);
        check("acme", &Subject::Token(Id::new("t2").unwrap()), None, false);
    }

    #[test]
    fn who_acts_for_others_is_taken_back_in_whatever_name() {
        let (admin, session) = (UserId::new("admin").unwrap(), SessionId::new("a1").unwrap());
        let mut acting = token(Some(50));
        acting.credential.user = Some(admin.clone());
        acting.credential.session = Some(session.clone());
        for subject in [Subject::User(admin), Subject::Session(session)] {
            let mut revocations = Revocations::default();
            revoke(&mut revocations, "acme", subject, 100);
            assert!(revocations.covers(&acting));
            assert!(!revocations.covers(&token(Some(50))), "the user's own");
        }
    }

    #[test]
    fn a_key_is_taken_back_by_its_id_or_with_its_tenant_not_with_whom_it_acts_for() {
        let mut key = token(Some(50));
        key.credential.kind = CredentialKind::Key;
        let mut revocations = Revocations::default();
        revoke(&mut revocations, "acme", Subject::User(UserId::new("u").unwrap()), 100);
        revoke(&mut revocations, "acme", Subject::Token(Id::new("t").unwrap()), 100);
        assert!(!revocations.covers(&key));
        revocations.remove_key(Id::new("t").unwrap(), TimeMs(100));
        assert!(revocations.covers(&key));
        let mut revocations = Revocations::default();
        revoke(&mut revocations, "acme", Subject::All, 100);
        assert!(revocations.covers(&key));
    }

    #[test]
    fn nobody_without_a_credential_is_revoked() {
        let mut revocations = Revocations::default();
        revoke(&mut revocations, "acme", Subject::All, 100);
        assert!(!revocations.covers(&Grants::everything(tenant("acme"))));
    }

    #[test]
    fn a_revocation_is_forgotten_when_nothing_from_before_can_live() {
        let mut revocations = Revocations::default();
        revoke(&mut revocations, "acme", Subject::User(UserId::new("u").unwrap()), 100);
        revocations.forget(None, TimeMs(u64::MAX));
        assert_eq!(revocations.len(&tenant("acme")), 1, "it is not known how long tokens live");
        let age = Some(Duration::from_millis(50));
        revocations.forget(age, TimeMs(150));
        assert!(revocations.covers(&token(Some(100))));
        revocations.forget(age, TimeMs(151));
        assert!(revocations.is_empty());
    }

    #[test]
    fn the_whole_tenant_takes_the_place_of_its_parts() {
        let mut revocations = Revocations::default();
        for n in 0..10 {
            let user = UserId::new(&format!("u{n}")).unwrap();
            revoke(&mut revocations, "acme", Subject::User(user), 100 + n);
        }
        revoke(&mut revocations, "globex", Subject::All, 50);
        assert_eq!(revocations.len(&tenant("acme")), 10);
        revoke(&mut revocations, "acme", Subject::All, 200);
        assert_eq!(revocations.len(&tenant("acme")), 1);
        let list = revocations.list(None);
        assert_eq!(list.iter().map(|(_, at)| at.0).collect::<Vec<_>>(), [200, 50]);
        assert_eq!(revocations.list(Some(&tenant("globex"))).len(), 1);
    }
}
