//! What can happen to the control state, and how it is written down.

use std::fmt;

use radial_log::Entry;
use radial_protocol::event::{Content, Draft, Event, Head, Persistence, Reach};
use radial_protocol::grants::{CredentialKind, Grants};
use radial_protocol::names::{EventId, Id, SessionId, UserId};
use radial_protocol::{EventTypeName, TenantId, TimeMs};
use serde::{Deserialize, Serialize};

/// The version of what is written. An older hub must not read past what it does not know.
const VERSION: &str = "1";

/// One thing that somebody did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Act {
    /// What.
    pub(crate) change: Change,
    /// When.
    pub(crate) at: TimeMs,
    /// Who.
    pub(crate) by: Actor,
}

/// What somebody did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) enum Change {
    /// Switched the hub off.
    Disabled {
        /// Why, in their words.
        reason: Option<String>,
    },
    /// Switched it on.
    Enabled {},
    /// Took credentials back.
    Revoked(Revocation),
    /// Made a key, or changed it.
    KeyStored {
        /// Its id.
        id: Id,
        /// All that is kept of it, as JSON.
        record: String,
    },
    /// Took a key back.
    KeyRemoved {
        /// Its id.
        id: Id,
    },
}

/// Credentials that were taken back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Revocation {
    /// Whose.
    pub tenant: TenantId,
    /// Which of that tenant.
    pub subject: Subject,
    /// Why, in the operator's words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// Which credentials of a tenant are taken back.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Subject {
    /// The token with this id.
    Token(Id),
    /// All that were issued to this user until now.
    User(UserId),
    /// All that were issued to this session until now.
    Session(SessionId),
    /// All that were issued until now.
    All,
}

/// Who did something.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Actor {
    /// The kind of their credential: `local`, `token`, `key` or `forward`.
    pub kind: String,
    /// Their tenant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant: Option<TenantId>,
    /// Their user, if the credential names one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<UserId>,
    /// The credential's own name, if it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credential: Option<Id>,
}

impl Actor {
    /// Who stands behind these grants.
    pub fn of(grants: &Grants) -> Self {
        let kind = match grants.credential.kind {
            CredentialKind::Local => "local",
            CredentialKind::Token => "token",
            CredentialKind::Key => "key",
            CredentialKind::Forward => "forward",
            CredentialKind::Application => "application",
        };
        Self {
            kind: kind.to_owned(),
            tenant: Some(grants.tenant.clone()),
            user: grants.user.clone(),
            credential: grants.credential.id.clone(),
        }
    }

    /// Who holds the data folder of a hub that is stopped.
    pub fn folder() -> Self {
        Self { kind: "folder".to_owned(), tenant: None, user: None, credential: None }
    }
}

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.kind)?;
        let tenant = self.tenant.as_ref().map(TenantId::as_str);
        let user = self.user.as_ref().map(UserId::as_str);
        let credential = self.credential.as_ref().map(Id::as_str);
        for (name, value) in [("tenant", tenant), ("user", user), ("id", credential)] {
            if let Some(value) = value {
                write!(f, " {name}={value}")?;
            }
        }
        Ok(())
    }
}

impl Change {
    /// The event type, and the word in the log.
    pub(crate) const fn name(&self) -> &'static str {
        match self {
            Self::Disabled { .. } => "control.disabled",
            Self::Enabled {} => "control.enabled",
            Self::Revoked(_) => "control.revoked",
            Self::KeyStored { .. } => "control.keyStored",
            Self::KeyRemoved { .. } => "control.keyRemoved",
        }
    }
}

impl Change {
    /// What it is about, for the log. Nothing that is in a key.
    pub(crate) fn what(&self) -> String {
        match self {
            Self::Disabled { reason } => reason.clone().unwrap_or_default(),
            Self::Enabled {} => String::new(),
            Self::KeyStored { id, .. } | Self::KeyRemoved { id } => format!("key={id}"),
            Self::Revoked(Revocation { tenant, subject, .. }) => match subject {
                Subject::Token(id) => format!("tenant={tenant} token={id}"),
                Subject::User(user) => format!("tenant={tenant} user={user}"),
                Subject::Session(session) => format!("tenant={tenant} session={session}"),
                Subject::All => format!("tenant={tenant}"),
            },
        }
    }
}

impl Act {
    /// The act as an event of the control log.
    pub(crate) fn entry(&self, id: &str) -> Entry {
        let event_type = EventTypeName::new(self.change.name()).expect("it has a domain");
        let event_id = EventId::new(id).expect("a UUID is an id");
        let head = Head {
            persistence: Persistence::Durable,
            reach: Reach::Sinks,
            ..Head::new(event_id, event_type)
        };
        let data = serde_json::to_string(self).expect("an act has string keys only");
        let tenant = TenantId::control();
        let content = Content { version: VERSION, ..Content::new(&tenant, &data) };
        Entry { draft: Draft::new(head, &content), fingerprint: None, change: None, repeat: None }
    }

    /// Reads an event of the control log; `None` for one that this version does not know.
    pub(crate) fn read(event: &Event) -> Option<Self> {
        serde_json::from_str(&event.data()).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(change: Change) {
        let by = Actor::of(&Grants::everything(TenantId::new("acme").unwrap()));
        let act = Act { change, at: TimeMs(7), by };
        let event = act.entry("e-1").draft.place(None, TimeMs(9), None);
        assert_eq!(event.head.event_type.as_str(), act.change.name());
        assert_eq!(Act::read(&event), Some(act));
    }

    #[test]
    fn what_is_written_is_read_back() {
        let tenant = TenantId::new("acme").unwrap();
        check(Change::Disabled { reason: Some("\"maintenance\"\n".to_owned()) });
        check(Change::Enabled {});
        for subject in [
            Subject::Token(Id::new("t").unwrap()),
            Subject::User(UserId::new("u").unwrap()),
            Subject::Session(SessionId::new("s").unwrap()),
            Subject::All,
        ] {
            check(Change::Revoked(Revocation { tenant: tenant.clone(), subject, reason: None }));
        }
        let id = Id::new("k").unwrap();
        check(Change::KeyStored { id: id.clone(), record: "{\"a\":1}".to_owned() });
        check(Change::KeyRemoved { id });
    }
}
