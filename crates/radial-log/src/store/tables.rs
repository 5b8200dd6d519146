//! The tables of the logs, open in one transaction, and the rules that keep them in step: what is
//! counted, and which rows come and go together.

use radial_protocol::event::{Head, Persistence, TimeMs};
use redb::{ReadableTable as _, Table, WriteTransaction};
use serde::Deserialize;

use super::heads::HeadRow;
use super::{
    ENTITIES, EVENTS, EXPIRIES, ID_AGES, IDS, RECENTS, StoreError, TOMBSTONES, fail, readable,
};
use crate::entity::EntityRow;
use crate::record::{Changed, KnownId, Placed, Row, StoredEvent, TenantNo, decode, encode};

type Numbered<'t, V> = Table<'t, (u32, u64), V>;
type Keyed<'t> = Table<'t, (u32, &'static str), &'static [u8]>;

/// What must be known of an event that goes: the beginning of a [`Row`].
#[derive(Debug, Deserialize)]
pub(super) struct EventMark {
    pub(super) received_at: TimeMs,
    pub(super) head: Head,
}

impl EventMark {
    pub(super) fn expires_at(&self) -> Option<TimeMs> {
        self.head.ttl_ms.map(|ttl_ms| self.received_at.plus_ms(ttl_ms))
    }
}

/// The beginning of an [`EntityRow`], without its state.
#[derive(Debug, Deserialize)]
struct EntityMark {
    _version: u64,
    deleted: bool,
}

pub(super) struct Tables<'t> {
    pub(super) events: Numbered<'t, &'static [u8]>,
    pub(super) recents: Numbered<'t, u64>,
    pub(super) expiries: Table<'t, (u32, u64, u64), ()>,
    pub(super) ids: Keyed<'t>,
    pub(super) id_ages: Numbered<'t, &'static str>,
    pub(super) entities: Keyed<'t>,
    pub(super) tombstones: Numbered<'t, (u64, &'static str)>,
}

impl<'t> Tables<'t> {
    pub(super) fn open(transaction: &'t WriteTransaction) -> Result<Self, StoreError> {
        Ok(Self {
            events: transaction.open_table(EVENTS).map_err(fail)?,
            recents: transaction.open_table(RECENTS).map_err(fail)?,
            expiries: transaction.open_table(EXPIRIES).map_err(fail)?,
            ids: transaction.open_table(IDS).map_err(fail)?,
            id_ages: transaction.open_table(ID_AGES).map_err(fail)?,
            entities: transaction.open_table(ENTITIES).map_err(fail)?,
            tombstones: transaction.open_table(TOMBSTONES).map_err(fail)?,
        })
    }

    /// Adds an event with all that leads to it, but for its id: ids are added in their own order.
    pub(super) fn add_event(
        &mut self,
        no: TenantNo,
        head: &mut HeadRow,
        placed: &Placed,
    ) -> Result<(), StoreError> {
        let event = &placed.event;
        let Some(offset) = event.offset() else { return Ok(()) };
        let key = (no, offset.get());
        let row = encode(&Row { received_at: event.received_at, event: StoredEvent::of(placed) });
        head.events += 1;
        head.bytes += row.len() as u64;
        self.events.insert(key, row.as_slice()).map_err(fail)?;
        if event.head.persistence == Persistence::Recent {
            head.recents += 1;
            self.recents.insert(key, event.received_at.0).map_err(fail)?;
        }
        if let Some(end) = event.expires_at() {
            self.expiries.insert((no, end.0, offset.get()), ()).map_err(fail)?;
        }
        self.add_trace(no, head, placed)
    }

    /// Adds what stays of an event whether or not it stays itself, but for its id: that it was
    /// there, and what it made of its entity.
    pub(super) fn add_trace(
        &mut self,
        no: TenantNo,
        head: &mut HeadRow,
        placed: &Placed,
    ) -> Result<(), StoreError> {
        let event = &placed.event;
        let Some(offset) = event.offset() else { return Ok(()) };
        let key = (no, offset.get());
        if placed.fingerprint.is_some() {
            self.id_ages.insert(key, event.head.event_id.as_str()).map_err(fail)?;
        }
        if let Some(changed) = &placed.changed {
            self.put_entity(no, head, changed, event.received_at)?;
        }
        Ok(())
    }

