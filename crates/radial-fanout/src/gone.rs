//! What has left a timeline and stands nowhere else: `live` events, which no log has.
//!
//! A reader that was too slow for them is told how many it lost and of which types, so something
//! must be known of them when they are gone. That is what a filter looks at, and no more; events
//! alike that follow each other are one run. The memory is bounded: of what left longest ago nothing
//! is known but that it was there.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::hash::{BuildHasher as _, RandomState};
use std::sync::Arc;

use radial_protocol::event::{Audience, Head, Scope};
use radial_protocol::filter::Filter;
use radial_protocol::names::{ChannelName, Name, SessionId, UserId};
use radial_protocol::{Event, EventTypeName, TimeMs};

/// About what one name of an audience takes.
const AUDIENCE_BYTES: usize = 32;

/// What a reader lost: events that its filter admits, which were gone before it came to them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lost {
    /// How many are known.
    pub count: u64,
    /// Their types.
    pub types: BTreeSet<EventTypeName>,
    /// How many more were expired already when they left: no reader would have got them.
    pub expired: u64,
    /// Whether there may be more than is known.
    pub is_least: bool,
}

/// Events alike: no filter tells them apart.
#[derive(Debug)]
struct Kind {
    /// The head of one of them.
    head: Head,
    was_expired: bool,
    hash: u64,
}

/// What makes a kind: all that a filter looks at.
#[derive(PartialEq, Eq, Hash)]
struct Looks<'a> {
    event_type: &'a EventTypeName,
    channel: &'a ChannelName,
    is_broadcast: bool,
    only_sinks: Option<&'a [Name]>,
    audience: Option<&'a Audience>,
    scope: Scope,
    /// Who published it, where the scope asks for that.
    user: Option<&'a UserId>,
    session: Option<&'a SessionId>,
    was_expired: bool,
}

/// Entries that left one after the other.
#[derive(Debug)]
struct Run {
    /// None: they stand in the log.
    kind: Option<Arc<Kind>>,
    count: u64,
}

/// What left a timeline.
#[derive(Debug, Default)]
pub(crate) struct Gone {
    /// The oldest first; the last of them ends where the timeline begins.
    runs: VecDeque<Run>,
    /// The position of the first of them: of what was before it nothing is known.
    from: u64,
    known: HashMap<u64, Arc<Kind>>,
    hasher: RandomState,
    bytes: usize,
}

/// So many of each kind, and whether there may have been more.
#[derive(Default)]
pub(crate) struct Count {
    kinds: Vec<(Arc<Kind>, u64)>,
    is_least: bool,
}

impl Gone {
    /// About how much memory it takes.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Takes in an entry that leaves the timeline; `now` is not before the newest event came.
    pub(crate) fn add(&mut self, event: &Event, now: TimeMs) {
        let kind = event.place.is_none().then(|| self.kind(event, now));
        if let Some(run) = self.runs.back_mut()
            && is_same(run.kind.as_ref(), kind.as_ref())
        {
            run.count += 1;
        } else {
            self.runs.push_back(Run { kind, count: 1 });
            self.bytes += size_of::<Run>();
        }
    }

    /// Forgets what left longest ago until it takes so much memory.
    pub(crate) fn keep_within(&mut self, bytes: usize) {
        while self.bytes > bytes
            && let Some(run) = self.runs.pop_front()
        {
            self.from += run.count;
            self.bytes -= size_of::<Run>();
            let Some(kind) = run.kind else { continue };
            // Another may have its hash by now.
            let is_known = self.known.get(&kind.hash).is_some_and(|it| Arc::ptr_eq(it, &kind));
            if is_known && Arc::strong_count(&kind) == 2 {
                self.known.remove(&kind.hash);
                self.bytes -= kind.bytes();
            }
        }
    }

    /// What left from this position on; `end` is where the timeline begins.
    pub(crate) fn since(&self, position: u64, end: u64) -> Count {
        let mut count = Count { kinds: Vec::new(), is_least: position < self.from };
        let mut places: HashMap<*const Kind, usize> = HashMap::new();
        let mut at = end;
        for run in self.runs.iter().rev() {
            if at <= position {
                break;
            }
            let found = run.count.min(at - position);
            at = at.saturating_sub(run.count);
            let Some(kind) = &run.kind else { continue };
            let place = places.entry(Arc::as_ptr(kind)).or_insert(count.kinds.len());
            match count.kinds.get_mut(*place) {
                Some((_, known)) => *known += found,
                None => count.kinds.push((Arc::clone(kind), found)),
            }
        }
        count
    }

    fn kind(&mut self, event: &Event, now: TimeMs) -> Arc<Kind> {
        let looks = Looks::of(&event.head, event.is_expired(now));
        if let Some(Run { kind: Some(last), .. }) = self.runs.back()
            && last.looks() == looks
        {
            return Arc::clone(last);
        }
        let hash = self.hasher.hash_one(&looks);
        if let Some(known) = self.known.get(&hash)
            && known.looks() == looks
        {
            return Arc::clone(known);
        }
        let kind = Arc::new(Kind::new(&event.head, looks.was_expired, hash));
        self.bytes += kind.bytes();
        if let Some(other) = self.known.insert(hash, Arc::clone(&kind)) {
            self.bytes -= other.bytes();
        }
        kind
    }
}

fn is_same(one: Option<&Arc<Kind>>, other: Option<&Arc<Kind>>) -> bool {
    match (one, other) {
        (None, None) => true,
        (Some(one), Some(other)) => Arc::ptr_eq(one, other),
        _ => false,
    }
}

impl<'a> Looks<'a> {
    fn of(head: &'a Head, was_expired: bool) -> Self {
        let Head { event_type, channel, reach, scope, user, session, audience, .. } = head;
        Self {
            event_type,
            channel,
            is_broadcast: reach.is_broadcast(),
            only_sinks: reach.only_sinks(),
            audience: audience.as_ref(),
            scope: *scope,
            user: user.as_ref().filter(|_| *scope == Scope::User),
            session: session.as_ref().filter(|_| *scope == Scope::Session),
            was_expired,
        }
    }
}

impl Kind {
    fn new(head: &Head, was_expired: bool, hash: u64) -> Self {
        let head = Head { correlation_id: None, entity: None, ..head.clone() };
        Self { head, was_expired, hash }
    }

    fn looks(&self) -> Looks<'_> {
        Looks::of(&self.head, self.was_expired)
    }

    fn bytes(&self) -> usize {
        let Head { event_id, event_type, channel, audience, .. } = &self.head;
        let names = event_id.as_str().len() + event_type.as_str().len() + channel.as_str().len();
        let audience = audience.as_ref().map_or(0, |audience| audience.len() * AUDIENCE_BYTES);
        size_of::<Self>() + names + audience
    }
}

impl Count {
    /// What of it a reader with this filter lost, if it lost anything, or may have.
    pub(crate) fn of(&self, filter: &Filter) -> Option<Lost> {
        let mut lost = Lost { is_least: self.is_least, ..Lost::default() };
        for (kind, count) in self.kinds.iter().filter(|(kind, _)| filter.shows(&kind.head)) {
            if kind.was_expired {
                lost.expired += count;
            } else {
                lost.count += count;
                lost.types.insert(kind.head.event_type.clone());
            }
        }
        (lost != Lost::default()).then_some(lost)
    }
}

#[cfg(test)]
#[cfg(not(modelled))]
mod tests;
