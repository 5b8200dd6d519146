//! Retention: what no longer has to be kept leaves the store, a little at a time.
//!
//! First it is decided what goes, then readers are told, then it is deleted: a reader that looks
//! at the bounds after it has read cannot have missed anything silently. Events whose time to live
//! is over go wherever they stand, and nobody is told: nobody would have got them.

use std::sync::PoisonError;

use radial_protocol::Offset;
use radial_protocol::event::TimeMs;

use crate::settings::Retention;
use crate::store::{Store, StoreError};
use crate::tenant::Tenant;

/// Rows that one step looks at and deletes at the most, so that no transaction takes long.
pub(crate) const STEP_ROWS: usize = 2_000;

/// What is to go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Plan {
    /// The oldest offset that is kept.
    pub(crate) first: Offset,
    /// Events of class `recent` at or before this one go.
    pub(crate) recent_gone: Offset,
    /// Events whose time to live is over.
    pub(crate) expired: Vec<u64>,
    /// Events whose ids are forgotten.
    pub(crate) ids: Vec<u64>,
    /// Events that deleted an entity of which nothing is to be known any more.
    pub(crate) tombstones: Vec<u64>,
    /// Whether anything goes.
    pub(crate) any: bool,
    /// If nothing does: nothing will before this time, unless something is added.
    pub(crate) due: TimeMs,
}

impl Plan {
    pub(crate) fn nothing(first: Offset, recent_gone: Offset) -> Self {
        Self {
            first,
            recent_gone,
            expired: Vec::new(),
            ids: Vec::new(),
            tombstones: Vec::new(),
            any: false,
            due: TimeMs(u64::MAX),
        }
    }
}

/// Does one step for a tenant; whether anything went.
pub(crate) fn trim(
    store: &Store,
    tenant: &Tenant,
    retention: Retention,
    now: TimeMs,
) -> Result<bool, StoreError> {
    let plan = store.plan_trim(tenant.no, retention, now)?;
    if !plan.any {
        tenant.rest_until(plan.due);
        return Ok(false);
    }
    {
        let mut visible = tenant.visible.write().unwrap_or_else(PoisonError::into_inner);
        visible.first = visible.first.max(plan.first);
        visible.recent_gone = visible.recent_gone.max(plan.recent_gone);
        let first = visible.first;
        visible.lost.retain(|lost| lost.to >= first);
    }
    let head = store.trim(tenant.no, &plan)?;
    tenant.set_usage(head.usage());
    Ok(true)
}
