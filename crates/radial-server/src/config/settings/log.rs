//! How events are kept, and how many may wait.

use std::time::Duration;

use radial_log::{Durability, Keep, Retention};
use radial_protocol::TenantId;

use super::TenantRecord;

/// `log.*`: how events are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Log {
    /// When a `durable` event is answered. Default durable.
    pub durability: DurabilityMode,
    /// With relaxed durability, the longest that an answered event may be without stable storage.
    /// Default 100 ms; 1 ms to 10 s.
    pub relaxed_window: Duration,
    /// How long events are kept. Default 30 days; 1 minute to 100 years.
    pub keep_age: Duration,
    /// How many of a tenant's newest events are kept; 0: no limit. Default 0; up to 10^12.
    pub keep_events: usize,
    /// How many bytes of a tenant's newest events are kept. Default 4 GiB; 1 MiB to 1 PiB.
    pub keep_bytes: usize,
    /// How long events of class `recent` are kept. Default 1 h; 1 s to 100 years.
    pub recent_age: Duration,
    /// How many of a tenant's newest events of class `recent` are kept. Default 10,000; 1 to 10^9.
    pub recent_events: usize,
    /// How long tombstones of entities are kept. Default 30 days; 1 s to 100 years.
    pub keep_tombstones: Duration,
    /// The most bytes of all tenants' events and entities; 0: no limit. Default 0; up to 1 PiB.
    pub quota_bytes: usize,
    /// What is left free on the disk. Default 256 MiB; 0 to 1 TiB.
    pub reserve_bytes: usize,
    /// The most events that may wait for the disk. Default 100,000; 10 to 10^8.
    pub waiting_events: usize,
    /// The most bytes that they may take in memory. Default 64 MiB; 1 MiB to 1 TiB.
    pub waiting_bytes: usize,
}

/// When a `durable` event is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DurabilityMode {
    /// After stable storage.
    Durable,
    /// Once the operating system has it.
    Relaxed,
}

impl DurabilityMode {
    /// Every mode with its name in configuration.
    pub const NAMES: &[(&str, Self)] = &[("durable", Self::Durable), ("relaxed", Self::Relaxed)];
}

impl Log {
    /// The settings that the log itself takes, with what single tenants have of their own.
    ///
    /// The store may keep `cache_bytes` of its file in memory.
    pub fn settings(&self, tenants: &[TenantRecord], cache_bytes: usize) -> radial_log::Settings {
        let of_its_own = |record: &TenantRecord| {
            let name = TenantId::new(record.name.as_str()).ok()?;
            let retention = Retention {
                quota_bytes: record.quota_bytes.map(|bytes| bytes as u64),
                ..self.with(record).retention()
            };
            Some((name, retention))
        };
        radial_log::Settings {
            durability: match self.durability {
                DurabilityMode::Durable => Durability::Durable,
                DurabilityMode::Relaxed => Durability::Relaxed { window: self.relaxed_window },
            },
            retention: self.retention(),
            tenants: tenants.iter().filter_map(of_its_own).collect(),
            quota_bytes: (self.quota_bytes > 0).then_some(self.quota_bytes as u64),
            reserve_bytes: self.reserve_bytes as u64,
            cache_bytes,
            waiting_events: self.waiting_events,
            waiting_bytes: self.waiting_bytes,
        }
    }

    /// The same, with what a tenant has of its own.
    fn with(&self, own: &TenantRecord) -> Self {
        Self {
            keep_age: own.keep_age.unwrap_or(self.keep_age),
            keep_events: own.keep_events.unwrap_or(self.keep_events),
            keep_bytes: own.keep_bytes.unwrap_or(self.keep_bytes),
            recent_age: own.recent_age.unwrap_or(self.recent_age),
            recent_events: own.recent_events.unwrap_or(self.recent_events),
            keep_tombstones: own.keep_tombstones.unwrap_or(self.keep_tombstones),
            ..self.clone()
        }
    }

    fn retention(&self) -> Retention {
        Retention {
            keep: Keep {
                age: Some(self.keep_age),
                events: (self.keep_events > 0).then_some(self.keep_events as u64),
                bytes: Some(self.keep_bytes as u64),
            },
            keep_recent: Keep {
                age: Some(self.recent_age),
                events: Some(self.recent_events as u64),
                bytes: None,
            },
            keep_tombstones: Some(self.keep_tombstones),
            quota_bytes: None,
        }
    }
}

impl Default for Log {
    fn default() -> Self {
        Self {
            durability: DurabilityMode::Durable,
            relaxed_window: Duration::from_millis(100),
            keep_age: Duration::from_hours(30 * 24),
            keep_events: 0,
            keep_bytes: 4 * 1024 * 1024 * 1024,
            recent_age: Duration::from_hours(1),
            recent_events: 10_000,
            keep_tombstones: Duration::from_hours(30 * 24),
            quota_bytes: 0,
            reserve_bytes: 256 * 1024 * 1024,
            waiting_events: 100_000,
            waiting_bytes: 64 * 1024 * 1024,
        }
    }
}
