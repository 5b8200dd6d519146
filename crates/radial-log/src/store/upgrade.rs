//! Folders of older formats become folders of ours, in one transaction.

use radial_protocol::event::TimeMs;
use redb::ReadableTable as _;
use serde::Deserialize;

use super::heads::HeadRow;
use super::tables::{EventMark, Tables, entity_bytes};
use super::{FORMAT_VERSION, HEADS, META, Store, StoreError, VERSION, fail, readable};
use crate::entity::EntityRow;
use crate::record::{TenantNo, decode, encode};

/// The head of a log in format 1, which did not count entities.
#[derive(Clone, Copy, Debug, Deserialize)]
pub(super) struct HeadRowOf1 {
    pub(super) offset: u64,
    pub(super) received_at: TimeMs,
    pub(super) reserved: u64,
    pub(super) events: u64,
    pub(super) bytes: u64,
    pub(super) recents: u64,
    pub(super) recent_gone: u64,
    pub(super) first: u64,
}

impl Store {
    /// Makes ours out of format 1: it knows when events expire, and counts entities and tombstones.
    ///
    /// Nothing needs to be made out of format 2. Ours can say more of an event's reach than it
    /// could, and says the rest alike.
    pub(crate) fn upgrade_from_1(&self) -> Result<(), StoreError> {
        self.write(|transaction| {
            let mut heads = transaction.open_table(HEADS).map_err(fail)?;
            let mut tables = Tables::open(transaction)?;
            let mut old: Vec<(TenantNo, HeadRowOf1)> = Vec::new();
            for entry in heads.iter().map_err(fail)? {
                let (no, row) = entry.map_err(fail)?;
                old.push((no.value(), readable(row.value(), "the head of a log")?));
            }
            for (no, head) in old {
                let mut head = HeadRow::from(head);
                find_expiries(&mut tables, no)?;
                count_entities(&mut tables, no, &mut head)?;
                heads.insert(no, encode(&head).as_slice()).map_err(fail)?;
            }
            let mut meta = transaction.open_table(META).map_err(fail)?;
            meta.insert(VERSION, FORMAT_VERSION).map_err(fail)?;
            Ok(())
        })
    }
}

fn find_expiries(tables: &mut Tables<'_>, no: TenantNo) -> Result<(), StoreError> {
    for entry in tables.events.range((no, 0)..=(no, u64::MAX)).map_err(fail)? {
        let (key, row) = entry.map_err(fail)?;
        let mark: Option<EventMark> = decode(row.value());
        if let Some(end) = mark.and_then(|mark| mark.expires_at()) {
            tables.expiries.insert((no, end.0, key.value().1), ()).map_err(fail)?;
        }
    }
    Ok(())
}

fn count_entities(
    tables: &mut Tables<'_>,
    no: TenantNo,
    head: &mut HeadRow,
) -> Result<(), StoreError> {
    let mut graves = Vec::new();
    for entry in tables.entities.range((no, "")..(no + 1, "")).map_err(fail)? {
        let (key, value) = entry.map_err(fail)?;
        let key = key.value().1;
        head.entity_bytes += entity_bytes(key, value.value());
        let row: EntityRow = readable(value.value(), "an entity")?;
        if row.deleted {
            graves.push((row.changed_at, key.to_owned()));
        } else {
            head.entities += 1;
        }
    }
    head.tombstones = graves.len() as u64;
    for (offset, key) in graves {
        // Of a deletion whose event has gone, nobody knows when it was: it counts as new.
        let event = tables.events.get((no, offset)).map_err(fail)?;
        let mark: Option<EventMark> = event.and_then(|row| decode(row.value()));
        let at = mark.map_or(head.received_at(), |mark| mark.received_at);
        tables.tombstones.insert((no, offset), (at.0, key.as_str())).map_err(fail)?;
    }
    Ok(())
}
