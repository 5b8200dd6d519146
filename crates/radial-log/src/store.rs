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
//! | `events` | number, offset → a [`Row`] |
//! | `ids` | number, event id → a [`KnownId`] |
//! | `lost` | number, last offset → the place before the stretch |
//! | `entities` | number, [key](crate::entity::key) → an [`EntityRow`](crate::entity::EntityRow) |

use std::path::Path;
use std::sync::{PoisonError, RwLock};

use radial_protocol::event::{Persistence, TimeMs};
use radial_protocol::names::EventId;
use radial_protocol::{Epoch, Offset, TenantId};
use redb::{Database, ReadableDatabase, ReadableTable, TableDefinition};
use serde::{Deserialize, Serialize};

use crate::event_log::{Missing, MissingReason, PageLimit};
use crate::record::{KnownId, Placed, Row, StoredEvent, TenantNo, decode, encode};

mod entities;
mod trim;

pub(crate) use entities::FrozenEntities;

/// The version of everything in the folder. A change of [`crate::record`] or of a table raises it.
pub(crate) const FORMAT_VERSION: u64 = 1;

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
const EVENTS: TableDefinition<'_, (u32, u64), &[u8]> = TableDefinition::new("events");
const IDS: TableDefinition<'_, (u32, &str), &[u8]> = TableDefinition::new("ids");
const LOST: TableDefinition<'_, (u32, u64), u64> = TableDefinition::new("lost");
const ENTITIES: TableDefinition<'_, (u32, &str), &[u8]> = TableDefinition::new("entities");

/// The store's memory: pages of the file that were read or written lately.
const CACHE_BYTES: usize = 16 * 1024 * 1024;

/// A failure of the store.
pub(crate) type StoreError = Box<redb::Error>;

#[expect(clippy::unnecessary_box_returns, reason = "it is the error of every result here")]
fn fail<E: Into<redb::Error>>(error: E) -> StoreError {
    Box::new(error.into())
}

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
    recent_gone: u64,
    /// The oldest offset that is kept; nothing has gone while it is 0. The oldest row does not say
    /// it: `recent` events before it may have gone for reasons of their own.
    first: u64,
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

/// One tenant's share of what is brought into the store.
#[derive(Debug, Default)]
pub(crate) struct TenantChange {
    pub(crate) events: Vec<Placed>,
    /// Given if it changed.
    pub(crate) head: Option<HeadPlace>,
    pub(crate) lost: Vec<Missing>,
}

