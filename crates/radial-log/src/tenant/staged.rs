//! What one append adds to its tenant, before it is certain that nothing of it is refused.
//!
//! It must never know the store: whoever decides looks there.

use std::collections::HashMap;
use std::sync::Arc;

use radial_protocol::Offset;
use radial_protocol::event::TimeMs;
use radial_protocol::names::EventId;

use super::{Latest, Sequencing, YoungId};
use crate::event_log::Entry;
use crate::record::{Changed, KnownId, Placed};
use crate::slot::Slot;

/// What one append adds, before it is certain that nothing of it is refused.
pub(super) struct Staged {
    pub(super) batch: Offset,
    pub(super) next: Offset,
    pub(super) received_at: TimeMs,
    pub(super) placed: Vec<Placed>,
    pub(super) ids: HashMap<EventId, KnownId>,
    /// Which of `placed` changed an entity last, by the entity's key.
    entities: HashMap<String, usize>,
    /// The newest of `placed` that may be repeated, by their keys.
    pub(super) latest: HashMap<u128, Latest>,
}

impl Staged {
    pub(super) fn after(sequencing: &Sequencing, received_at: TimeMs) -> Self {
        Self {
            batch: sequencing.next,
            next: sequencing.next,
            received_at,
            placed: Vec::new(),
            ids: HashMap::new(),
            entities: HashMap::new(),
            latest: HashMap::new(),
        }
    }

    pub(super) fn push(&mut self, placed: Placed) {
        self.next = self.next.next();
        if let Some(known) = KnownId::of(&placed) {
            self.ids.insert(placed.event.head.event_id.clone(), known);
        }
        if let Some(changed) = &placed.changed
            && let Some(before) = self.entities.insert(changed.key.clone(), self.placed.len())
            && let Some(before) = self.placed.get_mut(before)
        {
            before.changed = None;
        }
        self.placed.push(placed);
    }

    /// An entity as the staged events have left it.
    pub(super) fn entity(&self, key: &str) -> Option<&Arc<Changed>> {
        self.placed.get(*self.entities.get(key)?)?.changed.as_ref()
    }

    pub(super) fn known(&self, entry: &Entry, slot: &Arc<Slot>) -> Option<YoungId> {
        entry.fingerprint?;
        let known = *self.ids.get(&entry.draft.head.event_id)?;
        Some(YoungId { known, slot: Arc::clone(slot) })
    }
    pub(super) fn latest(&self, key: u128) -> Option<&Latest> {
        self.latest.get(&key)
    }

    pub(super) fn remember(&mut self, latest: Latest) {
        self.latest.insert(latest.repeat.key, latest);
    }
}
