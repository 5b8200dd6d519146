//! The store's entities: one by its key, or all of them frozen at one moment.

use redb::ReadableDatabase as _;

use super::{ENTITIES, Store, StoreError, fail};
use crate::entity::EntityRow;
use crate::record::{TenantNo, decode};

impl Store {
    pub(crate) fn entity(&self, no: TenantNo, key: &str) -> Result<Option<EntityRow>, StoreError> {
        let transaction = self.database.begin_read().map_err(fail)?;
        let entities = transaction.open_table(ENTITIES).map_err(fail)?;
        let row = entities.get((no, key)).map_err(fail)?;
        Ok(row.and_then(|value| decode(value.value())))
    }

    /// The entities as they are now, however long they are read.
    pub(crate) fn frozen_entities(&self) -> Result<FrozenEntities, StoreError> {
        let transaction = self.database.begin_read().map_err(fail)?;
        Ok(FrozenEntities { table: transaction.open_table(ENTITIES).map_err(fail)? })
    }
}

/// The entities at one moment.
pub(crate) struct FrozenEntities {
    table: redb::ReadOnlyTable<(u32, &'static str), &'static [u8]>,
}

impl FrozenEntities {
    /// At most so many rows with keys from `from` on and before `to`.
    pub(crate) fn rows(
        &self,
        no: TenantNo,
        from: &str,
        to: &str,
        rows_max: usize,
    ) -> Result<Vec<(String, EntityRow)>, StoreError> {
        let mut rows = Vec::new();
        for entry in self.table.range((no, from)..(no, to)).map_err(fail)?.take(rows_max) {
            let (key, value) = entry.map_err(fail)?;
            if let Some(row) = decode(value.value()) {
                rows.push((key.value().1.to_owned(), row));
            }
        }
        Ok(rows)
    }
}
