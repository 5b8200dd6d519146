//! Who sees what: the one function that decides it (protocol §5, architecture invariant 10).
//!
//! Fan-out, replay, history and everything that will read events ask [`Filter::admits`]; nobody
//! decides beside it.

use std::collections::HashMap;
use std::sync::Arc;

use crate::event::{Event, Head, Scope, TimeMs};
use crate::grants::{Grants, any_matches};
use crate::names::{ChannelName, EventTypeName, Name, Pattern};
use crate::problem::{Code, Problem};

/// What the registry says of who gets the events of a type.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Readership {
    /// `subscribeRoles`, of those types that have any.
    pub roles: HashMap<EventTypeName, Vec<Name>>,
    /// `routes`, the other way round: which types go to a sink.
    pub routes: HashMap<Name, Vec<EventTypeName>>,
}

impl Readership {
    /// The types that go to any of these sinks.
    fn routed_to(&self, sinks: &[Name]) -> Vec<Pattern> {
        let types = sinks.iter().filter_map(|sink| self.routes.get(sink)).flatten();
        types.map(EventTypeName::pattern).collect()
    }

    fn goes_to(&self, event_type: &EventTypeName, sink: &Name) -> bool {
        self.routes.get(sink).is_some_and(|types| types.contains(event_type))
    }
}

/// What a reader asked for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Selection {
    /// Channel names and patterns.
    pub channels: Vec<Pattern>,
    /// Event type patterns.
    pub types: Vec<Pattern>,
}

impl Selection {
    /// What is left of it inside these channels and types: a pattern is narrowed, perhaps to
    /// nothing.
    ///
    /// # Errors
    /// The name of a channel that is asked for exactly and is outside.
    pub fn within(&self, channels: &[Pattern], types: &[Pattern]) -> Result<Self, &str> {
        for pattern in &self.channels {
            if let Pattern::Exact(name) = pattern
                && !any_matches(channels, name)
            {
                return Err(name);
            }
        }
        Ok(Self { channels: narrow(&self.channels, channels), types: narrow(&self.types, types) })
    }

    /// What is left of it inside granted channels and types. Who is granted a channel is granted
    /// its presence too.
    fn granted(&self, channels: &[Pattern], types: &[Pattern]) -> Result<Self, Problem> {
        let outside = |name: &str| {
            let detail = format!("the channel {name} is not among the granted channels");
            Problem::new(Code::Forbidden, detail)
        };
        let of = |channels: Vec<Pattern>| Self { channels, types: self.types.clone() };
        let watched = of(self.channels.iter().filter_map(Pattern::watched).collect());
        let plain = self.channels.iter().filter(|pattern| pattern.watched().is_none());
        let plain = of(plain.cloned().collect());
        let mut granted = plain.within(channels, types).map_err(outside)?;
        let watched = watched.within(channels, types).map_err(outside)?;
        granted.channels.extend(watched.channels.iter().map(Pattern::watching));
        Ok(granted)
    }

    fn names(&self, head: &Head) -> bool {
        self.names_channel(&head.channel) && any_matches(&self.types, head.event_type.as_str())
    }

    /// Presence is for those alone who ask for it by name.
    fn names_channel(&self, channel: &ChannelName) -> bool {
        let tells_presence = channel.tells_presence();
        self.channels.iter().any(|pattern| {
            pattern.matches(channel.as_str()) && (!tells_presence || pattern.asks_for_presence())
        })
    }
}

/// Whether events that are not broadcast are seen too.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum View {
    /// A subscriber: broadcast events only.
    Subscriber,
    /// History: the log as it is.
    History,
}

/// Why an event is not given to a reader, in the order in which it is decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is due.
    Admitted,
    /// The reader did not ask for it, or may not see it.
    Hidden,
    /// Its time to live is over.
    Expired,
}

