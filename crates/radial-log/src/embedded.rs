//! The embedded log: opening, closing, and the [`EventLog`] that the hub sees.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::thread::JoinHandle;

use radial_protocol::event::{Persistence, TimeMs};
use radial_protocol::{Epoch, Offset, TenantId};

use crate::clock::{Clock, RetentionClock};
use crate::committer::{Committer, Counters};
use crate::disk::{Disk, DiskFile};
use crate::entity_pages;
use crate::event_log::{
    Append, AppendError, AppendFuture, Backlog, Bounds, EntityPages, EntitySelection, EventLog,
    Health, OnCommit, Outcome, Page, PageLimit, ReadError, Usage,
};
use crate::flusher::{FlushQueue, Flusher};
use crate::queue::{CommitQueue, Waiting};
use crate::reading::{place_before, read_page};
use crate::settings::Settings;
use crate::slot::{Slot, Wake};
use crate::store::{CLEAN, FORMAT_VERSION, Store, TenantRow, VERSION};
use crate::takeover::take_over;
use crate::tenant::{DecideError, Tenant};
use crate::wal::{Wal, WalError, remove_all_segments};

/// How an embedded log is opened.
pub struct Config {
    /// The data folder; made if it is not there. One process at a time may have it.
    pub folder: PathBuf,
    /// Names this run of the operating system, if it can be named. Two opens with the same name
    /// had no power loss in between, so that nothing handed to the system can be lost.
    pub boot: Option<String>,
    /// What the operator chose.
    pub settings: Settings,
    /// The disk under the write-ahead file and the store.
    pub disk: Arc<dyn Disk>,
    /// What time it is, for retention and the window of relaxed durability.
    pub clock: Clock,
    /// Random bits for the epoch of a new tenant.
    pub random: Box<dyn Fn() -> u64 + Send + Sync>,
    /// Called with what was committed, in order.
    pub on_commit: OnCommit,
    /// Wakes those who wait for an answer; [`wake_each`](crate::wake_each) will do.
    pub wake: Wake,
}

/// Why a data folder cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process has it.
    #[error("the data folder {0} is in use by another process; stop that one first")]
    InUse(PathBuf),
    /// It was written by another version of Radial.
    #[error("the data folder has format {found}, this Radial reads and writes format {known}")]
    OtherFormat {
        /// The folder's version.
        found: u64,
        /// The version that is known.
        known: u64,
    },
    /// The folder or its files cannot be made or read.
    #[error("the data folder {folder} cannot be used: {source}")]
    Io {
        /// Which.
        folder: PathBuf,
        /// What failed.
        #[source]
        source: std::io::Error,
    },
    /// The store cannot be opened.
    #[error("the store in the data folder cannot be opened: {0}")]
    Store(#[from] Box<redb::Error>),
    /// A whole record of the write-ahead files that this Radial cannot read.
    #[error(
        "record {0} of the write-ahead files is whole but cannot be read: it was written by another \
         version of Radial; open the folder with that one and stop it cleanly"
    )]
    UnreadableRecord(u64),
    /// The write-ahead files cannot be trusted.
    #[error(transparent)]
    Wal(#[from] WalError),
}

/// The log of a single node, in a folder of its own.
pub struct EmbeddedLog {
    pub(crate) store: Arc<Store>,
    tenants: Arc<RwLock<HashMap<TenantId, Arc<Tenant>>>>,
    queue: Arc<CommitQueue>,
    counters: Arc<Counters>,
    random: Box<dyn Fn() -> u64 + Send + Sync>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

impl EmbeddedLog {
    /// Opens a data folder: takes over what the write-ahead file holds, and says what a crash may
    /// have lost. Blocks.
    pub fn open(config: Config) -> Result<Self, OpenError> {
        let Config { folder, boot, settings, disk, clock, random, on_commit, wake } = config;
        let clock = Arc::new(clock);
        let wal_folder = folder.join("wal");
        let io_error = |source| OpenError::Io { folder: folder.clone(), source };
        std::fs::create_dir_all(&wal_folder).map_err(io_error)?;
        let store = open_store(&folder, disk.as_ref(), settings.cache_bytes)?;
        let last_seq = take_over(
            &store,
            disk.as_ref(),
            &wal_folder,
            &settings,
            boot.as_deref(),
            random.as_ref(),
        )?;
        remove_all_segments(disk.as_ref(), &wal_folder).map_err(io_error)?;
        let wal = Wal::create(Arc::clone(&disk), &wal_folder, last_seq + 1).map_err(io_error)?;

        let rows = store.tenants()?;
        let newest = rows.iter().map(|(_, row)| row.head.received_at()).max();
        let newest = newest.filter(|newest| *newest > TimeMs(0));
        let reserved = rows.iter().map(|(_, row)| (row.no, row.head.reserved())).collect();
        let tenants = rows
            .into_iter()
            .map(|(id, row)| (id.clone(), Arc::new(Tenant::new(id, row))))
            .collect();
        let tenants = Arc::new(RwLock::new(tenants));
        let queue = Arc::new(CommitQueue::new(settings.waiting_events, settings.waiting_bytes));
        let flushes = Arc::<FlushQueue>::default();
        let counters = Arc::<Counters>::default();
        let store = Arc::new(store);
        let committer = Committer {
            wal,
            queue: Arc::clone(&queue),
            flushes: Arc::clone(&flushes),
            on_commit,
            wake,
            reserved,
            counters: Arc::clone(&counters),
            durability: settings.durability,
            clock: Arc::clone(&clock),
            unsynced_since: None,
        };
        let store_writer = Flusher {
            store: Arc::clone(&store),
            wal_folder,
            flushes,
            queue: Arc::clone(&queue),
            counters: Arc::clone(&counters),
            disk,
            settings,
            clock: RetentionClock::new(clock, newest),
            tenants: Arc::clone(&tenants),
        };
        let threads = vec![
            spawn("radial-commit", move || committer.run()).map_err(io_error)?,
            spawn("radial-flush", move || store_writer.run()).map_err(io_error)?,
        ];
        Ok(Self { store, tenants, queue, counters, random, threads: Mutex::new(threads) })
    }