    /// Removes an event, if it is still there, with all that leads to it. What became of its entity
    /// and of its id stays.
    pub(super) fn remove_event(
        &mut self,
        no: TenantNo,
        head: &mut HeadRow,
        offset: u64,
    ) -> Result<(), StoreError> {
        let key = (no, offset);
        let Some(row) = self.events.remove(key).map_err(fail)? else { return Ok(()) };
        head.events = head.events.saturating_sub(1);
        head.bytes = head.bytes.saturating_sub(row.value().len() as u64);
        // One that is damaged goes like any other.
        let mark: Option<EventMark> = decode(row.value());
        drop(row);
        if mark.as_ref().is_none_or(|mark| mark.head.persistence == Persistence::Recent)
            && self.recents.remove(key).map_err(fail)?.is_some()
        {
            head.recents = head.recents.saturating_sub(1);
        }
        if let Some(end) = mark.and_then(|mark| mark.expires_at()) {
            self.expiries.remove((no, end.0, offset)).map_err(fail)?;
        }
        Ok(())
    }

    fn put_entity(
        &mut self,
        no: TenantNo,
        head: &mut HeadRow,
        changed: &Changed,
        at: TimeMs,
    ) -> Result<(), StoreError> {
        let (key, row) = (changed.key.as_str(), encode(&changed.row));
        let before = self.entities.insert((no, key), row.as_slice()).map_err(fail)?;
        let mut grave = None;
        if let Some(before) = before {
            let before = before.value();
            head.entity_bytes = head.entity_bytes.saturating_sub(entity_bytes(key, before));
            if readable::<EntityMark>(before, "an entity")?.deleted {
                grave = Some(readable::<EntityRow>(before, "an entity")?.changed_at);
            } else {
                head.entities = head.entities.saturating_sub(1);
            }
        }
        if let Some(offset) = grave {
            head.tombstones = head.tombstones.saturating_sub(1);
            self.tombstones.remove((no, offset)).map_err(fail)?;
        }
        head.entity_bytes += entity_bytes(key, &row);
        if changed.row.deleted {
            head.tombstones += 1;
            self.tombstones
                .insert((no, changed.row.changed_at), (at.0, key))
                .map_err(fail)
                .map(drop)
        } else {
            head.entities += 1;
            Ok(())
        }
    }

    /// Removes what an event left of the entity that it deleted: nobody knows that it ever was.
    pub(super) fn remove_tombstone(
        &mut self,
        no: TenantNo,
        head: &mut HeadRow,
        offset: u64,
    ) -> Result<(), StoreError> {
        let Some(grave) = self.tombstones.remove((no, offset)).map_err(fail)? else {
            return Ok(());
        };
        let key = grave.value().1.to_owned();
        drop(grave);
        if let Some(row) = self.entities.remove((no, key.as_str())).map_err(fail)? {
            head.entity_bytes = head.entity_bytes.saturating_sub(entity_bytes(&key, row.value()));
            head.tombstones = head.tombstones.saturating_sub(1);
        }
        Ok(())
    }

    /// Forgets the id that is known since this event, unless it is known again from a later one.
    pub(super) fn forget_id(&mut self, no: TenantNo, offset: u64) -> Result<(), StoreError> {
        let Some(id) = self.id_ages.remove((no, offset)).map_err(fail)? else { return Ok(()) };
        let id = id.value().to_owned();
        let known = self.ids.get((no, id.as_str())).map_err(fail)?;
        let known: Option<KnownId> =
            known.map(|known| readable(known.value(), "an event's id")).transpose()?;
        if known.is_some_and(|known| known.offset == offset) {
            self.ids.remove((no, id.as_str())).map_err(fail)?;
        }
        Ok(())
    }
}

/// What an entity takes, as quotas count it.
pub(super) fn entity_bytes(key: &str, row: &[u8]) -> u64 {
    (key.len() + row.len()) as u64
}
