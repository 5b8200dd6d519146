//! Reading the store: stretches of events, and the rows that publishes are decided by.

use std::sync::PoisonError;

use radial_protocol::Offset;
use radial_protocol::event::TimeMs;
use radial_protocol::names::EventId;

use super::{ENTITIES, EVENTS, IDS, Store, StoreError, fail, offset_of, readable};
use crate::event_log::PageLimit;
use crate::record::{KnownId, Row, TenantNo, decode};

pub(super) type KeyedTable = redb::ReadOnlyTable<(u32, &'static str), &'static [u8]>;

/// The tables that publishes are decided by, frozen.
pub(super) struct Lookup {
    ids: KeyedTable,
    pub(super) entities: KeyedTable,
}

impl Store {
    /// Events after a place, up to `head`, within the limit.
    pub(crate) fn read(
        &self,
        no: TenantNo,
        after: Offset,
        head: Offset,
        limit: PageLimit,
    ) -> Result<Vec<(Offset, Option<Row<'static>>)>, StoreError> {
        let transaction = self.begin_read()?;
        let events = transaction.open_table(EVENTS).map_err(fail)?;
        let mut rows = Vec::new();
        let mut bytes = 0;
        let range = (no, after.next().get())..=(no, head.get());
        if after >= head {
            return Ok(rows);
        }
        for entry in events.range(range).map_err(fail)? {
            let (key, value) = entry.map_err(fail)?;
            bytes += value.value().len();
            rows.push((offset_of(key.value().1), decode(value.value())));
            if rows.len() >= limit.items || bytes >= limit.bytes {
                break;
            }
        }
        Ok(rows)
    }

    pub(crate) fn known_id(
        &self,
        no: TenantNo,
        id: &EventId,
    ) -> Result<Option<KnownId>, StoreError> {
        let lookup = self.lookup.read().unwrap_or_else(PoisonError::into_inner);
        let newly_opened = if lookup.is_none() { self.open_lookup()? } else { None };
        let Some(lookup) = lookup.as_ref().or(newly_opened.as_ref()) else { return Ok(None) };
        let known = lookup.ids.get((no, id.as_str())).map_err(fail)?;
        known.map(|value| readable(value.value(), "an event's id")).transpose()
    }

    /// The tables of the last commit; `None` before they were made.
    pub(super) fn open_lookup(&self) -> Result<Option<Lookup>, StoreError> {
        let transaction = self.begin_read()?;
        let ids = match transaction.open_table(IDS) {
            Err(redb::TableError::TableDoesNotExist(_)) => return Ok(None),
            ids => ids.map_err(fail)?,
        };
        let entities = transaction.open_table(ENTITIES).map_err(fail)?;
        Ok(Some(Lookup { ids, entities }))
    }

    /// The first stored event at or after an offset: where it stands and when it came.
    pub(crate) fn time_at(
        &self,
        no: TenantNo,
        offset: Offset,
    ) -> Result<Option<(Offset, TimeMs)>, StoreError> {
        let transaction = self.begin_read()?;
        let events = transaction.open_table(EVENTS).map_err(fail)?;
        let mut range = events.range((no, offset.get())..=(no, u64::MAX)).map_err(fail)?;
        let Some(entry) = range.next() else { return Ok(None) };
        let (key, value) = entry.map_err(fail)?;
        let received_at = Row::received_at(value.value());
        Ok(received_at.map(|received_at| (offset_of(key.value().1), received_at)))
    }
}