/// What is left of what a reader asked for.
#[derive(Debug, PartialEq, Eq, Hash)]
pub struct Asked {
    selections: Vec<Selection>,
    /// The part of what was asked for that the registry routes to a sink of the grants.
    routed: Vec<Selection>,
    /// The sinks that the reader stands for.
    sinks: Vec<Name>,
}

impl Asked {
    /// Whether the reader stands for a sink that the event goes to. A publisher who named some of
    /// the type's sinks kept it from the others.
    fn is_routed(&self, head: &Head, readership: &Readership) -> bool {
        names(&self.routed, head)
            && head.reach.only_sinks().is_none_or(|named| {
                let goes_to = |sink| readership.goes_to(&head.event_type, sink);
                self.sinks.iter().any(|sink| named.contains(sink) && goes_to(sink))
            })
    }
}

/// What a reader asked for, narrowed to what it was granted: the union of its selections.
#[derive(Clone, Debug)]
pub struct Filter {
    asked: Arc<Asked>,
    grants: Arc<Grants>,
    readership: Arc<Readership>,
    view: View,
}

impl Filter {
    /// Narrows a selection to the grants.
    ///
    /// A pattern is narrowed to what is granted inside it; it may end up as nothing.
    ///
    /// # Errors
    /// `forbidden` for an exact channel name outside the grants.
    pub fn new(
        wanted: &Selection,
        grants: Arc<Grants>,
        readership: Arc<Readership>,
        view: View,
    ) -> Result<Self, Problem> {
        Self::of_any(std::slice::from_ref(wanted), grants, readership, view)
    }

    /// Narrows several selections to the grants, each by itself: what one of them admits is
    /// admitted, once.
    ///
    /// # Errors
    /// `forbidden` for an exact channel name outside the grants, in any of them.
    pub fn of_any(
        wanted: &[Selection],
        grants: Arc<Grants>,
        readership: Arc<Readership>,
        view: View,
    ) -> Result<Self, Problem> {
        let granted = |types: &[Pattern]| {
            let selections =
                wanted.iter().map(|wanted| wanted.granted(&grants.rights.channels, types));
            selections.collect::<Result<Vec<_>, _>>()
        };
        let selections = granted(&grants.rights.subscribe)?;
        let routed = match readership.routed_to(&grants.rights.routes) {
            types if types.is_empty() => Vec::new(),
            types => granted(&types)?,
        };
        let sinks = if routed.is_empty() { Vec::new() } else { grants.rights.routes.clone() };
        Ok(Self { asked: Arc::new(Asked { selections, routed, sinks }), grants, readership, view })
    }

    /// The same with `share`'s copy of what is left of the selections, which must be equal: many
    /// readers ask for the same.
    #[must_use]
    pub fn sharing(mut self, share: impl FnOnce(Arc<Asked>) -> Arc<Asked>) -> Self {
        self.asked = share(self.asked);
        self
    }

    /// What is left of the selections, and what of them is routed to the reader.
    pub fn selections(&self) -> impl Iterator<Item = &Selection> {
        self.asked.selections.iter().chain(&self.asked.routed)
    }

    /// What the reader may see.
    pub fn grants(&self) -> &Arc<Grants> {
        &self.grants
    }

    /// Every channel pattern of what is left, each once.
    pub fn channels(&self) -> Vec<Pattern> {
        union(self.selections().map(|selection| &selection.channels))
    }

    /// Every type pattern of what is left, each once.
    pub fn types(&self) -> Vec<Pattern> {
        union(self.selections().map(|selection| &selection.types))
    }

    /// Whether this reader gets this event now.
    pub fn admits(&self, event: &Event, now: TimeMs) -> Verdict {
        if !self.shows(&event.head) {
            Verdict::Hidden
        } else if event.is_expired(now) {
            Verdict::Expired
        } else {
            Verdict::Admitted
        }
    }

    /// Whether this reader sees an entity that was last changed by an event with this head.
    pub fn shows_entity(&self, head: &Head) -> bool {
        self.shows(head)
    }

