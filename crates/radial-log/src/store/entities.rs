//! The store's entities: one by its key, or all of them frozen at one moment.

use std::sync::PoisonError;

use super::reads::KeyedTable;
use super::{ENTITIES, Store, StoreError, fail, readable};
use crate::entity::EntityRow;
use crate::record::TenantNo;

impl Store {
    pub(crate) fn entity(&self, no: TenantNo, key: &str) -> Result<Option<EntityRow>, StoreError> {
        let lookup = self.lookup.read().unwrap_or_else(PoisonError::into_inner);
        let newly_opened = if lookup.is_none() { self.open_lookup()? } else { None };
        let Some(lookup) = lookup.as_ref().or(newly_opened.as_ref()) else { return Ok(None) };
        let row = lookup.entities.get((no, key)).map_err(fail)?;
        row.map(|value| readable(value.value(), "an entity")).transpose()
    }

    /// The entities as they are now, however long they are read.
    pub(crate) fn frozen_entities(&self) -> Result<FrozenEntities, StoreError> {
        let transaction = self.begin_read()?;
        Ok(FrozenEntities { table: transaction.open_table(ENTITIES).map_err(fail)? })
    }
}

/// The entities at one moment.
pub(crate) struct FrozenEntities {
    table: KeyedTable,
}

impl FrozenEntities {
    /// At most so many rows, of about so many bytes, with keys from `from` on and before `to`; and
    /// whether there are no more.
    pub(crate) fn rows(
        &self,
        no: TenantNo,
        from: &str,
        to: &str,
        rows_max: usize,
        bytes_max: usize,
    ) -> Result<(Vec<(String, EntityRow)>, bool), StoreError> {
        let mut rows = Vec::new();
        let mut bytes = 0;
        for entry in self.table.range((no, from)..(no, to)).map_err(fail)? {
            let (key, value) = entry.map_err(fail)?;
            bytes += value.value().len();
            rows.push((key.value().1.to_owned(), readable(value.value(), "an entity")?));
            if rows.len() >= rows_max || bytes >= bytes_max {
                return Ok((rows, false));
            }
        }
        Ok((rows, true))
    }
}
