//! Opening after a stop: the write-ahead file goes into the store, and what a crash may have lost
//! is written down.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use radial_protocol::{Epoch, Event, Offset, TenantId};

use crate::disk::Disk;
use crate::embedded::OpenError;
use crate::entity::{self, Effect};
use crate::event_log::{Missing, MissingReason};
use crate::record::{Changed, Placed, Record, TenantNo, decode};
use crate::settings::{Durability, Settings};
use crate::store::{
    BOOT, CLEAN, FORMAT_VERSION, HeadPlace, RELAXED, Store, StoreError, TenantChange, TenantRow,
    VERSION, WATERMARK,
};
use crate::wal::{WalError, forget_failure, has_failed, recover};

/// Brings everything into the store and returns the newest seq of the write-ahead file.
///
/// Afterwards the store holds all that was ever shown or acknowledged, durably, and the
/// write-ahead files may go.
pub(crate) fn take_over(
    store: &Store,
    disk: &dyn Disk,
    wal_folder: &Path,
    settings: &Settings,
    boot: Option<&str>,
    random: &dyn Fn() -> u64,
) -> Result<u64, OpenError> {
    let watermark = store.number(WATERMARK)?.unwrap_or(0);
    let recovered = recover(disk, wal_folder, watermark)?;
    let last_seq = recovered.records.last().map_or(watermark, |(seq, _)| *seq);
    let mut tenants: HashMap<TenantNo, Folding> =
        store.tenants()?.into_iter().map(|(id, row)| (row.no, Folding::new(id, row))).collect();
    for (seq, payload) in &recovered.records {
        let record: Record = decode(payload).ok_or(OpenError::UnreadableRecord(*seq))?;
        // A tenant is in the store before its first event is written.
        let folding = tenants.get_mut(&record.tenant()).ok_or(OpenError::UnreadableRecord(*seq))?;
        folding.replay(store, record)?;
    }
    let clean = store.number(CLEAN)? == Some(1);
    let same_boot = boot.is_some() && store.text(BOOT)?.as_deref() == boot;
    // What was handed to the operating system survives the process: only another boot, or a failed
    // fsync, after which the system may forget it, can have lost events that were shown before they
    // were synced.
    let io_error = |source| WalError::Io { folder: wal_folder.to_owned(), source };
    let failed = has_failed(disk, wal_folder).map_err(io_error)?;
    let may_have_lost = !clean && (!same_boot || failed);
    let was_relaxed = store.number(RELAXED)? == Some(1);
    let mut changes = Vec::new();
    for folding in tenants.into_values() {
        if may_have_lost && was_relaxed {
            // Answered events may be gone, and their offsets will be given out again: whoever has
            // a cursor of the old history must be told.
            store.add_tenant(&folding.id, folding.row.no, Epoch::new(random()))?;
        }
        changes.push((folding.row.no, settle(folding, may_have_lost)));
    }
    store.apply(&changes, last_seq)?;
    let relaxed = u64::from(matches!(settings.durability, Durability::Relaxed { .. }));
    let numbers = [(CLEAN, 0), (VERSION, FORMAT_VERSION), (RELAXED, relaxed)];
    store.set(&numbers, &[(BOOT, boot.unwrap_or(""))])?;
    if failed {
        forget_failure(disk, wal_folder).map_err(io_error)?;
    }
    Ok(last_seq)
}

/// A tenant while the write-ahead file is folded into it.
struct Folding {
    id: TenantId,
    row: TenantRow,
    place: HeadPlace,
    change: TenantChange,
    /// Which of the events changed an entity last, by the entity's key.
    entities: HashMap<String, usize>,
}

impl Folding {
    fn new(id: TenantId, row: TenantRow) -> Self {
        let head = &row.head;
        let place = HeadPlace {
            offset: head.offset(),
            received_at: head.received_at(),
            reserved: head.reserved(),
        };
        Self { id, row, place, change: TenantChange::default(), entities: HashMap::new() }
    }

    fn replay(&mut self, store: &Store, record: Record) -> Result<(), StoreError> {
        match record {
            Record::Batch { first, received_at, events, .. } => {
                let batch = Offset::ZERO.plus(first);
                for (index, stored) in (0..).zip(events) {
                    let offset = batch.plus(index);
                    let (fingerprint, effect) = (stored.fingerprint, stored.effect);
                    let event = stored.into_event(self.row.epoch, offset, received_at);
                    let changed = match effect {
                        Some(effect) => self.fold(store, &event, effect, offset)?,
                        None => None,
                    };
                    let event = Arc::new(event);
                    if let Some(changed) = &changed {
                        self.supersede(&changed.key);
                    }
                    self.change.events.push(Placed { event, fingerprint, batch, effect, changed });
                    self.place.offset = offset;
                    self.place.received_at = received_at;
                }
            }
            Record::Reserve { up_to, .. } => self.place.reserved = Offset::ZERO.plus(up_to),
        }
        Ok(())
    }

    fn fold(
        &mut self,
        store: &Store,
        event: &Event,
        effect: Effect,
        offset: Offset,
    ) -> Result<Option<Arc<Changed>>, StoreError> {
        let Some(changed) = &event.head.entity else { return Ok(None) };
        let key = entity::key(&event.head.channel, &changed.entity);
        let young = self.entities.get(&key).and_then(|index| self.change.events.get(*index));
        let young = young.and_then(|placed| placed.changed.as_ref());
        let stored = match young {
            Some(_) => None,
            None => store.entity(self.row.no, &key)?,
        };
        let current = young.map(|changed| &changed.row).or(stored.as_ref());
        let data = event.data();
        let row = entity::apply(current, effect, &data, &event.head, changed.version, offset);
        // A change whose state was too large was refused and is not in the log.
        Ok(row.map(|row| Arc::new(Changed { key, row })))
    }

    /// The next event changes this entity again: its state before that is not needed any more.
    fn supersede(&mut self, key: &str) {
        let before = self.entities.insert(key.to_owned(), self.change.events.len());
        if let Some(placed) = before.and_then(|index| self.change.events.get_mut(index)) {
            placed.changed = None;
        }
    }
}

/// Closes the reservation: offsets that were promised to readers and are not there are given up.
fn settle(folding: Folding, may_have_lost: bool) -> TenantChange {
    let Folding { mut place, mut change, .. } = folding;
    if may_have_lost && place.reserved > place.offset {
        let missing =
            Missing { reason: MissingReason::Restart, from: place.offset, to: place.reserved };
        change.lost.push(missing);
        place.offset = place.reserved;
    }
    place.reserved = place.offset;
    change.head = Some(place);
    change
}
