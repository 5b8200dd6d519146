//! The store's share of retention: what may go, and its deletion.

use radial_protocol::event::TimeMs;
use redb::{ReadableDatabase as _, ReadableTable as _};

use super::heads::{HeadRow, head_of};
use super::{
    EVENTS, HEADS, ID_AGES, IDS, LOST, RECENTS, Store, StoreError, fail, offset_of, readable,
};
use crate::record::{KnownId, Row, TenantNo, encode};
use crate::retention::{Plan, STEP_ROWS};
use crate::settings::Retention;
use crate::tenant::{ID_WINDOW_EVENTS, ID_WINDOW_MS};

impl Store {
    /// Decides what goes in one step; `None` if nothing does.
    pub(crate) fn plan_trim(
        &self,
        no: TenantNo,
        retention: Retention,
        now: TimeMs,
    ) -> Result<Option<Plan>, StoreError> {
        let transaction = self.database.begin_read().map_err(fail)?;
        let head: HeadRow = head_of(&transaction.open_table(HEADS).map_err(fail)?, no)?;
        let mut plan =
            Plan { first: offset_of(0), recent_gone: head.recent_gone(), ids_gone: offset_of(0) };
        let mut any = false;
        let keep = retention.keep;
        let (mut events, mut bytes) = (head.events, head.bytes);
        let rows = transaction.open_table(EVENTS).map_err(fail)?;
        for entry in rows.range((no, 0)..=(no, u64::MAX)).map_err(fail)?.take(STEP_ROWS) {
            let (key, value) = entry.map_err(fail)?;
            let received_at =
                Row::received_at(value.value()).map_or(0, |received_at| received_at.0);
            let goes = received_at < keep.oldest_ms(now.0)
                || keep.events.is_some_and(|most| events > most)
                || keep.bytes.is_some_and(|most| bytes > most);
            if !goes {
                break;
            }
            events -= 1;
            bytes = bytes.saturating_sub(value.value().len() as u64);
            plan.first = offset_of(key.value().1).next();
            any = true;
        }
        let keep = retention.keep_recent;
        let mut recents = head.recents;
        let rows = transaction.open_table(RECENTS).map_err(fail)?;
        for entry in rows.range((no, 0)..=(no, u64::MAX)).map_err(fail)?.take(STEP_ROWS) {
            let (key, received_at) = entry.map_err(fail)?;
            let goes = received_at.value() < keep.oldest_ms(now.0)
                || keep.events.is_some_and(|most| recents > most);
            if !goes {
                break;
            }
            recents -= 1;
            plan.recent_gone = offset_of(key.value().1);
            any = true;
        }
        let ids = transaction.open_table(IDS).map_err(fail)?;
        let rows = transaction.open_table(ID_AGES).map_err(fail)?;
        for entry in rows.range((no, 0)..=(no, u64::MAX)).map_err(fail)?.take(STEP_ROWS) {
            let (key, id) = entry.map_err(fail)?;
            let offset = key.value().1;
            let known = ids.get((no, id.value())).map_err(fail)?;
            let known: Option<KnownId> =
                known.map(|known| readable(known.value(), "an event's id")).transpose()?;
            let in_window = offset.saturating_add(ID_WINDOW_EVENTS) > head.offset().get()
                && known.is_some_and(|known| now < known.received_at.plus_ms(ID_WINDOW_MS));
            if in_window {
                break;
            }
            plan.ids_gone = offset_of(offset);
            any = true;
        }
        Ok(any.then_some(plan))
    }

    /// Deletes what a plan says, and returns what is left.
    pub(crate) fn trim(&self, no: TenantNo, plan: Plan) -> Result<HeadRow, StoreError> {
        self.write(|transaction| {
            let mut heads = transaction.open_table(HEADS).map_err(fail)?;
            let mut events = transaction.open_table(EVENTS).map_err(fail)?;
            let mut recents = transaction.open_table(RECENTS).map_err(fail)?;
            let mut head: HeadRow = head_of(&heads, no)?;
            let first = plan.first.get();
            for entry in events.extract_from_if((no, 0)..(no, first), |_, _| true).map_err(fail)? {
                let (_, value) = entry.map_err(fail)?;
                head.events -= 1;
                head.bytes = head.bytes.saturating_sub(value.value().len() as u64);
            }
            let gone = plan.recent_gone.get().max(first.saturating_sub(1));
            let mut gone_recents = Vec::new();
            for entry in recents.extract_from_if((no, 0)..=(no, gone), |_, _| true).map_err(fail)? {
                gone_recents.push(entry.map_err(fail)?.0.value());
                head.recents -= 1;
            }
            for key in gone_recents {
                if let Some(value) = events.remove(key).map_err(fail)? {
                    head.events -= 1;
                    head.bytes = head.bytes.saturating_sub(value.value().len() as u64);
                }
            }
            head.recent_gone = head.recent_gone.max(plan.recent_gone.get());
            head.first = head.first.max(first);
            heads.insert(no, encode(&head).as_slice()).map_err(fail)?;
            let mut ids = transaction.open_table(IDS).map_err(fail)?;
            let mut id_ages = transaction.open_table(ID_AGES).map_err(fail)?;
            let forgotten = (no, 0)..=(no, plan.ids_gone.get());
            for entry in id_ages.extract_from_if(forgotten, |_, _| true).map_err(fail)? {
                let (key, id) = entry.map_err(fail)?;
                // The id may be known again by now, from a later event.
                let known = ids.get((no, id.value())).map_err(fail)?;
                let known: Option<KnownId> =
                    known.map(|known| readable(known.value(), "an event's id")).transpose()?;
                if known.is_some_and(|known| known.offset == key.value().1) {
                    ids.remove((no, id.value())).map_err(fail)?;
                }
            }
            let mut lost = transaction.open_table(LOST).map_err(fail)?;
            lost.retain_in((no, 0)..(no, first), |_, _| false).map_err(fail)?;
            Ok(head)
        })
    }
}
