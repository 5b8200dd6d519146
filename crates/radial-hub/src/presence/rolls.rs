//! The rolls of all tenants, how they are kept, and what is counted.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use radial_protocol::grants::any_matches;
use radial_protocol::{ChannelName, Pattern, TenantId};

use super::roll::Roll;

/// On which channels presence is kept, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PresenceSettings {
    /// The channels; none: it is off.
    pub channels: Vec<Pattern>,
    /// How long somebody who has gone is still there.
    pub grace: Duration,
    /// The most members of all channels of one tenant; who comes then is not counted.
    pub members_max: usize,
}

/// What presence has come to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PresenceTally {
    /// Members of all channels of all tenants.
    pub members: u64,
    /// Events that were told.
    pub events: u64,
    /// How often somebody was not counted for lack of room.
    pub unlisted: u64,
}

/// The presence of all tenants.
#[derive(Debug)]
pub(crate) struct Presence {
    settings: PresenceSettings,
    pub(super) rolls: HashMap<TenantId, Mutex<Roll>>,
    pub(super) events: AtomicU64,
    pub(super) unlisted: AtomicU64,
}

impl Default for PresenceSettings {
    /// Off; 10 s of grace, 100,000 members.
    fn default() -> Self {
        Self { channels: Vec::new(), grace: Duration::from_secs(10), members_max: 100_000 }
    }
}

impl Presence {
    /// The presence of these tenants, unless it is off.
    pub(crate) fn new(settings: PresenceSettings, tenants: &[TenantId]) -> Option<Self> {
        let roll = || Mutex::new(Roll::new(settings.grace, settings.members_max));
        let rolls = tenants.iter().map(|tenant| (tenant.clone(), roll())).collect();
        let (events, unlisted) = (AtomicU64::new(0), AtomicU64::new(0));
        (!settings.channels.is_empty()).then_some(Self { settings, rolls, events, unlisted })
    }

    /// Whether presence is kept on a channel.
    pub(super) fn is_kept(&self, channel: &ChannelName) -> bool {
        any_matches(&self.settings.channels, channel.as_str()) && channel.presence().is_some()
    }

    /// The roll of a tenant that the hub has.
    pub(super) fn roll(&self, tenant: &TenantId) -> Option<MutexGuard<'_, Roll>> {
        let roll = self.rolls.get(tenant)?;
        Some(roll.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn tally(&self) -> PresenceTally {
        let members = self.rolls.keys().filter_map(|tenant| self.roll(tenant));
        PresenceTally {
            members: members.map(|roll| roll.members() as u64).sum(),
            events: self.events.load(Ordering::Relaxed),
            unlisted: self.unlisted.load(Ordering::Relaxed),
        }
    }
}
