//! What the hub keeps of an API key, and what the key is worth.

use std::sync::Arc;

use radial_protocol::grants::{Credential, CredentialKind, Operator, Rights};
use radial_protocol::names::Id;
use radial_protocol::{Grants, Name, Pattern, TenantId, TimeMs};
use serde::{Deserialize, Serialize};

use crate::key::{ApiKey, KeyHash, KeyId};
use crate::refused::Refused;

/// What is kept of an API key. As JSON its names are camelCase; a scope that is left out is not
/// granted, except that the channels default to all.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct KeyRecord {
    /// Finds the record.
    pub id: KeyId,
    /// What people call it.
    pub name: String,
    /// The hash of the whole key.
    pub hash: KeyHash,
    /// The key before the last rotation, while it still counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous: Option<Previous>,
    /// The tenants that it may be used for.
    pub tenants: Tenants,
    /// The roles that it acts in.
    #[serde(default)]
    pub roles: Vec<Name>,
    /// Event types that may be published.
    #[serde(default)]
    pub publish: Vec<Pattern>,
    /// Event types that may be received.
    #[serde(default)]
    pub subscribe: Vec<Pattern>,
    /// Sinks that it stands for: it may receive what the registry routes to them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub routes: Vec<Name>,
    /// Channels that may be published to and received from.
    #[serde(default = "all")]
    pub channels: Vec<Pattern>,
    /// Whether the log may be read.
    #[serde(default)]
    pub history: bool,
    /// Whether `userId` and `sessionId` of a request choose whom it acts for.
    #[serde(default)]
    pub act_as: bool,
    /// Whether the measurements of the whole hub may be read.
    #[serde(default)]
    pub scrape: bool,
    /// Whether the hub may be operated, and how much of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operator: Option<Operator>,
    /// When it was made.
    pub created: TimeMs,
    /// From when on it counts no more, if that ever comes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<TimeMs>,
}

/// A key that was rotated away.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Previous {
    /// The hash of the whole key.
    pub hash: KeyHash,
    /// From when on it counts no more.
    pub until: TimeMs,
}

/// The tenants that a credential, or who issues credentials, may speak for. In text a list of
/// names, or `"*"` for all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tenants {
    /// Every tenant of the hub.
    All,
    /// These.
    Only(Vec<TenantId>),
}

impl Tenants {
    /// Whether this tenant is one of them.
    pub fn contains(&self, tenant: &TenantId) -> bool {
        match self {
            Self::All => true,
            Self::Only(tenants) => tenants.contains(tenant),
        }
    }

    /// The tenant, if it is exactly one.
    pub fn single(&self) -> Option<&TenantId> {
        match self {
            Self::Only(tenants) if tenants.len() == 1 => tenants.first(),
            _ => None,
        }
    }
}

impl KeyRecord {
    /// Whether the key that was shown is the one of this record, and counts now. Says until when.
    ///
    /// # Errors
    /// `wrong-signature` for another secret, `expired` when its time, or that of the rotated key,
    /// is over.
    pub fn check(&self, key: &ApiKey, now: TimeMs) -> Result<Option<TimeMs>, Refused> {
        self.check_hash(&key.hash(), now)
    }

    /// The same for the hash of a key that was shown before: its record may have changed since.
    ///
    /// # Errors
    /// As [`check`](Self::check).
    pub fn check_hash(&self, hash: &KeyHash, now: TimeMs) -> Result<Option<TimeMs>, Refused> {
        let is_current = self.hash.is(hash);
        let previous = self.previous.as_ref().filter(|previous| previous.hash.is(hash));
        let expires = match previous {
            _ if is_current => self.expires,
            Some(Previous { until, .. }) => Some(self.expires.unwrap_or(*until).min(*until)),
            None => return Err(Refused::WrongSignature),
        };
        match expires {
            Some(expires) if expires <= now => Err(Refused::Expired),
            expires => Ok(expires),
        }
    }

    /// What the key may do in one of its tenants: that tenant alone, with the rights that the
    /// record has, until the time that [`check`](Self::check) said. `None` for a tenant that is
    /// not the key's.
    pub fn grants(&self, tenant: TenantId, expires: Option<TimeMs>) -> Option<Grants> {
        if !self.tenants.contains(&tenant) {
            return None;
        }
        let id = Id::new(self.id.as_str()).expect("the id of a key is an id");
        Some(Grants {
            tenant,
            user: None,
            session: None,
            rights: Arc::new(Rights {
                roles: self.roles.clone(),
                publish: self.publish.clone(),
                subscribe: self.subscribe.clone(),
                routes: self.routes.clone(),
                channels: self.channels.clone(),
                history: self.history,
                act_as: self.act_as,
                sees_all: false,
                scrape: self.scrape || self.operator == Some(Operator::Hub),
                operator: self.operator,
            }),
            credential: Credential {
                kind: CredentialKind::Key,
                id: Some(id),
                user: None,
                session: None,
                issued: Some(self.created),
                expires,
            },
        })
    }

