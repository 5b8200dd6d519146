//! What operators do, and what the rules ask of it.

use std::sync::Arc;

use radial_protocol::grants::{CredentialKind, Grants};
use radial_protocol::names::Id;
use radial_protocol::{Code, Offset, Problem, TenantId, TimeMs};
use tokio::sync::watch;

use super::change::{Actor, Change, Revocation, Subject};
use super::revocations::REVOCATIONS_MAX;
use super::state::{KEYS_MAX, Switch};
use crate::hub::Hub;

/// What became of a change: it acts on this node in any case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Recorded {
    /// Whether it will be there after a restart.
    pub persisted: bool,
}

/// Whether a credential still counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CredentialState {
    /// It does, until then.
    Counts(Option<TimeMs>),
    /// Its time is over.
    Expired,
    /// It was taken back.
    Revoked,
}

impl Hub {
    /// Switches the hub off: publishing and subscribing are refused, and streams end.
    pub async fn disable(&self, by: Actor, reason: Option<String>) -> Recorded {
        let persisted = self.control.record(Change::Disabled { reason }, by).await;
        Recorded { persisted }
    }

    /// Switches the hub on.
    pub async fn enable(&self, by: Actor) -> Recorded {
        Recorded { persisted: self.control.record(Change::Enabled {}, by).await }
    }

    /// Takes credentials back: what was issued until now counts no more.
    ///
    /// # Errors
    /// `not-found` for a tenant that the hub does not have; `overloaded` if so many revocations of
    /// it are remembered that only the whole tenant can be revoked.
    pub async fn revoke(&self, by: Actor, revocation: Revocation) -> Result<Recorded, Problem> {
        if !self.has_tenant(&revocation.tenant) {
            return Err(Problem::new(Code::NotFound, "the hub has no such tenant"));
        }
        let known = self.control.read().revocations.len(&revocation.tenant);
        if known >= REVOCATIONS_MAX && revocation.subject != Subject::All {
            let detail = format!(
                "{known} revocations of the tenant are remembered; revoke all of it instead"
            );
            return Err(Problem::new(Code::Overloaded, detail));
        }
        Ok(Recorded { persisted: self.control.record(Change::Revoked(revocation), by).await })
    }

    /// Stores a key, or puts another record in the place of the one that it has.
    ///
    /// `record` is the key as JSON, without its secret.
    ///
    /// # Errors
    /// `overloaded` if there are too many keys.
    pub async fn store_key(&self, by: Actor, id: Id, record: String) -> Result<Recorded, Problem> {
        let full = {
            let state = self.control.read();
            state.keys.len() >= KEYS_MAX && !state.keys.contains_key(&id)
        };
        if full {
            let detail = format!("there are {KEYS_MAX} keys; remove one first");
            return Err(Problem::new(Code::Overloaded, detail));
        }
        Ok(Recorded { persisted: self.control.record(Change::KeyStored { id, record }, by).await })
    }

    /// Takes a key back: it is not found any more, and what it opened ends.
    ///
    /// # Errors
    /// `not-found` if there is no such key.
    pub async fn remove_key(&self, by: Actor, id: Id) -> Result<Recorded, Problem> {
        if self.key(id.as_str()).is_none() {
            return Err(Problem::new(Code::NotFound, "there is no such key"));
        }
        Ok(Recorded { persisted: self.control.record(Change::KeyRemoved { id }, by).await })
    }

    /// The record of a key, as it was stored.
    pub fn key(&self, id: &str) -> Option<Arc<str>> {
        self.control.read().keys.get(id).cloned()
    }

    /// The records of all keys, by their ids.
    pub fn keys(&self) -> Vec<Arc<str>> {
        self.control.read().keys.values().cloned().collect()
    }

    /// The revocations that are remembered, of one tenant or of all, newest first.
    pub fn revocations(&self, tenant: Option<&TenantId>) -> Vec<(Revocation, TimeMs)> {
        self.control.read().revocations.list(tenant)
    }

    /// How many revocations of a tenant are remembered.
    pub fn revocation_count(&self, tenant: &TenantId) -> usize {
        self.control.read().revocations.len(tenant)
    }

    /// The kill switch as operators have left it; `None` if nobody ever touched it.
    pub fn switch(&self) -> Option<Switch> {
        self.control.read().switch.clone()
    }

    /// How many changes act on this node that the log does not have.
    pub fn unstored_changes(&self) -> usize {
        self.control.unstored()
    }

    /// Whether the hub is switched off.
    pub fn is_disabled(&self) -> bool {
        self.control.is_disabled()
    }

    /// The newest place of a tenant's log.
    pub fn head(&self, tenant: &TenantId) -> Option<Offset> {
        self.timeline(tenant).ok().map(|timeline| timeline.head())
    }

    /// Whether the hub has this tenant.
    pub fn has_tenant(&self, tenant: &TenantId) -> bool {
        self.timeline(tenant).is_ok()
    }

    /// Whether a credential was taken back. Cheap: without any revocation it is one look at a flag.
    pub fn is_revoked(&self, grants: &Grants) -> bool {
        self.control.is_revoked(grants)
    }

    /// Whether a credential counts at this time, and until when.
    pub fn credential_state(&self, grants: &Grants, now: TimeMs) -> CredentialState {
        let credential = &grants.credential;
        let mut until = credential.expires;
        if let Some(age_max) = self.token_age_max
            && credential.kind == CredentialKind::Token
        {
            // Without its age nothing says that the token is not older than any revocation.
            let age_ms = u64::try_from(age_max.as_millis()).unwrap_or(u64::MAX);
            let oldest = credential.issued.map_or(TimeMs(0), |issued| issued.plus_ms(age_ms));
            until = Some(until.map_or(oldest, |until| until.min(oldest)));
        }
        if self.is_revoked(grants) {
            CredentialState::Revoked
        } else if until.is_some_and(|until| until <= now) {
            CredentialState::Expired
        } else {
            CredentialState::Counts(until)
        }
    }

    /// Refuses a credential that counts no more. All that is done with grants asks this first.
    ///
    /// # Errors
    /// `unauthorized`, in the same words for whatever reason.
    pub fn check_credential(&self, grants: &Grants) -> Result<(), Problem> {
        match self.credential_state(grants, self.runtime.now()) {
            CredentialState::Counts(_) => Ok(()),
            CredentialState::Expired | CredentialState::Revoked => {
                Err(Problem::new(Code::Unauthorized, "the credential does not count any more"))
            }
        }
    }

    /// Tells when an operator has changed anything.
    pub fn watch_control(&self) -> watch::Receiver<u64> {
        self.control.watch()
    }

    /// Stores what the log has refused, if it takes it now, and forgets what need not be remembered.
    /// To be called every now and then.
    pub async fn tidy_control(&self) {
        if self.control.begins_minute() {
            self.control.forget(self.token_age_max);
        }
        if self.control.unstored() > 0 && self.control.store_waiting().await {
            tracing::info!("all changes of the control state are stored now");
        }
    }
}
