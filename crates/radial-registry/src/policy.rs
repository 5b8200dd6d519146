//! What the registry decides about the events of a type (protocol §4), with the defaults.

use std::time::Duration;

use radial_protocol::event::{Persistence, Priority, Scope};
use radial_protocol::names::Name;
use serde::{Serialize, Serializer};

use crate::duration;
use crate::pointer::Pointer;

/// How long a busy worker may wait with events of normal and low priority by default.
pub const BATCH_DEFAULT: Duration = Duration::from_millis(50);
/// The default window in which an equal event is dropped.
pub const DEDUPE_WINDOW_DEFAULT: Duration = Duration::from_millis(100);

/// Everything that the hub decides about an event by its type.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Policy {
    /// How long events are kept and what an answer of 201 promises.
    pub persistence: Persistence,
    /// Whether subscribers get them; if not, only history and sinks do.
    pub broadcast: bool,
    /// How far inside the channel they are seen.
    pub scope: Scope,
    /// Who waits and what is shed.
    pub priority: Priority,
    /// Counted from `receivedAt`; after it the event is neither delivered nor replayed.
    #[serde(serialize_with = "duration::serialize_option")]
    pub ttl: Option<Duration>,
    /// The longest a busy worker may wait before its next walk; `None`: it does not wait.
    #[serde(serialize_with = "duration::serialize_or_off")]
    pub batch: Option<Duration>,
    /// What makes two events the same for a reader that is behind; empty: nothing does.
    pub coalesce_key: Vec<Pointer>,
    /// When an equal event is dropped instead of accepted.
    pub dedupe: Option<Dedupe>,
    /// Whether each receiving session must acknowledge.
    pub ack: bool,
    /// The thing that events are about.
    pub entity: Option<EntityPolicy>,
    /// Who may publish; empty: everybody whose grants allow the type.
    pub publish_roles: Vec<Name>,
    /// Who receives; empty: everybody whose grants allow the type.
    pub subscribe_roles: Vec<Name>,
    /// What a client does for the type when it has no stream.
    pub fallback: Fallback,
    /// The sinks that events also go to.
    pub routes: Vec<Name>,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            persistence: Persistence::Recent,
            broadcast: true,
            scope: Scope::Channel,
            priority: Priority::Normal,
            ttl: None,
            batch: batch_default(Priority::Normal),
            coalesce_key: Vec::new(),
            dedupe: None,
            ack: false,
            entity: None,
            publish_roles: Vec::new(),
            subscribe_roles: Vec::new(),
            fallback: Fallback::None,
            routes: Vec::new(),
        }
    }
}

impl Policy {
    /// Whether events change an entity's materialised state, by setting or by deleting it.
    pub fn changes_state(&self) -> bool {
        self.entity
            .as_ref()
            .is_some_and(|entity| entity.deletes || entity.state != StateChange::None)
    }
}

/// The batch window of a type that does not set one: off for critical and high.
pub(crate) fn batch_default(priority: Priority) -> Option<Duration> {
    match priority {
        Priority::Critical | Priority::High => None,
        Priority::Normal | Priority::Low => Some(BATCH_DEFAULT),
    }
}

/// Drops an event equal to the latest accepted one of the same type, user and key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Dedupe {
    /// How long after the latest accepted event.
    #[serde(serialize_with = "duration::serialize")]
    pub window: Duration,
    /// What else must be the same for two events to be compared.
    pub key: Vec<Pointer>,
}

/// The thing that events of a type are about: versions, locking, materialised state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct EntityPolicy {
    /// The entity type; several event types may share it.
    #[serde(rename = "type")]
    pub entity_type: Name,
    /// Where the entity's id is found.
    pub id: EntityId,
    /// What an event does to the state.
    pub state: StateChange,
    /// Whether an event deletes the entity.
    pub deletes: bool,
    /// What happens to a change whose `expectedVersion` is not the newest.
    pub conflict: Conflict,
}

/// Where the id of an entity is found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EntityId {
    /// In `eventData`.
    Field(Pointer),
    /// The publishing user, written `$userId`; the entity is that user's alone.
    User,
    /// The publishing session, written `$sessionId`; the entity is that session's alone.
    Session,
}

impl EntityId {
    /// The id as it is written in a file.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Field(pointer) => pointer.as_str(),
            Self::User => "$userId",
            Self::Session => "$sessionId",
        }
    }
}

impl Serialize for EntityId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// What an event does to its entity's materialised state.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum StateChange {
    /// Nothing: only the version rises.
    #[default]
    None,
    /// RFC 7396 merge of `eventData`.
    Merge,
    /// `eventData` becomes the state.
    Replace,
}

/// What happens to a change that was made from an older version than the current one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Conflict {
    /// Accepted.
    LastWriteWins,
    /// Accepted if it touches other top-level fields than every change since.
    MergeDisjoint,
    /// Refused with 409 and the current version.
    #[default]
    Reject,
}

/// What a client does for a type when it has no stream.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Fallback {
    /// Nothing.
    #[default]
    None,
    /// Keeps events in the browser's local storage.
    LocalStorage,
    /// Invalidates these query keys, so that the page loads them again.
    Invalidate {
        /// The query keys, each a list of parts.
        keys: Vec<Vec<String>>,
    },
}

impl Serialize for Fallback {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Invalidate<'a> {
            kind: &'static str,
            keys: &'a [Vec<String>],
        }
        match self {
            Self::None => serializer.serialize_str("none"),
            Self::LocalStorage => serializer.serialize_str("localStorage"),
            Self::Invalidate { keys } => {
                Invalidate { kind: "invalidate", keys }.serialize(serializer)
            }
        }
    }
}
