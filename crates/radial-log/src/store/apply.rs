//! Bringing committed events into the store, with everything that follows from them.

use radial_protocol::event::Persistence;

use super::heads::{HeadPlace, HeadRow, head_of};
use super::{ENTITIES, EVENTS, HEADS, ID_AGES, IDS, LOST, META, RECENTS, Store, StoreError};
use super::{WATERMARK, fail};
use crate::event_log::Missing;
use crate::record::{KnownId, Placed, Row, StoredEvent, TenantNo, encode};

/// One tenant's share of what is brought into the store.
#[derive(Debug, Default)]
pub(crate) struct TenantChange {
    pub(crate) events: Vec<Placed>,
    /// Given if it changed.
    pub(crate) head: Option<HeadPlace>,
    pub(crate) lost: Vec<Missing>,
}

impl Store {
    /// Brings events and what follows from them into the tables, all or nothing. Returns the heads
    /// of the logs in the order of the changes.
    pub(crate) fn apply(
        &self,
        changes: &[(TenantNo, TenantChange)],
        watermark: u64,
    ) -> Result<Vec<HeadRow>, StoreError> {
        self.write(|transaction| {
            let mut events = transaction.open_table(EVENTS).map_err(fail)?;
            let mut ids = transaction.open_table(IDS).map_err(fail)?;
            let mut entities = transaction.open_table(ENTITIES).map_err(fail)?;
            let mut heads = transaction.open_table(HEADS).map_err(fail)?;
            let mut lost = transaction.open_table(LOST).map_err(fail)?;
            let mut recents = transaction.open_table(RECENTS).map_err(fail)?;
            let mut id_ages = transaction.open_table(ID_AGES).map_err(fail)?;
            let mut new_heads = Vec::with_capacity(changes.len());
            for (no, change) in changes {
                let mut head: HeadRow = head_of(&heads, *no)?;
                let mut known_ids = Vec::new();
                for placed in &change.events {
                    let Some(offset) = placed.event.offset() else { continue };
                    let key = (*no, offset.get());
                    let received_at = placed.event.received_at;
                    let row = encode(&Row { received_at, event: StoredEvent::of(placed) });
                    head.events += 1;
                    head.bytes += row.len() as u64;
                    events.insert(key, row.as_slice()).map_err(fail)?;
                    if placed.event.head.persistence == Persistence::Recent {
                        head.recents += 1;
                        recents.insert(key, received_at.0).map_err(fail)?;
                    }
                    if let Some(known) = KnownId::of(placed) {
                        let id = placed.event.head.event_id.as_str();
                        known_ids.push((id, known));
                        id_ages.insert(key, id).map_err(fail)?;
                    }
                    if let Some(changed) = &placed.changed {
                        let row = encode(&changed.row);
                        let key = (*no, changed.key.as_str());
                        entities.insert(key, row.as_slice()).map_err(fail)?;
                    }
                }
                // Ids are scattered: in order, each page of their tree is touched once.
                known_ids.sort_by_key(|(id, _)| *id);
                for (id, known) in known_ids {
                    ids.insert((*no, id), encode(&known).as_slice()).map_err(fail)?;
                }
                if let Some(place) = change.head {
                    head.stand_at(place);
                }
                heads.insert(no, encode(&head).as_slice()).map_err(fail)?;
                new_heads.push(head);
                for missing in &change.lost {
                    lost.insert((*no, missing.to.get()), missing.from.get()).map_err(fail)?;
                }
            }
            let mut meta = transaction.open_table(META).map_err(fail)?;
            meta.insert(WATERMARK, watermark).map_err(fail)?;
            Ok(new_heads)
        })
    }
}
