//! Retention: what no longer has to be kept leaves the store, a little at a time.
//!
//! First it is decided what goes, then readers are told, then it is deleted: a reader that looks
//! at the bounds after it has read cannot have missed anything silently.

use std::sync::PoisonError;

use radial_protocol::Offset;
use radial_protocol::event::TimeMs;

use crate::settings::Retention;
use crate::store::{Store, StoreError};
use crate::tenant::Tenant;

/// Rows that one step looks at and deletes at the most, so that no transaction takes long.
pub(crate) const STEP_ROWS: usize = 2_000;

/// What is to go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Plan {
    /// The oldest offset that is kept.
    pub(crate) first: Offset,
    /// Events of class `recent` at or before this one go.
    pub(crate) recent_gone: Offset,
    /// Ids of events at or before this one are forgotten.
    pub(crate) ids_gone: Offset,
}

/// Does one step for a tenant; whether anything went.
pub(crate) fn trim(
    store: &Store,
    tenant: &Tenant,
    retention: Retention,
    now: TimeMs,
) -> Result<bool, StoreError> {
    let plan = store.plan_trim(tenant.no, retention, now)?;
    let Some(plan) = plan else { return Ok(false) };
    {
        let mut visible = tenant.visible.write().unwrap_or_else(PoisonError::into_inner);
        visible.first = visible.first.max(plan.first);
        visible.recent_gone = visible.recent_gone.max(plan.recent_gone);
        let first = visible.first;
        visible.lost.retain(|lost| lost.to >= first);
    }
    let head = store.trim(tenant.no, plan)?;
    tenant.set_usage(head.usage());
    Ok(true)
}
