//! Who sees what: the one function that decides it (protocol §5, architecture invariant 10).
//!
//! Fan-out, replay, history and everything that will read events ask [`Filter::admits`]; nobody
//! decides beside it.

use std::collections::HashMap;
use std::sync::Arc;

use crate::event::{Event, Head, Scope, TimeMs};
use crate::grants::{Grants, any_matches};
use crate::names::{EventTypeName, Name, Pattern};
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

    /// What is left of it inside granted channels and types.
    fn granted(&self, channels: &[Pattern], types: &[Pattern]) -> Result<Self, Problem> {
        self.within(channels, types).map_err(|name| {
            let detail = format!("the channel {name} is not among the granted channels");
            Problem::new(Code::Forbidden, detail)
        })
    }

    fn names(&self, head: &Head) -> bool {
        any_matches(&self.channels, head.channel.as_str())
            && any_matches(&self.types, head.event_type.as_str())
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
}

impl Asked {
    fn is_routed(&self, head: &Head) -> bool {
        names(&self.routed, head)
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
            let selections = wanted.iter().map(|wanted| wanted.granted(&grants.channels, types));
            selections.collect::<Result<Vec<_>, _>>()
        };
        let selections = granted(&grants.subscribe)?;
        let routed = match readership.routed_to(&grants.routes) {
            types if types.is_empty() => Vec::new(),
            types => granted(&types)?,
        };
        Ok(Self { asked: Arc::new(Asked { selections, routed }), grants, readership, view })
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

    /// What is routed to the reader it gets as the sink that it stands for would: whoever the event
    /// is for, also if it is not broadcast. Everything else must be admitted by all there is.
    fn shows(&self, head: &Head) -> bool {
        self.shows_kind(head) && self.shows_person(head)
    }

    /// What all readers of one [`FilterClass`] have in common: whether they see such an event if
    /// it is for everyone.
    pub fn shows_kind(&self, head: &Head) -> bool {
        self.asked.is_routed(head)
            || ((head.broadcast || self.view == View::History)
                && names(&self.asked.selections, head)
                && (self.grants.sees_all || self.role_admits(head)))
    }

    /// The rest of the decision, which depends on who the reader is: only events that are not
    /// [for everyone](is_for_everyone) can be hidden by it.
    pub fn shows_person(&self, head: &Head) -> bool {
        self.grants.sees_all
            || self.asked.is_routed(head)
            || (self.scope_admits(head) && self.audience_admits(head))
    }

