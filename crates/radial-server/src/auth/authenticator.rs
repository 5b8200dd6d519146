//! What a shown credential is worth now.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use radial_auth::{ApiKey, Cache, Fingerprint, KeyId, KeyRecord, Refused, Tokens, key};
use radial_hub::Hub;
use radial_protocol::{Grants, TenantId, TimeMs};

/// The most tokens whose signatures are remembered.
const CHECKED_MAX: usize = 20_000;
/// A signature that was checked is believed for this long, and never longer than its token.
const CHECKED_MS: u64 = 5 * 60_000;

/// Everybody that the hub knows.
pub(crate) struct Auth {
    tokens: RwLock<Tokens>,
    checked: Mutex<Cache<Arc<Grants>>>,
    /// The keys of the configuration.
    keys: HashMap<KeyId, Arc<KeyRecord>>,
    /// Those that operators have made.
    stored: Mutex<HashMap<KeyId, Parsed>>,
    tenants: HashSet<TenantId>,
}

/// A record, and the text that it was parsed from.
struct Parsed {
    text: Arc<str>,
    record: Arc<KeyRecord>,
}

/// A credential that counts.
pub(crate) enum Shown {
    /// Of exactly one tenant.
    Grants(Arc<Grants>),
    /// An API key: the request says for which of its tenants.
    Key {
        /// The key's record.
        record: Arc<KeyRecord>,
        /// Until when it counts.
        expires: Option<TimeMs>,
    },
}

impl Auth {
    pub(super) fn of(
        tokens: Tokens,
        keys: HashMap<KeyId, Arc<KeyRecord>>,
        tenants: HashSet<TenantId>,
    ) -> Self {
        let checked = Mutex::new(Cache::new(CHECKED_MAX));
        let stored = Mutex::default();
        Self { tokens: RwLock::new(tokens), checked, keys, stored, tenants }
    }

    /// What `Authorization: Bearer` carries: an API key or a token.
    pub(crate) fn bearer(&self, text: &str, hub: &Hub) -> Result<Shown, Refused> {
        if text.starts_with(key::PREFIX) {
            return self.key(text, hub);
        }
        self.token(text, hub.runtime().now()).map(Shown::Grants)
    }

    /// What a token grants. Its signature is checked once, not at each request.
    pub(crate) fn token(&self, text: &str, now: TimeMs) -> Result<Arc<Grants>, Refused> {
        let fingerprint = Fingerprint::of([text.as_bytes()]);
        let mut checked = self.checked.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(grants) = checked.get(&fingerprint, now) {
            return Ok(grants);
        }
        drop(checked);
        let tokens = self.tokens.read().unwrap_or_else(PoisonError::into_inner);
        let grants = Arc::new(tokens.verify(text, now)?);
        drop(tokens);
        // An issuer for all tenants may not speak of one that is not there.
        if !self.is_tenant(&grants.tenant) {
            return Err(Refused::BeyondAuthority);
        }
        let believed = now.plus_ms(CHECKED_MS);
        let until = grants.credential.expires.map_or(believed, |expires| expires.min(believed));
        let mut checked = self.checked.lock().unwrap_or_else(PoisonError::into_inner);
        checked.put(fingerprint, Arc::clone(&grants), until);
        Ok(grants)
    }

    fn key(&self, text: &str, hub: &Hub) -> Result<Shown, Refused> {
        let key = ApiKey::parse(text).map_err(|_| Refused::Malformed)?;
        let record = match self.keys.get(key.id()) {
            Some(record) => Arc::clone(record),
            None => self.stored_key(key.id(), hub).ok_or(Refused::UnknownKey)?,
        };
        let expires = record.check(&key, hub.runtime().now())?;
        Ok(Shown::Key { record, expires })
    }

    /// A key that operators have made. Its record is parsed once; the hub gives another text when
    /// it has changed.
    fn stored_key(&self, id: &KeyId, hub: &Hub) -> Option<Arc<KeyRecord>> {
        let text = hub.key(id.as_str());
        let mut stored = self.stored.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(text) = text else {
            stored.remove(id);
            return None;
        };
        if let Some(parsed) = stored.get(id).filter(|parsed| Arc::ptr_eq(&parsed.text, &text)) {
            return Some(Arc::clone(&parsed.record));
        }
        let record: Arc<KeyRecord> = Arc::new(serde_json::from_str(&text).ok()?);
        stored.insert(id.clone(), Parsed { text, record: Arc::clone(&record) });
        Some(record)
    }

    /// Whether the hub has this tenant.
    pub(crate) fn is_tenant(&self, tenant: &TenantId) -> bool {
        self.tenants.contains(tenant)
    }
}
