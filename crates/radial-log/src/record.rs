//! What is written: the records of the write-ahead file and the rows of the store.
//!
//! A record is a batch with its ids and fingerprints, so that everything that is derived from
//! the log can be derived again. The layout is postcard's, whose wire format is stable; a change
//! of these types is a change of [`FORMAT_VERSION`](crate::store::FORMAT_VERSION).

use std::borrow::Cow;
use std::sync::Arc;

use radial_protocol::event::{Event, Head, Persistence, TimeMs};
use radial_protocol::{Cursor, Epoch, Offset};
use serde::{Deserialize, Serialize};

use crate::entity::{Effect, EntityRow};
use crate::event_log::Fingerprint;

/// A tenant's number in files: names are long, and repeated in every record.
pub(crate) type TenantNo = u32;

/// One thing that happened to the log.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(crate) enum Record<'a> {
    /// Events with adjacent offsets.
    Batch {
        /// Whose.
        tenant: TenantNo,
        /// The offset of the first.
        first: u64,
        /// When the hub took them.
        received_at: TimeMs,
        /// The events, in order.
        events: Vec<StoredEvent<'a>>,
    },
    /// Offsets up to here may be shown to readers before they are on stable storage.
    Reserve {
        /// Whose.
        tenant: TenantNo,
        /// The last such offset.
        up_to: u64,
    },
}

impl Record<'_> {
    /// Whose record it is.
    pub(crate) fn tenant(&self) -> TenantNo {
        match self {
            Self::Batch { tenant, .. } | Self::Reserve { tenant, .. } => *tenant,
        }
    }
}

/// An event as files hold it; its place is beside it. Borrowed when it is written, so that nothing
/// is copied but into the file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct StoredEvent<'a> {
    pub(crate) head: Cow<'a, Head>,
    pub(crate) members: Cow<'a, str>,
    pub(crate) fingerprint: Option<Fingerprint>,
    /// What the event did to the entity that its head names.
    pub(crate) effect: Option<Effect>,
}

/// An event in memory with what the index needs of it.
#[derive(Clone, Debug)]
pub(crate) struct Placed {
    pub(crate) event: Arc<Event>,
    pub(crate) fingerprint: Option<Fingerprint>,
    /// The first offset of the batch that it came with.
    pub(crate) batch: Offset,
    /// What the event does to the entity that its head names.
    pub(crate) effect: Option<Effect>,
    /// That entity after the event, unless a later event beside this one changes it again: states
    /// can be far larger than the events that change them.
    pub(crate) changed: Option<Arc<Changed>>,
}

impl Placed {
    /// Whether its event is of class `recent`.
    pub(crate) fn is_recent(&self) -> bool {
        self.event.head.persistence == Persistence::Recent
    }

    /// How much memory it takes, roughly.
    pub(crate) fn memory_bytes(&self) -> usize {
        self.event.memory_bytes()
            + self.changed.as_ref().map_or(0, |changed| changed.row.memory_bytes())
    }
}

/// An entity after a change.
#[derive(Clone, Debug)]
pub(crate) struct Changed {
    pub(crate) key: String,
    pub(crate) row: EntityRow,
}

impl<'a> StoredEvent<'a> {
    pub(crate) fn of(placed: &'a Placed) -> Self {
        Self {
            head: Cow::Borrowed(&placed.event.head),
            members: Cow::Borrowed(placed.event.members()),
            fingerprint: placed.fingerprint,
            effect: placed.effect,
        }
    }

    pub(crate) fn into_event(self, epoch: Epoch, offset: Offset, received_at: TimeMs) -> Event {
        let place = Cursor { epoch, offset };
        Event::from_members(self.head.into_owned(), Some(place), received_at, &self.members)
    }
}

/// A row of the store's event table.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Row<'a> {
    pub(crate) received_at: TimeMs,
    pub(crate) event: StoredEvent<'a>,
}

impl Row<'_> {
    /// When the hub took the event of a row, without reading the rest of it.
    pub(crate) fn received_at(row: &[u8]) -> Option<TimeMs> {
        postcard::take_from_bytes(row).ok().map(|(received_at, _)| received_at)
    }
}

/// What the index knows of an id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct KnownId {
    pub(crate) offset: u64,
    /// The first offset of the batch that it came with.
    pub(crate) batch: u64,
    pub(crate) fingerprint: Fingerprint,
    pub(crate) received_at: TimeMs,
    pub(crate) entity_version: Option<u64>,
}

impl KnownId {
    /// What the index keeps of an event whose id is an idempotency key.
    pub(crate) fn of(placed: &Placed) -> Option<Self> {
        let head = &placed.event.head;
        Some(Self {
            offset: placed.event.offset()?.get(),
            batch: placed.batch.get(),
            fingerprint: placed.fingerprint?,
            received_at: placed.event.received_at,
            entity_version: head.entity.as_ref().map(|entity| entity.version),
        })
    }
}

/// Writes a value; the types of this module cannot fail to be written.
pub(crate) fn encode<T: Serialize>(value: &T) -> Vec<u8> {
    postcard::to_allocvec(value).expect("records have no unsized parts that postcard refuses")
}

/// Appends what [`encode`] returns.
pub(crate) fn encode_onto<T: Serialize>(value: &T, out: &mut Vec<u8>) {
    let written = postcard::to_extend(value, std::mem::take(out));
    *out = written.expect("records have no unsized parts that postcard refuses");
}

/// Reads a value back, or `None` if these bytes are not one.
pub(crate) fn decode<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Option<T> {
    postcard::from_bytes(bytes).ok()
}
