//! Who is where, for those who ask (protocol §2, `/api/presence`).

use std::collections::BTreeSet;
use std::sync::Arc;

use radial_protocol::filter::{Filter, Selection, View};
use radial_protocol::grants::Grants;
use radial_protocol::names::EventId;
use radial_protocol::presence::{self, Member};
use radial_protocol::{ChannelName, Code, Pattern, Problem};
use serde::Serialize;

use super::roll::{Channel, Roll};
use super::{Presence, telling};
use crate::hub::Hub;

/// A channel with more members is only counted.
pub(super) const MEMBERS_MAX: usize = 1_000;
/// Members whose ids have more bytes together are only counted.
const MEMBERS_BYTES_MAX: usize = 128 * 1024;
/// A page ends with the channel that brings its members to so many.
const PAGE_MEMBERS: usize = 10_000;

/// Whose members are asked for.
#[derive(Clone, Debug)]
pub struct PresenceQuery {
    /// Channels by name, and patterns of those on which anybody is.
    pub channels: Vec<Pattern>,
    /// Only those that sort after this one.
    pub after: Option<ChannelName>,
    /// The most channels in the answer.
    pub limit: usize,
}

/// Channels, sorted by name.
#[derive(Debug, PartialEq, Eq)]
pub struct PresencePage {
    /// Those that were asked for.
    pub channels: Vec<Present>,
    /// Whether more of them sort after these.
    pub more: bool,
}

/// Who is on a channel.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Present {
    /// The channel.
    pub channel: ChannelName,
    /// How many are there.
    pub count: usize,
    /// Who; absent if there are too many, or if the reader may only count them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub members: Option<Vec<Member>>,
}

impl Hub {
    /// Who is on channels that the reader is granted.
    ///
    /// # Errors
    /// `not-found` where presence is off; `forbidden` for a channel outside the grants.
    pub fn who_is_there(
        &self,
        grants: &Arc<Grants>,
        query: &PresenceQuery,
    ) -> Result<PresencePage, Problem> {
        self.check_credential(grants)?;
        self.timeline(&grants.tenant)?;
        let off = || Problem::new(Code::NotFound, "presence is off: see presence.channels");
        let presence = self.presence.as_ref().ok_or_else(off)?;
        let wanted = Selection {
            channels: query.channels.iter().map(Pattern::watching).collect(),
            types: vec![presence::joined().pattern()],
        };
        let readership = Arc::clone(&self.readership);
        let filter = Filter::new(&wanted, Arc::clone(grants), readership, View::Subscriber)?;
        let Some(roll) = presence.roll(&grants.tenant) else { return Err(off()) };
        let names = names(presence, &roll, &filter, query);
        let mut page = PresencePage { channels: Vec::new(), more: false };
        let mut listed = 0;
        for name in names {
            if page.channels.len() == query.limit || listed >= PAGE_MEMBERS {
                page.more = true;
                break;
            }
            if let Some(present) = present(&roll, &filter, name) {
                listed += present.members.as_ref().map_or(0, Vec::len);
                page.channels.push(present);
            }
        }
        Ok(page)
    }
}

/// The channels that the filter leaves of what was asked for, sorted, at least one more than fits.
fn names(
    presence: &Presence,
    roll: &Roll,
    filter: &Filter,
    query: &PresenceQuery,
) -> BTreeSet<ChannelName> {
    let mut names = BTreeSet::new();
    let after = query.after.as_ref();
    for pattern in filter.channels().iter().filter_map(Pattern::watched) {
        let prefix = match &pattern {
            Pattern::Exact(name) => {
                let name = ChannelName::new(name).ok();
                let name = name.filter(|name| after.is_none_or(|after| name > after));
                names.extend(name.filter(|name| presence.is_kept(name)));
                continue;
            }
            Pattern::Prefix(prefix) => prefix,
            Pattern::All => "",
        };
        names.extend(roll.names(prefix, after).take(query.limit + 1).cloned());
    }
    names
}

/// Who is on one channel, as far as the filter shows it.
fn present(roll: &Roll, filter: &Filter, channel: ChannelName) -> Option<Present> {
    // The id of an event that is never sent.
    let event_id = EventId::new("presence").ok()?;
    let head = telling::head(event_id, presence::joined(), channel.presence()?);
    let (is_counted, is_named) = filter.shows_presence(&head);
    if !is_counted {
        return None;
    }
    let found = roll.channel(&channel);
    let count = found.map_or(0, Channel::count);
    let members =
        (is_named && count <= MEMBERS_MAX).then(|| found.into_iter().flat_map(Channel::members));
    let members = members.map(|members| members.cloned().collect::<Vec<_>>());
    Some(Present { channel, count, members: members.filter(|members| are_short(members.iter())) })
}

/// Whether members may be named in one event or answer.
pub(super) fn are_short<'a>(members: impl Iterator<Item = &'a Member>) -> bool {
    members.map(|member| member.as_str().len()).sum::<usize>() <= MEMBERS_BYTES_MAX
}
