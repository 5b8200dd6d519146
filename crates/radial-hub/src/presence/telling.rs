//! What is told: `presence.joined` and `presence.left`, of class `live`, at most one of each for a
//! channel and a second.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use radial_protocol::event::{Content, Draft, Head, Persistence};
use radial_protocol::names::EventId;
use radial_protocol::presence::{self, Member};
use radial_protocol::{ChannelName, Event, EventTypeName, TenantId};
use serde::Serialize;

use super::page::{MEMBERS_MAX, are_short};
use super::roll::Change;
use crate::hub::Hub;
use crate::window::window;

/// The most channels of a tenant that are told of at once. They would push other events out of its
/// timeline; what is left is told a second later.
const CHANNELS_AT_ONCE: usize = 1_000;

/// `eventData`.
#[derive(Serialize)]
struct Told<'a> {
    channel: &'a ChannelName,
    /// How many are there now.
    count: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    members: Option<&'a BTreeSet<Member>>,
}

impl Hub {
    /// Whether presence is kept on any channel.
    pub fn keeps_presence(&self) -> bool {
        self.presence.is_some()
    }

    /// Tells who has come and gone since it was last called, which is to be once a second.
    pub fn tell_presence(&self) {
        let Some(presence) = &self.presence else { return };
        let now = self.runtime.uptime();
        for tenant in presence.rolls.keys() {
            let changes = presence.roll(tenant).map(|mut roll| roll.tell(now, CHANNELS_AT_ONCE));
            let changes = changes.unwrap_or_default();
            let Ok(timeline) = self.timeline(tenant) else { continue };
            let events: Vec<Arc<Event>> =
                changes.iter().flat_map(|change| self.events(tenant, change)).collect();
            if !events.is_empty() {
                presence.events.fetch_add(events.len() as u64, Ordering::Relaxed);
                let window = window(&self.registry, events.iter().map(|event| &event.head));
                timeline.publish(events, window);
            }
        }
    }

    /// Who has come is told before who has gone.
    fn events(&self, tenant: &TenantId, change: &Change) -> impl Iterator<Item = Arc<Event>> {
        let before = change.count + change.left.len() - change.joined.len();
        let is_small = before.max(change.count) <= MEMBERS_MAX;
        let told = [(presence::joined(), &change.joined), (presence::left(), &change.left)];
        told.into_iter().filter(|(_, members)| !members.is_empty()).filter_map(
            move |(event_type, members)| {
                let named = is_small && are_short(members.iter());
                let told = Told {
                    channel: &change.channel,
                    count: change.count,
                    members: named.then_some(members),
                };
                self.event(tenant, event_type, &told)
            },
        )
    }

    fn event(
        &self,
        tenant: &TenantId,
        event_type: EventTypeName,
        told: &Told<'_>,
    ) -> Option<Arc<Event>> {
        let event_id = EventId::new(&self.runtime.uuid()).ok()?;
        let head = head(event_id, event_type, told.channel.presence()?);
        let data = serde_json::to_string(told).expect("its members have string keys only");
        let content = Content::new(tenant, &data);
        Some(Arc::new(Draft::new(head, &content).place(None, self.runtime.now(), None)))
    }
}

/// The head of an event on the channel where presence is told.
pub(super) fn head(event_id: EventId, event_type: EventTypeName, channel: ChannelName) -> Head {
    let persistence = Persistence::Live;
    Head { channel, persistence, ..Head::new(event_id, event_type) }
}

/// Whether a type is the hub's own.
pub(crate) fn is_own_type(event_type: &EventTypeName) -> bool {
    *event_type == presence::joined() || *event_type == presence::left()
}
