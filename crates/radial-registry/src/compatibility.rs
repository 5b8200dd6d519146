//! What changes from one registry to the next, and whether it breaks anybody.
//!
//! Breaking is what can make a publisher that was right be refused, or a subscriber that was
//! right miss, misread or no longer receive something. A schema version never changes: a changed
//! schema is a new version.

use std::fmt;

use radial_protocol::event::Persistence;
use radial_protocol::names::Name;
use serde::Serialize;

use crate::duration;
use crate::event_type::{EventType, SchemaVersion};
use crate::policy::{EntityPolicy, Policy};
use crate::registry::Registry;
use crate::schema::keywords::without_annotations;

/// One difference between two registries.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Change {
    /// The event type that differs.
    pub event_type: String,
    /// What differs, such as `persistence` or `versions.1`; empty: the type as a whole.
    pub field: String,
    /// Whether it can break publishers or subscribers.
    pub breaking: bool,
    /// The difference, in a sentence.
    pub message: String,
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let severity = if self.breaking { "breaking" } else { "compatible" };
        write!(f, "{severity}: {}: ", self.event_type)?;
        if !self.field.is_empty() {
            write!(f, "{}: ", self.field)?;
        }
        f.write_str(&self.message)
    }
}

/// Everything that differs between two registries, in the order of type names.
pub fn compare(old: &Registry, new: &Registry) -> Vec<Change> {
    let mut changes = Vec::new();
    for before in old.iter() {
        let mut found = Changes { event_type: before.name.as_str(), changes: &mut changes };
        match new.get(before.name.as_str()) {
            Some(after) => found.of_type(before, after),
            None => found.add("", true, "The type is removed."),
        }
    }
    for added in new.iter().filter(|added| old.get(added.name.as_str()).is_none()) {
        let mut found = Changes { event_type: added.name.as_str(), changes: &mut changes };
        found.add("", false, "The type is added.");
    }
    changes.sort_by(|a, b| a.event_type.cmp(&b.event_type));
    changes
}

struct Changes<'a> {
    event_type: &'a str,
    changes: &'a mut Vec<Change>,
}

impl Changes<'_> {
    fn add(&mut self, field: &str, breaking: bool, message: impl Into<String>) {
        self.changes.push(Change {
            event_type: self.event_type.to_owned(),
            field: field.to_owned(),
            breaking,
            message: message.into(),
        });
    }

    /// Adds a change if two parts differ.
    fn differs<T: PartialEq>(&mut self, field: &str, breaking: bool, old: &T, new: &T) {
        if old != new {
            self.add(field, breaking, format!("{field} is changed."));
        }
    }

    fn of_type(&mut self, old: &EventType, new: &EventType) {
        self.differs("description", false, &old.description, &new.description);
        self.versions(old, new);
        self.delivery(&old.policy, &new.policy);
        self.entity(old.policy.entity.as_ref(), new.policy.entity.as_ref());
        self.audience(&old.policy, &new.policy);
    }

    fn versions(&mut self, old: &EventType, new: &EventType) {
        for before in old.versions() {
            let field = format!("versions.{}", before.name());
            match new.version(Some(before.name())) {
                Ok(after) => self.schema(&field, before, after),
                Err(_) => self.add(&field, true, "The version is removed."),
            }
        }
        for added in new.versions() {
            if old.version(Some(added.name())).is_err() {
                self.add(&format!("versions.{}", added.name()), false, "The version is added.");
            }
        }
        let newest = |of: &EventType| of.newest().map(|version| version.name().to_owned());
        let newest_is_old = newest(new).is_some_and(|name| old.version(Some(&name)).is_ok());
        if newest(old) != newest(new) && newest_is_old {
            self.add("versions", true, "An older version becomes the newest.");
        }
    }

    fn schema(&mut self, field: &str, old: &SchemaVersion, new: &SchemaVersion) {
        if old.schema() == new.schema() {
            return;
        }
        if without_annotations(old.schema()) == without_annotations(new.schema()) {
            self.add(field, false, "Only annotations of the schema are changed.");
        } else {
            self.add(field, true, "The schema is changed: add a new version instead.");
        }
    }

    fn delivery(&mut self, old: &Policy, new: &Policy) {
        let weaker = strength(new.persistence) < strength(old.persistence);
        self.differs("persistence", weaker, &old.persistence, &new.persistence);
        self.differs("broadcast", !new.broadcast, &old.broadcast, &new.broadcast);
        self.differs("scope", true, &old.scope, &new.scope);
        // A publisher may lower the priority only, so that one who asks for the old is refused.
        let lower = new.priority < old.priority;
        self.differs("priority", lower, &old.priority, &new.priority);
        if old.ttl != new.ttl {
            let shorter = new.ttl.is_some_and(|new| old.ttl.is_none_or(|old| new < old));
            let written = |ttl: Option<_>| ttl.map_or("none".to_owned(), duration::format);
            let message =
                format!("ttl is changed from {} to {}.", written(old.ttl), written(new.ttl));
            self.add("ttl", shorter, message);
        }
        self.differs("batch", false, &old.batch, &new.batch);
        let coalesces = !new.coalesce_key.is_empty();
        self.differs("coalesceKey", coalesces, &old.coalesce_key, &new.coalesce_key);
        self.differs("dedupe", new.dedupe.is_some(), &old.dedupe, &new.dedupe);
        self.differs("ack", true, &old.ack, &new.ack);
        self.differs("fallback", false, &old.fallback, &new.fallback);
    }

    fn entity(&mut self, old: Option<&EntityPolicy>, new: Option<&EntityPolicy>) {
        let (old, new) = match (old, new) {
            (Some(old), Some(new)) => (old, new),
            (None, None) => return,
            (Some(_), None) => return self.add("entity", true, "The entity is removed."),
            (None, Some(_)) => return self.add("entity", false, "An entity is added."),
        };
        self.differs("entity.type", true, &old.entity_type, &new.entity_type);
        self.differs("entity.id", true, &old.id, &new.id);
        self.differs("entity.state", true, &old.state, &new.state);
        self.differs("entity.deletes", true, &old.deletes, &new.deletes);
        let stricter = new.conflict > old.conflict;
        self.differs("entity.conflict", stricter, &old.conflict, &new.conflict);
    }

    fn audience(&mut self, old: &Policy, new: &Policy) {
        for (field, old, new) in [
            ("publishRoles", &old.publish_roles, &new.publish_roles),
            ("subscribeRoles", &old.subscribe_roles, &new.subscribe_roles),
        ] {
            let everybody_stays = new.is_empty();
            let somebody_loses = old.is_empty() || old.iter().any(|role| !new.contains(role));
            self.differs(field, !everybody_stays && somebody_loses, &sorted(old), &sorted(new));
        }
        let route_lost = old.routes.iter().any(|sink| !new.routes.contains(sink));
        self.differs("routes", route_lost, &sorted(&old.routes), &sorted(&new.routes));
    }
}

fn sorted(names: &[Name]) -> Vec<&Name> {
    let mut names: Vec<&Name> = names.iter().collect();
    names.sort_unstable();
    names.dedup();
    names
}

fn strength(persistence: Persistence) -> u8 {
    match persistence {
        Persistence::Live => 0,
        Persistence::Recent => 1,
        Persistence::Durable => 2,
    }
}
