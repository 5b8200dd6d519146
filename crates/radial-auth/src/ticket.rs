//! One-use tickets for URLs that cannot carry a header: `EventSource` and `WebSocket` in a browser.
//!
//! A ticket stands in a URL, so in histories and in the logs of proxies. That is why it opens one
//! stream, once, within 30 seconds. The table keeps hashes only, as it does for keys.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use radial_protocol::grants::CredentialKind;
use radial_protocol::names::{Id, UserId};
use radial_protocol::{Grants, TenantId, TimeMs};

use crate::base32;
use crate::cache::Fingerprint;

/// How long a ticket can be used.
pub const LIFE: Duration = Duration::from_secs(30);
/// The most tickets of one user, or of one credential without a user, at a time.
pub const PER_OWNER_MAX: usize = 32;
/// The most tickets at a time.
pub const ALL_MAX: usize = 100_000;
/// How many random bytes make a ticket.
pub const TICKET_BYTES: usize = 32;

const PREFIX: &str = "rt_";
const LIFE_MS: u64 = 30_000;

/// Tickets that were given out and not used.
#[derive(Debug, Default)]
pub struct Tickets {
    open: HashMap<Fingerprint, Open>,
    /// In the order in which they end, which is that in which they began.
    ends: VecDeque<(TimeMs, Fingerprint)>,
    owners: HashMap<Owner, usize>,
}

/// Too many tickets at a time: of this user, or of all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("too many tickets are open; one counts for {LIFE_MS} ms")]
pub struct TooManyTickets;

#[derive(Debug)]
struct Open {
    grants: Arc<Grants>,
    owner: Owner,
    until: TimeMs,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Owner {
    tenant: TenantId,
    user: Option<UserId>,
    credential: Option<Id>,
}

impl Tickets {
    /// Gives out a ticket for these grants, made of random bytes. It never counts for longer than
    /// they do.
    pub fn issue(
        &mut self,
        grants: Arc<Grants>,
        random: [u8; TICKET_BYTES],
        now: TimeMs,
    ) -> Result<String, TooManyTickets> {
        self.forget_ended(now);
        let owner = Owner::of(&grants);
        let count = self.owners.get(&owner).copied().unwrap_or_default();
        if count >= PER_OWNER_MAX || self.open.len() >= ALL_MAX {
            return Err(TooManyTickets);
        }
        let text = format!("{PREFIX}{}", base32::write(&random));
        let name = Fingerprint::of([text.as_bytes()]);
        let until = now.plus_ms(LIFE_MS);
        self.owners.insert(owner.clone(), count + 1);
        self.ends.push_back((until, name));
        self.open.insert(name, Open { grants, owner, until });
        Ok(text)
    }

    /// Takes a ticket; it cannot be used again. `None` if there is no such ticket, or no more.
    pub fn redeem(&mut self, text: &str, now: TimeMs) -> Option<Arc<Grants>> {
        self.forget_ended(now);
        let open = self.remove(&Fingerprint::of([text.as_bytes()]))?;
        let is_over = open.grants.credential.expires.is_some_and(|expires| expires <= now);
        (open.until > now && !is_over).then_some(open.grants)
    }

    /// Lets what was issued for a key count no longer than until then: its secret was rotated.
    pub fn shorten(&mut self, key: &Id, until: TimeMs) {
        for open in self.open.values_mut() {
            let credential = &open.grants.credential;
            let is_of_key =
                credential.kind == CredentialKind::Key && credential.id.as_ref() == Some(key);
            if is_of_key && credential.expires.is_none_or(|expires| until < expires) {
                Arc::make_mut(&mut open.grants).credential.expires = Some(until);
            }
        }
    }

    fn forget_ended(&mut self, now: TimeMs) {
        while let Some((until, name)) = self.ends.front().copied()
            && until <= now
        {
            self.ends.pop_front();
            self.remove(&name);
        }
    }

