//! Who has acknowledged an event, and who has not: for operators.

use std::collections::BTreeMap;

use radial_protocol::event::{Audience, Head, Scope};
use radial_protocol::names::{EventId, SessionId, UserId};
use radial_protocol::{ChannelName, Code, EventTypeName, Offset, Problem, TenantId, TimeMs};
use serde::Serialize;

use super::events::AckEvent;
use super::session::{Session, SessionKey};
use crate::hub::Hub;

/// What is asked.
#[derive(Clone, Debug)]
pub struct AckQuery {
    /// Of which tenant.
    pub tenant: TenantId,
    /// Which event.
    pub event: EventId,
    /// Only sessions in this state.
    pub state: Option<AckState>,
    /// Only sessions that sort after this one.
    pub after: Option<(Option<UserId>, Option<SessionId>)>,
    /// The most sessions in the answer.
    pub limit: usize,
}

/// How a session stands to an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum AckState {
    /// It has acknowledged it.
    Acknowledged,
    /// It has not, and is to.
    Owed,
    /// It has not, and need not any more: the event has expired, or its debt was given up.
    Ended,
    /// It has not, and was not there since the hub started: the event may be for it, and whether it
    /// asked for such events shows when it comes.
    Unknown,
}

/// The answer: how many stand how, and a page of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AckPage {
    /// The event.
    pub event_id: EventId,
    /// Its type.
    pub event_type: EventTypeName,
    /// Its channel.
    pub channel: ChannelName,
    /// Its place.
    pub offset: Offset,
    /// Until when it can be owed, if that ever ends.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<TimeMs>,
    /// How many sessions are in which state.
    pub counts: BTreeMap<AckState, u64>,
    /// Sessions, sorted by user and session.
    pub sessions: Vec<AckAnswer>,
    /// Whether more follow.
    pub has_more: bool,
}

/// One session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AckAnswer {
    /// Its user.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_id: Option<UserId>,
    /// Its own id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session_id: Option<SessionId>,
    /// How it stands.
    pub state: AckState,
    /// How often the event was sent to it, where it is owed and followed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attempts: Option<u32>,
    /// How many connections it has that get such events.
    pub connections: usize,
    /// When it was last there.
    pub seen: TimeMs,
}

impl Session {
    /// How it stands to an event; `None` if it has nothing to do with it.
    fn stands(
        &self,
        key: &SessionKey,
        offset: Offset,
        event: &AckEvent,
        now: TimeMs,
    ) -> Option<AckState> {
        if offset <= self.since {
            return None;
        }
        if self.has_acknowledged(offset) {
            return Some(AckState::Acknowledged);
        }
        let filters = || self.chairs.iter().map(|chair| &chair.filter).chain(&self.last);
        let is_over = offset <= self.floor || event.is_expired(now);
        if filters().any(|filter| filter.shows_entity(&event.head)) {
            return Some(if is_over { AckState::Ended } else { AckState::Owed });
        }
        let is_unknown = !is_over && filters().next().is_none() && key.may_see(&event.head);
        is_unknown.then_some(AckState::Unknown)
    }
}

impl SessionKey {
    /// Whether an event may be for this session as far as scope and audience say. What it asks for,
    /// and its roles, are not known while it is not there.
    fn may_see(&self, head: &Head) -> bool {
        let in_scope = match head.scope {
            Scope::Channel => true,
            Scope::User => self.user.is_some() && self.user == head.user,
            Scope::Session => self.session.is_some() && self.session == head.session,
        };
        let is_named = |audience: &Audience| {
            !audience.roles.is_empty()
                || self.user.as_ref().is_some_and(|user| audience.users.contains(user))
                || self.session.as_ref().is_some_and(|session| audience.sessions.contains(session))
        };
        in_scope && head.audience.as_ref().is_none_or(is_named)
    }
}

impl Hub {
    /// Who has acknowledged an event and who has not. Blocks for as long as that takes to look up.
    ///
    /// # Errors
    /// `not-found`: the tenant's log has no such event that must be acknowledged.
    pub fn acks_of(&self, query: &AckQuery) -> Result<AckPage, Problem> {
        let none = || {
            let detail = "the tenant's log has no event of this id that must be acknowledged";
            Problem::new(Code::NotFound, detail)
        };
        let (tenant, context) = self.acks.tenant(&query.tenant).ok_or_else(none)?;
        let state = tenant.lock();
        let (offset, event) = state.events.find(&query.event).ok_or_else(none)?;
        let standing = state.sessions.iter().filter_map(|(key, session)| {
            session.stands(key, offset, event, context.now).map(|stands| (key, session, stands))
        });
        let mut counts = BTreeMap::from(
            [AckState::Acknowledged, AckState::Owed, AckState::Ended, AckState::Unknown]
                .map(|state| (state, 0)),
        );
        let after = query.after.clone().map(|(user, session)| SessionKey { user, session });
        let mut found: BTreeMap<&SessionKey, (&Session, AckState)> = BTreeMap::new();
        for (key, session, stands) in standing {
            *counts.entry(stands).or_insert(0) += 1;
            let is_asked_for = query.state.is_none_or(|state| state == stands);
            if is_asked_for && after.as_ref().is_none_or(|after| key > after) {
                found.insert(key, (session, stands));
                if found.len() > query.limit + 1 {
                    found.pop_last();
                }
            }
        }
        let has_more = found.len() > query.limit;
        let sessions = found.into_iter().take(query.limit).map(|(key, (session, state))| {
            let debt = session.debts.get(&offset).filter(|_| state == AckState::Owed);
            AckAnswer {
                user_id: key.user.clone(),
                session_id: key.session.clone(),
                state,
                attempts: debt.map(|debt| debt.attempt),
                connections: session.chairs.len(),
                seen: if session.chairs.is_empty() { session.seen } else { context.now },
            }
        });
        Ok(AckPage {
            event_id: event.head.event_id.clone(),
            event_type: event.head.event_type.clone(),
            channel: event.head.channel.clone(),
            offset,
            expires_at: event.expires_at,
            counts,
            sessions: sessions.collect(),
            has_more,
        })
    }
}