type KeyedTable = redb::ReadOnlyTable<(u32, &'static str), &'static [u8]>;

/// The tables that publishes are decided by, frozen.
struct Lookup {
    ids: KeyedTable,
    entities: KeyedTable,
}

/// The file and its tables.
pub(crate) struct Store {
    /// Ids and entities as the last commit left them: looked up for every publish, so that it does
    /// not begin a transaction each time. It goes before the database does.
    lookup: RwLock<Option<Lookup>>,
    database: Database,
}

impl Store {
    /// Opens the file, or makes it. The file is locked: a second process is refused.
    ///
    /// [`Self::make_tables`] comes next, once the format is known to be ours.
    pub(crate) fn open(path: &Path) -> Result<Self, StoreError> {
        let database =
            Database::builder().set_cache_size(CACHE_BYTES).create(path).map_err(fail)?;
        Ok(Self { lookup: RwLock::default(), database })
    }

    /// Makes the tables that are not there yet.
    pub(crate) fn make_tables(&self) -> Result<(), StoreError> {
        self.write(|transaction| {
            transaction.open_table(META).map_err(fail)?;
            transaction.open_table(TEXTS).map_err(fail)?;
            transaction.open_table(TENANTS).map_err(fail)?;
            transaction.open_table(HEADS).map_err(fail)?;
            transaction.open_table(EVENTS).map_err(fail)?;
            transaction.open_table(IDS).map_err(fail)?;
            transaction.open_table(LOST).map_err(fail)?;
            transaction.open_table(ENTITIES).map_err(fail)?;
            transaction.open_table(RECENTS).map_err(fail)?;
            transaction.open_table(ID_AGES).map_err(fail)?;
            Ok(())
        })
    }

    fn write<R>(
        &self,
        change: impl FnOnce(&redb::WriteTransaction) -> Result<R, StoreError>,
    ) -> Result<R, StoreError> {
        let mut transaction = self.database.begin_write().map_err(fail)?;
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
        self.database.check_integrity().map_err(fail)
    }

    /// A number by its name; a file that was just made has none.
    pub(crate) fn number(&self, name: &str) -> Result<Option<u64>, StoreError> {
        let transaction = self.database.begin_read().map_err(fail)?;
        let table = match transaction.open_table(META) {
            Err(redb::TableError::TableDoesNotExist(_)) => return Ok(None),
            table => table.map_err(fail)?,
        };
        Ok(table.get(name).map_err(fail)?.map(|value| value.value()))
    }

    pub(crate) fn text(&self, name: &str) -> Result<Option<String>, StoreError> {
        let transaction = self.database.begin_read().map_err(fail)?;
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

    /// Every tenant with its bounds.
    pub(crate) fn tenants(&self) -> Result<Vec<(TenantId, TenantRow)>, StoreError> {
        let transaction = self.database.begin_read().map_err(fail)?;
        let tenants = transaction.open_table(TENANTS).map_err(fail)?;
        let heads = transaction.open_table(HEADS).map_err(fail)?;
        let lost = transaction.open_table(LOST).map_err(fail)?;
        let mut rows = Vec::new();
        for entry in tenants.iter().map_err(fail)? {
            let (name, value) = entry.map_err(fail)?;
            let Ok(name) = TenantId::new(name.value()) else { continue };
            let (no, epoch) = value.value();
            let head: HeadRow = head_of(&heads, no)?;
            let first = offset_of(head.first.max(1));
            let lost = lost
                .range((no, 0)..=(no, u64::MAX))
                .map_err(fail)?
                .map(|entry| {
                    let (key, from) = entry.map_err(fail)?;
                    let (from, to) = (offset_of(from.value()), offset_of(key.value().1));
                    Ok(Missing { reason: MissingReason::Restart, from, to })
                })
                .collect::<Result<_, StoreError>>()?;
            rows.push((name, TenantRow { no, epoch: Epoch::new(epoch), head, first, lost }));
        }
        Ok(rows)
    }

    /// Brings events and what follows from them into the tables, all or nothing.
    pub(crate) fn apply(
        &self,
        changes: &[(TenantNo, TenantChange)],
        watermark: u64,
    ) -> Result<(), StoreError> {
        self.write(|transaction| {
            let mut events = transaction.open_table(EVENTS).map_err(fail)?;
            let mut ids = transaction.open_table(IDS).map_err(fail)?;
            let mut entities = transaction.open_table(ENTITIES).map_err(fail)?;
            let mut heads = transaction.open_table(HEADS).map_err(fail)?;
            let mut lost = transaction.open_table(LOST).map_err(fail)?;
            let mut recents = transaction.open_table(RECENTS).map_err(fail)?;
            let mut id_ages = transaction.open_table(ID_AGES).map_err(fail)?;
            for (no, change) in changes {
                let mut head: HeadRow = head_of(&heads, *no)?;
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
                        ids.insert((*no, id), encode(&known).as_slice()).map_err(fail)?;
                        id_ages.insert(key, id).map_err(fail)?;
                    }
                    if let Some(changed) = &placed.changed {
                        let row = encode(&changed.row);
                        let key = (*no, changed.key.as_str());
                        entities.insert(key, row.as_slice()).map_err(fail)?;
                    }
                }
                if let Some(place) = change.head {
                    head.stand_at(place);
                }
                heads.insert(no, encode(&head).as_slice()).map_err(fail)?;
                for missing in &change.lost {
                    lost.insert((*no, missing.to.get()), missing.from.get()).map_err(fail)?;
                }
            }
            let mut meta = transaction.open_table(META).map_err(fail)?;
            meta.insert(WATERMARK, watermark).map_err(fail)?;
            Ok(())
        })
    }

    /// Events after a place, up to `head`, within the limit.
    pub(crate) fn read(
        &self,
        no: TenantNo,
        after: Offset,
        head: Offset,
        limit: PageLimit,
    ) -> Result<Vec<(Offset, Option<Row>)>, StoreError> {
        let transaction = self.database.begin_read().map_err(fail)?;
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
    fn open_lookup(&self) -> Result<Option<Lookup>, StoreError> {
        let transaction = self.database.begin_read().map_err(fail)?;
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
        let transaction = self.database.begin_read().map_err(fail)?;
        let events = transaction.open_table(EVENTS).map_err(fail)?;
        let mut range = events.range((no, offset.get())..=(no, u64::MAX)).map_err(fail)?;
        let Some(entry) = range.next() else { return Ok(None) };
        let (key, value) = entry.map_err(fail)?;
        let received_at = decode::<Row>(value.value()).map(|row| row.received_at);
        Ok(received_at.map(|received_at| (offset_of(key.value().1), received_at)))
    }
}

fn head_of(
    heads: &impl ReadableTable<u32, &'static [u8]>,
    no: TenantNo,
) -> Result<HeadRow, StoreError> {
    let row = heads.get(no).map_err(fail)?;
    row.map_or(Ok(HeadRow::default()), |row| readable(row.value(), "the head of a log"))
}

/// Reads a value of ours; one that cannot be read must never pass for one that is not there.
fn readable<T: serde::de::DeserializeOwned>(bytes: &[u8], what: &str) -> Result<T, StoreError> {
    decode(bytes).ok_or_else(|| fail(redb::Error::Corrupted(format!("{what} cannot be read"))))
}

fn offset_of(value: u64) -> Offset {
    Offset::ZERO.plus(value)
}
