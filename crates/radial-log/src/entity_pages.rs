//! Reading entities at one place: a frozen view of the store, and over it what is committed but
//! not stored yet.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::{Arc, PoisonError};

use radial_protocol::{Cursor, Pattern};

use crate::entity::{EntityRow, key, parts};
use crate::event_log::{Entity, EntityPages, EntitySelection, ReadError};
use crate::record::{Changed, TenantNo};
use crate::store::{FrozenEntities, Store};
use crate::tenant::Tenant;

/// Sorts after everything that may stand in a channel's name.
const AFTER_NAMES: char = '\u{7f}';
/// A page ends after about so many bytes of states: each may have a MiB.
const PAGE_BYTES: usize = 1024 * 1024;

/// Pages of one selection.
pub(crate) struct Pages {
    frozen: FrozenEntities,
    young: BTreeMap<String, Arc<Changed>>,
    no: TenantNo,
    cursor: Cursor,
    selection: EntitySelection,
    /// What is still to be read, as ranges of keys, without overlap.
    ranges: Vec<(String, String)>,
}

/// Freezes what readers may see now.
pub(crate) fn open(
    store: &Store,
    tenant: &Tenant,
    selection: EntitySelection,
) -> Result<Pages, ReadError> {
    // While readers hold this, nothing becomes visible: the store can hold nothing newer than the
    // head that is read here, and lacks nothing that is not among the young.
    let visible = tenant.visible.read().unwrap_or_else(PoisonError::into_inner);
    let frozen = store.frozen_entities()?;
    let young = visible
        .young_entities
        .iter()
        .map(|(key, changed)| (key.clone(), Arc::clone(changed)))
        .collect();
    let cursor = tenant.cursor(visible.head);
    drop(visible);
    let ranges = ranges(&selection);
    Ok(Pages { frozen, young, no: tenant.no, cursor, selection, ranges })
}

/// The ranges of keys that hold a selection, sorted, none overlapping another; the first is last.
fn ranges(selection: &EntitySelection) -> Vec<(String, String)> {
    let mut ranges: Vec<(String, String)> = Vec::new();
    for pattern in &selection.channels {
        match pattern {
            Pattern::All => ranges.push((String::new(), AFTER_NAMES.to_string())),
            Pattern::Prefix(prefix) => {
                ranges.push((prefix.to_string(), format!("{prefix}{AFTER_NAMES}")));
            }
            Pattern::Exact(channel) => {
                ranges.extend(selection.types.iter().map(|entity_type| {
                    let start = format!("{channel}\0{entity_type}\0");
                    match &selection.id {
                        Some(id) => (format!("{start}{id}"), format!("{start}{id}\0")),
                        None => (start, format!("{channel}\0{entity_type}\u{1}")),
                    }
                }));
            }
        }
    }
    ranges.sort();
    let mut apart: Vec<(String, String)> = Vec::new();
    for (from, to) in ranges {
        match apart.last_mut() {
            Some((_, end)) if *end >= from => {
                if to > *end {
                    *end = to;
                }
            }
            _ => apart.push((from, to)),
        }
    }
    if let Some((channel, entity)) = &selection.after {
        // The first key after this one.
        let after = format!("{}\0", key(channel, entity));
        apart.retain(|(_, to)| *to > after);
        for (from, _) in &mut apart {
            if *from < after {
                from.clone_from(&after);
            }
        }
    }
    apart.reverse();
    apart
}

impl EntityPages for Pages {
    fn cursor(&self) -> Cursor {
        self.cursor
    }

    fn next_page(&mut self, entities: usize) -> Result<Vec<Entity>, ReadError> {
        let mut page: Vec<Entity> = Vec::new();
        let mut bytes = 0;
        while page.len() < entities && (page.is_empty() || bytes < PAGE_BYTES) {
            let Some((from, to)) = self.ranges.pop() else { break };
            let (stored, ended) = self.frozen.rows(self.no, &from, &to, entities, PAGE_BYTES)?;
            // Beyond a full read there may be more rows: the young ones there wait for them.
            let reached = match stored.last() {
                Some((last, _)) if !ended => {
                    let next = format!("{last}\0");
                    self.ranges.push((next.clone(), to));
                    next
                }
                _ => to,
            };
            let mut rows: BTreeMap<String, EntityRow> = stored.into_iter().collect();
            let bounds = (Bound::Included(from.as_str()), Bound::Excluded(reached.as_str()));
            for (key, changed) in self.young.range::<str, _>(bounds) {
                rows.insert(key.clone(), changed.row.clone());
            }
            bytes += rows.values().map(EntityRow::memory_bytes).sum::<usize>();
            page.extend(rows.into_iter().filter_map(|(key, row)| self.entity(&key, row)));
        }
        Ok(page)
    }
}

impl Pages {
    fn entity(&self, key: &str, row: EntityRow) -> Option<Entity> {
        let (channel, entity) = parts(key)?;
        let selection = &self.selection;
        let wanted = selection.types.contains(&entity.entity_type)
            && selection.id.as_ref().is_none_or(|id| *id == entity.id)
            && selection.channels.iter().any(|pattern| pattern.matches(channel.as_str()));
        wanted.then(|| Entity {
            channel,
            entity,
            version: row.version,
            state: row.state,
            changed_at: radial_protocol::Offset::ZERO.plus(row.changed_at),
            last: row.last,
        })
    }
}
