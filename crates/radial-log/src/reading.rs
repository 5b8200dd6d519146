//! Reading: the newest events from memory, older ones from the store, and what is missing
//! between them said.

use std::collections::VecDeque;
use std::sync::{Arc, PoisonError};

use radial_protocol::Offset;
use radial_protocol::event::{Event, TimeMs};

use crate::event_log::{Item, Missing, MissingReason, Page, PageLimit, ReadError};
use crate::store::Store;
use crate::tenant::Tenant;

/// Reads on after a place.
pub(crate) fn read_page(
    store: &Store,
    tenant: &Tenant,
    after: Offset,
    limit: PageLimit,
) -> Result<Page, ReadError> {
    let (head, source) = look(tenant, after, limit);
    let (events, to) = match source {
        Source::Memory(events) => {
            let to = events.last().and_then(|event| event.offset()).unwrap_or(after);
            (events, to)
        }
        Source::Store { up_to } => read_store(store, tenant, after, up_to, limit)?,
    };
    // What retention took while the page was read is known by now: it says so first.
    let visible = tenant.visible.read().unwrap_or_else(PoisonError::into_inner);
    let start = after.max(visible.first.previous());
    let to = to.max(start);
    let mut missing: Vec<Missing> = Vec::new();
    if start > after {
        missing.push(Missing { reason: MissingReason::Retention, from: after, to: start });
    }
    let lost = visible.lost.iter().filter(|lost| lost.to > start && lost.from < to);
    missing.extend(lost.map(|lost| Missing { from: lost.from.max(start), ..*lost }));
    let recent_gone = visible.recent_gone;
    if start < recent_gone && recent_gone <= to {
        let reason = MissingReason::RetentionOfRecent;
        missing.push(Missing { reason, from: start, to: recent_gone });
    }
    drop(visible);
    missing.sort_by_key(|missing| missing.to);
    let events = events.into_iter().filter(|event| event.offset() > Some(start)).collect();
    Ok(Page { items: merge(events, missing), to, at_head: to >= head })
}

enum Source {
    Memory(Vec<Arc<Event>>),
    /// The store holds everything up to here.
    Store {
        up_to: Offset,
    },
}

/// What is to be read from where, at one moment. The store gets events before memory lets them
/// go, so nothing can fall between the two.
fn look(tenant: &Tenant, after: Offset, limit: PageLimit) -> (Offset, Source) {
    let visible = tenant.visible.read().unwrap_or_else(PoisonError::into_inner);
    let oldest_in_memory = visible.tail.front().and_then(|event| event.offset());
    let source = match oldest_in_memory {
        Some(oldest) if after.next() >= oldest => {
            let skip = usize::try_from(after.next().get() - oldest.get()).unwrap_or(usize::MAX);
            Source::Memory(take_limited(visible.tail.iter().skip(skip), limit))
        }
        Some(oldest) => Source::Store { up_to: oldest.previous() },
        None => Source::Store { up_to: visible.head },
    };
    (visible.head, source)
}

fn take_limited<'a>(
    events: impl Iterator<Item = &'a Arc<Event>>,
    limit: PageLimit,
) -> Vec<Arc<Event>> {
    let mut bytes = 0;
    let mut taken = Vec::new();
    for event in events.take(limit.items) {
        bytes += event.memory_bytes();
        taken.push(Arc::clone(event));
        if bytes >= limit.bytes {
            break;
        }
    }
    taken
}

/// Reads from the store; a page that is not full reaches to the end of it.
fn read_store(
    store: &Store,
    tenant: &Tenant,
    after: Offset,
    up_to: Offset,
    limit: PageLimit,
) -> Result<(Vec<Arc<Event>>, Offset), ReadError> {
    let mut bytes = 0;
    let mut events = Vec::new();
    for (offset, row) in store.read(tenant.no, after, up_to, limit)? {
        let row = row.ok_or(ReadError::Damaged(offset))?;
        let event = row.event.into_event(tenant.epoch, offset, row.received_at);
        bytes += event.memory_bytes();
        events.push(Arc::new(event));
    }
    let full = events.len() >= limit.items || bytes >= limit.bytes;
    let last = events.last().and_then(|event| event.offset());
    let to = match last {
        Some(last) if full => last,
        _ => up_to.max(after),
    };
    Ok((events, to))
}

/// Puts each missing stretch before the first event after it.
fn merge(events: Vec<Arc<Event>>, missing: Vec<Missing>) -> Vec<Item> {
    let mut missing = VecDeque::from(missing);
    let mut items = Vec::with_capacity(events.len() + missing.len());
    for event in events {
        while let Some(stretch) =
            missing.pop_front_if(|stretch| event.offset().is_some_and(|at| at > stretch.to))
        {
            items.push(Item::Missing(stretch));
        }
        items.push(Item::Event(event));
    }
    items.extend(missing.into_iter().map(Item::Missing));
    items
}

/// The place before the first event received at this time or later.
pub(crate) fn place_before(
    store: &Store,
    tenant: &Tenant,
    at: TimeMs,
) -> Result<Offset, ReadError> {
    let (mut low, head, stored_to) = {
        let visible = tenant.visible.read().unwrap_or_else(PoisonError::into_inner);
        let in_memory = visible.tail.partition_point(|event| event.received_at < at);
        if in_memory > 0 {
            let place = visible.tail.get(in_memory - 1).and_then(|event| event.offset());
            return Ok(place.unwrap_or(visible.head));
        }
        let oldest = visible.tail.front().and_then(|event| event.offset());
        (visible.first, visible.head, oldest.map_or(visible.head, Offset::previous))
    };
    // Receive times never fall along a log: the first event at or after `at` is found by halving.
    let mut high = stored_to.next();
    while low < high {
        let middle = Offset::ZERO.plus(low.get().midpoint(high.get()));
        match store.time_at(tenant.no, middle)? {
            Some((offset, received_at)) if received_at < at => low = offset.next(),
            _ => high = middle,
        }
    }
    Ok(low.previous().min(head))
}
