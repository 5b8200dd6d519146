//! The store's share of retention: what may go in one step.

use radial_protocol::event::TimeMs;
use redb::ReadTransaction;

use super::heads::{HeadRow, head_of};
use super::{
    EVENTS, EXPIRIES, HEADS, ID_AGES, IDS, RECENTS, Store, StoreError, TOMBSTONES, fail, offset_of,
    readable,
};
use crate::record::{KnownId, Row, TenantNo};
use crate::retention::{Plan, STEP_ROWS};
use crate::settings::Retention;
use crate::tenant::{ID_WINDOW_EVENTS, ID_WINDOW_MS};

impl Store {
    /// Decides what goes in one step.
    pub(crate) fn plan_trim(
        &self,
        no: TenantNo,
        retention: Retention,
        now: TimeMs,
    ) -> Result<Plan, StoreError> {
        let transaction = self.begin_read()?;
        let head: HeadRow = head_of(&transaction.open_table(HEADS).map_err(fail)?, no)?;
        let mut planning = Planning {
            transaction,
            no,
            head,
            retention,
            now,
            plan: Plan::nothing(head.first(), head.recent_gone()),
        };
        planning.plan_events()?;
        planning.plan_recents()?;
        planning.plan_expired()?;
        planning.plan_ids()?;
        planning.plan_tombstones()?;
        Ok(planning.plan)
    }
}

struct Planning {
    transaction: ReadTransaction,
    no: TenantNo,
    head: HeadRow,
    retention: Retention,
    now: TimeMs,
    plan: Plan,
}

impl Planning {
    /// Whether something of this time and of this age at the most is too old; if not, when it is.
    fn is_over(&mut self, since: TimeMs, age_ms: Option<u64>) -> bool {
        let Some(age_ms) = age_ms else { return false };
        let end = since.plus_ms(age_ms);
        if end > self.now {
            self.plan.due = self.plan.due.min(end);
        }
        end <= self.now
    }

    fn plan_events(&mut self) -> Result<(), StoreError> {
        let (no, keep) = (self.no, self.retention.keep);
        let (mut events, mut bytes) = (self.head.events, self.head.bytes);
        let rows = self.transaction.open_table(EVENTS).map_err(fail)?;
        for entry in rows.range((no, 0)..=(no, u64::MAX)).map_err(fail)?.take(STEP_ROWS) {
            let (key, value) = entry.map_err(fail)?;
            let received_at = Row::received_at(value.value()).unwrap_or_default();
            let goes = self.is_over(received_at, keep.age_ms())
                || keep.events.is_some_and(|most| events > most)
                || keep.bytes.is_some_and(|most| bytes > most);
            if !goes {
                break;
            }
            events = events.saturating_sub(1);
            bytes = bytes.saturating_sub(value.value().len() as u64);
            self.plan.first = offset_of(key.value().1).next();
            self.plan.any = true;
        }
        Ok(())
    }

    fn plan_recents(&mut self) -> Result<(), StoreError> {
        let (no, keep) = (self.no, self.retention.keep_recent);
        let mut recents = self.head.recents;
        let rows = self.transaction.open_table(RECENTS).map_err(fail)?;
        for entry in rows.range((no, 0)..=(no, u64::MAX)).map_err(fail)?.take(STEP_ROWS) {
            let (key, received_at) = entry.map_err(fail)?;
            // Newer ones that never came into the store stand for those that did.
            let goes = key.value().1 <= self.head.recent_gone
                || self.is_over(TimeMs(received_at.value()), keep.age_ms())
                || keep.events.is_some_and(|most| recents > most);
            if !goes {
                break;
            }
            recents = recents.saturating_sub(1);
            self.plan.recent_gone = offset_of(key.value().1);
            self.plan.any = true;
        }
        Ok(())
    }

    fn plan_expired(&mut self) -> Result<(), StoreError> {
        let no = self.no;
        let rows = self.transaction.open_table(EXPIRIES).map_err(fail)?;
        let all = (no, 0, 0)..=(no, u64::MAX, u64::MAX);
        for entry in rows.range(all).map_err(fail)?.take(STEP_ROWS) {
            let (_, end, offset) = entry.map_err(fail)?.0.value();
            if !self.is_over(TimeMs(end), Some(0)) {
                break;
            }
            self.plan.expired.push(offset);
            self.plan.any = true;
        }
        Ok(())
    }

    fn plan_ids(&mut self) -> Result<(), StoreError> {
        let no = self.no;
        let ids = self.transaction.open_table(IDS).map_err(fail)?;
        let rows = self.transaction.open_table(ID_AGES).map_err(fail)?;
        for entry in rows.range((no, 0)..=(no, u64::MAX)).map_err(fail)?.take(STEP_ROWS) {
            let (key, id) = entry.map_err(fail)?;
            let offset = key.value().1;
            let known = ids.get((no, id.value())).map_err(fail)?;
            let known: Option<KnownId> =
                known.map(|known| readable(known.value(), "an event's id")).transpose()?;
            let in_window = offset.saturating_add(ID_WINDOW_EVENTS) > self.head.offset().get()
                && known.is_some_and(|known| !self.is_over(known.received_at, Some(ID_WINDOW_MS)));
            if in_window {
                break;
            }
            self.plan.ids.push(offset);
            self.plan.any = true;
        }
        Ok(())
    }

    /// A tombstone goes when it is old enough and its event has gone before it, so that no event
    /// that is left speaks of an entity that nobody knows.
    fn plan_tombstones(&mut self) -> Result<(), StoreError> {
        let no = self.no;
        let age_ms = self.retention.keep_tombstones.map(crate::settings::whole_ms);
        let rows = self.transaction.open_table(TOMBSTONES).map_err(fail)?;
        let gone = (no, 0)..(no, self.plan.first.get());
        for entry in rows.range(gone).map_err(fail)?.take(STEP_ROWS) {
            let (key, value) = entry.map_err(fail)?;
            if !self.is_over(TimeMs(value.value().0), age_ms) {
                break;
            }
            self.plan.tombstones.push(key.value().1);
            self.plan.any = true;
        }
        Ok(())
    }
}
