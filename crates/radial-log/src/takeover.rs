//! Opening after a stop: the write-ahead file goes into the store, and what a crash may have lost
//! is written down.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use radial_protocol::Offset;

use crate::embedded::OpenError;
use crate::event_log::{Missing, MissingReason};
use crate::record::{Placed, Record, TenantNo, decode};
use crate::store::{
    BOOT, CLEAN, FORMAT_VERSION, Store, TenantChange, TenantRow, VERSION, WATERMARK,
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
    let mut tenants: HashMap<TenantNo, (TenantRow, TenantChange)> = store
        .tenants()?
        .into_iter()
        .map(|(_, row)| (row.no, (row, TenantChange::default())))
        .collect();
    for (_, payload) in &recovered.records {
        if let Some(record) = decode::<Record>(payload) {
            replay(&mut tenants, record);
        }
    }
    let clean = store.number(CLEAN)? == Some(1);
    let same_boot = boot.is_some() && store.text(BOOT)?.as_deref() == boot;
    // What was handed to the operating system survives the process: only another boot can have
    // lost events that were shown before they were synced.
    let may_have_lost = !clean && !same_boot;
    let changes: Vec<(TenantNo, TenantChange)> = tenants
        .into_values()
        .map(|(row, change)| (row.no, settle(&row, change, may_have_lost)))
        .collect();
    store.apply(&changes, last_seq)?;
    store.set(&[(CLEAN, 0), (VERSION, FORMAT_VERSION)], &[(BOOT, boot.unwrap_or(""))])?;
    Ok(last_seq)
}

fn replay(tenants: &mut HashMap<TenantNo, (TenantRow, TenantChange)>, record: Record) {
    match record {
        Record::Batch { tenant, first, received_at, events } => {
            let Some((row, change)) = tenants.get_mut(&tenant) else { return };
            let batch = Offset::ZERO.plus(first);
            let mut offset = batch;
            for stored in events {
                let fingerprint = stored.fingerprint;
                let event = Arc::new(stored.into_event(row.epoch, offset, received_at));
                change.events.push(Placed { event, fingerprint, batch });
                row.head.offset = offset;
                row.head.received_at = received_at;
                offset = offset.next();
            }
        }
        Record::Reserve { tenant, up_to } => {
            if let Some((row, _)) = tenants.get_mut(&tenant) {
                row.head.reserved = Offset::ZERO.plus(up_to);
            }
        }
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
