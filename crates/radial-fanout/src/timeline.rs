//! A tenant's newest events in memory, in the order in which readers get them.
//!
//! Events of the log and `live` events stand in one row, so that each reader sees them in one
//! order; positions in that row are the timeline's own and mean nothing outside.

use std::collections::VecDeque;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use radial_protocol::{Event, Offset, TimeMs};
use tokio::sync::watch;

use crate::gone::{Count, Gone};
use crate::memory::TimelineMemory;
use crate::resident::Spot;
use crate::sync::RwLock;
use crate::worker::Bell;

/// How much a timeline keeps. What falls out of it is read from the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimelineLimit {
    /// The most events.
    pub events: usize,
    /// The most bytes of events; the newest event is kept however large it is.
    pub bytes: usize,
}

impl Default for TimelineLimit {
    /// 10,000 events, 8 MiB.
    fn default() -> Self {
        Self { events: 10_000, bytes: 8 * 1024 * 1024 }
    }
}

/// What is known of events that have left may take this part of the timeline's bytes, within these
/// bounds.
const GONE_PART: usize = 32;
const GONE_BYTES_MIN: usize = 32 * 1024;
const GONE_BYTES_MAX: usize = 512 * 1024;

/// One tenant's timeline. Publishing to it never waits for a reader.
#[derive(Debug)]
pub struct Timeline {
    row: RwLock<Row>,
    limit: TimelineLimit,
    /// What it shares with other timelines, if it does.
    memory: Option<Arc<TimelineMemory>>,
    end: watch::Sender<u64>,
    /// The workers that have readers of it.
    bells: RwLock<Vec<Arc<Bell>>>,
}

#[derive(Debug)]
struct Row {
    entries: VecDeque<Entry>,
    /// The position of the first entry.
    start: u64,
    /// What the entries take.
    entry_bytes: usize,
    /// What has left it.
    gone: Gone,
    /// When the newest event came.
    newest_at: TimeMs,
    /// Everything in the log up to here is before the first entry.
    base: Offset,
    /// The place of the newest entry that stands in the log.
    head: Offset,
}

#[derive(Debug)]
struct Entry {
    event: Arc<Event>,
    /// The newest place in the log at or before this entry.
    place: Offset,
}

/// How a reader goes on that has no position.
pub(crate) enum Way {
    /// Events have left since it last looked; the timeline begins here now.
    Gone(Count, u64),
    /// The timeline does not reach back, or not yet on, to where it is.
    Log,
    /// From this position on.
    From(u64),
}

/// A stretch of a timeline.
#[derive(Debug, Default)]
pub(crate) struct Stretch {
    pub(crate) events: Vec<Arc<Event>>,
    /// The position after it.
    pub(crate) next: u64,
    /// The place in the log that it reaches to.
    pub(crate) place: Offset,
}

impl Timeline {
    /// An empty timeline of a log whose newest visible place is `head`.
    pub fn new(head: Offset, limit: TimelineLimit) -> Self {
        let row = Row {
            entries: VecDeque::new(),
            start: 0,
            entry_bytes: 0,
            gone: Gone::default(),
            newest_at: TimeMs(0),
            base: head,
            head,
        };
        let end = watch::Sender::new(0);
        Self { row: RwLock::new(row), limit, memory: None, end, bells: RwLock::default() }
    }

    pub(crate) fn sharing(memory: Arc<TimelineMemory>, head: Offset, limit: TimelineLimit) -> Self {
        let mut timeline = Self::new(head, limit);
        timeline.memory = Some(memory);
        timeline
    }

    /// Adds events in the order of the log, or `live` ones, and tells those who wait.
    ///
    /// `window` is the longest that a busy worker may let them wait; nothing for what is urgent.
    pub fn publish(&self, events: impl IntoIterator<Item = Arc<Event>>, window: Duration) {
        let end = {
            let mut row = self.row.write().unwrap_or_else(PoisonError::into_inner);
            let before = row.bytes();
            for event in events {
                row.push(event);
            }
            row.trim(self.limit);
            self.account(before, row.bytes());
            row.end()
        };
        // The lock is gone before anybody wakes, so that nobody wakes to wait for it.
        self.end.send_replace(end);
        for bell in &*self.bells.read().unwrap_or_else(PoisonError::into_inner) {
            bell.ring(window);
        }
        if let Some(memory) = &self.memory {
            memory.keep_within();
        }
    }

    /// Gives up its oldest events, down to one part in so many of its bytes.
    pub(crate) fn keep_only_part(&self, part: usize) {
        let mut row = self.row.write().unwrap_or_else(PoisonError::into_inner);
        let before = row.bytes();
        let (kept, gone_kept) = (before / part, row.gone.bytes() / part);
        while row.bytes() > kept && row.drop_oldest() {}
        row.gone.keep_within(gone_kept);
        self.account(before, row.bytes());
    }

