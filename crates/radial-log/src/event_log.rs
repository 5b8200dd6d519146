//! The seam: what the hub may ask of any log, and what every implementation promises.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use radial_protocol::event::{Draft, EntityRef, Event, Head, TimeMs};
use radial_protocol::names::{EventId, Id};
use radial_protocol::{ChannelName, Cursor, Epoch, Name, Offset, Pattern, TenantId};
use serde::{Deserialize, Serialize};

use crate::entity::{Change, Refused};

/// A hash of what must be equal for two publishes to be the same: type, version, channel,
/// audience, user and the bytes of `eventData`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Fingerprint(pub u128);

/// One event of an append.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The event without its place.
    pub draft: Draft,
    /// Given if the publisher chose the event's id, which makes it an idempotency key.
    pub fingerprint: Option<Fingerprint>,
    /// What the event does to an entity, if it is about one.
    pub change: Option<Change>,
    /// Given if the event is dropped where it repeats the latest of its key.
    pub repeat: Option<Repeat>,
}

/// What makes an event a repeat of the latest accepted one of its key.
///
/// It is a policy of publishers that say the same twice, decided in memory as well as it can be:
/// what is exact is the event's id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Repeat {
    /// A hash of what events have in common that are compared with each other.
    pub key: u128,
    /// A hash of what must be equal.
    pub content: u128,
    /// How long after the latest accepted event an equal one is dropped.
    pub window: Duration,
    /// When the event came, in the hub's uptime.
    pub at: Duration,
}

/// Events of one publish request, of one tenant. They are one record: after a crash all of them
/// are there or none, and they are adjacent.
#[derive(Clone, Debug)]
pub struct Append {
    /// The tenant; it must have been opened.
    pub tenant: TenantId,
    /// At least one event, none of class `live`.
    pub entries: Vec<Entry>,
    /// All or nothing: a batch of which some ids are known is refused.
    pub atomic: bool,
    /// The hub's time; along a log it is held so that it never falls.
    pub now: TimeMs,
}

/// Where an event stands and what it made of its entity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// The place.
    pub cursor: Cursor,
    /// The version that it gave its entity, if it is about one.
    pub entity_version: Option<u64>,
}

/// What became of one entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It stands in the log, here.
    Appended(Standing),
    /// Its id was known with the same fingerprint; it stands here since then.
    Duplicate(Standing),
    /// It repeats the latest accepted event of its key, which is this one and stands here; nothing
    /// was added. Never given for an event of an atomic batch.
    Deduplicated(EventId, Standing),
    /// Its id was known with another fingerprint; nothing was added.
    Mismatch,
    /// Its change to an entity is not accepted; nothing was added.
    Refused(Box<Refused>),
    /// The log takes no events now, and this one is not known; nothing was added. Others of the
    /// same append are known, and are answered as ever.
    NotTaken(AppendError),
}

/// Why nothing of an append was added.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AppendError {
    /// Some ids of an atomic batch are known, but not all of them from one batch.
    #[error("some events of the atomic batch were published before, others were not")]
    BatchConflict,
    /// An id of an atomic batch is known with another fingerprint.
    #[error("an event id of the atomic batch was used for another event")]
    BatchMismatch,
    /// A change of an atomic batch is not accepted.
    #[error("event {index} of the atomic batch changes an entity that has moved on")]
    BatchRefused {
        /// Which of the batch's events.
        index: usize,
        /// Why.
        refused: Box<Refused>,
    },
    /// No such tenant.
    #[error("the tenant is not open")]
    UnknownTenant,
    /// A write or an fsync failed: reads go on, writes are refused until a restart.
    #[error("a write to stable storage failed; the log takes no writes until the hub is restarted")]
    Poisoned,
    /// More is waiting for storage than may.
    #[error("more is waiting for storage than the log may hold")]
    Overloaded,
    /// No room: the disk, or the quota.
    #[error("there is no room for more events: {0}")]
    Full(String),
    /// The log is closing.
    #[error("the log is closed")]
    Closed,
}

