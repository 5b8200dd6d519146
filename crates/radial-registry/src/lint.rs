//! What cannot hold together in a type, and what is probably not meant (protocol §4).

use std::collections::BTreeMap;
use std::time::Duration;

use radial_protocol::event::{Persistence, Scope};
use radial_protocol::names::{EventTypeName, Name, NameError};
use serde_json::Value;

use crate::duration;
use crate::event_type::EventType;
use crate::policy::{Conflict, EntityId, EntityPolicy, Policy, StateChange};
use crate::problem::{Place, Report, Rule, shorten};

const TTL_MIN: Duration = Duration::from_millis(100);
const TTL_MAX: Duration = Duration::from_hours(365 * 24);
const BATCH_MIN: Duration = Duration::from_millis(1);
const BATCH_MAX: Duration = Duration::from_secs(1);
const DEDUPE_MIN: Duration = Duration::from_millis(1);
const DEDUPE_MAX: Duration = Duration::from_mins(1);

/// Types that only the hub publishes.
const RESERVED: [&str; 2] = ["presence.joined", "presence.left"];

/// Checks the name of a type.
pub(crate) fn type_name(text: &str, at: &Place<'_>, report: &mut Report) -> Option<EventTypeName> {
    if text.starts_with('$') {
        report.add(at, Rule::ReservedName, "Names that begin with \"$\" are the hub's own.");
        return None;
    }
    if RESERVED.contains(&text) {
        report.add(at, Rule::ReservedName, format!("\"{text}\" is published by the hub only."));
        return None;
    }
    let has_empty_part = text.split(['.', ':']).any(str::is_empty);
    let name = match EventTypeName::new(text) {
        Ok(_) if has_empty_part => Err(NameError::NoAction),
        result => result,
    };
    name.map_err(|error| {
        let message = format!("The event type \"{}\" {error}.", shorten(text));
        report.add(at, Rule::BadName, message);
    })
    .ok()
}

/// Checks that the parts of a policy hold together.
pub(crate) fn policy(policy: &Policy, at: &Place<'_>, report: &mut Report) {
    bounds(policy, at, report);
    delivery(policy, at, report);
    if let Some(entity) = &policy.entity {
        entity_policy(policy, entity, at, report);
    }
}

fn bounds(policy: &Policy, at: &Place<'_>, report: &mut Report) {
    let dedupe = policy.dedupe.as_ref().map(|dedupe| dedupe.window);
    for (field, rule, value, min, max) in [
        ("ttl", Rule::TtlBounds, policy.ttl, TTL_MIN, TTL_MAX),
        ("batch", Rule::BatchBounds, policy.batch, BATCH_MIN, BATCH_MAX),
        ("dedupe.window", Rule::DedupeBounds, dedupe, DEDUPE_MIN, DEDUPE_MAX),
    ] {
        if let Some(value) = value.filter(|value| !(min..=max).contains(value)) {
            let (value, min, max) =
                (duration::format(value), duration::format(min), duration::format(max));
            let message = format!("{value} is not from {min} to {max}.");
            report.add(&at.at(field), rule, message);
        }
    }
}

fn delivery(policy: &Policy, at: &Place<'_>, report: &mut Report) {
    let mut refuse = |broken: bool, field: &str, rule: Rule, message: &str| {
        if broken {
            report.add(&at.at(field), rule, message);
        }
    };
    let is_durable = policy.persistence == Persistence::Durable;
    let is_live = policy.persistence == Persistence::Live;
    let coalesces = !policy.coalesce_key.is_empty();
    refuse(
        policy.ack && !is_durable,
        "ack",
        Rule::AckNeedsDurable,
        "An event that a crash may lose cannot be redelivered until it is acknowledged.",
    );
    refuse(
        policy.ack && !policy.broadcast,
        "ack",
        Rule::AckNotBroadcast,
        "An event that no subscriber receives cannot be acknowledged.",
    );
    refuse(
        policy.ack && coalesces,
        "coalesceKey",
        Rule::CoalesceWithAck,
        "An event left out by coalescing would never be acknowledged.",
    );
    refuse(
        policy.dedupe.is_some() && is_live,
        "dedupe",
        Rule::DedupeOnLive,
        "A live event has no place in the log that a duplicate could be answered with.",
    );
    refuse(
        is_live && !policy.broadcast && policy.routes.is_empty(),
        "broadcast",
        Rule::SeenByNoOne,
        "Events are neither kept, nor broadcast, nor routed.",
    );
}

