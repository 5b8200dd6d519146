//! What a reader that is behind is spared: events that newer ones of the same page replace
//! (protocol §4, `coalesceKey`), and those that it may lose when it is too far behind (§5).
//!
//! It decides about one page at a time, after the filter, and only where more waits behind the
//! page: whoever is at the head gets everything. It must never know sockets, nor whose page it is.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use radial_fanout::{Due, Lost};
use radial_log::{Keep, Settings};
use radial_protocol::control::Control;
use radial_protocol::event::{Persistence, Priority};
use radial_protocol::{Event, EventTypeName, Offset, TenantId, TimeMs};
use radial_registry::{Pointer, Registry};
use serde_json::Value;

use crate::hub::Hub;

impl Hub {
    /// Leaves out of a page that is not at the head what its reader is spared. Gives how many events
    /// those were, and what the reader is told before the others.
    pub(crate) fn spare(
        &self,
        due: &mut Vec<Due>,
        tenant: &TenantId,
        head: Offset,
        now: TimeMs,
    ) -> (u64, Option<Control>) {
        let coalesced = coalesce(due, &self.registry);
        self.stats.coalesce(coalesced);
        let Some(shed) = self.patience.shed(due, tenant, head, now) else {
            return (coalesced, None);
        };
        self.stats.shed(shed.reason, shed.count);
        (coalesced + shed.count, Some(shed.told()))
    }

    /// Counts what left the timeline before a reader came to it, and says what the reader is told.
    pub(crate) fn lose(&self, lost: Lost) -> Control {
        let Lost { count, types, .. } = lost;
        let types = types.iter().map(EventTypeName::to_string).collect();
        let reason = ShedReason::Lag;
        self.stats.shed(reason, count);
        Shed { count, types, reason }.told()
    }
}

/// Leaves out of a page what a newer event of the page replaces: one of the same type, channel and
/// entity with equal values at the type's `coalesceKey`. Gives how many those were.
///
/// The state at the end of the page is what it would have been. Nothing gives way to an event that
/// expires sooner, or a reader that is cut off in between would end up with neither. What has no
/// value at a place of its key stands for itself.
fn coalesce(due: &mut Vec<Due>, registry: &Registry) -> u64 {
    let before = due.len();
    // For each key, how long the longest-lived newer event lives.
    let mut newer: HashMap<String, TimeMs> = HashMap::new();
    let mut kept: Vec<Due> = Vec::with_capacity(before);
    for item in due.drain(..).rev() {
        let keyed = match &item {
            Due::Event(event) => key(event, registry).map(|key| (key, end(event))),
            Due::Gap(_) | Due::Lost(_) => None,
        };
        let Some((key, end)) = keyed else {
            kept.push(item);
            continue;
        };
        let longest = newer.get(&key);
        if longest.is_some_and(|longest| *longest >= end) {
            continue;
        }
        newer.insert(key, end);
        kept.push(item);
    }
    kept.reverse();
    *due = kept;
    (before - due.len()) as u64
}

/// When an event's time to live ends; of most it never does.
fn end(event: &Event) -> TimeMs {
    event.expires_at().unwrap_or(TimeMs(u64::MAX))
}

/// What events of a page have in common of which only the newest counts.
fn key(event: &Arc<Event>, registry: &Registry) -> Option<String> {
    let head = &event.head;
    let pointers = &registry.get(head.event_type.as_str())?.policy.coalesce_key;
    if pointers.is_empty() {
        return None;
    }
    let data: Value = serde_json::from_str(&event.data()).ok()?;
    let find = |pointer: &Pointer| pointer.find(&data).map(Value::to_string);
    let values: Option<Vec<String>> = pointers.iter().map(find).collect();
    let entity = head.entity.as_ref().map(|changed| &changed.entity);
    // As JSON no two lists of parts look alike.
    let parts = (
        head.event_type.as_str(),
        head.channel.as_str(),
        entity.map(|entity| (entity.entity_type.as_str(), entity.id.as_str())),
        values?,
    );
    serde_json::to_string(&parts).ok()
}

