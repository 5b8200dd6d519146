//! Entities: what an event does to one, and the fold that every log makes in the same way
//! (protocol §4).
//!
//! The state of an entity is derived from the log alone; conflicts are decided when an event gets
//! its place, so that the fold need not decide again.

use std::collections::BTreeMap;

use radial_protocol::event::{EntityRef, Head};
use radial_protocol::names::Name;
use radial_protocol::{ChannelName, Offset};
use serde::{Deserialize, Serialize};

use crate::merge::{is_object, merge, top_level_fields};

/// The largest state of one entity.
pub const ENTITY_STATE_BYTES_MAX: usize = 1024 * 1024;
/// So many fields are remembered with the version that changed them last.
const FIELDS_MAX: usize = 1_024;

/// What an event does to its entity's state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Effect {
    /// Nothing: only the version rises.
    None,
    /// Merges its data into the state (RFC 7396).
    Merge,
    /// Puts its data in the place of the state.
    Replace,
    /// Leaves a tombstone.
    Delete,
}

/// What happens to a change whose base is not the current version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Conflict {
    /// It is refused.
    Reject,
    /// It is accepted.
    LastWriteWins,
    /// It is accepted if nobody changed the same top-level fields since.
    MergeDisjoint,
}

/// A change that an event asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Which entity, in the event's channel.
    pub entity: EntityRef,
    /// What the event does to it.
    pub effect: Effect,
    /// What happens if somebody else was faster.
    pub conflict: Conflict,
    /// The version that the change is based on, if the publisher said.
    pub expected_version: Option<u64>,
    /// `eventData`.
    pub data: String,
}

/// Why a change is not accepted, with what the entity is now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// Why.
    pub reason: RefusedReason,
    /// The current version; 0 if there is no such entity.
    pub version: u64,
    /// The current state.
    pub state: Option<String>,
    /// The head of the event that changed it last: whoever sees that may see the state.
    pub last: Option<Box<Head>>,
}

/// Why a change is not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefusedReason {
    /// The entity has another version than the change is based on.
    Version,
    /// The entity was deleted.
    Deleted,
    /// The state would be too large.
    TooLarge,
}

/// What the index knows of an entity.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct EntityRow {
    pub(crate) version: u64,
    pub(crate) deleted: bool,
    pub(crate) state: Option<String>,
    /// Which version changed a top-level field last.
    fields: BTreeMap<String, u64>,
    /// Every field was changed by this version: it replaced the state, or more is not remembered.
    all_fields: u64,
    pub(crate) changed_at: u64,
    pub(crate) last: Head,
}

/// The key of an entity inside its tenant: sorted by channel, then type, then id.
pub(crate) fn key(channel: &ChannelName, entity: &EntityRef) -> String {
    format!("{channel}\0{}\0{}", entity.entity_type, entity.id)
}

/// Takes a key apart.
pub(crate) fn parts(key: &str) -> Option<(ChannelName, EntityRef)> {
    let mut parts = key.splitn(3, '\0');
    let channel = ChannelName::new(parts.next()?).ok()?;
    let entity_type = Name::new(parts.next()?).ok()?;
    let id = parts.next()?.parse().ok()?;
    Some((channel, EntityRef { entity_type, id }))
}

/// Decides a change: its version, or why it is refused.
pub(crate) fn decide(current: Option<&EntityRow>, change: &Change) -> Result<u64, Refused> {
    let version = current.map_or(0, |row| row.version);
    let refused = |reason| {
        Err(Refused {
            reason,
            version,
            state: current.and_then(|row| row.state.clone()),
            last: current.map(|row| Box::new(row.last.clone())),
        })
    };
    let Some(row) = current else {
        return match change.expected_version {
            Some(1..) if change.conflict != Conflict::LastWriteWins => {
                refused(RefusedReason::Version)
            }
            _ => Ok(1),
        };
    };
    if let Some(base) = change.expected_version.filter(|base| *base != version) {
        let accepted = match change.conflict {
            Conflict::Reject => false,
            Conflict::LastWriteWins => true,
            Conflict::MergeDisjoint => base < version && row.is_disjoint(base, change),
        };
        if !accepted {
            return refused(RefusedReason::Version);
        }
    }
    if row.deleted && matches!(change.effect, Effect::Merge | Effect::None) {
        return refused(RefusedReason::Deleted);
    }
    Ok(version + 1)
}

/// The entity after a change that was accepted: the fold.
///
/// `None` if the state would be too large.
pub(crate) fn apply(
    current: Option<&EntityRow>,
    effect: Effect,
    data: &str,
    head: &Head,
    version: u64,
    offset: Offset,
) -> Option<EntityRow> {
    let before = current.filter(|row| !row.deleted);
    let state_before = before.and_then(|row| row.state.as_deref());
    let (state, deleted) = match effect {
        Effect::None => (state_before.map(str::to_owned), false),
        Effect::Merge => (Some(merge(state_before, data)), false),
        Effect::Replace => (Some(data.to_owned()), false),
        Effect::Delete => (None, true),
    };
    if state.as_ref().is_some_and(|state| state.len() > ENTITY_STATE_BYTES_MAX) {
        return None;
    }
    let mut row = EntityRow {
        version,
        deleted,
        state,
        fields: before.map(|row| row.fields.clone()).unwrap_or_default(),
        all_fields: current.map_or(0, |row| row.all_fields),
        changed_at: offset.get(),
        last: head.clone(),
    };
    match effect {
        Effect::None => {}
        // A merge of something that is no object replaces everything (RFC 7396).
        Effect::Merge if !is_object(data) => row.touch_all(),
        Effect::Merge => row.touch(top_level_fields(data)),
        Effect::Replace | Effect::Delete => row.touch_all(),
    }
    Some(row)
}

impl EntityRow {
    /// How much memory it takes, roughly.
    pub(crate) fn memory_bytes(&self) -> usize {
        let fields: usize = self.fields.keys().map(|field| field.len() + 64).sum();
        size_of::<Self>() + self.state.as_ref().map_or(0, String::len) + fields
    }

    /// Whether the change leaves alone what was changed after its base.
    fn is_disjoint(&self, base: u64, change: &Change) -> bool {
        self.all_fields <= base
            && change.effect == Effect::Merge
            && is_object(&change.data)
            && top_level_fields(&change.data)
                .iter()
                .all(|field| self.fields.get(field).is_none_or(|version| *version <= base))
    }

    fn touch(&mut self, fields: Vec<String>) {
        for field in fields {
            self.fields.insert(field, self.version);
        }
        if self.fields.len() > FIELDS_MAX {
            self.touch_all();
        }
    }

    fn touch_all(&mut self) {
        self.fields.clear();
        self.all_fields = self.version;
    }
}

#[cfg(test)]
#[path = "entity_tests.rs"]
mod tests;
