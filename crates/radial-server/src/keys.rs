//! API keys as operators make them: the one place that makes and changes their records.
//!
//! The hub keeps a record as text and knows nothing of it. A whole key is in the answer to whoever
//! asked for it, once, and nowhere else.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use radial_auth::key::{ID_BYTES, SECRET_BYTES};
use radial_auth::{ApiKey, KeyId, KeyRecord, Tenants};
use radial_hub::{Actor, Hub, OpenError, PresenceSettings, Runtime};
use radial_log::{Keep, RealDisk, Retention, Settings};
use radial_protocol::grants::Operator;
use radial_protocol::names::Id;
use radial_protocol::{Code, Name, Pattern, Problem, TimeMs};
use radial_registry::{Folder, Registry};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::clock;

/// The longest name of a key, in bytes.
const NAME_BYTES_MAX: usize = 100;

/// What a new key shall be. A right that is left out is not granted; the channels default to all.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NewKey {
    /// What people call it.
    pub name: String,
    /// The tenants that it may be used for; without them the operator's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenants: Option<Tenants>,
    /// The roles that it acts in.
    #[serde(default)]
    pub roles: Vec<Name>,
    /// Event types that may be published.
    #[serde(default)]
    pub publish: Vec<Pattern>,
    /// Event types that may be received.
    #[serde(default)]
    pub subscribe: Vec<Pattern>,
    /// Sinks that it stands for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub routes: Vec<Name>,
    /// Channels that may be used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channels: Option<Vec<Pattern>>,
    /// Whether the log may be read.
    #[serde(default)]
    pub history: bool,
    /// Whether it may act for users.
    #[serde(default)]
    pub act_as: bool,
    /// Whether `/metrics` may be read.
    #[serde(default)]
    pub scrape: bool,
    /// What it may operate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operator: Option<Operator>,
    /// From when on it counts no more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<TimeMs>,
}

impl NewKey {
    /// The key and its record.
    pub(crate) fn make(
        self,
        tenants: Tenants,
        runtime: &Runtime,
    ) -> Result<(ApiKey, KeyRecord), Problem> {
        let is_name = (1..=NAME_BYTES_MAX).contains(&self.name.len());
        if !is_name || self.name.chars().any(char::is_control) {
            let detail = format!("name is 1 to {NAME_BYTES_MAX} bytes without control characters");
            return Err(Problem::new(Code::InvalidParameter, detail));
        }
        let id = KeyId::from_random(random::<ID_BYTES>(runtime));
        let key = ApiKey::generate(id, random::<SECRET_BYTES>(runtime));
        let record = KeyRecord {
            id: key.id().clone(),
            name: self.name,
            hash: key.hash(),
            previous: None,
            tenants,
            roles: self.roles,
            publish: self.publish,
            subscribe: self.subscribe,
            routes: self.routes,
            channels: self.channels.unwrap_or_else(|| vec![Pattern::All]),
            history: self.history,
            act_as: self.act_as,
            scrape: self.scrape,
            operator: self.operator,
            created: runtime.now(),
            expires: self.expires,
        };
        Ok((key, record))
    }
}

/// Puts a new secret in the place of the old one, which counts until then.
pub(crate) fn rotate(record: &mut KeyRecord, runtime: &Runtime, until: TimeMs) -> ApiKey {
    let key = ApiKey::generate(record.id.clone(), random::<SECRET_BYTES>(runtime));
    record.rotate(&key, until);
    key
}

/// A record as the hub keeps it.
pub(crate) fn text(record: &KeyRecord) -> String {
    serde_json::to_string(record).expect("a record has string keys only")
}

/// A record as the hub has kept it.
pub(crate) fn read(text: &str) -> Result<KeyRecord, Problem> {
    serde_json::from_str(text)
        .map_err(|_| Problem::new(Code::Internal, "the record of the key cannot be read"))
}

/// The name of a record's key, as the hub knows it.
pub(crate) fn id(record: &KeyRecord) -> Id {
    Id::new(record.id.as_str()).expect("the id of a key is an id")
}

/// What may be shown of a record: all but the hashes.
pub(crate) fn shown(record: &KeyRecord) -> Value {
    let mut value = serde_json::to_value(record).expect("a record has string keys only");
    if let Some(members) = value.as_object_mut() {
        members.remove("hash");
        if let Some(previous) = &record.previous {
            members.insert("previous".to_owned(), json!({"until": previous.until}));
        }
    }
    value
}

fn random<const N: usize>(runtime: &Runtime) -> [u8; N] {
    let mut bytes = [0; N];
    for chunk in bytes.chunks_mut(8) {
        let random = runtime.random().to_be_bytes();
        chunk.copy_from_slice(random.get(..chunk.len()).unwrap_or_default());
    }
    bytes
}

/// Why a key could not be made in a folder.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// The folder cannot be used; most likely its hub runs.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The key cannot be.
    #[error("{0}")]
    Refused(#[from] Problem),
    /// The log did not take it.
    #[error("the key could not be stored")]
    NotStored,
}

/// Makes a key in the data folder of a hub that is stopped, and returns what the admin API would.
/// Blocks on storage; nothing else in the folder is changed.
///
/// # Errors
/// The folder is in use or cannot be read, or the key cannot be.
pub async fn create_in(folder: &Path, new: NewKey) -> Result<Value, FolderError> {
    const FOREVER: Keep = Keep { age: None, events: None, bytes: None };
    let retention =
        Retention { keep: FOREVER, keep_recent: FOREVER, keep_tombstones: None, quota_bytes: None };
    // What the hub's own configuration keeps is not known here: nothing goes.
    let log = Settings { retention, reserve_bytes: 0, ..Settings::default() };
    let registry = Registry::from_folder(&Folder::of([]))
        .map_err(|error| Problem::new(Code::Internal, error.to_string()))?;
    let hub = Hub::open(
        radial_hub::Config {
            folder: folder.to_owned(),
            disk: Arc::new(RealDisk),
            boot: clock::boot(),
            tenants: Vec::new(),
            registry: Arc::new(registry),
            log,
            wake: Box::new(radial_log::wake_each),
            timeline: radial_fanout::TimelineLimit::default(),
            timeline_memory_bytes: 1024 * 1024,
            acks: radial_hub::AckSettings::default(),
            disabled: false,
            presence: PresenceSettings::default(),
            token_age_max: None,
        },
        clock::runtime(),
    )?;
    let tenants = new.tenants.clone();
    let tenants = tenants
        .ok_or_else(|| Problem::new(Code::InvalidParameter, "say for which tenants the key is"))?;
    let (key, record) = new.make(tenants, hub.runtime())?;
    let stored = hub.store_key(Actor::folder(), id(&record), text(&record)).await?;
    hub.close();
    if !stored.persisted {
        return Err(FolderError::NotStored);
    }
    Ok(json!({"key": key.reveal(), "record": shown(&record), "persisted": true}))
}

/// How long the old secret of a rotated key counts, if nothing is said.
pub(crate) const GRACE_DEFAULT: Duration = Duration::from_hours(24);
