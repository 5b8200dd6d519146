//! What an open connection holds while it is open: its seats on the channels that it asks for.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};

use radial_protocol::filter::Selection;
use radial_protocol::grants::Grants;
use radial_protocol::presence::Member;
use radial_protocol::{ChannelName, Pattern, TenantId};

use super::Presence;
use crate::hub::Hub;

/// The seats of one connection. Dropping it gives them up.
///
/// Who a connection is of never changes, only what it asks for. Once it has ended it takes no seat
/// again, whatever news comes late.
pub struct Attendance {
    hub: Arc<Hub>,
    tenant: TenantId,
    member: Member,
    seats: Mutex<Seats>,
}

#[derive(Debug, Default)]
struct Seats {
    channels: BTreeSet<ChannelName>,
    has_ended: bool,
}

impl Hub {
    /// Takes the seats of a connection that asks for these. `None` where presence is off, and for
    /// those who are nobody in particular: they are on no channel.
    pub fn attend(self: &Arc<Self>, grants: &Grants, wanted: &[Selection]) -> Option<Attendance> {
        self.presence.as_ref()?;
        let attendance = Attendance {
            hub: Arc::clone(self),
            tenant: grants.tenant.clone(),
            member: Member::of(grants)?,
            seats: Mutex::default(),
        };
        attendance.change(wanted);
        Some(attendance)
    }
}

impl Attendance {
    /// The connection asks for these from now on.
    pub fn change(&self, wanted: &[Selection]) {
        let Some(presence) = &self.hub.presence else { return };
        let channels = asked_for(presence, wanted);
        self.sit(presence, channels, false);
    }

    /// The connection has ended.
    pub fn end(&self) {
        if let Some(presence) = &self.hub.presence {
            self.sit(presence, BTreeSet::new(), true);
        }
    }

    fn sit(&self, presence: &Presence, channels: BTreeSet<ChannelName>, ends: bool) {
        let mut seats = self.seats.lock().unwrap_or_else(PoisonError::into_inner);
        if seats.has_ended || (!ends && seats.channels == channels) {
            return;
        }
        seats.has_ended = ends;
        let Some(mut roll) = presence.roll(&self.tenant) else { return };
        let now = self.hub.runtime.uptime();
        for channel in seats.channels.difference(&channels) {
            roll.leave(channel, &self.member, now);
        }
        seats.channels.retain(|channel| channels.contains(channel));
        for channel in channels {
            if seats.channels.contains(&channel) {
                continue;
            }
            if roll.enter(&channel, &self.member) {
                seats.channels.insert(channel);
            } else {
                presence.unlisted.fetch_add(1, Ordering::Relaxed);
            }
        }
    }
}

impl Drop for Attendance {
    fn drop(&mut self) {
        self.end();
    }
}

impl fmt::Debug for Attendance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { tenant, member, .. } = self;
        f.debug_struct("Attendance").field("tenant", tenant).field("member", member).finish()
    }
}

/// The channels that are asked for by their exact names and on which presence is kept. A pattern
/// puts nobody anywhere: who watches all boards sits at none.
fn asked_for(presence: &Presence, wanted: &[Selection]) -> BTreeSet<ChannelName> {
    let patterns = wanted.iter().flat_map(|selection| &selection.channels);
    let exact = patterns.filter_map(|pattern| match pattern {
        Pattern::Exact(name) => ChannelName::new(name).ok(),
        Pattern::All | Pattern::Prefix(_) => None,
    });
    exact.filter(|channel| presence.is_kept(channel)).collect()
}