    /// What [`Self::shows_kind`] depends on.
    pub fn class(&self) -> FilterClass {
        FilterClass {
            asked: Arc::clone(&self.asked),
            roles: self.grants.roles.clone(),
            sees_all: self.grants.sees_all,
            view: self.view,
            readership: Arc::as_ptr(&self.readership).addr(),
        }
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
mod tests {
    use super::*;
    use crate::event::tests::{content, head};
    use crate::event::{Audience, Draft};
    use crate::names::{ChannelName, SessionId, TenantId, UserId};

    fn patterns(texts: &[&str]) -> Vec<Pattern> {
        texts.iter().map(|text| Pattern::new(text).unwrap()).collect()
    }

    fn user(id: &str, roles: &[&str]) -> Grants {
        let mut grants = Grants::everything(TenantId::new("acme").unwrap());
        grants.roles = roles.iter().map(|role| Name::new(role).unwrap()).collect();
        grants.acting_for(
            Some(UserId::new(id).unwrap()),
            Some(SessionId::new(&format!("s-{id}")).unwrap()),
        )
    }

    fn check(grants: Grants, shape: impl FnOnce(&mut Head), expected: bool) {
        let mut head = head("card.moved");
        shape(&mut head);
        let tenant = TenantId::new("acme").unwrap();
        let event = Draft::new(head, &content(&tenant)).place(None, TimeMs(0), None);
        let audit = EventTypeName::new("audit.written").unwrap();
        let readership = Readership {
            roles: HashMap::from([(audit.clone(), vec![Name::new("auditor").unwrap()])]),
            routes: HashMap::from([(Name::new("analytics").unwrap(), vec![audit])]),
        };
        let wanted = Selection { channels: patterns(&["*"]), types: patterns(&["*"]) };
        let filter =
            Filter::new(&wanted, Arc::new(grants), Arc::new(readership), View::Subscriber).unwrap();
        let admitted = filter.admits(&event, TimeMs(0)) == Verdict::Admitted;
        assert_eq!(admitted, expected, "{event:?}");
    }

    #[test]
    fn everything_must_admit_an_event() {
        let audience = |users: &[&str], roles: &[&str]| {
            Some(Audience {
                users: users.iter().map(|id| UserId::new(id).unwrap()).collect(),
                sessions: Vec::new(),
                roles: roles.iter().map(|role| Name::new(role).unwrap()).collect(),
            })
        };
        check(user("u1", &[]), |_| {}, true);
        check(user("u1", &[]), |head| head.broadcast = false, false);
        check(user("u1", &[]), |head| head.audience = audience(&["u1"], &[]), true);
        check(user("u2", &[]), |head| head.audience = audience(&["u1"], &[]), false);
        check(user("u2", &["editor"]), |head| head.audience = audience(&["u1"], &["editor"]), true);
        check(
            user("u1", &[]),
            |head| head.event_type = EventTypeName::new("audit.written").unwrap(),
            false,
        );
        check(
            user("u1", &["auditor"]),
            |head| head.event_type = EventTypeName::new("audit.written").unwrap(),
            true,
        );
        for (reader, seen) in [("u1", true), ("u2", false)] {
            check(
                user(reader, &[]),
                |head| {
                    head.scope = Scope::User;
                    head.user = Some(UserId::new("u1").unwrap());
                },
                seen,
            );
            check(
                user(reader, &[]),
                |head| {
                    head.scope = Scope::Session;
                    head.session = Some(SessionId::new("s-u1").unwrap());
                },
                seen,
            );
        }
        check(user("u1", &[]), |head| head.scope = Scope::User, false);
    }

    #[test]
    fn what_is_routed_to_a_reader_it_sees_as_a_sink_does_and_nothing_else() {
        let sink = |routes: &[&str]| {
            let mut grants = user("u1", &[]);
            grants.channels = patterns(&["main"]);
            grants.subscribe = Vec::new();
            grants.routes = routes.iter().map(|name| Name::new(name).unwrap()).collect();
            grants
        };
        let hidden = |head: &mut Head| {
            head.event_type = EventTypeName::new("audit.written").unwrap();
            head.broadcast = false;
            head.scope = Scope::User;
            head.audience =
                Some(Audience { users: vec![UserId::new("u2").unwrap()], ..Audience::default() });
        };
        check(sink(&["analytics"]), hidden, true);
        check(sink(&["mails"]), hidden, false);
        check(sink(&[]), hidden, false);
        check(sink(&["analytics"]), |_| {}, false);
        let elsewhere = |head: &mut Head| {
            hidden(head);
            head.channel = ChannelName::new("board:1").unwrap();
        };
        check(sink(&["analytics"]), elsewhere, false);
        let acting = sink(&["analytics"]).acting_for(UserId::new("u3").ok(), None);
        check(acting, hidden, false);
    }

    #[test]
    fn patterns_are_narrowed_and_exact_names_outside_are_refused() {
        let mut grants = user("u1", &[]);
        grants.channels = patterns(&["board:*", "main"]);
        let filter = |channels: &[&str]| {
            let wanted = Selection { channels: patterns(channels), types: patterns(&["card.*"]) };
            Filter::new(&wanted, Arc::new(grants.clone()), Arc::default(), View::Subscriber)
        };
        assert_eq!(filter(&["*"]).unwrap().channels(), patterns(&["board:*", "main"]));
        assert_eq!(filter(&["board:4*"]).unwrap().channels(), patterns(&["board:4*"]));
        assert!(filter(&["chat:*"]).unwrap().channels().is_empty());
        assert_eq!(filter(&["chat:1"]).unwrap_err().code, Code::Forbidden);
    }

    #[test]
    fn what_one_selection_admits_is_admitted_and_pairs_are_not_mixed() {
        let select = |channel: &str, event_type: &str| Selection {
            channels: patterns(&[channel]),
            types: patterns(&[event_type]),
        };
        let tenant = TenantId::new("acme").unwrap();
        let wanted = [select("board:1", "card.*"), select("chat", "conversation.message")];
        let grants = Arc::new(Grants::everything(tenant.clone()));
        let filter = Filter::of_any(&wanted, grants, Arc::default(), View::Subscriber).unwrap();
        for (channel, event_type, admitted) in [
            ("board:1", "card.moved", true),
            ("chat", "conversation.message", true),
            ("chat", "card.moved", false),
            ("board:1", "conversation.message", false),
        ] {
            let mut head = head(event_type);
            head.channel = ChannelName::new(channel).unwrap();
            let event = Draft::new(head, &content(&tenant)).place(None, TimeMs(0), None);
            let verdict = filter.admits(&event, TimeMs(0)) == Verdict::Admitted;
            assert_eq!(verdict, admitted, "{event_type} in {channel}");
        }
        assert_eq!(filter.channels(), patterns(&["board:1", "chat"]));
    }

    #[test]
    fn filters_of_one_class_show_the_same_of_what_is_for_everyone() {
        let wanted = Selection { channels: patterns(&["main"]), types: patterns(&["card.*"]) };
        let roles: Arc<Readership> = Arc::default();
        let filter = |grants: Grants| {
            Filter::new(&wanted, Arc::new(grants), Arc::clone(&roles), View::Subscriber).unwrap()
        };
        let (first, second) = (filter(user("u1", &["editor"])), filter(user("u2", &["editor"])));
        assert_eq!(first.class(), second.class());
        for event_type in ["card.moved", "activity:new"] {
            let head = head(event_type);
            assert!(is_for_everyone(&head));
            assert_eq!(first.shows_kind(&head), second.shows_kind(&head));
            assert!(first.shows_person(&head) && second.shows_person(&head));
        }
        // Whatever the common part depends on makes another class.
        assert_ne!(first.class(), filter(user("u1", &["auditor"])).class());
        let mut narrowed = user("u1", &["editor"]);
        narrowed.subscribe = patterns(&["card.moved"]);
        assert_ne!(first.class(), filter(narrowed).class());
        let mut developer = user("u1", &["editor"]);
        developer.sees_all = true;
        assert_ne!(first.class(), filter(developer).class());
        let mut hidden = head("card.moved");
        hidden.scope = Scope::User;
        assert!(!is_for_everyone(&hidden));
    }

    #[test]
    fn the_channel_decides_first() {
        let mut grants = user("u1", &[]);
        grants.channels = patterns(&["board:*"]);
        check(grants.clone(), |head| head.channel = ChannelName::new("board:1").unwrap(), true);
        check(grants, |_| {}, false);
    }
}
