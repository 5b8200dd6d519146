//! The acknowledgements of all tenants, and the journal that they are kept in.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use radial_log::{AckJournal, AckKey, AckRow, Disk, EventLog, PageLimit, Stored};
use radial_protocol::filter::Filter;
use radial_protocol::grants::{Grants, any_matches};
use radial_protocol::names::EventId;
use radial_protocol::{Event, EventTypeName, Offset, TenantId};

use super::keep::Due;
use super::seat::{AtOnce, Deliver, Redelivery, Seat};
use super::session::{Session, SessionKey};
use super::settings::AckSettings;
use super::tallies::{AckTallies, Counters, add};
use super::tenant::{Context, Inbox, SEEN_MS, TenantAcks};
use crate::runtime::Runtime;

/// One read of the log for the index.
const PAGE: PageLimit = PageLimit { items: 1_000, bytes: 1024 * 1024 };
/// One event.
const ONE: PageLimit = PageLimit { items: 1, bytes: 1 };

/// What was committed and is not known yet, by tenant.
pub(crate) type Inboxes = HashMap<TenantId, Inbox>;

/// Those of these tenants.
pub(crate) fn inboxes(tenants: &[TenantId]) -> Arc<Inboxes> {
    Arc::new(tenants.iter().map(|tenant| (tenant.clone(), Inbox::default())).collect())
}

/// How the acknowledgements are opened.
pub(crate) struct Opening<'a> {
    pub(crate) log: Arc<dyn EventLog>,
    pub(crate) runtime: Runtime,
    pub(crate) settings: AckSettings,
    pub(crate) folder: &'a Path,
    pub(crate) disk: Arc<dyn Disk>,
    pub(crate) inboxes: Arc<Inboxes>,
    /// The event types that must be acknowledged.
    pub(crate) types: Vec<EventTypeName>,
}

/// The acknowledgements of one node.
pub(crate) struct Acks {
    log: Arc<dyn EventLog>,
    pub(super) runtime: Runtime,
    settings: AckSettings,
    types: Vec<EventTypeName>,
    journal: AckJournal,
    inboxes: Arc<Inboxes>,
    tenants: HashMap<TenantId, TenantAcks>,
    pub(super) counters: Counters,
    /// The minute of the uptime in which it was last tidied up.
    minute: AtomicU64,
}

impl Acks {
    /// Reads the journal. Blocks.
    ///
    /// # Errors
    /// The journal cannot be read.
    pub(crate) fn open(opening: Opening<'_>) -> std::io::Result<Arc<Self>> {
        let Opening { log, runtime, settings, folder, disk, inboxes, types } = opening;
        let (journal, rows) = AckJournal::open(folder, disk)?;
        let mut sessions: HashMap<TenantId, HashMap<SessionKey, Session>> = HashMap::new();
        let counters = Counters::default();
        for (key, row) in rows {
            // A tenant that is not served now may be served again.
            if !inboxes.contains_key(&key.tenant) {
                continue;
            }
            // Of another history of the log the offsets say nothing.
            if log.bounds(&key.tenant).is_none_or(|bounds| bounds.epoch != row.epoch) {
                drop(journal.remove(&key));
                add(&counters.forgotten_epoch, 1);
                continue;
            }
            let (key, tenant, session) = restored(key, row, &runtime);
            sessions.entry(tenant).or_default().insert(key, session);
        }
        let tenants = inboxes.keys().filter_map(|tenant| {
            let bounds = log.bounds(tenant)?;
            let sessions = sessions.remove(tenant).unwrap_or_default();
            let acks = TenantAcks::new(tenant.clone(), bounds.epoch, bounds.head, sessions);
            Some((tenant.clone(), acks))
        });
        let tenants = tenants.collect();
        let minute = AtomicU64::new(0);
        Ok(Arc::new(Self {
            log,
            runtime,
            settings,
            types,
            journal,
            inboxes,
            tenants,
            counters,
            minute,
        }))
    }