/// How far a reader may be behind before it loses events that are not durable: as far as those are
/// kept for resuming.
pub(crate) struct Patience {
    kept: Keep,
    tenants: HashMap<TenantId, Keep>,
    /// Whether memory is short: then whoever is behind at all is too far behind.
    short_of_memory: AtomicBool,
}

impl Patience {
    pub(crate) fn new(log: &Settings) -> Self {
        let tenants = log.tenants.iter();
        Self {
            kept: log.retention.keep_recent,
            tenants: tenants.map(|(id, retention)| (id.clone(), retention.keep_recent)).collect(),
            short_of_memory: AtomicBool::new(false),
        }
    }

    pub(crate) fn set_short_of_memory(&self, is_short: bool) {
        self.short_of_memory.store(is_short, Ordering::Relaxed);
    }

    pub(crate) fn is_short_of_memory(&self) -> bool {
        self.short_of_memory.load(Ordering::Relaxed)
    }

    /// Sheds of a page as many events as are too far behind the head: the lowest priority first, and
    /// of one priority the oldest first.
    ///
    /// Durable events always come.
    fn shed(
        &self,
        due: &mut Vec<Due>,
        tenant: &TenantId,
        head: Offset,
        now: TimeMs,
    ) -> Option<Shed> {
        if self.is_short_of_memory() {
            return shed(due, head, TimeMs(0), ShedReason::Memory);
        }
        let kept = self.tenants.get(tenant).unwrap_or(&self.kept);
        let too_far = kept.events.map_or(0, |events| head.get().saturating_sub(events));
        let age_ms = kept.age.and_then(|age| u64::try_from(age.as_millis()).ok());
        let kept_since = age_ms.map_or(0, |age_ms| now.0.saturating_sub(age_ms));
        shed(due, Offset::ZERO.plus(too_far), TimeMs(kept_since), ShedReason::Lag)
    }
}

/// Why events are shed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ShedReason {
    /// The reader is too far behind.
    Lag,
    /// Memory is short.
    Memory,
}

/// What was shed of one page.
struct Shed {
    count: u64,
    types: BTreeSet<String>,
    reason: ShedReason,
}

impl Shed {
    /// What the client is told before the first event of the page.
    fn told(self) -> Control {
        let types = self.types.into_iter().collect();
        let reason = match self.reason {
            ShedReason::Lag => "lag",
            ShedReason::Memory => "memory",
        };
        Control::Dropped { count: self.count, types, reason }
    }
}

/// Sheds as many events that are not durable as stand at or before a place, and those that came until
/// a time.
fn shed(due: &mut Vec<Due>, too_far: Offset, until: TimeMs, reason: ShedReason) -> Option<Shed> {
    let mut candidates: Vec<(bool, Priority, usize)> = Vec::new();
    let (mut place, mut count) = (Offset::ZERO, 0);
    for (index, item) in due.iter().enumerate() {
        let Due::Event(event) = item else { continue };
        // An event of class `live` is where the one before it is.
        place = event.offset().unwrap_or(place);
        if event.head.persistence != Persistence::Durable {
            count += usize::from(place <= too_far);
            candidates.push((event.received_at > until, event.head.priority, index));
        }
    }
    candidates.sort_unstable();
    let too_old = candidates.iter().take_while(|(is_kept, ..)| !is_kept).count();
    candidates.truncate(too_old.max(count));
    if candidates.is_empty() {
        return None;
    }
    let gone: BTreeSet<usize> = candidates.into_iter().map(|(.., index)| index).collect();
    let mut types = BTreeSet::new();
    let mut index = 0;
    due.retain(|item| {
        let goes = gone.contains(&index);
        index += 1;
        if let (true, Due::Event(event)) = (goes, item) {
            types.insert(event.head.event_type.to_string());
        }
        !goes
    });
    Some(Shed { count: gone.len() as u64, types, reason })
}

