//! The store: where events go from the write-ahead file, and the index over them (redb).
//!
//! Everything here can be derived again from the log; the `watermark` says up to which record of
//! the write-ahead file it has been. The tables:
//!
//! | table | key → value |
//! |---|---|
//! | `meta` | name → number: format version, watermark, whether the last stop was clean |
//! | `texts` | name → text: the boot that the folder was last opened in |
//! | `tenants` | tenant → its number and epoch |
//! | `heads` | number → a [`HeadRow`] |
//! | `recents` | number, offset → when; the events of class `recent` |
//! | `id-ages` | number, offset → the event id that is known since then |
//! | `expiries` | number, when, offset → nothing; the events that have a time to live |
//! | `events` | number, offset → a [`Row`](crate::record::Row) |
//! | `ids` | number, event id → a [`KnownId`](crate::record::KnownId) |
//! | `lost` | number, last offset → the place before the stretch |
//! | `entities` | number, [key](crate::entity::key) → an [`EntityRow`](crate::entity::EntityRow) |
//! | `tombstones` | number, offset → when, and the key of the entity that the event there deleted |

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use radial_protocol::{Epoch, Offset, TenantId};
use redb::{Database, ReadTransaction, ReadableDatabase as _, StorageBackend, TableDefinition};

use crate::disk::DiskFile;
use crate::record::{TenantNo, decode};

mod apply;
mod entities;
mod file;
mod heads;
mod plan;
mod reads;
mod tables;
mod trim;
mod upgrade;

pub(crate) use apply::TenantChange;
pub(crate) use entities::FrozenEntities;
use file::{Overlay, StoreFile};
pub(crate) use heads::{HeadPlace, HeadRow, TenantRow};
use reads::Lookup;
use tables::Tables;

/// The version of everything in the folder. A change of [`crate::record`] or of a table raises it.
pub(crate) const FORMAT_VERSION: u64 = 3;

/// Whether the last stop was clean.
pub(crate) const CLEAN: &str = "clean";
/// The format that the folder was written in.
pub(crate) const VERSION: &str = "format-version";
/// The newest record of the write-ahead file that the store holds.
pub(crate) const WATERMARK: &str = "watermark";
/// Whether it was last opened with relaxed durability.
pub(crate) const RELAXED: &str = "relaxed";
/// The boot that the folder was last opened in.
pub(crate) const BOOT: &str = "boot";

const META: TableDefinition<'_, &str, u64> = TableDefinition::new("meta");
const TEXTS: TableDefinition<'_, &str, &str> = TableDefinition::new("texts");
const TENANTS: TableDefinition<'_, &str, (u32, u64)> = TableDefinition::new("tenants");
const HEADS: TableDefinition<'_, u32, &[u8]> = TableDefinition::new("heads");
const RECENTS: TableDefinition<'_, (u32, u64), u64> = TableDefinition::new("recents");
const ID_AGES: TableDefinition<'_, (u32, u64), &str> = TableDefinition::new("id-ages");
const EXPIRIES: TableDefinition<'_, (u32, u64, u64), ()> = TableDefinition::new("expiries");
const TOMBSTONES: TableDefinition<'_, (u32, u64), (u64, &str)> = TableDefinition::new("tombstones");
const EVENTS: TableDefinition<'_, (u32, u64), &[u8]> = TableDefinition::new("events");
const IDS: TableDefinition<'_, (u32, &str), &[u8]> = TableDefinition::new("ids");
const LOST: TableDefinition<'_, (u32, u64), u64> = TableDefinition::new("lost");
const ENTITIES: TableDefinition<'_, (u32, &str), &[u8]> = TableDefinition::new("entities");

/// A failure of the store.
pub(crate) type StoreError = Box<redb::Error>;

#[expect(clippy::unnecessary_box_returns, reason = "it is the error of every result here")]
fn fail<E: Into<redb::Error>>(error: E) -> StoreError {
    Box::new(error.into())
}

/// The file and its tables.
pub(crate) struct Store {
    /// Ids and entities as the last commit left them: looked up for every publish, so that it does
    /// not begin a transaction each time. It goes before the database does.
    lookup: RwLock<Option<Lookup>>,
    /// There is one but for the moment in which it is exchanged.
    database: RwLock<Option<Database>>,
    file: Arc<dyn DiskFile>,
    /// How much memory is for pages of the file that were read or written lately.
    cache_bytes: usize,
    /// A write failed: the file is read only from now on.
    has_failed: AtomicBool,
}

impl Store {
    /// Opens a file that this process has locked, or fills an empty one.
    ///
    /// [`Self::make_tables`] comes next, once the format is known to be ours.
    pub(crate) fn open(file: Arc<dyn DiskFile>, cache_bytes: usize) -> Result<Self, StoreError> {
        let database = open_database(StoreFile(Arc::clone(&file)), cache_bytes)?;
        let (lookup, database) = (RwLock::default(), RwLock::new(Some(database)));
        Ok(Self { lookup, database, file, cache_bytes, has_failed: AtomicBool::new(false) })
    }