    fn context(&self) -> Context<'_> {
        let (now, uptime) = (self.runtime.now(), self.runtime.uptime());
        let (settings, journal, counters) = (&self.settings, &self.journal, &self.counters);
        Context { settings, journal, counters, now, uptime }
    }

    /// The tenant, with all that was committed until now; unless the log is still being read.
    pub(super) fn tenant(&self, tenant: &TenantId) -> Option<(&TenantAcks, Context<'_>)> {
        let (acks, context) = (self.tenants.get(tenant)?, self.context());
        if let Some(inbox) = self.inboxes.get(tenant) {
            acks.take_in(inbox, context, self.head(tenant));
        }
        Some((acks, context))
    }

    fn head(&self, tenant: &TenantId) -> Offset {
        self.log.bounds(tenant).map(|bounds| bounds.head).unwrap_or_default()
    }

    /// Whether a filter asks for any type that must be acknowledged.
    pub(super) fn concerns(&self, filter: &Filter) -> bool {
        let asked = || filter.types();
        !self.types.is_empty() && {
            let asked = asked();
            self.types.iter().any(|name| any_matches(&asked, name.as_str()))
        }
    }

    /// Whether any event ever has to be acknowledged, or had to be.
    pub(super) fn has_any(&self) -> bool {
        let has_sessions = |acks: &TenantAcks| !acks.lock().sessions.is_empty();
        !self.types.is_empty() || self.tenants.values().any(has_sessions)
    }

    /// A seat that is not taken yet.
    pub(crate) fn seat(self: &Arc<Self>) -> Seat {
        Seat::new(Arc::clone(self))
    }

    pub(super) fn enter(
        &self,
        tenant: &TenantId,
        key: &SessionKey,
        filter: &Filter,
        places: (Offset, Offset),
    ) -> Option<(u64, Option<Stored>)> {
        let (acks, context) = self.tenant(tenant)?;
        acks.enter(context, key, filter, places)
    }

    pub(super) fn change(&self, tenant: &TenantId, key: &SessionKey, id: u64, filter: &Filter) {
        if let Some((acks, context)) = self.tenant(tenant) {
            acks.change(context, key, id, filter);
        }
    }

    pub(super) fn deliver_by(
        &self,
        tenant: &TenantId,
        key: &SessionKey,
        id: u64,
        deliver: Deliver,
        at_once: AtOnce,
    ) {
        if let Some(acks) = self.tenants.get(tenant) {
            acks.deliver_by(key, id, deliver, at_once);
        }
    }

    pub(super) fn acknowledge(
        &self,
        tenant: &TenantId,
        key: &SessionKey,
        shown: &Filter,
        ids: &[EventId],
    ) -> (Vec<bool>, Option<(u64, Stored)>) {
        match self.tenant(tenant) {
            Some((acks, context)) => acks.acknowledge(context, key, shown, ids),
            None => (vec![false; ids.len()], None),
        }
    }

    pub(super) fn stored(&self, tenant: &TenantId, key: &SessionKey, changes: u64) {
        if let Some(acks) = self.tenants.get(tenant) {
            acks.stored(key, changes);
        }
    }

    /// Whether the session of these grants owes an event no more.
    pub(super) fn is_settled(&self, grants: &Grants, event: &Event) -> bool {
        let session = SessionKey::of(grants).zip(self.tenants.get(&grants.tenant));
        let (Some((key, acks)), Some(offset)) = (session, event.offset()) else { return true };
        acks.lock().sessions.get(&key).is_none_or(|session| !session.may_owe(offset))
    }

    /// Takes back that an event was sent again to the session of these grants.
    pub(super) fn not_sent(&self, grants: &Grants, event: &Event) {
        let session = SessionKey::of(grants).zip(self.tenants.get(&grants.tenant));
        if let (Some((key, acks)), Some(offset)) = (session, event.offset()) {
            acks.not_sent(&key, offset, self.context());
        }
    }

    pub(super) fn leave(&self, tenant: &TenantId, key: &SessionKey, id: u64) {
        if let Some(acks) = self.tenants.get(tenant) {
            acks.leave(self.context(), key, id);
        }
    }

    /// Lets the index follow the log, and sends what is due. Says whether there is more to do at
    /// once. Blocks on storage.
    pub(crate) fn keep(&self) -> bool {
        let is_new_minute = self.begins_minute();
        let mut has_more = false;
        for (name, acks) in &self.tenants {
            if let Some(after) = acks.unread() {
                has_more |= self.read_on(name, acks, after);
                continue;
            }
            let Some((acks, context)) = self.tenant(name) else { continue };
            let due = acks.due(context);
            if !due.is_empty() {
                self.send(acks, due);
            }
            if is_new_minute && let Some(bounds) = self.log.bounds(name) {
                acks.tidy(context, bounds.first);
            }
        }
        has_more
    }

    fn read_on(&self, tenant: &TenantId, acks: &TenantAcks, after: Offset) -> bool {
        match self.log.read(tenant, after, PAGE) {
            Ok(page) => {
                acks.take_page(&page.items, page.to, self.context());
                true
            }
            Err(error) => {
                tracing::error!(%error, %tenant, "what must be acknowledged cannot be read");
                false
            }
        }
    }

    /// Gives each to the newest connection that takes it.
    fn send(&self, acks: &TenantAcks, due: Vec<Due>) {
        let mut read: HashMap<Offset, Option<Arc<Event>>> = HashMap::new();
        for Due { key, offset, attempt, to } in due {
            let event = read.entry(offset).or_insert_with(|| self.event(&acks.tenant, offset));
            let Some(event) = event else { continue };
            let redelivery = Redelivery { attempt, event: Arc::clone(event) };
            if !to.iter().any(|deliver| deliver(&redelivery)) {
                add(&self.counters.withheld_busy, 1);
                acks.not_sent(&key, offset, self.context());
            }
        }
    }

    fn event(&self, tenant: &TenantId, offset: Offset) -> Option<Arc<Event>> {
        let page = self.log.read(tenant, offset.previous(), ONE);
        let page = page.inspect_err(|error| {
            tracing::error!(%error, %tenant, "an event that is to come again cannot be read");
        });
        page.ok()?.items.into_iter().find_map(|item| match item {
            radial_log::Item::Event(event) if event.offset() == Some(offset) => Some(event),
            _ => None,
        })
    }

    fn begins_minute(&self) -> bool {
        let minute = self.runtime.uptime().as_secs() / 60;
        self.minute.swap(minute, Ordering::Relaxed) != minute
    }

    /// What was counted, and what there is.
    pub(super) fn tallies(&self) -> AckTallies {
        let mut tallies = self.counters.tallies();
        for acks in self.tenants.values() {
            let state = acks.lock();
            tallies.sessions += state.sessions.len() as u64;
            tallies.events += state.events.len() as u64;
            let debts = state.sessions.values().map(|session| session.debts.len() as u64);
            tallies.debts += debts.sum::<u64>();
        }
        tallies
    }

    /// Stores who is there, and ends the journal. Blocks.
    pub(crate) fn close(&self) {
        for acks in self.tenants.values() {
            acks.store_all(self.context());
        }
        self.journal.close();
    }
}

/// A session as it was when the journal last heard of it. While it was there the journal heard of
/// it every now and then only.
fn restored(key: AckKey, row: AckRow, runtime: &Runtime) -> (SessionKey, TenantId, Session) {
    let AckKey { tenant, user, session } = key;
    let seen = row.seen.plus_ms(SEEN_MS).min(runtime.now());
    (SessionKey { user, session }, tenant, Session::of_row(row, seen))
}
