//! The memory that all timelines share: a byte budget, and who gives way when it is used up.

use std::sync::{Arc, PoisonError, Weak};

use radial_protocol::Offset;

use crate::sync::Mutex;
use crate::sync::atomic::{AtomicUsize, Ordering};
use crate::timeline::{Timeline, TimelineLimit};

/// When the budget is used up, so much of it is made free at once: an eighth.
const FREED_PART: usize = 8;

/// A byte budget for many timelines.
///
/// When it is used up, timelines give up their oldest events, one after the other, half of each;
/// and all of them, if halves are not enough. Readers then find in the log what has gone.
#[derive(Debug)]
pub struct TimelineMemory {
    budget: usize,
    used: AtomicUsize,
    sharers: Mutex<Sharers>,
}

#[derive(Debug, Default)]
struct Sharers {
    timelines: Vec<Weak<Timeline>>,
    /// Who gives way next.
    next: usize,
}

impl TimelineMemory {
    /// A budget of so many bytes of events.
    pub fn new(budget: usize) -> Arc<Self> {
        Arc::new(Self { budget, used: AtomicUsize::new(0), sharers: Mutex::default() })
    }

    /// An empty timeline that shares it, of a log whose newest visible place is `head`.
    pub fn timeline(self: &Arc<Self>, head: Offset, limit: TimelineLimit) -> Arc<Timeline> {
        let timeline = Arc::new(Timeline::sharing(Arc::clone(self), head, limit));
        let mut sharers = self.sharers.lock().unwrap_or_else(PoisonError::into_inner);
        sharers.timelines.retain(|timeline| timeline.strong_count() > 0);
        sharers.timelines.push(Arc::downgrade(&timeline));
        timeline
    }

    /// How many bytes of events all timelines hold.
    pub fn used_bytes(&self) -> usize {
        self.used.load(Ordering::Relaxed)
    }

    /// How many they may hold.
    pub fn budget_bytes(&self) -> usize {
        self.budget
    }

    /// Lets every timeline give up the older half of its bytes: memory is short elsewhere. Readers
    /// then find in the log what has gone.
    pub fn shrink(&self) {
        let sharers = self.sharers.lock().unwrap_or_else(PoisonError::into_inner);
        for timeline in sharers.timelines.iter().filter_map(Weak::upgrade) {
            timeline.keep_only_part(2);
        }
    }

    pub(crate) fn take(&self, bytes: usize) {
        self.used.fetch_add(bytes, Ordering::Relaxed);
    }

    pub(crate) fn give_back(&self, bytes: usize) {
        self.used.fetch_sub(bytes, Ordering::Relaxed);
    }

    /// Makes room if the budget is used up. No timeline's lock may be held.
    pub(crate) fn keep_within(&self) {
        if self.used_bytes() <= self.budget {
            return;
        }
        let wanted = self.budget - self.budget / FREED_PART;
        let mut sharers = self.sharers.lock().unwrap_or_else(PoisonError::into_inner);
        for part in [2, usize::MAX] {
            for _ in 0..sharers.timelines.len() {
                if self.used_bytes() <= wanted {
                    return;
                }
                let index = sharers.next % sharers.timelines.len();
                sharers.next = index + 1;
                if let Some(timeline) = sharers.timelines.get(index).and_then(Weak::upgrade) {
                    timeline.keep_only_part(part);
                }
            }
        }
    }
}

#[cfg(test)]
#[cfg(not(modelled))]
mod tests {
    use radial_protocol::event::{Content, Draft, Head, TimeMs};
    use radial_protocol::names::EventId;
    use radial_protocol::{Cursor, Epoch, Event, EventTypeName, TenantId};

    use super::*;
    use crate::timeline::Way;

    fn event(offset: u64) -> Arc<Event> {
        let event_type = EventTypeName::new("card.moved").unwrap();
        let head = Head::new(EventId::new(&format!("e-{offset}")).unwrap(), event_type);
        let tenant = TenantId::new("acme").unwrap();
        let data = format!("\"{}\"", "x".repeat(1_000));
        let content = Content::new(&tenant, &data);
        let place = Cursor { epoch: Epoch::new(1), offset: Offset::new(offset).unwrap() };
        Arc::new(Draft::new(head, &content).place(Some(place), TimeMs(0), None))
    }

    #[test]
    fn many_timelines_share_one_budget_and_the_older_events_of_all_give_way() {
        const BUDGET: usize = 200_000;
        let memory = TimelineMemory::new(BUDGET);
        let limit = TimelineLimit { events: usize::MAX, bytes: usize::MAX };
        let timelines: Vec<_> = (0..20).map(|_| memory.timeline(Offset::ZERO, limit)).collect();
        for offset in 1..=50 {
            for timeline in &timelines {
                timeline.publish([event(offset)], std::time::Duration::ZERO);
                assert!(memory.used_bytes() <= BUDGET, "{} bytes", memory.used_bytes());
            }
        }
        // The budget is used, and each timeline goes on from where the log has its events.
        assert!(memory.used_bytes() > BUDGET / 2);
        for timeline in &timelines {
            assert_eq!(timeline.head().get(), 50);
            assert!(matches!(timeline.way(Offset::ZERO, u64::MAX), Way::Log));
            assert!(matches!(timeline.way(timeline.head(), u64::MAX), Way::From(_)));
        }
        let before = memory.used_bytes();
        memory.shrink();
        assert!(memory.used_bytes() <= before / 2 && memory.used_bytes() > 0);
        drop(timelines);
        assert_eq!(memory.used_bytes(), 0);
    }
}