    /// How many fsyncs the committer has made since the log was opened.
    pub fn fsyncs(&self) -> u64 {
        self.counters.fsyncs.load(Ordering::Relaxed)
    }

    pub(crate) fn tenant(&self, id: &TenantId) -> Option<Arc<Tenant>> {
        self.tenants.read().unwrap_or_else(PoisonError::into_inner).get(id).cloned()
    }

    /// Decides an append and queues it; returns what the answer must wait for.
    fn submit(&self, append: Append) -> Result<Submitted, AppendError> {
        let refusal = match self.queue.admits(&append.tenant) {
            Ok(()) => None,
            // What is in the log already is no write: its publisher learns where it stands.
            Err(refusal @ (AppendError::Full(_) | AppendError::Poisoned)) => Some(refusal),
            Err(refusal) => return Err(refusal),
        };
        let (tenant, tenants) = {
            let tenants = self.tenants.read().unwrap_or_else(PoisonError::into_inner);
            (tenants.get(&append.tenant).cloned(), tenants.len())
        };
        let tenant = tenant.ok_or(AppendError::UnknownTenant)?;
        let slot = Slot::new();
        let mut sequencing = tenant.sequencing.lock().unwrap_or_else(PoisonError::into_inner);
        let refusal = refusal.or_else(|| sequencing.full.clone().map(AppendError::Full));
        let decided = tenant
            .decide(&mut sequencing, &self.store, append, &slot, refusal, tenants)
            .map_err(|error| match error {
                DecideError::Refused(error) => error,
                DecideError::Store(error) => {
                    tracing::error!(%error, "the index could not be read");
                    AppendError::Poisoned
                }
            })?;
        let mut waits = decided.waits;
        if !decided.placed.is_empty() {
            let durable = decided
                .placed
                .iter()
                .any(|placed| placed.event.head.persistence == Persistence::Durable);
            // An event of class `recent` is answered once the operating system has it: its offset
            // must not be given out again after a crash of the process.
            waits.push(Arc::clone(&slot));
            let waiting =
                Waiting { tenant: Arc::clone(&tenant), placed: decided.placed, durable, slot };
            self.queue.push(waiting);
        }
        Ok(Submitted { outcomes: decided.outcomes, waits })
    }
}

struct Submitted {
    outcomes: Vec<Outcome>,
    waits: Vec<Arc<Slot>>,
}

impl EventLog for EmbeddedLog {
    fn open_tenant(&self, tenant: &TenantId) -> Result<Epoch, AppendError> {
        let mut tenants = self.tenants.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(open) = tenants.get(tenant) {
            return Ok(open.epoch);
        }
        self.queue.admits(tenant)?;
        let no = tenants.values().map(|tenant| tenant.no + 1).max().unwrap_or(1);
        let epoch = Epoch::new((self.random)());
        self.store.add_tenant(tenant, no, epoch).map_err(|error| {
            tracing::error!(%error, %tenant, "the tenant could not be stored");
            AppendError::Poisoned
        })?;
        let row = TenantRow {
            no,
            epoch,
            head: crate::store::HeadRow::default(),
            first: Offset::ZERO.next(),
            lost: Vec::new(),
        };
        tenants.insert(tenant.clone(), Arc::new(Tenant::new(tenant.clone(), row)));
        Ok(epoch)
    }

    fn append(&self, append: Append) -> AppendFuture {
        let submitted = self.submit(append);
        Box::pin(async move {
            let submitted = submitted?;
            for slot in submitted.waits {
                slot.wait().await?;
            }
            Ok(submitted.outcomes)
        })
    }

