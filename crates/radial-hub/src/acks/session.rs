//! One session: what it has acknowledged, what it owes, and the connections that it has.

use std::collections::BTreeMap;
use std::time::Duration;

use radial_log::AckRow;
use radial_protocol::filter::Filter;
use radial_protocol::grants::Grants;
use radial_protocol::names::{SessionId, UserId};
use radial_protocol::{Epoch, Offset, TimeMs};

use super::events::AckEvents;
use super::seat::Deliver;
use super::tenant::Context;

/// A session without a connection for so long has been away. Whoever polls rests for half of it
/// between two polls and is there all the time.
const BACK_MS: u64 = 60 * 1_000;

/// Names a session in its tenant: one signed-in run of one user.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct SessionKey {
    pub(super) user: Option<UserId>,
    pub(super) session: Option<SessionId>,
}

impl SessionKey {
    /// Whose these grants are; `None` for who is nobody in particular, and owes nothing.
    pub(super) fn of(grants: &Grants) -> Option<Self> {
        let (user, session) = (grants.user.clone(), grants.session.clone());
        (user.is_some() || session.is_some()).then_some(Self { user, session })
    }
}

/// An event that the session has not acknowledged.
#[derive(Clone, Copy, Debug)]
pub(super) struct Debt {
    /// How often it was sent.
    pub(super) attempt: u32,
    /// When it is sent again, as uptime.
    pub(super) due: Duration,
}

/// A connection of the session, as long as it is open.
pub(super) struct Chair {
    pub(super) id: u64,
    pub(super) filter: Filter,
    /// Where it began.
    pub(super) start: Offset,
    /// How it is given what is due.
    pub(super) deliver: Option<Deliver>,
    /// Whether the session was away when it began.
    pub(super) comes_back: bool,
    /// Whether what is owed from before its start is due at once.
    pub(super) at_once: bool,
}

/// A session of which is known what it owes.
pub(super) struct Session {
    pub(super) since: Offset,
    pub(super) floor: Offset,
    /// What was acknowledged, oldest first.
    acknowledged: Vec<Offset>,
    /// Its connections, oldest first.
    pub(super) chairs: Vec<Chair>,
    /// What the connection asked for that left last.
    pub(super) last: Option<Filter>,
    pub(super) debts: BTreeMap<Offset, Debt>,
    /// No debt is due before this: who looks for what is due need not look at any.
    pub(super) next_due: Duration,
    /// It owes more than is followed.
    pub(super) has_more: bool,
    pub(super) seen: TimeMs,
    /// What the journal says of that.
    pub(super) stored_seen: TimeMs,
    /// How often the record was changed, and up to which change it is stored.
    pub(super) changes: u64,
    pub(super) stored_changes: u64,
}

/// What an acknowledgement came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Taken {
    /// It was owed.
    New { given_up: u64 },
    /// It was acknowledged before, or is owed no more.
    Known,
}

impl Session {
    /// A session that owes what comes after this place.
    pub(super) fn new(since: Offset, now: TimeMs) -> Self {
        Self {
            since,
            floor: since,
            acknowledged: Vec::new(),
            chairs: Vec::new(),
            last: None,
            debts: BTreeMap::new(),
            next_due: Duration::MAX,
            has_more: false,
            seen: now,
            stored_seen: now,
            changes: 1,
            stored_changes: 0,
        }
    }

    /// A session as the journal has it.
    pub(super) fn of_row(row: AckRow, seen: TimeMs) -> Self {
        let mut session = Self::new(row.since, seen);
        session.floor = row.floor;
        session.acknowledged = row.acknowledged;
        session.stored_changes = session.changes;
        session
    }

    /// What the journal is to have of it.
    pub(super) fn row(&self, epoch: Epoch) -> AckRow {
        AckRow {
            epoch,
            since: self.since,
            floor: self.floor,
            acknowledged: self.acknowledged.clone(),
            seen: self.seen,
        }
    }

    pub(super) fn has_acknowledged(&self, offset: Offset) -> bool {
        self.acknowledged.binary_search(&offset).is_ok()
    }

    /// Whether nothing was settled yet about an `ack` event at this place that the session sees.
    pub(super) fn may_owe(&self, offset: Offset) -> bool {
        offset > self.floor && !self.has_acknowledged(offset)
    }

    /// Takes an acknowledgement in.
    pub(super) fn acknowledge(&mut self, offset: Offset, remembered: usize) -> Taken {
        self.debts.remove(&offset);
        if offset <= self.floor {
            return Taken::Known;
        }
        let Err(at) = self.acknowledged.binary_search(&offset) else { return Taken::Known };
        self.acknowledged.insert(at, offset);
        self.changes += 1;
        let mut given_up = 0;
        if self.acknowledged.len() > remembered {
            let oldest = self.acknowledged.remove(0);
            given_up = self.rise_to(oldest);
        }
        Taken::New { given_up }
    }

    /// Owes nothing any more at or before a place. Gives how many debts that ends.
    pub(super) fn rise_to(&mut self, floor: Offset) -> u64 {
        if floor <= self.floor {
            return 0;
        }
        self.floor = floor;
        self.changes += 1;
        let after = self.debts.split_off(&floor.next());
        let ended = std::mem::replace(&mut self.debts, after);
        ended.len() as u64
    }

    /// Follows a debt from now on; false if there are too many.
    pub(super) fn follow(&mut self, offset: Offset, due: Duration, most: usize) -> bool {
        let is_followed = self.debts.contains_key(&offset);
        if !is_followed && self.debts.len() >= most {
            self.has_more = true;
            return false;
        }
        let debt = self.debts.entry(offset).or_insert(Debt { attempt: 1, due });
        self.next_due = self.next_due.min(debt.due);
        true
    }

    /// Looks for what these filters admit and the session has not acknowledged.
    pub(super) fn derive(
        &mut self,
        events: &AckEvents,
        filters: &[Filter],
        due: Duration,
        context: Context<'_>,
    ) {
        let most = context.settings.debts;
        for (offset, event) in events.after(self.floor) {
            if !event.is_expired(context.now)
                && !self.has_acknowledged(offset)
                && filters.iter().any(|filter| filter.shows_entity(&event.head))
                && !self.follow(offset, due, most)
            {
                return;
            }
        }
    }

    /// Whether nobody has seen it for so long that it owes nothing.
    pub(super) fn is_away_too_long(&self, context: Context<'_>) -> bool {
        let unseen_ms = u64::try_from(context.settings.unseen.as_millis()).unwrap_or(u64::MAX);
        self.chairs.is_empty() && self.seen.plus_ms(unseen_ms) <= context.now
    }

    /// Whether a connection that begins now brings the session back: nobody was there for some time,
    /// or not since the start.
    pub(super) fn is_back(&self, now: TimeMs) -> bool {
        self.chairs.is_empty() && (self.last.is_none() || self.seen.plus_ms(BACK_MS) <= now)
    }

    /// The filters of its open connections.
    pub(super) fn filters(&self) -> Vec<Filter> {
        self.chairs.iter().map(|chair| chair.filter.clone()).collect()
    }
}
