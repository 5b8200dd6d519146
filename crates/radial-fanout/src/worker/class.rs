//! Connections that are due the same, and how an event finds them.
//!
//! A class is everybody of a tenant whose filter shows the same of what is for everyone, and who
//! is written in the same way. What is due is decided, and encoded, once for all of them.

use std::collections::HashMap;
use std::sync::Arc;

use radial_protocol::Event;
use radial_protocol::filter::{Filter, FilterClass};
use radial_protocol::names::Pattern;
use slab::Slab;

use crate::resident::Encoding;

pub(crate) type ClassId = usize;

/// What makes a class: the common part of a filter, and whose encoding.
type Key = (FilterClass, usize);

pub(crate) struct Class {
    key: Key,
    /// The filter of any of them: its common part is that of all.
    pub(crate) filter: Filter,
    pub(crate) encoding: Arc<dyn Encoding>,
    /// The seats of its connections.
    pub(crate) members: Vec<usize>,
    /// What is due of the stretch that is walked, by index; empty between walks.
    pub(crate) due: Vec<u32>,
    /// Whether something of that is not for everyone.
    pub(crate) is_personal: bool,
    /// How many events for everyone were expired.
    pub(crate) expired: u64,
    /// Which others were, by index.
    pub(crate) expired_personal: Vec<u32>,
    /// The exact channels under which it is listed; none: it is asked about every event.
    channels: Vec<String>,
}

/// The classes of one tenant's connections.
#[derive(Default)]
pub(crate) struct Classes {
    slab: Slab<Class>,
    known: HashMap<Key, ClassId>,
    by_channel: HashMap<String, Vec<ClassId>>,
    /// Those that ask for patterns of channels.
    roving: Vec<ClassId>,
}

impl Classes {
    /// Enters a connection; tells its class and its rank there.
    pub(crate) fn enter(
        &mut self,
        filter: &Filter,
        encoding: &Arc<dyn Encoding>,
        seat: usize,
    ) -> (ClassId, u32) {
        let key = (filter.class(), Arc::as_ptr(encoding).cast::<()>().addr());
        let id = match self.known.get(&key) {
            Some(id) => *id,
            None => self.found(key, filter, encoding),
        };
        let Some(class) = self.slab.get_mut(id) else { return (id, 0) };
        class.members.push(seat);
        (id, u32::try_from(class.members.len() - 1).unwrap_or(u32::MAX))
    }

    fn found(&mut self, key: Key, filter: &Filter, encoding: &Arc<dyn Encoding>) -> ClassId {
        let channels = exact_channels(filter);
        let id = self.slab.insert(Class {
            key: key.clone(),
            filter: filter.clone(),
            encoding: Arc::clone(encoding),
            members: Vec::new(),
            due: Vec::new(),
            is_personal: false,
            expired: 0,
            expired_personal: Vec::new(),
            channels: channels.clone().unwrap_or_default(),
        });
        self.known.insert(key, id);
        match channels {
            None => self.roving.push(id),
            Some(channels) => {
                for channel in channels {
                    self.by_channel.entry(channel).or_default().push(id);
                }
            }
        }
        id
    }

    /// Lets a connection go; tells which seat has its rank now, if any.
    pub(crate) fn leave(&mut self, id: ClassId, rank: u32) -> Option<usize> {
        let class = self.slab.get_mut(id)?;
        let rank = rank as usize;
        if rank < class.members.len() {
            class.members.swap_remove(rank);
        }
        let moved = class.members.get(rank).copied();
        if class.members.is_empty() {
            self.forget(id);
        }
        moved
    }

    fn forget(&mut self, id: ClassId) {
        let class = self.slab.remove(id);
        self.known.remove(&class.key);
        self.roving.retain(|roving| *roving != id);
        for channel in class.channels {
            if let Some(listed) = self.by_channel.get_mut(&channel) {
                listed.retain(|listed| *listed != id);
                if listed.is_empty() {
                    self.by_channel.remove(&channel);
                }
            }
        }
    }

    pub(crate) fn get_mut(&mut self, id: ClassId) -> Option<&mut Class> {
        self.slab.get_mut(id)
    }

    /// The seats of all connections.
    pub(crate) fn members(&self) -> impl Iterator<Item = usize> {
        self.slab.iter().flat_map(|(_, class)| class.members.iter().copied())
    }

    /// Calls `visit` with every class that may be due this event.
    pub(crate) fn for_each_asked(
        &mut self,
        event: &Event,
        mut visit: impl FnMut(ClassId, &mut Class),
    ) {
        let listed = self.by_channel.get(event.head.channel.as_str());
        for id in listed.into_iter().flatten().chain(&self.roving) {
            if let Some(class) = self.slab.get_mut(*id) {
                visit(*id, class);
            }
        }
    }
}

/// The channels that a filter names, each once; `None` if it asks for patterns too.
fn exact_channels(filter: &Filter) -> Option<Vec<String>> {
    let channels = filter.channels().into_iter().map(|pattern| match pattern {
        Pattern::Exact(name) => Some(name.to_string()),
        _ => None,
    });
    channels.collect()
}
