//! The flusher thread: brings committed events from memory into the store, behind everybody's back.
//!
//! Until it has, they are safe in the write-ahead file. It works in large transactions, because
//! each costs the store two fsyncs, and then lets the file's old segments go.

mod waiting;

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};

use crate::clock::RetentionClock;
use crate::committer::{Counters, PoisonOnPanic};
use crate::disk::Disk;
use crate::event_log::AppendError;
use crate::queue::{CommitQueue, Room};
use crate::record::TenantNo;
use crate::retention::trim;
use crate::settings::Settings;
use crate::store::{HeadRow, Store, StoreError, TenantChange};
use crate::tenant::{Tenant, head_after};
use crate::wal::{prepare_spare, remove_segments_below};
use radial_protocol::TenantId;

use self::waiting::Taken;
pub(crate) use self::waiting::{Flush, FlushQueue};

/// Of the room that is kept free, so much is left even by the hub's own events: a write that finds
/// no room at all would stop the log.
const OWN_ROOM_BYTES: u64 = 4 * 1024 * 1024;

/// What the thread works with.
pub(crate) struct Flusher {
    pub(crate) store: Arc<Store>,
    pub(crate) wal_folder: PathBuf,
    pub(crate) flushes: Arc<FlushQueue>,
    pub(crate) queue: Arc<CommitQueue>,
    pub(crate) counters: Arc<Counters>,
    pub(crate) disk: Arc<dyn Disk>,
    pub(crate) settings: Settings,
    pub(crate) clock: RetentionClock,
    pub(crate) tenants: Arc<RwLock<HashMap<TenantId, Arc<Tenant>>>>,
}

impl Flusher {
    /// Works until the committer has ended and all is stored, or the store fails.
    pub(crate) fn run(mut self) {
        let _poison = PoisonOnPanic {
            thread: "flusher",
            queue: Arc::clone(&self.queue),
            flushes: Arc::clone(&self.flushes),
            counters: Arc::clone(&self.counters),
        };
        while let Some(taken) = self.flushes.take() {
            let flushed = if taken.flushes.is_empty() { Ok(()) } else { self.flush(&taken) };
            if let Err(error) = flushed.and_then(|()| self.tidy()) {
                tracing::error!(%error, "the store failed: the log takes no writes");
                if let Err(error) = self.store.read_on() {
                    tracing::error!(%error, "the store cannot be read any more");
                }
                let _ = self.counters.poison.set(error.to_string());
                self.queue.refuse(&AppendError::Poisoned);
                self.queue.close();
                self.flushes.close();
                return;
            }
        }
    }

    fn flush(&self, taken: &Taken) -> Result<(), StoreError> {
        let Taken { flushes, last_seq, newer_recents } = taken;
        let mut by_tenant: BTreeMap<TenantNo, (&Tenant, TenantChange)> = BTreeMap::new();
        for flush in flushes {
            let fresh = || (flush.tenant.as_ref(), TenantChange::default());
            let (_, change) = by_tenant.entry(flush.tenant.no).or_insert_with(fresh);
            change.events.extend(flush.placed.iter().cloned());
            change.head = head_after(&flush.placed, flush.reserved).or(change.head);
        }
        let mut changes = Vec::with_capacity(by_tenant.len());
        for (no, (tenant, mut change)) in by_tenant {
            // What retention would take at once need not be written first.
            let newer = newer_recents.get(&no).copied().unwrap_or_default();
            let most = self.settings.retention_of(&tenant.id).keep_recent.events;
            let most = most.map(|most| most.saturating_sub(newer));
            if let Some(gone) = most.and_then(|most| change.keep_recents(most)) {
                tenant.recents_go(gone);
            }
            changes.push((no, change));
        }
        let heads = self.store.apply(&changes, *last_seq)?;
        let heads: HashMap<TenantNo, HeadRow> =
            changes.iter().map(|(no, _)| *no).zip(heads).collect();
        for flush in flushes {
            flush.tenant.stored(&flush.placed);
            if let Some(head) = heads.get(&flush.tenant.no) {
                flush.tenant.set_usage(head.usage());
            }
        }
        let disk = self.disk.as_ref();
        let tidied = remove_segments_below(disk, &self.wal_folder, *last_seq)
            .and_then(|()| prepare_spare(disk, &self.wal_folder));
        if let Err(error) = tidied {
            // Old segments that stay cost room and nothing else; the next round tries again.
            tracing::warn!(%error, "old write-ahead segments could not be removed");
        }
        Ok(())
    }

    /// Lets go what need not be kept, as long as nothing presses, and looks whether there is room.
    fn tidy(&mut self) -> Result<(), StoreError> {
        let tenants: Vec<Arc<Tenant>> = {
            let tenants = self.tenants.read().unwrap_or_else(PoisonError::into_inner);
            tenants.values().cloned().collect()
        };
        let now = self.clock.now();
        for tenant in tenants.iter().filter(|tenant| tenant.is_due(now)) {
            let retention = self.settings.retention_of(&tenant.id);
            while !self.flushes.is_pressing() && trim(&self.store, tenant, retention, now)? {}
            let bytes = tenant.usage().bytes();
            let quota = retention.quota_bytes.filter(|quota| bytes >= *quota);
            tenant.set_full(quota.map(|quota| {
                format!("the tenant's events take {bytes} bytes, its quota is {quota}")
            }));
        }
        self.queue.set_room(self.room());
        Ok(())
    }

    /// Who may still write. The quota is not for the hub's own events, and the room that others
    /// leave free is for them.
    fn room(&self) -> Room {
        let reserve = self.settings.reserve_bytes;
        let free = match self.disk.free_bytes(&self.wal_folder) {
            Ok(free) => free,
            Err(error) => {
                tracing::warn!(%error, "the free room of the disk cannot be read");
                u64::MAX
            }
        };
        if free < reserve {
            let what = format!("the disk has {free} bytes left, {reserve} are kept free");
            let for_own = free >= reserve.min(OWN_ROOM_BYTES);
            return if for_own { Room::OwnOnly(what) } else { Room::None(what) };
        }
        let Some(quota) = self.settings.quota_bytes else { return Room::Enough };
        let tenants = self.tenants.read().unwrap_or_else(PoisonError::into_inner);
        let others = tenants.values().filter(|tenant| !tenant.id.is_control());
        let bytes: u64 = others.map(|tenant| tenant.usage().bytes()).sum();
        if bytes >= quota {
            Room::OwnOnly(format!("events take {bytes} bytes, the quota is {quota}"))
        } else {
            Room::Enough
        }
    }
}
