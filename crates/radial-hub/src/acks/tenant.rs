//! The sessions of one tenant and the events that they can owe.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use radial_log::{AckJournal, AckKey, Stored};
use radial_protocol::filter::Filter;
use radial_protocol::names::EventId;
use radial_protocol::{Epoch, Event, Offset, TenantId, TimeMs};
use tokio::sync::watch;

use super::events::AckEvents;
use super::seat::{AtOnce, Deliver};
use super::session::{Chair, Session, SessionKey, Taken};
use super::settings::AckSettings;
use super::tallies::{Counters, add};

/// The most committed events that wait for the index; beyond, they are read from the log again.
const INBOX_MAX: usize = 10_000;
/// How old the journal's word of when a session was there may be while it is.
pub(super) const SEEN_MS: u64 = 15 * 60 * 1_000;
/// The same, once it has left.
const SEEN_LEFT_MS: u64 = 60 * 1_000;

/// What was committed and is not in the index yet.
#[derive(Default)]
pub(crate) struct Inbox(Mutex<Waiting>);

#[derive(Default)]
struct Waiting {
    events: Vec<Arc<Event>>,
    /// Some had no room here.
    has_overflown: bool,
}

impl Inbox {
    /// Takes what was committed. Runs on the path of every publish.
    pub(crate) fn push(&self, events: &[Arc<Event>]) {
        if !events.iter().any(|event| event.head.ack) {
            return;
        }
        let mut waiting = self.lock();
        if waiting.events.len() + events.len() > INBOX_MAX {
            waiting.events.clear();
            waiting.has_overflown = true;
        } else {
            waiting.events.extend(events.iter().filter(|event| event.head.ack).cloned());
        }
    }

