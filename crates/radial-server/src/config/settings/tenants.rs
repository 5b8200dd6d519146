//! `[[tenants]]`: what single tenants have of their own.

use std::time::Duration;

use radial_protocol::Name;

/// `[[tenants]]`: what one tenant has of its own. `None`: as `log.*` says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TenantRecord {
    /// The tenant.
    pub name: Name,
    /// As `log.keep_age`.
    pub keep_age: Option<Duration>,
    /// As `log.keep_events`.
    pub keep_events: Option<usize>,
    /// As `log.keep_bytes`.
    pub keep_bytes: Option<usize>,
    /// As `log.recent_age`.
    pub recent_age: Option<Duration>,
    /// As `log.recent_events`.
    pub recent_events: Option<usize>,
    /// As `log.keep_tombstones`.
    pub keep_tombstones: Option<Duration>,
    /// The most bytes of its events and entities; `None`: no limit of its own.
    pub quota_bytes: Option<usize>,
}

impl Default for TenantRecord {
    fn default() -> Self {
        Self {
            name: Name::new("dev").expect("it keeps to the alphabet"),
            keep_age: None,
            keep_events: None,
            keep_bytes: None,
            recent_age: None,
            recent_events: None,
            keep_tombstones: None,
            quota_bytes: None,
        }
    }
}