    /// Opens the file anew after a failure, for reading what was committed before. redb would read
    /// no more than what it holds in memory.
    pub(crate) fn read_on(&self) -> Result<(), StoreError> {
        self.has_failed.store(true, Ordering::SeqCst);
        let mut database = self.database.write().unwrap_or_else(PoisonError::into_inner);
        *self.lookup.write().unwrap_or_else(PoisonError::into_inner) = None;
        // The old one is closed before the file is looked at again.
        *database = None;
        let overlay = Overlay::over(Arc::clone(&self.file)).map_err(redb::Error::Io)?;
        *database = Some(open_database(overlay, self.cache_bytes)?);
        Ok(())
    }

    fn begin_read(&self) -> Result<ReadTransaction, StoreError> {
        let database = self.database.read().unwrap_or_else(PoisonError::into_inner);
        let database = database.as_ref().ok_or_else(|| fail(redb::Error::DatabaseClosed))?;
        database.begin_read().map_err(fail)
    }

    /// Makes the tables that are not there yet.
    pub(crate) fn make_tables(&self) -> Result<(), StoreError> {
        self.write(|transaction| {
            transaction.open_table(META).map_err(fail)?;
            transaction.open_table(TEXTS).map_err(fail)?;
            transaction.open_table(TENANTS).map_err(fail)?;
            transaction.open_table(HEADS).map_err(fail)?;
            transaction.open_table(LOST).map_err(fail)?;
            Tables::open(transaction).map(drop)
        })
    }

    fn write<R>(
        &self,
        change: impl FnOnce(&redb::WriteTransaction) -> Result<R, StoreError>,
    ) -> Result<R, StoreError> {
        if self.has_failed.load(Ordering::SeqCst) {
            return Err(fail(redb::Error::PreviousIo));
        }
        let database = self.database.read().unwrap_or_else(PoisonError::into_inner);
        let database = database.as_ref().ok_or_else(|| fail(redb::Error::DatabaseClosed))?;
        let mut transaction = database.begin_write().map_err(fail)?;
        // Saves the allocator's state with the commit, so that opening after a crash need not walk
        // the whole file.
        transaction.set_quick_repair(true);
        let result = change(&transaction)?;
        transaction.commit().map_err(fail)?;
        let lookup = self.open_lookup()?;
        *self.lookup.write().unwrap_or_else(PoisonError::into_inner) = lookup;
        Ok(result)
    }

    /// Checks every page of the file; false if some had to be repaired.
    pub(crate) fn is_whole(&mut self) -> Result<bool, StoreError> {
        // The check wants the file for itself.
        *self.lookup.get_mut().unwrap_or_else(PoisonError::into_inner) = None;
        let database = self.database.get_mut().unwrap_or_else(PoisonError::into_inner);
        let database = database.as_mut().ok_or_else(|| fail(redb::Error::DatabaseClosed))?;
        database.check_integrity().map_err(fail)
    }

    /// A number by its name; a file that was just made has none.
    pub(crate) fn number(&self, name: &str) -> Result<Option<u64>, StoreError> {
        let transaction = self.begin_read()?;
        let table = match transaction.open_table(META) {
            Err(redb::TableError::TableDoesNotExist(_)) => return Ok(None),
            table => table.map_err(fail)?,
        };
        Ok(table.get(name).map_err(fail)?.map(|value| value.value()))
    }

    pub(crate) fn text(&self, name: &str) -> Result<Option<String>, StoreError> {
        let transaction = self.begin_read()?;
        let table = transaction.open_table(TEXTS).map_err(fail)?;
        Ok(table.get(name).map_err(fail)?.map(|value| value.value().to_owned()))
    }

    pub(crate) fn set(
        &self,
        numbers: &[(&str, u64)],
        texts: &[(&str, &str)],
    ) -> Result<(), StoreError> {
        self.write(|transaction| {
            let mut table = transaction.open_table(META).map_err(fail)?;
            for (name, number) in numbers {
                table.insert(name, number).map_err(fail)?;
            }
            let mut table = transaction.open_table(TEXTS).map_err(fail)?;
            for (name, text) in texts {
                table.insert(name, text).map_err(fail)?;
            }
            Ok(())
        })
    }

    /// Writes a tenant down, or gives it another epoch.
    pub(crate) fn add_tenant(
        &self,
        tenant: &TenantId,
        no: TenantNo,
        epoch: Epoch,
    ) -> Result<(), StoreError> {
        self.write(|transaction| {
            let mut table = transaction.open_table(TENANTS).map_err(fail)?;
            table.insert(tenant.as_str(), (no, epoch.get())).map_err(fail)?;
            Ok(())
        })
    }
}

/// Reads a value of ours; one that cannot be read must never pass for one that is not there.
fn readable<T: serde::de::DeserializeOwned>(bytes: &[u8], what: &str) -> Result<T, StoreError> {
    decode(bytes).ok_or_else(|| fail(redb::Error::Corrupted(format!("{what} cannot be read"))))
}

fn open_database(backend: impl StorageBackend, cache_bytes: usize) -> Result<Database, StoreError> {
    let mut builder = Database::builder();
    builder.set_cache_size(cache_bytes).create_with_backend(backend).map_err(fail)
}

fn offset_of(value: u64) -> Offset {
    Offset::ZERO.plus(value)
}
