//! Bringing committed events into the store, with everything that follows from them.

use radial_protocol::Offset;

use super::heads::{HeadPlace, HeadRow, head_of};
use super::tables::Tables;
use super::{HEADS, LOST, META, Store, StoreError, WATERMARK, fail};
use crate::event_log::Missing;
use crate::record::{KnownId, Placed, TenantNo, encode};

/// One tenant's share of what is brought into the store.
#[derive(Debug, Default)]
pub(crate) struct TenantChange {
    pub(crate) events: Vec<Placed>,
    /// Given if it changed.
    pub(crate) head: Option<HeadPlace>,
    pub(crate) lost: Vec<Missing>,
    /// Events of class `recent` at or before this one would not stay: they do not come in.
    pub(crate) recent_gone: Offset,
}

impl TenantChange {
    /// Leaves out all events of class `recent` but so many of the newest, and says up to which they
    /// are left out, if any is.
    pub(crate) fn keep_recents(&mut self, most: u64) -> Option<Offset> {
        let recents = || self.events.iter().filter(|placed| placed.is_recent());
        let too_many = usize::try_from((recents().count() as u64).saturating_sub(most)).ok()?;
        let newest_gone = recents().nth(too_many.checked_sub(1)?)?;
        self.recent_gone = newest_gone.event.offset()?;
        Some(self.recent_gone)
    }

    fn leaves_out(&self, placed: &Placed) -> bool {
        placed.is_recent() && placed.event.offset() <= Some(self.recent_gone)
    }
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
            let mut tables = Tables::open(transaction)?;
            let mut heads = transaction.open_table(HEADS).map_err(fail)?;
            let mut lost = transaction.open_table(LOST).map_err(fail)?;
            let mut new_heads = Vec::with_capacity(changes.len());
            for (no, change) in changes {
                let mut head: HeadRow = head_of(&heads, *no)?;
                let mut known_ids = Vec::new();
                for placed in &change.events {
                    if change.leaves_out(placed) {
                        tables.add_trace(*no, &mut head, placed)?;
                    } else {
                        tables.add_event(*no, &mut head, placed)?;
                    }
                    if let Some(known) = KnownId::of(placed) {
                        known_ids.push((placed.event.head.event_id.as_str(), known));
                    }
                }
                // Ids are scattered: in order, each page of their tree is touched once.
                known_ids.sort_by_key(|(id, _)| *id);
                for (id, known) in known_ids {
                    tables.ids.insert((*no, id), encode(&known).as_slice()).map_err(fail)?;
                }
                if let Some(place) = change.head {
                    head.stand_at(place);
                }
                head.recent_gone = head.recent_gone.max(change.recent_gone.get());
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