    /// Puts a new key in the place of the old one, which counts until then.
    ///
    /// The key that had been rotated away before counts no more.
    pub fn rotate(&mut self, key: &ApiKey, until: TimeMs) {
        self.previous = Some(Previous { hash: self.hash, until });
        self.hash = key.hash();
    }
}

fn all() -> Vec<Pattern> {
    vec![Pattern::All]
}

impl Serialize for Tenants {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::All => serializer.serialize_str("*"),
            Self::Only(tenants) => tenants.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Tenants {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Text {
            One(String),
            List(Vec<TenantId>),
        }
        match Text::deserialize(deserializer)? {
            Text::One(text) if text == "*" => Ok(Self::All),
            Text::List(tenants) if !tenants.is_empty() => Ok(Self::Only(tenants)),
            _ => Err(serde::de::Error::custom("tenants are a list of names, or \"*\"")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::{ID_BYTES, SECRET_BYTES};

    fn key(secret: u8) -> ApiKey {
        ApiKey::generate(KeyId::from_random([1; ID_BYTES]), [secret; SECRET_BYTES])
    }

    fn record(rest: &str) -> KeyRecord {
        let (id, hash) = (key(1).id().clone(), key(1).hash());
        let json = format!(
            r#"{{"id":"{id}","name":"ci","hash":"{hash}","tenants":["acme"],"created":5{rest}}}"#
        );
        serde_json::from_str(&json).unwrap()
    }

    #[test]
    fn a_key_counts_until_it_expires() {
        let record = record(r#","expires":100"#);
        assert_eq!(record.check(&key(1), TimeMs(99)), Ok(Some(TimeMs(100))));
        assert_eq!(record.check(&key(1), TimeMs(100)), Err(Refused::Expired));
        assert_eq!(record.check(&key(2), TimeMs(99)), Err(Refused::WrongSignature));
    }

    #[test]
    fn a_rotated_key_counts_for_its_time_of_grace_and_no_longer_than_the_record() {
        let mut record = record(r#","expires":100"#);
        record.rotate(&key(2), TimeMs(50));
        assert_eq!(record.check(&key(1), TimeMs(49)), Ok(Some(TimeMs(50))));
        assert_eq!(record.check(&key(1), TimeMs(50)), Err(Refused::Expired));
        assert_eq!(record.check(&key(2), TimeMs(50)), Ok(Some(TimeMs(100))));
        record.rotate(&key(3), TimeMs(200));
        assert_eq!(record.check(&key(1), TimeMs(20)), Err(Refused::WrongSignature));
        assert_eq!(record.check(&key(2), TimeMs(99)), Ok(Some(TimeMs(100))));
        assert_eq!(record.check(&key(2), TimeMs(100)), Err(Refused::Expired));
    }

    #[test]
    fn a_record_grants_what_it_says_in_its_own_tenants_alone() {
        let bare = record("").grants(TenantId::new("acme").unwrap(), None).unwrap();
        assert!(
            bare.rights.publish.is_empty()
                && bare.rights.subscribe.is_empty()
                && bare.rights.roles.is_empty()
        );
        assert!(bare.rights.routes.is_empty());
        assert!(
            !bare.rights.history
                && !bare.rights.act_as
                && !bare.rights.scrape
                && !bare.rights.sees_all
        );
        assert_eq!((bare.rights.operator, bare.user), (None, None));
        assert!(record("").grants(TenantId::new("globex").unwrap(), None).is_none());
        let rest = r#","publish":["card.*"],"actAs":true,"operator":"hub","routes":["mails"]"#;
        let grants = record(rest).grants(TenantId::new("acme").unwrap(), Some(TimeMs(9))).unwrap();
        assert_eq!(grants.rights.publish, [Pattern::new("card.*").unwrap()]);
        assert_eq!(grants.rights.routes, [Name::new("mails").unwrap()]);
        assert!(grants.rights.act_as && grants.rights.scrape && !grants.rights.history);
        assert_eq!(grants.credential.expires, Some(TimeMs(9)));
    }

    #[test]
    fn a_record_is_the_same_after_json() {
        let mut record = record(r#","history":true,"operator":"tenant""#);
        record.rotate(&key(2), TimeMs(50));
        for tenants in [Tenants::All, record.tenants.clone()] {
            record.tenants = tenants;
            let json = serde_json::to_string(&record).unwrap();
            assert_eq!(serde_json::from_str::<KeyRecord>(&json).unwrap(), record, "{json}");
        }
        for bad in [r#""acme""#, "[]", r#"["a b"]"#, "{}"] {
            assert!(serde_json::from_str::<Tenants>(bad).is_err(), "{bad}");
        }
    }
}