    fn read(&self, tenant: &TenantId, after: Offset, limit: PageLimit) -> Result<Page, ReadError> {
        let tenant = self.tenant(tenant).ok_or(ReadError::UnknownTenant)?;
        read_page(&self.store, &tenant, after, limit)
    }

    fn place_before(&self, tenant: &TenantId, at: TimeMs) -> Result<Offset, ReadError> {
        let tenant = self.tenant(tenant).ok_or(ReadError::UnknownTenant)?;
        place_before(&self.store, &tenant, at)
    }

    fn entities(
        &self,
        tenant: &TenantId,
        selection: EntitySelection,
    ) -> Result<Box<dyn EntityPages>, ReadError> {
        let tenant = self.tenant(tenant).ok_or(ReadError::UnknownTenant)?;
        Ok(Box::new(entity_pages::open(&self.store, &tenant, selection)?))
    }

    fn bounds(&self, tenant: &TenantId) -> Option<Bounds> {
        let tenant = self.tenant(tenant)?;
        let visible = tenant.visible.read().unwrap_or_else(PoisonError::into_inner);
        Some(Bounds {
            epoch: tenant.epoch,
            first: visible.first,
            head: visible.head,
            recent_gone: visible.recent_gone,
            lost: visible.lost.clone(),
        })
    }

    fn usage(&self) -> Usage {
        let tenants = self.tenants.read().unwrap_or_else(PoisonError::into_inner);
        let mut all = Usage::default();
        for tenant in tenants.values().filter(|tenant| !tenant.id.is_control()) {
            all += tenant.usage();
        }
        all
    }

    fn backlog(&self) -> Backlog {
        self.queue.backlog()
    }

    fn health(&self) -> Health {
        match self.counters.poison.get() {
            Some(reason) => Health::Poisoned(reason.clone()),
            None => self.queue.full().map_or(Health::Ok, Health::Full),
        }
    }

    fn close(&self) {
        self.queue.close();
        let threads =
            std::mem::take(&mut *self.threads.lock().unwrap_or_else(PoisonError::into_inner));
        if threads.is_empty() {
            return;
        }
        for thread in threads {
            if thread.join().is_err() {
                let _ = self.counters.poison.set("a thread of the log panicked".to_owned());
            }
        }
        if !matches!(self.health(), Health::Poisoned(_))
            && let Err(error) = self.store.set(&[(CLEAN, 1)], &[])
        {
            tracing::error!(%error, "the stop could not be marked as clean");
        }
    }
}

impl Drop for EmbeddedLog {
    fn drop(&mut self) {
        self.close();
    }
}

fn spawn(name: &str, body: impl FnOnce() + Send + 'static) -> std::io::Result<JoinHandle<()>> {
    std::thread::Builder::new().name(name.to_owned()).spawn(body)
}

/// Opens the store of a folder, and brings it to the format of today.
pub(crate) fn open_store(
    folder: &Path,
    disk: &dyn Disk,
    cache_bytes: usize,
) -> Result<Store, OpenError> {
    let io_error = |source| OpenError::Io { folder: folder.to_owned(), source };
    let file: Arc<dyn DiskFile> =
        Arc::from(disk.open_or_create(&folder.join("store.redb")).map_err(io_error)?);
    if !file.try_lock().map_err(io_error)? {
        return Err(OpenError::InUse(folder.to_owned()));
    }
    forget_half_made(folder, file.as_ref()).map_err(io_error)?;
    let store = Store::open(file, cache_bytes)?;
    match store.number(VERSION)? {
        Some(found) if !(1..=FORMAT_VERSION).contains(&found) => {
            Err(OpenError::OtherFormat { found, known: FORMAT_VERSION })
        }
        found => {
            store.make_tables()?;
            if found == Some(1) {
                store.upgrade_from_1()?;
            }
            Ok(store)
        }
    }
}

/// Empties a store that a crash of the very first start left half made, and that redb would refuse
/// for ever.
///
/// redb writes the first bytes of a new file last of all, and the first segment comes after it:
/// zeros there, and no segment, mean that nothing was ever stored.
fn forget_half_made(folder: &Path, file: &dyn DiskFile) -> std::io::Result<()> {
    let mut first = [0; 8];
    let size = file.size()?;
    if size >= first.len() as u64 {
        file.read_exact_at(&mut first, 0)?;
    }
    if size > 0 && first == [0; 8] && !has_segments(&folder.join("wal"))? {
        file.set_size(0)?;
    }
    Ok(())
}

fn has_segments(wal_folder: &Path) -> std::io::Result<bool> {
    if !wal_folder.exists() {
        return Ok(false);
    }
    for entry in std::fs::read_dir(wal_folder)? {
        if entry?.path().extension().is_some_and(|extension| extension == "wal") {
            return Ok(true);
        }
    }
    Ok(false)
}
