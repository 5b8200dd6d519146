//! The store's tenants: how far each log has come, and how much of it is kept.

use radial_protocol::event::TimeMs;
use radial_protocol::{Epoch, Offset, TenantId};
use redb::ReadableTable;
use serde::{Deserialize, Serialize};

use super::upgrade::HeadRowOf1;
use super::{HEADS, LOST, Store, StoreError, TENANTS, fail, offset_of, readable};
use crate::event_log::{Missing, MissingReason, Usage};
use crate::record::TenantNo;

/// What the store knows of a tenant besides its events.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TenantRow {
    pub(crate) no: TenantNo,
    pub(crate) epoch: Epoch,
    pub(crate) head: HeadRow,
    pub(crate) first: Offset,
    pub(crate) lost: Vec<Missing>,
}

/// The newest place of a tenant's log, and how much of it the store holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct HeadRow {
    offset: u64,
    received_at: TimeMs,
    reserved: u64,
    pub(crate) events: u64,
    pub(crate) bytes: u64,
    pub(crate) recents: u64,
    pub(super) recent_gone: u64,
    /// The oldest offset that is kept; nothing has gone while it is 0. The oldest row does not say
    /// it: `recent` events before it may have gone for reasons of their own.
    pub(super) first: u64,
    /// Entities that are there; tombstones are counted apart.
    pub(super) entities: u64,
    /// What entities and tombstones take together.
    pub(super) entity_bytes: u64,
    pub(super) tombstones: u64,
}

impl From<HeadRowOf1> for HeadRow {
    fn from(head: HeadRowOf1) -> Self {
        Self {
            offset: head.offset,
            received_at: head.received_at,
            reserved: head.reserved,
            events: head.events,
            bytes: head.bytes,
            recents: head.recents,
            recent_gone: head.recent_gone,
            first: head.first,
            ..Self::default()
        }
    }
}

impl HeadRow {
    pub(crate) fn offset(&self) -> Offset {
        offset_of(self.offset)
    }

    pub(crate) fn received_at(&self) -> TimeMs {
        self.received_at
    }

    pub(crate) fn reserved(&self) -> Offset {
        offset_of(self.reserved)
    }

    pub(crate) fn recent_gone(&self) -> Offset {
        offset_of(self.recent_gone)
    }

    /// The oldest offset that is kept.
    pub(crate) fn first(&self) -> Offset {
        offset_of(self.first.max(1))
    }

    /// What the tenant takes.
    pub(crate) fn usage(&self) -> Usage {
        Usage {
            events: self.events,
            event_bytes: self.bytes,
            entities: self.entities,
            entity_bytes: self.entity_bytes,
            tombstones: self.tombstones,
        }
    }

    pub(crate) fn stand_at(&mut self, place: HeadPlace) {
        self.offset = place.offset.get();
        self.received_at = place.received_at;
        self.reserved = place.reserved.get();
    }
}

/// Where a tenant's log has come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct HeadPlace {
    pub(crate) offset: Offset,
    pub(crate) received_at: TimeMs,
    pub(crate) reserved: Offset,
}

impl Store {
    /// Every tenant with its bounds.
    pub(crate) fn tenants(&self) -> Result<Vec<(TenantId, TenantRow)>, StoreError> {
        let transaction = self.begin_read()?;
        let tenants = transaction.open_table(TENANTS).map_err(fail)?;
        let heads = transaction.open_table(HEADS).map_err(fail)?;
        let lost = transaction.open_table(LOST).map_err(fail)?;
        let mut rows = Vec::new();
        for entry in tenants.iter().map_err(fail)? {
            let (name, value) = entry.map_err(fail)?;
            let Ok(name) = TenantId::stored(name.value()) else { continue };
            let (no, epoch) = value.value();
            let head: HeadRow = head_of(&heads, no)?;
            let lost = lost
                .range((no, 0)..=(no, u64::MAX))
                .map_err(fail)?
                .map(|entry| {
                    let (key, from) = entry.map_err(fail)?;
                    let (from, to) = (offset_of(from.value()), offset_of(key.value().1));
                    Ok(Missing { reason: MissingReason::Restart, from, to })
                })
                .collect::<Result<_, StoreError>>()?;
            rows.push((
                name,
                TenantRow { no, epoch: Epoch::new(epoch), head, first: head.first(), lost },
            ));
        }
        Ok(rows)
    }
}

pub(super) fn head_of(
    heads: &impl ReadableTable<u32, &'static [u8]>,
    no: TenantNo,
) -> Result<HeadRow, StoreError> {
    let row = heads.get(no).map_err(fail)?;
    row.map_or(Ok(HeadRow::default()), |row| readable(row.value(), "the head of a log"))
}
