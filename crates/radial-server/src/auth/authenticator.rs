//! What a shown credential is worth now.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use http::HeaderValue;
use http::request::Parts;
use radial_auth::ticket::{TICKET_BYTES, TooManyTickets};
use radial_auth::{
    ApiKey, Cache, Fingerprint, KeyHash, KeyId, KeyRecord, Refused, Tickets, Tokens, key,
};
use radial_hub::{Hub, Sharing};
use radial_protocol::names::Id;
use radial_protocol::{Grants, Rights, TenantId, TimeMs};

use super::application::{self, Application, Denied};
use super::client::Client;
use super::forward::{Forward, NoAnswer};
use super::refresh::Remote;

/// The most tokens whose signatures are remembered.
const CHECKED_MAX: usize = 20_000;
/// A signature that was checked is believed for this long, and never longer than its token.
const CHECKED_MS: u64 = 5 * 60_000;

/// Everybody that the hub knows.
pub(crate) struct Auth {
    pub(super) tokens: RwLock<Tokens>,
    pub(super) remotes: Vec<Remote>,
    pub(super) client: Client,
    pub(super) forward: Vec<Forward>,
    checked: Mutex<Cache<Arc<Grants>>>,
    /// The rights of those who are remembered: thousands of users have the same.
    rights: Sharing<Rights>,
    tickets: Mutex<Tickets>,
    /// The keys of the configuration.
    keys: HashMap<KeyId, Arc<KeyRecord>>,
    /// Those that operators have made.
    stored: Mutex<HashMap<KeyId, Parsed>>,
    tenants: HashSet<TenantId>,
    /// The application around the hub, if that says who asks.
    application: Option<Application>,
    /// The cookie that may hold a token.
    pub(crate) cookie: Option<String>,
    /// Whether a token may stand in the URL.
    pub(crate) query_tokens: bool,
}

/// What the configuration says of who may speak to the hub.
pub(super) struct Known {
    pub(super) tokens: Tokens,
    pub(super) remotes: Vec<Remote>,
    pub(super) client: Client,
    pub(super) forward: Vec<Forward>,
    pub(super) keys: HashMap<KeyId, Arc<KeyRecord>>,
    pub(super) tenants: HashSet<TenantId>,
    pub(super) application: Option<Application>,
    pub(super) cookie: Option<String>,
    pub(super) query_tokens: bool,
}

/// Why nothing is known of who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unknown {
    /// The credential does not count.
    Refused(Refused),
    /// The application that would know does not answer.
    NoAnswer,
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
        /// The hash of the key that was shown: the record may come to have another.
        hash: KeyHash,
        /// Until when it counts.
        expires: Option<TimeMs>,
    },
}

impl From<Refused> for Unknown {
    fn from(refused: Refused) -> Self {
        Self::Refused(refused)
    }
}

impl Auth {
    pub(super) fn of(known: Known) -> Self {
        let Known { tokens, remotes, client, forward, keys, tenants, .. } = known;
        Self {
            tokens: RwLock::new(tokens),
            remotes,
            client,
            forward,
            checked: Mutex::new(Cache::new(CHECKED_MAX)),
            rights: Sharing::default(),
            tickets: Mutex::default(),
            keys,
            stored: Mutex::default(),
            tenants,
            application: known.application,
            cookie: known.cookie,
            query_tokens: known.query_tokens,
        }
    }

    /// Whether any cookie could be a credential here.
    pub(crate) fn reads_cookies(&self) -> bool {
        self.cookie.is_some() || !self.forward.is_empty() || self.application.is_some()
    }

    /// Whether the application around the hub says who asks.
    pub(crate) fn asks_application(&self) -> bool {
        self.application.is_some()
    }

    /// Whom the application around the hub knows a request by.
    pub(crate) async fn application(&self, parts: Parts) -> Result<Shown, Unknown> {
        let Some(application) = &self.application else { return Err(Refused::Malformed.into()) };
        match application.ask(parts).await {
            Ok(grants) if self.is_tenant(&grants.tenant) => Ok(Shown::Grants(Arc::new(grants))),
            Ok(_) => Err(Refused::BeyondAuthority.into()),
            Err(Denied::Unknown) => Err(Refused::Malformed.into()),
            Err(Denied::Unavailable) => Err(Unknown::NoAnswer),
        }
    }

    /// What `Authorization: Bearer` carries: an API key or a token.
    pub(crate) async fn bearer(&self, text: &str, hub: &Hub) -> Result<Shown, Unknown> {
        if text.starts_with(key::PREFIX) {
            return Ok(self.key(text, hub)?);
        }
        if self.application.is_some() {
            let head = application::head_with_token(text).ok_or(Refused::Malformed)?;
            return self.application(head).await;
        }
        self.token(text, hub).await
    }