#[cfg(test)]
mod tests {
    use radial_protocol::event::Head;
    use radial_protocol::names::EventId;
    use radial_protocol::{Cursor, Epoch};

    use super::*;

    fn event(offset: u64, persistence: Persistence, priority: Priority) -> Due {
        let event_type = EventTypeName::new(&format!("at.{offset}")).unwrap();
        let head = Head::new(EventId::new("e").unwrap(), event_type);
        let head = Head { persistence, priority, ..head };
        let cursor = Cursor { epoch: Epoch::new(1), offset: Offset::new(offset).unwrap() };
        Due::Event(Arc::new(Event::from_members(head, Some(cursor), TimeMs(offset), "")))
    }

    fn page() -> Vec<Due> {
        use Persistence::{Durable, Live, Recent};
        use Priority::{Critical, High, Low, Normal};
        vec![
            event(1, Recent, High),
            event(2, Recent, Normal),
            event(3, Durable, Low),
            event(4, Recent, Low),
            event(5, Live, Normal),
            event(6, Recent, Low),
            event(7, Recent, Critical),
        ]
    }

    fn check(too_far: u64, until: u64, expected: &[u64]) {
        let mut due = page();
        let too_far = Offset::new(too_far).unwrap();
        let shed = shed(&mut due, too_far, TimeMs(until), ShedReason::Lag);
        let left: Vec<u64> = due
            .iter()
            .filter_map(|due| match due {
                Due::Event(event) => Some(event.offset().unwrap().get()),
                Due::Gap(_) | Due::Lost(_) => None,
            })
            .collect();
        assert_eq!(left, expected, "{too_far} {until}");
        let gone: Vec<String> =
            (1..8).filter(|n| !expected.contains(n)).map(|n| format!("at.{n}")).collect();
        match shed {
            None => assert!(gone.is_empty()),
            Some(shed) => {
                assert_eq!(shed.count, gone.len() as u64);
                let Control::Dropped { types, .. } = shed.told() else { panic!("another word") };
                assert_eq!(types, gone);
            }
        }
    }

    #[test]
    fn the_lowest_priority_goes_first_and_of_one_priority_the_oldest() {
        check(0, 0, &[1, 2, 3, 4, 5, 6, 7]);
        check(1, 0, &[1, 2, 3, 5, 6, 7]);
        check(2, 0, &[1, 2, 3, 5, 7]);
        // A durable event is too far behind as well, and comes.
        check(3, 0, &[1, 2, 3, 5, 7]);
        check(4, 0, &[1, 3, 5, 7]);
        check(5, 0, &[1, 3, 7]);
        check(6, 0, &[3, 7]);
        check(9, 0, &[3]);
    }

    #[test]
    fn what_is_too_old_goes_whatever_its_priority() {
        check(0, 2, &[3, 4, 5, 6, 7]);
        check(1, 2, &[3, 4, 5, 6, 7]);
        check(4, 2, &[3, 5, 6, 7]);
        check(0, 7, &[3]);
    }

    #[test]
    fn short_of_memory_only_what_is_durable_comes() {
        let patience = Patience::new(&Settings::default());
        let tenant = TenantId::new("acme").unwrap();
        let shed = |head: u64| {
            let head = Offset::new(head).unwrap();
            let shed = patience.shed(&mut page(), &tenant, head, TimeMs(0));
            shed.map(|shed| (shed.count, shed.reason))
        };
        assert_eq!(shed(10_000), None);
        assert_eq!(shed(10_001), Some((1, ShedReason::Lag)));
        patience.set_short_of_memory(true);
        assert_eq!(shed(8), Some((6, ShedReason::Memory)));
        patience.set_short_of_memory(false);
        assert_eq!(shed(8), None);
    }
}