/// Why a stretch of the log cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MissingReason {
    /// Retention took it.
    Retention,
    /// Retention took the `recent` events in it; the others are on the page before it.
    RetentionOfRecent,
    /// A crash may have lost `recent` events in it.
    Restart,
}

/// A stretch of the log that cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Missing {
    /// Why.
    pub reason: MissingReason,
    /// The last place before it.
    pub from: Offset,
    /// The last place of it: reading goes on after this one.
    pub to: Offset,
}

/// One thing on a page.
#[derive(Clone, Debug)]
pub enum Item {
    /// An event.
    Event(Arc<Event>),
    /// A stretch that is not there.
    Missing(Missing),
}

/// A stretch of the log, in order.
#[derive(Clone, Debug)]
pub struct Page {
    /// What stands there.
    pub items: Vec<Item>,
    /// The place that the page reaches to; the next page begins after it.
    pub to: Offset,
    /// Whether that was the head when the page was read.
    pub at_head: bool,
}

/// How much one page may hold; it always holds at least one item if there is any.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PageLimit {
    /// The most items.
    pub items: usize,
    /// The most bytes of events.
    pub bytes: usize,
}

/// What a tenant's log holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// The history.
    pub epoch: Epoch,
    /// The oldest offset that is kept; one past the head if there is none.
    pub first: Offset,
    /// The newest place that readers may see.
    pub head: Offset,
    /// Events of class `recent` at or before this place may be gone.
    pub recent_gone: Offset,
    /// Stretches in which a crash may have lost `recent` events, oldest first.
    pub lost: Vec<Missing>,
}

/// What is stored of a tenant, or of all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Events.
    pub events: u64,
    /// The bytes of events, as stored.
    pub event_bytes: u64,
    /// Entities, without tombstones.
    pub entities: u64,
    /// The bytes of entities and tombstones, as stored.
    pub entity_bytes: u64,
    /// What is left of entities that were deleted.
    pub tombstones: u64,
}

impl Usage {
    /// The bytes that count for a quota.
    pub fn bytes(&self) -> u64 {
        self.event_bytes.saturating_add(self.entity_bytes)
    }
}

impl std::ops::AddAssign for Usage {
    fn add_assign(&mut self, other: Self) {
        self.events += other.events;
        self.event_bytes += other.event_bytes;
        self.entities += other.entities;
        self.entity_bytes += other.entity_bytes;
        self.tombstones += other.tombstones;
    }
}

/// What was taken and is not committed yet, of all tenants, and how much that may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backlog {
    /// Events.
    pub events: usize,
    /// The most events; beyond, appends are refused.
    pub events_max: usize,
    /// About the bytes of memory that they take.
    pub bytes: usize,
    /// The most bytes; beyond, appends are refused.
    pub bytes_max: usize,
}

impl Backlog {
    /// Whether at least so many hundredths of either limit are used.
    pub fn has_reached(&self, percent: usize) -> bool {
        let reached = |used: usize, most: usize| {
            used.saturating_mul(100) >= most.saturating_mul(percent) && most > 0
        };
        reached(self.events, self.events_max) || reached(self.bytes, self.bytes_max)
    }

    /// Whether nothing more is taken.
    pub fn is_full(&self) -> bool {
        self.has_reached(100)
    }
}

/// Whether the log does its work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Health {
    /// Reads and writes.
    Ok,
    /// Reads only, until there is room again; this is what is full.
    Full(String),
    /// Reads only; a write failed for this reason.
    Poisoned(String),
}

/// Why a read failed.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// No such tenant.
    #[error("the tenant is not open")]
    UnknownTenant,
    /// The store could not be read.
    #[error("the log's store could not be read")]
    Store(#[from] Box<redb::Error>),
    /// A stored event is not what was written.
    #[error("the event at offset {0} is damaged")]
    Damaged(Offset),
}

/// The answer to an append: resolves once every event of it that must be is on stable storage.
pub type AppendFuture = Pin<Box<dyn Future<Output = Result<Vec<Outcome>, AppendError>> + Send>>;

