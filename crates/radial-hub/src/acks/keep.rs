//! What goes on by itself in one tenant: the index follows the log, debts fall due, and what is
//! over is forgotten.

use std::sync::atomic::AtomicU64;

use radial_log::Item;
use radial_protocol::{Event, Offset};

use super::seat::Deliver;
use super::session::{Debt, Session, SessionKey};
use super::tallies::add;
use super::tenant::{Context, SEEN_MS, State, TenantAcks};

/// The most redeliveries of a session at a time: the others come a moment later.
const DUE_OF_SESSION: usize = 50;
/// The most redeliveries of a tenant at a time.
const DUE_OF_TENANT: usize = 2_000;

/// Something that a session is to get again.
pub(super) struct Due {
    pub(super) key: SessionKey,
    pub(super) offset: Offset,
    /// How often it will have been sent then.
    pub(super) attempt: u32,
    /// The connections that may get it, the newest first.
    pub(super) to: Vec<Deliver>,
}

impl State {
    /// Adds an event to the index, and to the debts of those who are there and see it.
    fn add(&mut self, event: &Event, context: Context<'_>) {
        if !self.events.add(event) {
            return;
        }
        let Some(offset) = event.offset() else { return };
        for session in self.sessions.values_mut() {
            if !session.may_owe(offset) {
                continue;
            }
            let mut sees =
                session.chairs.iter().filter(|chair| chair.filter.shows_entity(&event.head));
            let Some(first) = sees.next() else { continue };
            // It came before the connection did, and was only found now.
            let is_late = |chair: &super::session::Chair| chair.at_once && offset <= chair.start;
            let is_late = is_late(first) && sees.all(is_late);
            let wait =
                if is_late { std::time::Duration::ZERO } else { context.settings.redeliver_after };
            session.follow(offset, context.uptime + wait, context.settings.debts);
        }
        if let Some(gone) = self.events.keep_newest(context.settings.events) {
            let ended = self.sessions.values_mut().map(|session| session.rise_to(gone));
            add(&context.counters.given_up_events, ended.sum());
        }
    }
}

impl TenantAcks {
    /// Brings what was committed into the index.
    pub(super) fn take_in(&self, inbox: &super::tenant::Inbox, context: Context<'_>, head: Offset) {
        let mut state = self.lock();
        if state.read_to > state.events.through {
            return;
        }
        let (events, has_overflown) = inbox.take();
        if has_overflown {
            state.read_to = head;
            self.ready.send_replace(false);
            return;
        }
        for event in events {
            state.add(&event, context);
        }
    }

    /// After which place the log must be read before the index is whole.
    pub(super) fn unread(&self) -> Option<Offset> {
        let state = self.lock();
        (state.read_to > state.events.through).then_some(state.events.through)
    }

    /// Takes a page of the log in that reaches to `to`.
    pub(super) fn take_page(&self, items: &[Item], to: Offset, context: Context<'_>) {
        let mut state = self.lock();
        let before = state.events.through;
        for item in items {
            if let Item::Event(event) = item {
                state.add(event, context);
            }
        }
        // A page that does not move would be read for ever.
        let to = if to > before { to } else { state.read_to };
        state.events.through = state.events.through.max(to);
        if state.events.through >= state.read_to {
            self.ready.send_replace(true);
        }
    }

    /// What is to be sent again now.
    pub(super) fn due(&self, context: Context<'_>) -> Vec<Due> {
        let mut state = self.lock();
        let State { events, sessions, .. } = &mut *state;
        let mut all = Vec::new();
        for (key, session) in sessions.iter_mut().filter(|(_, session)| !session.chairs.is_empty())
        {
            if all.len() >= DUE_OF_TENANT {
                break;
            }
            if session.has_more && session.debts.len() <= context.settings.debts / 2 {
                let (filters, due) =
                    (session.filters(), context.uptime + context.settings.redeliver_after);
                session.has_more = false;
                session.derive(events, &filters, due, context);
            }
            if session.next_due <= context.uptime {
                due_of((key, session), events, context, &mut all);
            }
        }
        all
    }

    /// Takes back that something was sent again: no connection could take it.
    pub(super) fn not_sent(&self, key: &SessionKey, offset: Offset, context: Context<'_>) {
        let mut state = self.lock();
        let Some(session) = state.sessions.get_mut(key) else { return };
        if let Some(debt) = session.debts.get_mut(&offset) {
            debt.attempt = debt.attempt.saturating_sub(1).max(1);
            debt.due = context.uptime + context.settings.redeliver_after;
            session.next_due = session.next_due.min(debt.due);
        }
    }

    /// Forgets what is over, and brings to the journal who is there.
    pub(super) fn tidy(&self, context: Context<'_>, first: Offset) {
        let mut state = self.lock();
        state.events.keep_from(first);
        let mut gone: Vec<SessionKey> = Vec::new();
        for (key, session) in &mut state.sessions {
            if session.is_away_too_long(context) {
                gone.push(key.clone());
            } else if !session.chairs.is_empty() {
                session.seen = context.now;
                if context.now.0.saturating_sub(session.stored_seen.0) >= SEEN_MS {
                    drop(self.store(context, key, session));
                }
            }
        }
        for key in &gone {
            state.remove(key);
            self.forget(context, key);
        }
        add(&context.counters.forgotten_unseen, gone.len() as u64);
    }

    /// Brings to the journal that everybody who is there was there until now.
    pub(super) fn store_all(&self, context: Context<'_>) {
        let mut state = self.lock();
        for (key, session) in &mut state.sessions {
            if !session.chairs.is_empty() {
                session.seen = context.now;
                drop(self.store(context, key, session));
            }
        }
    }
}

/// What of a session is due, in the order of the log; its time is set for the next time.
fn due_of(
    (key, session): (&SessionKey, &mut Session),
    events: &super::events::AckEvents,
    context: Context<'_>,
    all: &mut Vec<Due>,
) {
    let Session { debts, chairs, next_due, .. } = session;
    let mut count = 0;
    let over = |counter: &AtomicU64| {
        add(counter, 1);
        false
    };
    debts.retain(|offset, debt: &mut Debt| {
        if debt.due > context.uptime || count >= DUE_OF_SESSION {
            return true;
        }
        // What the log does not have any more cannot be sent again.
        let Some(event) = events.at(*offset).filter(|event| !event.is_expired(context.now)) else {
            return over(&context.counters.given_up_expired);
        };
        let sees = chairs.iter().rev().filter(|chair| chair.filter.shows_entity(&event.head));
        let to: Vec<Deliver> = sees.filter_map(|chair| chair.deliver.clone()).collect();
        debt.due = context.uptime + context.settings.interval(debt.attempt + 1);
        if to.is_empty() {
            // Whoever sees it comes later, and finds it again.
            return chairs.iter().any(|chair| chair.filter.shows_entity(&event.head));
        }
        count += 1;
        debt.attempt += 1;
        all.push(Due { key: key.clone(), offset: *offset, attempt: debt.attempt, to });
        true
    });
    *next_due = debts.values().map(|debt| debt.due).min().unwrap_or(std::time::Duration::MAX);
}
