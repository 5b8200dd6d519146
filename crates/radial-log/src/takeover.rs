//! Opening after a stop: the write-ahead file goes into the store, and what a crash may have lost
//! is written down.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use radial_protocol::{Event, Offset};

use crate::embedded::OpenError;
use crate::entity::{self, Effect, EntityRow};
use crate::event_log::{Missing, MissingReason};
use crate::record::{Changed, Placed, Record, TenantNo, decode};
use crate::store::{
    BOOT, CLEAN, FORMAT_VERSION, Store, StoreError, TenantChange, TenantRow, VERSION, WATERMARK,
};
use crate::wal::recover;

/// Brings everything into the store and returns the newest seq of the write-ahead file.
///
/// Afterwards the store holds all that was ever shown or acknowledged, durably, and the
/// write-ahead files may go.
pub(crate) fn take_over(
    store: &Store,
    wal_folder: &Path,
    boot: Option<&str>,
) -> Result<u64, OpenError> {
    let watermark = store.number(WATERMARK)?.unwrap_or(0);
    let recovered = recover(wal_folder, watermark)?;
    let last_seq = recovered.records.last().map_or(watermark, |(seq, _)| *seq);
    let mut tenants: HashMap<TenantNo, Folding> = store
        .tenants()?
        .into_iter()
        .map(|(_, row)| {
            let no = row.no;
            (no, Folding { row, change: TenantChange::default(), entities: HashMap::new() })
        })
        .collect();
    for (_, payload) in &recovered.records {
        if let Some(record) = decode::<Record>(payload)
            && let Some(folding) = tenants.get_mut(&record.tenant())
        {
            folding.replay(store, record)?;
        }
    }
    let clean = store.number(CLEAN)? == Some(1);
    let same_boot = boot.is_some() && store.text(BOOT)?.as_deref() == boot;
    // What was handed to the operating system survives the process: only another boot can have
    // lost events that were shown before they were synced.
    let may_have_lost = !clean && !same_boot;
    let changes: Vec<(TenantNo, TenantChange)> = tenants
        .into_values()
        .map(|folding| (folding.row.no, settle(&folding.row, folding.change, may_have_lost)))
        .collect();
    store.apply(&changes, last_seq)?;
    store.set(&[(CLEAN, 0), (VERSION, FORMAT_VERSION)], &[(BOOT, boot.unwrap_or(""))])?;
    Ok(last_seq)
}

/// A tenant while the write-ahead file is folded into it.
struct Folding {
    row: TenantRow,
    change: TenantChange,
    /// The entities that were changed, as they are now.
    entities: HashMap<String, EntityRow>,
}

impl Folding {
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
                    self.change.events.push(Placed { event, fingerprint, batch, changed });
                    self.row.head.offset = offset;
                    self.row.head.received_at = received_at;
                }
            }
            Record::Reserve { up_to, .. } => self.row.head.reserved = Offset::ZERO.plus(up_to),
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
        let current = match self.entities.get(&key) {
            Some(row) => Some(row.clone()),
            None => store.entity(self.row.no, &key)?,
        };
        let data = event.data();
        let row =
            entity::apply(current.as_ref(), effect, &data, &event.head, changed.version, offset);
        // A change whose state was too large was refused and is not in the log.
        let Some(row) = row else { return Ok(None) };
        self.entities.insert(key.clone(), row.clone());
        Ok(Some(Arc::new(Changed { key, effect, row })))
    }
}

/// Closes the reservation: offsets that were promised to readers and are not there are given up.
fn settle(row: &TenantRow, mut change: TenantChange, may_have_lost: bool) -> TenantChange {
    let mut head = row.head;
    if may_have_lost && head.reserved > head.offset {
        let missing =
            Missing { reason: MissingReason::Restart, from: head.offset, to: head.reserved };
        change.lost.push(missing);
        head.offset = head.reserved;
    }
    head.reserved = head.offset;
    change.head = Some(head);
    change
}