    fn account(&self, before: usize, now: usize) {
        let Some(memory) = &self.memory else { return };
        memory.take(now.saturating_sub(before));
        memory.give_back(before.saturating_sub(now));
    }

    /// Rings this from now on when events are added.
    pub(crate) fn add_bell(&self, bell: Arc<Bell>) {
        self.bells.write().unwrap_or_else(PoisonError::into_inner).push(bell);
    }

    /// Rings it no longer.
    pub(crate) fn remove_bell(&self, bell: &Arc<Bell>) {
        let mut bells = self.bells.write().unwrap_or_else(PoisonError::into_inner);
        bells.retain(|other| !Arc::ptr_eq(other, bell));
    }

    /// Tells when the timeline's end moves.
    pub fn watch_end(&self) -> watch::Receiver<u64> {
        self.end.subscribe()
    }

    /// The place of the newest event of the log.
    pub fn head(&self) -> Offset {
        self.row.read().unwrap_or_else(PoisonError::into_inner).head
    }

    /// The position that the next event will have, and the place of the newest event of the log.
    pub(crate) fn end_and_head(&self) -> (u64, Offset) {
        let row = self.row.read().unwrap_or_else(PoisonError::into_inner);
        (row.end(), row.head)
    }

    /// The position that the next event will have.
    pub(crate) fn end(&self) -> u64 {
        self.row.read().unwrap_or_else(PoisonError::into_inner).end()
    }

    /// Whether none of the log's events from this position on is at or before this place.
    pub(crate) fn has_only_newer(&self, spot: Spot) -> bool {
        let row = self.row.read().unwrap_or_else(PoisonError::into_inner);
        let skip = usize::try_from(spot.position.saturating_sub(row.start)).unwrap_or(usize::MAX);
        let mut offsets = row.entries.iter().skip(skip).filter_map(|entry| entry.event.offset());
        offsets.next().is_none_or(|offset| offset > spot.place)
    }

    /// How a reader at this place goes on, which is still to have `live` events from `live_from` on,
    /// even those that were published while it was reading the log.
    ///
    /// It is told first of what has left of those, and must ask again then. The position is not behind
    /// them: events of the log that it has had already may stand between them.
    pub(crate) fn way(&self, place: Offset, live_from: u64) -> Way {
        let row = self.row.read().unwrap_or_else(PoisonError::into_inner);
        if live_from < row.start {
            return Way::Gone(row.gone.since(live_from, row.start), row.start);
        }
        if place < row.base || place > row.head {
            return Way::Log;
        }
        let index = row.entries.partition_point(|entry| entry.place <= place);
        Way::From((row.start + index as u64).min(live_from))
    }

    /// The events from a position on, at most so many and so large; `None` if they have fallen out.
    pub(crate) fn stretch(
        &self,
        position: u64,
        events_max: usize,
        bytes_max: usize,
    ) -> Option<Stretch> {
        let row = self.row.read().unwrap_or_else(PoisonError::into_inner);
        let skip = usize::try_from(position.checked_sub(row.start)?).ok()?;
        let mut stretch = Stretch { next: position, place: row.head, ..Stretch::default() };
        let mut bytes = 0;
        for entry in row.entries.iter().skip(skip).take(events_max) {
            bytes += entry.event.memory_bytes();
            stretch.events.push(Arc::clone(&entry.event));
            stretch.next += 1;
            stretch.place = entry.place;
            if bytes >= bytes_max {
                break;
            }
        }
        Some(stretch)
    }
}

impl Drop for Timeline {
    fn drop(&mut self) {
        let bytes = self.row.get_mut().unwrap_or_else(PoisonError::into_inner).bytes();
        self.account(bytes, 0);
    }
}

impl Row {
    fn bytes(&self) -> usize {
        self.entry_bytes + self.gone.bytes()
    }

    fn push(&mut self, event: Arc<Event>) {
        if let Some(offset) = event.offset() {
            self.head = offset;
        }
        self.newest_at = self.newest_at.max(event.received_at);
        self.entry_bytes += event.memory_bytes();
        self.entries.push_back(Entry { event, place: self.head });
    }

    fn trim(&mut self, limit: TimelineLimit) {
        while self.entries.len() > 1
            && (self.entries.len() > limit.events || self.entry_bytes > limit.bytes)
        {
            self.drop_oldest();
        }
        self.gone.keep_within((limit.bytes / GONE_PART).clamp(GONE_BYTES_MIN, GONE_BYTES_MAX));
    }

    /// Whether there was one.
    fn drop_oldest(&mut self) -> bool {
        let Some(oldest) = self.entries.pop_front() else { return false };
        self.entry_bytes -= oldest.event.memory_bytes();
        self.gone.add(&oldest.event, self.newest_at);
        self.base = oldest.place;
        self.start += 1;
        true
    }

    fn end(&self) -> u64 {
        self.start + self.entries.len() as u64
    }
}