    /// What a token grants. Its signature is checked once, not at each request; a key that is not
    /// known may have been published since its issuer's keys were fetched.
    pub(crate) async fn token(&self, text: &str, hub: &Hub) -> Result<Shown, Unknown> {
        let mut verified = self.verify(text, hub.runtime().now());
        if verified == Err(Refused::UnknownKey)
            && !self.remotes.is_empty()
            && self.fetch_missed(hub.runtime().now()).await
        {
            verified = self.verify(text, hub.runtime().now());
        }
        Ok(Shown::Grants(verified?))
    }

    fn verify(&self, text: &str, now: TimeMs) -> Result<Arc<Grants>, Refused> {
        let fingerprint = Fingerprint::of([text.as_bytes()]);
        let mut checked = self.checked.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(grants) = checked.get(&fingerprint, now) {
            return Ok(grants);
        }
        drop(checked);
        let tokens = self.tokens.read().unwrap_or_else(PoisonError::into_inner);
        // An issuer for all tenants may not speak of one that is not there.
        let grants = self.shared(tokens.verify(text, now)?).ok_or(Refused::BeyondAuthority)?;
        let believed = now.plus_ms(CHECKED_MS);
        let until = grants.credential.expires.map_or(believed, |expires| expires.min(believed));
        // With the keys still held: what they say may be forgotten only after it is remembered.
        let mut checked = self.checked.lock().unwrap_or_else(PoisonError::into_inner);
        checked.put(fingerprint, Arc::clone(&grants), until);
        Ok(grants)
    }

    /// The grants as they are remembered, with one copy of what others have too; `None` for a
    /// tenant that the hub does not have.
    fn shared(&self, mut grants: Grants) -> Option<Arc<Grants>> {
        grants.tenant.clone_from(self.tenants.get(&grants.tenant)?);
        grants.rights = self.rights.share(grants.rights);
        Some(Arc::new(grants))
    }

    /// Forgets which signatures were checked: the keys have changed.
    pub(super) fn forget_checked(&self) {
        self.checked.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// Whose cookies these are, as the first application says that knows them.
    pub(crate) async fn cookies(
        &self,
        cookies: &[HeaderValue],
        hub: &Hub,
    ) -> Result<Shown, Unknown> {
        let mut unknown = Unknown::Refused(Refused::Malformed);
        for forward in &self.forward {
            let share = |grants| self.shared(grants);
            match forward.ask(&self.client, cookies, hub.runtime().now(), share).await {
                Ok(Ok(grants)) => return Ok(Shown::Grants(grants)),
                Ok(Err(refused)) => unknown = Unknown::Refused(refused),
                Err(NoAnswer) => return Err(Unknown::NoAnswer),
            }
        }
        Err(unknown)
    }

    /// A ticket for these grants.
    pub(crate) fn issue_ticket(
        &self,
        grants: Arc<Grants>,
        hub: &Hub,
    ) -> Result<String, TooManyTickets> {
        let mut random = [0; TICKET_BYTES];
        for chunk in random.chunks_exact_mut(8) {
            chunk.copy_from_slice(&hub.runtime().random().to_le_bytes());
        }
        let mut tickets = self.tickets.lock().unwrap_or_else(PoisonError::into_inner);
        tickets.issue(grants, random, hub.runtime().now())
    }

    /// What a ticket grants; it is used up.
    pub(crate) fn ticket(&self, text: &str, hub: &Hub) -> Result<Shown, Unknown> {
        let mut tickets = self.tickets.lock().unwrap_or_else(PoisonError::into_inner);
        let grants = tickets.redeem(text, hub.runtime().now());
        grants.map(Shown::Grants).ok_or(Unknown::Refused(Refused::UnknownKey))
    }

    /// Lets tickets of a key that was rotated count until then.
    pub(crate) fn shorten_tickets(&self, key: &Id, until: TimeMs) {
        self.tickets.lock().unwrap_or_else(PoisonError::into_inner).shorten(key, until);
    }

    fn key(&self, text: &str, hub: &Hub) -> Result<Shown, Refused> {
        let key = ApiKey::parse(text).map_err(|_| Refused::Malformed)?;
        self.key_of(key.id(), key.hash(), hub)
    }

    /// What a key that was shown before is worth now: it may have been rotated or taken back.
    pub(crate) fn key_again(
        &self,
        record: &KeyRecord,
        hash: KeyHash,
        hub: &Hub,
    ) -> Result<Shown, Unknown> {
        Ok(self.key_of(&record.id, hash, hub)?)
    }

    fn key_of(&self, id: &KeyId, hash: KeyHash, hub: &Hub) -> Result<Shown, Refused> {
        let record = match self.keys.get(id) {
            Some(record) => Arc::clone(record),
            None => self.stored_key(id, hub).ok_or(Refused::UnknownKey)?,
        };
        let expires = record.check_hash(&hash, hub.runtime().now())?;
        Ok(Shown::Key { record, hash, expires })
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
