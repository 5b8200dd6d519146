//! What an operator may choose about the log, with the defaults of the contract.

use std::collections::HashMap;
use std::time::Duration;

use radial_protocol::TenantId;

/// When a `durable` event is answered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Durability {
    /// After stable storage.
    #[default]
    Durable,
    /// Once the operating system has it; stable storage follows within the window. A power loss
    /// takes back what was answered in the last window, and then the log begins a new epoch.
    Relaxed {
        /// The longest that an answered event may be without stable storage.
        window: Duration,
    },
}

/// How much of a class of events is kept, per tenant. `None` keeps it for ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Keep {
    /// So long after it was received.
    pub age: Option<Duration>,
    /// So many of the newest.
    pub events: Option<u64>,
    /// So many bytes of the newest, as stored.
    pub bytes: Option<u64>,
}

/// How one tenant's log is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    /// How much of the log is kept at all.
    pub keep: Keep,
    /// How much of the events of class `recent` is kept, inside that.
    pub keep_recent: Keep,
    /// How long it is known of a deleted entity that it was; never shorter than the event that
    /// deleted it is kept. `None`: for ever.
    pub keep_tombstones: Option<Duration>,
    /// The most bytes that the tenant's events and entities may take; beyond, its writes are refused. `None`: no limit of
    /// its own.
    pub quota_bytes: Option<u64>,
}

/// What may be chosen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// When a `durable` event is answered.
    pub durability: Durability,
    /// How the log of each tenant is kept that is not among [`Self::tenants`].
    pub retention: Retention,
    /// Tenants whose logs are kept otherwise.
    pub tenants: HashMap<TenantId, Retention>,
    /// The most bytes that the events and entities of all tenants may take; beyond, writes are refused. `None`: no limit.
    pub quota_bytes: Option<u64>,
    /// Writes are refused while the file system has less than this left.
    pub reserve_bytes: u64,
    /// How much of the store's file is kept in memory.
    pub cache_bytes: usize,
    /// The most events that may wait for their commit; appends beyond are refused.
    pub waiting_events: usize,
    /// The most bytes that they may take in memory.
    pub waiting_bytes: usize,
}

impl Settings {
    /// How a tenant's log is kept. Of the hub's own nothing goes: it must remember.
    pub(crate) fn retention_of(&self, tenant: &TenantId) -> Retention {
        if tenant.is_control() {
            return Retention {
                keep: Keep::FOREVER,
                keep_recent: Keep::FOREVER,
                keep_tombstones: None,
                quota_bytes: None,
            };
        }
        self.tenants.get(tenant).copied().unwrap_or(self.retention)
    }
}

impl Default for Settings {
    /// Durable; each tenant as [`Retention::default`] says; no quota; 256 MiB left on the disk; a cache
    /// of 16 MiB; 100,000 events or 64 MiB may wait.
    fn default() -> Self {
        Self {
            durability: Durability::Durable,
            retention: Retention::default(),
            tenants: HashMap::new(),
            quota_bytes: None,
            reserve_bytes: 256 * 1024 * 1024,
            cache_bytes: 16 * 1024 * 1024,
            waiting_events: 100_000,
            waiting_bytes: 64 * 1024 * 1024,
        }
    }
}

impl Default for Retention {
    /// 30 days or 4 GiB; tombstones for 30 days; `recent` for 1 hour or 10,000 events (protocol §4); no quota.
    fn default() -> Self {
        const DAY: Duration = Duration::from_hours(24);
        Self {
            keep: Keep { age: Some(30 * DAY), events: None, bytes: Some(4 * 1024 * 1024 * 1024) },
            keep_recent: Keep {
                age: Some(Duration::from_hours(1)),
                events: Some(10_000),
                bytes: None,
            },
            keep_tombstones: Some(30 * DAY),
            quota_bytes: None,
        }
    }
}

impl Keep {
    /// Everything, for ever.
    pub const FOREVER: Self = Self { age: None, events: None, bytes: None };

    /// The age in milliseconds.
    pub(crate) fn age_ms(self) -> Option<u64> {
        self.age.map(whole_ms)
    }
}

/// A duration in milliseconds.
pub(crate) fn whole_ms(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