    /// Whether this reader learns how many are on a channel, which it does where it is granted that
    /// channel and asked for its presence; and who they are, which it does where it would be told
    /// of it by an event with this head.
    pub fn shows_presence(&self, head: &Head) -> (bool, bool) {
        let counts = self.selections().any(|selection| selection.names_channel(&head.channel));
        (counts, counts && self.shows(head))
    }

    /// Whether this reader sees an event with this head, as long as that lives.
    ///
    /// What is routed to the reader it gets as the sink that it stands for would: whoever the event
    /// is for, also if it is not broadcast. Everything else must be admitted by all there is.
    pub fn shows(&self, head: &Head) -> bool {
        self.shows_kind(head) && self.shows_person(head)
    }

    /// What all readers of one [`FilterClass`] have in common: whether they see such an event if
    /// it is for everyone.
    pub fn shows_kind(&self, head: &Head) -> bool {
        self.is_routed(head)
            || ((head.reach.is_broadcast() || self.view == View::History)
                && names(&self.asked.selections, head)
                && (self.grants.rights.sees_all || self.role_admits(head)))
    }

    /// The rest of the decision, which depends on who the reader is: only events that are not
    /// [for everyone](is_for_everyone) can be hidden by it.
    pub fn shows_person(&self, head: &Head) -> bool {
        self.grants.rights.sees_all
            || self.is_routed(head)
            || (self.scope_admits(head) && self.audience_admits(head))
    }

    /// What [`Self::shows_kind`] depends on.
    pub fn class(&self) -> FilterClass {
        FilterClass {
            asked: Arc::clone(&self.asked),
            roles: self.grants.rights.roles.clone(),
            sees_all: self.grants.rights.sees_all,
            view: self.view,
            readership: Arc::as_ptr(&self.readership).addr(),
        }
    }

    fn is_routed(&self, head: &Head) -> bool {
        self.asked.is_routed(head, &self.readership)
    }

    fn role_admits(&self, head: &Head) -> bool {
        self.readership
            .roles
            .get(&head.event_type)
            .is_none_or(|roles| self.grants.has_any_role(roles))
    }

    fn scope_admits(&self, head: &Head) -> bool {
        match head.scope {
            Scope::Channel => true,
            Scope::User => head.user.is_some() && head.user == self.grants.user,
            Scope::Session => head.session.is_some() && head.session == self.grants.session,
        }
    }

    fn audience_admits(&self, head: &Head) -> bool {
        let Some(audience) = &head.audience else {
            return true;
        };
        let grants = &self.grants;
        grants.user.as_ref().is_some_and(|user| audience.users.contains(user))
            || grants.session.as_ref().is_some_and(|session| audience.sessions.contains(session))
            || grants.has_any_role(&audience.roles)
    }
}

/// Filters of one class show the same events of those that are for everyone.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct FilterClass {
    asked: Arc<Asked>,
    roles: Vec<Name>,
    sees_all: bool,
    view: View,
    /// Which table it is: there is one a registry.
    readership: usize,
}

fn names(selections: &[Selection], head: &Head) -> bool {
    selections.iter().any(|selection| selection.names(head))
}

/// Whether neither a scope nor an audience holds an event back from anybody.
pub fn is_for_everyone(head: &Head) -> bool {
    head.scope == Scope::Channel && head.audience.is_none()
}

fn union<'a>(lists: impl Iterator<Item = &'a Vec<Pattern>>) -> Vec<Pattern> {
    let mut union: Vec<Pattern> = Vec::new();
    for pattern in lists.flatten() {
        if !union.contains(pattern) {
            union.push(pattern.clone());
        }
    }
    union
}

fn narrow(wanted: &[Pattern], granted: &[Pattern]) -> Vec<Pattern> {
    let mut narrowed: Vec<Pattern> = Vec::new();
    for pattern in wanted {
        for grant in granted {
            if let Some(both) = pattern.intersect(grant)
                && !narrowed.contains(&both)
            {
                narrowed.push(both);
            }
        }
    }
    narrowed
}

#[cfg(test)]
mod tests;