fn entity_policy(policy: &Policy, entity: &EntityPolicy, at: &Place<'_>, report: &mut Report) {
    let mut refuse = |broken: bool, field: &str, rule: Rule, message: &str| {
        if broken {
            report.add(&at.at(field), rule, message);
        }
    };
    let coalesces = !policy.coalesce_key.is_empty();
    let changes_state = policy.changes_state();
    refuse(
        policy.persistence != Persistence::Durable,
        "entity",
        Rule::EntityNeedsDurable,
        "The version of an entity cannot rest on events that a crash may lose.",
    );
    refuse(
        coalesces && entity.state == StateChange::Merge,
        "coalesceKey",
        Rule::CoalesceWithMerge,
        "A change left out by coalescing would be missing from what the reader merges.",
    );
    refuse(
        coalesces && entity.deletes,
        "coalesceKey",
        Rule::CoalesceWithDeletes,
        "A deletion left out by coalescing would leave the entity with the reader.",
    );
    refuse(
        policy.ttl.is_some() && changes_state,
        "ttl",
        Rule::TtlWithState,
        "A change that expires before a reader has it would leave that reader with an old state.",
    );
    refuse(
        changes_state && is_wider(&entity.id, policy.scope),
        "entity.state",
        Rule::StateWiderThanScope,
        "The state could be read by those whom the scope keeps from the events.",
    );
    refuse(
        changes_state && !policy.broadcast,
        "entity.state",
        Rule::StateNotBroadcast,
        "Subscribers would never learn that the state has changed.",
    );
    refuse(
        entity.deletes && entity.state != StateChange::None,
        "entity.deletes",
        Rule::DeletesWithState,
        "An event cannot both delete the entity and set its state.",
    );
    refuse(
        entity.conflict == Conflict::MergeDisjoint && entity.state == StateChange::Replace,
        "entity.conflict",
        Rule::DisjointWithReplace,
        "A replacement touches every field, so that no two are disjoint.",
    );
}

/// Whether an entity with such an id is seen by more than an event of this scope.
fn is_wider(id: &EntityId, scope: Scope) -> bool {
    match scope {
        Scope::Channel => false,
        Scope::User => matches!(id, EntityId::Field(_)),
        Scope::Session => !matches!(id, EntityId::Session),
    }
}

/// Remarks on a type that can be read and holds together.
pub(crate) fn event_type(event_type: &EventType, at: &Place<'_>, report: &mut Report) {
    if event_type.description.is_empty() {
        report.add(at, Rule::NoDescription, "The type has no description.");
    }
    let Some(newest) = event_type.newest() else {
        return;
    };
    let Value::Object(schema) = newest.schema() else {
        return;
    };
    let says_kind = ["type", "$ref", "const", "enum", "allOf", "anyOf", "oneOf"];
    if !schema.is_empty() && !says_kind.iter().any(|keyword| schema.contains_key(*keyword)) {
        let at = at.at("versions").at(newest.name()).at("schema");
        report.add(&at, Rule::SchemaNoType, "The schema does not say what type eventData has.");
    }
    let Some(EntityPolicy { id: EntityId::Field(pointer), .. }) = &event_type.policy.entity else {
        return;
    };
    // Only what the schema says at its own top is judged; references are given the benefit.
    let is_open = ["$ref", "allOf", "anyOf", "oneOf"].iter().any(|word| schema.contains_key(*word));
    let required = schema.get("required").and_then(Value::as_array);
    let first = pointer.tokens().next().unwrap_or_default();
    let is_required = required.is_some_and(|names| names.iter().any(|name| name == first));
    if !is_open && !is_required {
        let message = format!(
            "The schema does not require \"{}\", which is the entity's id.",
            shorten(first)
        );
        report.add(&at.at("entity.id"), Rule::EntityIdOptional, message);
    }
}

/// Checks what must hold between types.
pub(crate) fn between<'t>(types: impl Iterator<Item = &'t EventType>, report: &mut Report) {
    let mut first_of_entity: BTreeMap<&str, (&EventType, &EntityPolicy)> = BTreeMap::new();
    for event_type in types {
        let Some(entity) = &event_type.policy.entity else {
            continue;
        };
        let (first, first_entity) =
            *first_of_entity.entry(entity.entity_type.as_str()).or_insert((event_type, entity));
        if owner(entity) != owner(first_entity) || roles(event_type) != roles(first) {
            let at = Place::of_type(event_type.source(), event_type.name.as_str());
            let message = format!(
                "The entity \"{}\" is also changed by \"{}\", which other subscribers may see.",
                entity.entity_type, first.name
            );
            report.add(&at.at("entity"), Rule::EntityVisibility, message);
        }
    }
}

fn owner(entity: &EntityPolicy) -> &str {
    match &entity.id {
        EntityId::Field(_) => "",
        owned => owned.as_str(),
    }
}

fn roles(event_type: &EventType) -> Vec<&str> {
    let mut roles: Vec<&str> = event_type.policy.subscribe_roles.iter().map(Name::as_str).collect();
    roles.sort_unstable();
    roles.dedup();
    roles
}
