//! The latest accepted event of each key, so that one that repeats it is not added again.
//!
//! In memory only: after a restart nothing is known, and what repeats is added. What a key is made
//! of, the hub decides.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use radial_protocol::names::EventId;

use super::{Sequencing, Staged, Tenant};
use crate::entity::{self, Refused};
use crate::event_log::{Entry, Repeat, Standing};
use crate::slot::Slot;
use crate::store::{Store, StoreError};

/// The most keys that are known of one tenant.
const KEYS_MAX: usize = 10_000;
/// The most keys that are known of all tenants together; each has an equal share, so that none
/// learns from its own answers how busy another is.
const KEYS_OF_ALL_MAX: usize = 100_000;
/// The share of a tenant among very many.
const KEYS_MIN: usize = 100;

/// An accepted event that others may repeat.
#[derive(Clone, Debug)]
pub(super) struct Latest {
    pub(super) repeat: Repeat,
    pub(super) event_id: EventId,
    pub(super) standing: Standing,
    /// Completed when the event has been committed.
    pub(super) slot: Arc<Slot>,
}

impl Latest {
    /// Whether this event is the same again, within the window.
    pub(super) fn is_repeated_by(&self, repeat: &Repeat) -> bool {
        self.repeat.content == repeat.content
            && repeat.at.saturating_sub(self.repeat.at) < repeat.window
            && !self.slot.has_failed()
    }

    fn is_over(&self, newest: &Self) -> bool {
        newest.repeat.at.saturating_sub(self.repeat.at) >= self.repeat.window
    }
}

/// What of one tenant may be repeated.
#[derive(Debug, Default)]
pub(super) struct Repeats {
    latest: HashMap<u128, Latest>,
    /// The keys in the order in which their events were accepted; a key whose event was followed by
    /// another stands there twice.
    order: VecDeque<(u128, Standing)>,
}

impl Repeats {
    pub(super) fn latest(&self, key: u128) -> Option<&Latest> {
        self.latest.get(&key)
    }

    /// Remembers an event, and forgets from the oldest on those whose window is over, or for which
    /// there is no room beside so many tenants.
    pub(super) fn remember(&mut self, latest: Latest, tenants: usize) {
        let room = (KEYS_OF_ALL_MAX / tenants.max(1)).clamp(KEYS_MIN, KEYS_MAX);
        while let Some((key, standing)) = self.order.front() {
            let known = self.latest.get(key).filter(|known| known.standing == *standing);
            if known.is_some_and(|known| !known.is_over(&latest)) && self.order.len() < room {
                break;
            }
            if known.is_some() {
                self.latest.remove(key);
            }
            self.order.pop_front();
        }
        self.order.push_back((latest.repeat.key, latest.standing));
        self.latest.insert(latest.repeat.key, latest);
    }
}

impl Tenant {
    /// The event that this one repeats, if it does. About an entity it says the same again only as
    /// long as nothing else has changed the entity.
    pub(super) fn repeated(
        &self,
        sequencing: &Sequencing,
        store: &Store,
        staged: &Staged,
        entry: &Entry,
    ) -> Result<Option<Latest>, StoreError> {
        let Some(repeat) = &entry.repeat else { return Ok(None) };
        let latest = staged.latest(repeat.key).or_else(|| sequencing.repeats.latest(repeat.key));
        let Some(latest) = latest.filter(|latest| latest.is_repeated_by(repeat)) else {
            return Ok(None);
        };
        if let Some(change) = &entry.change {
            let key = entity::key(&entry.draft.head.channel, &change.entity);
            let young = staged.entity(&key).or_else(|| sequencing.young_entities.get(&key));
            let version = match young {
                Some(changed) => Some(changed.row.version),
                None => store.entity(self.no, &key)?.map(|row| row.version),
            };
            if version != latest.standing.entity_version {
                return Ok(None);
            }
        }
        Ok(Some(latest.clone()))
    }

    /// Places an entry, and remembers it for those that may repeat it.
    pub(super) fn add(
        &self,
        sequencing: &Sequencing,
        store: &Store,
        staged: &mut Staged,
        entry: Entry,
        slot: &Arc<Slot>,
    ) -> Result<Result<Standing, Box<Refused>>, StoreError> {
        let repeat = entry.repeat.map(|repeat| (repeat, entry.draft.head.event_id.clone()));
        let placed = self.place(sequencing, store, staged, entry)?;
        if let (Some((repeat, event_id)), Ok(standing)) = (repeat, &placed) {
            let slot = Arc::clone(slot);
            staged.remember(Latest { repeat, event_id, standing: *standing, slot });
        }
        Ok(placed)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use radial_protocol::{Cursor, Epoch, Offset};

    use super::*;

    fn latest(key: u128, offset: u64, at_ms: u64, window_ms: u64) -> Latest {
        let (at, window) = (Duration::from_millis(at_ms), Duration::from_millis(window_ms));
        let cursor = Cursor { epoch: Epoch::new(1), offset: Offset::new(offset).unwrap() };
        Latest {
            repeat: Repeat { key, content: 1, window, at },
            event_id: EventId::new("e").unwrap(),
            standing: Standing { cursor, entity_version: None },
            slot: Slot::completed(),
        }
    }

    #[test]
    fn what_is_over_is_forgotten_and_the_oldest_where_there_is_no_room() {
        let mut repeats = Repeats::default();
        for n in 0..30_000 {
            repeats.remember(latest(n.into(), n, 0, 100), 1);
        }
        assert_eq!((repeats.latest.len(), repeats.order.len()), (10_000, 10_000));
        assert!(repeats.latest(19_999).is_none() && repeats.latest(20_000).is_some());
        repeats.remember(latest(7, 30_000, 99, 100), 1);
        assert_eq!(repeats.order.len(), 10_000);
        repeats.remember(latest(8, 30_001, 100, 100), 1);
        assert_eq!((repeats.latest.len(), repeats.order.len()), (2, 2));
        // A key whose event was followed by another is forgotten with the newer one.
        for n in 0..30_000 {
            repeats.remember(latest(9, 40_000 + n, 100, 100), 1);
        }
        assert!(repeats.order.len() <= 10_000 && repeats.latest(9).is_some());
    }

    #[test]
    fn each_tenant_has_its_share_of_the_room() {
        for (tenants, room) in [(1, 10_000), (10, 10_000), (100, 1_000), (100_000, 100)] {
            let mut repeats = Repeats::default();
            (0..20_000).for_each(|n| repeats.remember(latest(n.into(), n, 0, 100), tenants));
            assert_eq!(repeats.latest.len(), room, "{tenants}");
        }
    }
}
