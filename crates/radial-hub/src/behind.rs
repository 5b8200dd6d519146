//! What a reader that is behind is spared: events that newer ones of the same page replace
//! (protocol §4, `coalesceKey`).
//!
//! It decides about one page at a time, after the filter, and only where more waits behind the
//! page: whoever is at the head gets everything. It must never know sockets, nor whose page it is.

use std::collections::HashMap;
use std::sync::Arc;

use radial_fanout::Due;
use radial_protocol::{Event, TimeMs};
use radial_registry::{Pointer, Registry};
use serde_json::Value;

/// Leaves out of a page what a newer event of the page replaces: one of the same type, channel and
/// entity with equal values at the type's `coalesceKey`. Gives how many those were.
///
/// The state at the end of the page is what it would have been. Nothing gives way to an event that
/// expires sooner, or a reader that is cut off in between would end up with neither. What has no
/// value at a place of its key stands for itself.
pub(crate) fn coalesce(due: &mut Vec<Due>, registry: &Registry) -> u64 {
    let before = due.len();
    // For each key, how long the longest-lived newer event lives.
    let mut newer: HashMap<String, TimeMs> = HashMap::new();
    let mut kept: Vec<Due> = Vec::with_capacity(before);
    for item in due.drain(..).rev() {
        let keyed = match &item {
            Due::Event(event) => key(event, registry).map(|key| (key, end(event))),
            Due::Gap(_) => None,
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
