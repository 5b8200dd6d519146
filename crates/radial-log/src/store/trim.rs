//! The store's share of retention: deleting what may go.

use redb::ReadableTable as _;

use super::heads::{HeadRow, head_of};
use super::tables::Tables;
use super::{HEADS, LOST, Store, StoreError, fail};
use crate::record::{TenantNo, encode};
use crate::retention::Plan;

impl Store {
    /// Deletes what a plan says, and returns what is left.
    pub(crate) fn trim(&self, no: TenantNo, plan: &Plan) -> Result<HeadRow, StoreError> {
        self.write(|transaction| {
            let mut heads = transaction.open_table(HEADS).map_err(fail)?;
            let mut tables = Tables::open(transaction)?;
            let mut head: HeadRow = head_of(&heads, no)?;
            let first = plan.first.get();
            let mut goes = plan.expired.clone();
            for entry in tables.events.range((no, 0)..(no, first)).map_err(fail)? {
                goes.push(entry.map_err(fail)?.0.value().1);
            }
            let recent_gone = plan.recent_gone.get();
            for entry in tables.recents.range((no, 0)..=(no, recent_gone)).map_err(fail)? {
                goes.push(entry.map_err(fail)?.0.value().1);
            }
            for offset in goes {
                tables.remove_event(no, &mut head, offset)?;
            }
            for offset in &plan.ids {
                tables.forget_id(no, *offset)?;
            }
            for offset in &plan.tombstones {
                tables.remove_tombstone(no, &mut head, *offset)?;
            }
            head.recent_gone = head.recent_gone.max(recent_gone);
            head.first = head.first.max(first);
            heads.insert(no, encode(&head).as_slice()).map_err(fail)?;
            let mut lost = transaction.open_table(LOST).map_err(fail)?;
            lost.retain_in((no, 0)..(no, first), |_, _| false).map_err(fail)?;
            Ok(head)
        })
    }
}