/// An entity as it is at one place in the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entity {
    /// Its channel.
    pub channel: ChannelName,
    /// Its type and id.
    pub entity: EntityRef,
    /// Its version.
    pub version: u64,
    /// Its state as JSON; `None` for a tombstone.
    pub state: Option<String>,
    /// Where it was changed last.
    pub changed_at: Offset,
    /// The head of the event that changed it last: whoever sees that sees the entity.
    pub last: Head,
}

/// Which entities are read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EntitySelection {
    /// In which channels.
    pub channels: Vec<Pattern>,
    /// Of which types.
    pub types: Vec<Name>,
    /// Only this one.
    pub id: Option<Id>,
    /// Only those that sort after this one.
    pub after: Option<(ChannelName, EntityRef)>,
}

/// All entities of a selection as they are at one place, read page by page; tombstones too.
pub trait EntityPages: Send + Sync {
    /// The place at which all pages are true.
    fn cursor(&self) -> Cursor;

    /// The next page, sorted by channel and id, of about so many or about a MiB; empty at the end.
    /// Blocks on storage.
    fn next_page(&mut self, entities: usize) -> Result<Vec<Entity>, ReadError>;
}

/// Called with every tenant's committed events, in the order of its log, one call at a time.
///
/// It runs on the path of every publish: it must not block.
pub type OnCommit = Box<dyn Fn(&TenantId, &[Arc<Event>]) + Send + Sync>;

/// One totally ordered record of events per tenant.
///
/// Every implementation promises, and the suite in `radial-testkit` checks:
/// 1. Offsets rise and are never used twice, also across crashes.
/// 2. A reader never sees what a crash can take back, except events of class `recent`, and then
///    the next reader sees [`Item::Missing`].
/// 3. An append that holds a `durable` event is answered after stable storage.
/// 4. Duplicates are decided in the same step as the append: two concurrent appends of one id add
///    one event. What is known is answered as a duplicate also while the log takes no events.
/// 5. `received_at` never falls along a log.
/// 6. The version and state of an entity are what its events say, at every place, also after a
///    crash.
/// 7. The hub's own tenant ([`TenantId::control`]) is kept whole: retention takes nothing of it, and
///    neither a quota nor the room that others must leave free refuses it.
pub trait EventLog: Send + Sync {
    /// Makes sure that the tenant has a log, and creates it if it has none. Blocks.
    ///
    /// # Errors
    /// [`AppendError::Poisoned`] if the tenant could not be stored.
    fn open_tenant(&self, tenant: &TenantId) -> Result<Epoch, AppendError>;

    /// Adds events and says where they stand, one outcome per entry.
    ///
    /// Cancel safe: the append happens even if the answer is not waited for.
    fn append(&self, append: Append) -> AppendFuture;

    /// Reads on after a place. Blocks on storage; never on writers.
    fn read(&self, tenant: &TenantId, after: Offset, limit: PageLimit) -> Result<Page, ReadError>;

    /// The place before the first event received at this time or later. Blocks on storage.
    fn place_before(&self, tenant: &TenantId, at: TimeMs) -> Result<Offset, ReadError>;

    /// The entities of a tenant at its newest visible place. Blocks on storage.
    fn entities(
        &self,
        tenant: &TenantId,
        selection: EntitySelection,
    ) -> Result<Box<dyn EntityPages>, ReadError>;

    /// What the tenant's log holds; `None` if it is not open.
    fn bounds(&self, tenant: &TenantId) -> Option<Bounds>;

    /// What all tenants take together, as of the last half second; the hub's own is not counted.
    fn usage(&self) -> Usage;

    /// What waits for its commit now. Cheap: it is asked at every publish.
    fn backlog(&self) -> Backlog;

    /// Whether the log does its work.
    fn health(&self) -> Health;

    /// Finishes what was accepted, syncs, and marks the stop as clean. Blocks. Later appends are
    /// refused with [`AppendError::Closed`].
    fn close(&self);
}