    pub(super) fn take(&self) -> (Vec<Arc<Event>>, bool) {
        let waiting = std::mem::take(&mut *self.lock());
        (waiting.events, waiting.has_overflown)
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What all tenants share, and what time it is.
#[derive(Clone, Copy)]
pub(super) struct Context<'a> {
    pub(super) settings: &'a AckSettings,
    pub(super) journal: &'a AckJournal,
    pub(super) counters: &'a Counters,
    pub(super) now: TimeMs,
    pub(super) uptime: Duration,
}

/// One tenant.
pub(super) struct TenantAcks {
    pub(super) tenant: TenantId,
    epoch: Epoch,
    state: Mutex<State>,
    /// Whether the index knows all that was committed.
    pub(super) ready: watch::Sender<bool>,
}

#[derive(Default)]
pub(super) struct State {
    pub(super) events: AckEvents,
    /// The log is read up to here before the index is whole.
    pub(super) read_to: Offset,
    pub(super) sessions: HashMap<SessionKey, Session>,
    /// Those of them that nobody is there of, by when somebody was last.
    away: BTreeSet<(TimeMs, SessionKey)>,
    chairs: u64,
}

impl State {
    /// Takes out a session; tells whether there was one.
    pub(super) fn remove(&mut self, key: &SessionKey) -> bool {
        let Some(session) = self.sessions.remove(key) else { return false };
        self.away.remove(&(session.seen, key.clone()));
        true
    }
}

impl TenantAcks {
    /// The tenant as the journal and the head of its log have it.
    pub(super) fn new(
        tenant: TenantId,
        epoch: Epoch,
        head: Offset,
        sessions: HashMap<SessionKey, Session>,
    ) -> Self {
        let away = sessions.iter().map(|(key, session)| (session.seen, key.clone())).collect();
        let mut state = State { sessions, away, read_to: head, ..State::default() };
        let lowest = state.sessions.values().map(|session| session.floor).min();
        state.events.through = lowest.unwrap_or(head).min(head);
        let ready = watch::Sender::new(state.events.through >= head);
        Self { tenant, epoch, state: Mutex::new(state), ready }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives a connection of a session a chair, and the session a record if it has none; `None` if
    /// there is no room for it.
    pub(super) fn enter(
        &self,
        context: Context<'_>,
        key: &SessionKey,
        filter: &Filter,
        (start, head): (Offset, Offset),
    ) -> Option<(u64, Option<Stored>)> {
        let mut state = self.lock();
        state.chairs += 1;
        let id = state.chairs;
        if state.sessions.get(key).is_some_and(|session| session.is_away_too_long(context)) {
            state.remove(key);
            self.forget(context, key);
            add(&context.counters.forgotten_unseen, 1);
        }
        let is_new = !state.sessions.contains_key(key);
        if is_new && state.sessions.len() >= context.settings.sessions {
            self.make_room(context, &mut state)?;
        }
        let State { events, sessions, away, .. } = &mut *state;
        let session =
            sessions.entry(key.clone()).or_insert_with(|| Session::new(head, context.now));
        let (filter_of_chair, comes_back) = (filter.clone(), session.is_back(context.now));
        away.remove(&(session.seen, key.clone()));
        session.chairs.push(Chair {
            id,
            filter: filter_of_chair,
            start,
            deliver: None,
            comes_back,
            at_once: false,
        });
        session.seen = context.now;
        let due = context.uptime + context.settings.redeliver_after;
        session.derive(events, std::slice::from_ref(filter), due, context);
        let stored = is_new.then(|| self.store(context, key, session));
        Some((id, stored))
    }

    /// Another filter for a connection.
    pub(super) fn change(&self, context: Context<'_>, key: &SessionKey, id: u64, filter: &Filter) {
        let mut state = self.lock();
        let State { events, sessions, .. } = &mut *state;
        let Some(session) = sessions.get_mut(key) else { return };
        if let Some(chair) = session.chairs.iter_mut().find(|chair| chair.id == id) {
            chair.filter = filter.clone();
        }
        let due = context.uptime + context.settings.redeliver_after;
        session.derive(events, std::slice::from_ref(filter), due, context);
    }

    /// How a connection is given what is due, and when what the session owes from before it is due
    /// at once: not what another of its connections has got already.
    pub(super) fn deliver_by(&self, key: &SessionKey, id: u64, deliver: Deliver, at_once: AtOnce) {
        let mut state = self.lock();
        let State { events, sessions, .. } = &mut *state;
        let Some(session) = sessions.get_mut(key) else { return };
        let Session { chairs, debts, next_due, .. } = session;
        let Some(at) = chairs.iter().position(|chair| chair.id == id) else { return };
        let at_once = match at_once {
            AtOnce::Always => true,
            AtOnce::WhenBack => chairs.get(at).is_some_and(|chair| chair.comes_back),
        };
        for (offset, debt) in debts.iter_mut().filter(|_| at_once) {
            let Some(event) = events.at(*offset) else { continue };
            let has_it = |chair: &Chair| {
                chair.id != id && chair.deliver.is_some() && chair.filter.shows_entity(&event.head)
            };
            let is_due = chairs.get(at).is_some_and(|chair| {
                *offset <= chair.start && chair.filter.shows_entity(&event.head)
            });
            if is_due && !chairs.iter().any(has_it) {
                (debt.due, *next_due) = (Duration::ZERO, Duration::ZERO);
            }
        }
        if let Some(chair) = chairs.get_mut(at) {
            (chair.deliver, chair.at_once) = (Some(deliver), at_once);
        }
    }

    /// A connection has gone.
    pub(super) fn leave(&self, context: Context<'_>, key: &SessionKey, id: u64) {
        let mut state = self.lock();
        let State { sessions, away, .. } = &mut *state;
        let Some(session) = sessions.get_mut(key) else { return };
        let Some(at) = session.chairs.iter().position(|chair| chair.id == id) else { return };
        let chair = session.chairs.remove(at);
        session.seen = context.now;
        if session.chairs.is_empty() {
            away.insert((session.seen, key.clone()));
            session.last = Some(chair.filter);
            if context.now.0.saturating_sub(session.stored_seen.0) >= SEEN_LEFT_MS {
                drop(self.store(context, key, session));
            }
        }
    }

    /// Takes acknowledgements in, of events that this filter shows. Gives for each whether it was
    /// one; and what is on its way to the disk, with the number of the session's changes.
    pub(super) fn acknowledge(
        &self,
        context: Context<'_>,
        key: &SessionKey,
        shown: &Filter,
        ids: &[EventId],
    ) -> (Vec<bool>, Option<(u64, Stored)>) {
        let mut state = self.lock();
        let State { events, sessions, .. } = &mut *state;
        let mut session = sessions.get_mut(key);
        let counters = context.counters;
        let mut taken = Vec::with_capacity(ids.len());
        for id in ids {
            let event = events.find(id).filter(|(_, event)| shown.shows_entity(&event.head));
            let (Some((offset, _)), Some(session)) = (event, session.as_deref_mut()) else {
                add(&counters.not_owed, 1);
                taken.push(false);
                continue;
            };
            match session.acknowledge(offset, context.settings.remembered) {
                Taken::New { given_up } => {
                    add(&counters.acknowledged, 1);
                    add(&counters.given_up_acks, given_up);
                }
                Taken::Known => add(&counters.again, 1),
            }
            taken.push(true);
        }
        let unstored = session
            .filter(|session| taken.contains(&true) && session.stored_changes < session.changes);
        let stored = unstored.map(|session| (session.changes, self.store(context, key, session)));
        (taken, stored)
    }

    /// Notes that a session's record is stored up to a change.
    pub(super) fn stored(&self, key: &SessionKey, changes: u64) {
        if let Some(session) = self.lock().sessions.get_mut(key) {
            session.stored_changes = session.stored_changes.max(changes);
        }
    }

    pub(super) fn key(&self, key: &SessionKey) -> AckKey {
        let (user, session) = (key.user.clone(), key.session.clone());
        AckKey { tenant: self.tenant.clone(), user, session }
    }

    pub(super) fn store(
        &self,
        context: Context<'_>,
        key: &SessionKey,
        session: &mut Session,
    ) -> Stored {
        session.stored_seen = session.seen;
        context.journal.put(&self.key(key), &session.row(self.epoch))
    }

    pub(super) fn forget(&self, context: Context<'_>, key: &SessionKey) {
        drop(context.journal.remove(&self.key(key)));
    }

    /// Forgets the session that has been away for longest; `None` if none is away.
    fn make_room(&self, context: Context<'_>, state: &mut State) -> Option<()> {
        let Some((_, oldest)) = state.away.pop_first() else {
            add(&context.counters.untracked, 1);
            return None;
        };
        state.sessions.remove(&oldest);
        self.forget(context, &oldest);
        add(&context.counters.forgotten_room, 1);
        Some(())
    }
}