    fn remove(&mut self, name: &Fingerprint) -> Option<Open> {
        let open = self.open.remove(name)?;
        if let Some(count) = self.owners.get_mut(&open.owner) {
            *count -= 1;
            if *count == 0 {
                self.owners.remove(&open.owner);
            }
        }
        Some(open)
    }
}

impl Owner {
    /// A user, whichever of their credentials they show; else the credential.
    fn of(grants: &Grants) -> Self {
        let credential = grants.credential.id.clone().filter(|_| grants.user.is_none());
        Self { tenant: grants.tenant.clone(), user: grants.user.clone(), credential }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grants(user: &str) -> Arc<Grants> {
        let tenant = TenantId::new("acme").unwrap();
        Arc::new(Grants { user: UserId::new(user).ok(), ..Grants::everything(tenant) })
    }

    fn random(number: usize) -> [u8; TICKET_BYTES] {
        let mut bytes = [0; TICKET_BYTES];
        bytes[..8].copy_from_slice(&number.to_le_bytes());
        bytes
    }

    #[test]
    fn a_ticket_opens_once_and_within_its_time() {
        let mut tickets = Tickets::default();
        let first = tickets.issue(grants("u1"), random(1), TimeMs(0)).unwrap();
        let second = tickets.issue(grants("u2"), random(2), TimeMs(0)).unwrap();
        assert_eq!(tickets.redeem(&first, TimeMs(1)), Some(grants("u1")));
        assert_eq!(tickets.redeem(&first, TimeMs(1)), None);
        assert_eq!(tickets.redeem(&second, TimeMs(LIFE_MS)), None);
        assert_eq!(tickets.redeem(&second, TimeMs(1)), None);
        for guess in ["", "rt_", "rt_0", &second.to_uppercase()] {
            assert_eq!(tickets.redeem(guess, TimeMs(2)), None, "{guess}");
        }
    }

    #[test]
    fn a_ticket_ends_with_the_credential_that_it_was_issued_for() {
        let mut short = Grants::clone(&grants("u1"));
        short.credential.expires = Some(TimeMs(10));
        let mut tickets = Tickets::default();
        let ticket = tickets.issue(Arc::new(short), random(1), TimeMs(0)).unwrap();
        assert_eq!(tickets.redeem(&ticket, TimeMs(10)), None);
    }

    #[test]
    fn a_rotated_key_takes_its_tickets_along() {
        let mut tickets = Tickets::default();
        let mut issue = |name: &str, number| {
            let mut grants = Grants::clone(&grants("u1"));
            grants.credential.kind = CredentialKind::Key;
            grants.credential.id = Id::new(name).ok();
            tickets.issue(Arc::new(grants), random(number), TimeMs(0)).unwrap()
        };
        let issued = [issue("rotated", 1), issue("rotated", 2), issue("other", 3)];
        tickets.shorten(&Id::new("rotated").unwrap(), TimeMs(20));
        let mut expires = |ticket: &str, now| {
            let grants = tickets.redeem(ticket, TimeMs(now))?;
            Some(grants.credential.expires)
        };
        assert_eq!(expires(&issued[0], 19), Some(Some(TimeMs(20))));
        assert_eq!(expires(&issued[1], 20), None);
        assert_eq!(expires(&issued[2], 20), Some(None));
    }

    #[test]
    fn one_user_has_so_many_tickets_and_takes_none_from_others() {
        let mut tickets = Tickets::default();
        let mut issue =
            |user, number, now| tickets.issue(grants(user), random(number), TimeMs(now));
        for number in 0..PER_OWNER_MAX {
            issue("u1", number, 0).unwrap();
        }
        assert_eq!(issue("u1", 100, 0), Err(TooManyTickets));
        issue("u2", 101, 0).unwrap();
        issue("u1", 102, LIFE_MS).unwrap();
        assert_eq!((tickets.open.len(), tickets.owners.len(), tickets.ends.len()), (1, 1, 1));
    }
}
