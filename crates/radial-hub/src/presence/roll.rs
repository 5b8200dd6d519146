//! The members of one tenant's channels: who has come and gone since it was last told.
//!
//! Somebody is on a channel from the first of their connections there until the grace after the
//! last one is over. That is decided by counting connections and not by the order of news: one that
//! ends late takes away what it had brought, and what a newer one brought stays.
//!
//! Bounded: members, and those whose leaving has not been told yet, are counted together, and at
//! the limit newcomers are not taken. All else here is as large as that at most.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::mem;
use std::ops::Bound;
use std::time::Duration;

use radial_protocol::ChannelName;
use radial_protocol::presence::Member;

/// The members of one tenant's channels.
#[derive(Debug)]
pub(super) struct Roll {
    grace: Duration,
    most: usize,
    channels: BTreeMap<ChannelName, Channel>,
    /// Who has no connection any more, by when they will have gone.
    leaving: BTreeSet<(Duration, ChannelName, Member)>,
    /// Channels with something to tell, in the order in which it happened.
    untold: VecDeque<ChannelName>,
    /// Members of all channels, and those whose leaving is untold.
    entries: usize,
}

#[derive(Debug, Default)]
pub(super) struct Channel {
    members: BTreeMap<Member, Seat>,
    /// Of the members, those whose coming is untold.
    joined: BTreeSet<Member>,
    /// Who was told to have come, and has gone.
    left: BTreeSet<Member>,
    is_untold: bool,
}

#[derive(Debug, Default)]
struct Seat {
    connections: usize,
    /// When the grace is over, if there is no connection.
    gone_at: Option<Duration>,
}

/// What became of a channel since it was last told.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Change {
    pub(super) channel: ChannelName,
    /// How many are there now.
    pub(super) count: usize,
    pub(super) joined: BTreeSet<Member>,
    pub(super) left: BTreeSet<Member>,
}

impl Roll {
    /// An empty one. Times are those since any moment that stays the same.
    pub(super) fn new(grace: Duration, most: usize) -> Self {
        Self {
            grace,
            most,
            channels: BTreeMap::new(),
            leaving: BTreeSet::new(),
            untold: VecDeque::new(),
            entries: 0,
        }
    }

    /// A connection of a member comes to a channel. `false`: there is no room, and it is not
    /// counted.
    pub(super) fn enter(&mut self, channel: &ChannelName, member: &Member) -> bool {
        if !self.channels.contains_key(channel) && self.entries >= self.most {
            return false;
        }
        let found = self.channels.entry(channel.clone()).or_default();
        if let Some(seat) = found.members.get_mut(member) {
            seat.connections += 1;
            if let Some(gone_at) = seat.gone_at.take() {
                self.leaving.remove(&(gone_at, channel.clone(), member.clone()));
            }
            return true;
        }
        if found.left.remove(member) {
            // Nobody was told that they had gone: nothing has happened.
        } else if self.entries >= self.most {
            return false;
        } else {
            self.entries += 1;
            found.joined.insert(member.clone());
            Self::tell_later(&mut self.untold, found, channel);
        }
        found.members.insert(member.clone(), Seat { connections: 1, gone_at: None });
        true
    }

    /// A connection that had come goes.
    pub(super) fn leave(&mut self, channel: &ChannelName, member: &Member, now: Duration) {
        let found = self.channels.get_mut(channel);
        let Some(seat) = found.and_then(|found| found.members.get_mut(member)) else { return };
        seat.connections = seat.connections.saturating_sub(1);
        if seat.connections == 0 && seat.gone_at.is_none() {
            let gone_at = now + self.grace;
            seat.gone_at = Some(gone_at);
            self.leaving.insert((gone_at, channel.clone(), member.clone()));
        }
    }

    /// What is to be told now, of at most so many channels; the others have their turn next time.
    pub(super) fn tell(&mut self, now: Duration, most: usize) -> Vec<Change> {
        self.let_go(now);
        let mut changes = Vec::new();
        while changes.len() < most {
            let Some(channel) = self.untold.pop_front() else { break };
            let Some(found) = self.channels.get_mut(&channel) else { continue };
            found.is_untold = false;
            let (joined, left) = (mem::take(&mut found.joined), mem::take(&mut found.left));
            self.entries -= left.len();
            let count = found.members.len();
            if count == 0 {
                self.channels.remove(&channel);
            }
            if !joined.is_empty() || !left.is_empty() {
                changes.push(Change { channel, count, joined, left });
            }
        }
        changes
    }

    /// Takes away those whose grace is over.
    fn let_go(&mut self, now: Duration) {
        while self.leaving.first().is_some_and(|(gone_at, ..)| *gone_at <= now) {
            let Some((_, channel, member)) = self.leaving.pop_first() else { return };
            let Some(found) = self.channels.get_mut(&channel) else { continue };
            found.members.remove(&member);
            if found.joined.remove(&member) {
                // Nobody was told that they had come.
                self.entries -= 1;
            } else {
                found.left.insert(member);
            }
            Self::tell_later(&mut self.untold, found, &channel);
        }
    }

    fn tell_later(untold: &mut VecDeque<ChannelName>, found: &mut Channel, channel: &ChannelName) {
        if !mem::replace(&mut found.is_untold, true) {
            untold.push_back(channel.clone());
        }
    }

    /// Members of all channels.
    pub(super) fn members(&self) -> usize {
        self.channels.values().map(Channel::count).sum()
    }

    /// A channel on which somebody is, or was a moment ago.
    pub(super) fn channel(&self, name: &ChannelName) -> Option<&Channel> {
        self.channels.get(name)
    }

    /// The names of the channels that begin so, after one of them, in their order.
    pub(super) fn names<'a>(
        &'a self,
        prefix: &'a str,
        after: Option<&'a ChannelName>,
    ) -> impl Iterator<Item = &'a ChannelName> {
        let start = match after.filter(|after| after.as_str() >= prefix) {
            Some(after) => Bound::Excluded(after.as_str()),
            None => Bound::Included(prefix),
        };
        let channels = self.channels.range::<str, _>((start, Bound::Unbounded));
        let those = channels.take_while(move |(name, _)| name.as_str().starts_with(prefix));
        those.filter(|(_, found)| found.count() > 0).map(|(name, _)| name)
    }
}

impl Channel {
    pub(super) fn count(&self) -> usize {
        self.members.len()
    }

    pub(super) fn members(&self) -> impl Iterator<Item = &Member> {
        self.members.keys()
    }
}
