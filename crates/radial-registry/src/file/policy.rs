//! The policy of a type as it is written in a file.

use radial_protocol::event::{Persistence, Priority, Scope};
use serde_json::Value;

use super::fields::Fields;
use crate::policy::{
    Conflict, DEDUPE_WINDOW_DEFAULT, Dedupe, EntityId, EntityPolicy, Fallback, Policy, StateChange,
    batch_default,
};
use crate::problem::Rule;

/// Most query keys that a fallback invalidates, and most parts of one.
const QUERY_KEYS_MAX: usize = 32;

/// Reads the policy; what is missing has its default, what is wrong is reported.
pub(super) fn policy(fields: &mut Fields<'_, '_>) -> Policy {
    let persistence = fields.choice(
        "persistence",
        &[
            ("durable", Persistence::Durable),
            ("recent", Persistence::Recent),
            ("live", Persistence::Live),
        ],
    );
    let scope = fields.choice(
        "scope",
        &[("channel", Scope::Channel), ("user", Scope::User), ("session", Scope::Session)],
    );
    let priority = fields.choice(
        "priority",
        &[
            ("critical", Priority::Critical),
            ("high", Priority::High),
            ("normal", Priority::Normal),
            ("low", Priority::Low),
        ],
    );
    let priority = priority.unwrap_or_default();
    let batch = match fields.value("batch").and_then(Value::as_str) {
        Some("off") => None,
        _ => fields.duration("batch").or(batch_default(priority)),
    };
    Policy {
        persistence: persistence.unwrap_or_default(),
        broadcast: fields.flag("broadcast").unwrap_or(true),
        scope: scope.unwrap_or_default(),
        priority,
        ttl: fields.duration("ttl"),
        batch,
        coalesce_key: fields.pointers("coalesceKey"),
        dedupe: dedupe(fields),
        ack: fields.flag("ack").unwrap_or(false),
        entity: entity(fields),
        publish_roles: fields.names("publishRoles"),
        subscribe_roles: fields.names("subscribeRoles"),
        fallback: fallback(fields).unwrap_or_default(),
        routes: fields.names("routes"),
    }
}

fn dedupe(fields: &mut Fields<'_, '_>) -> Option<Dedupe> {
    let mut inner = fields.inner("dedupe", &["window", "key"])?;
    let window = inner.duration("window").unwrap_or(DEDUPE_WINDOW_DEFAULT);
    Some(Dedupe { window, key: inner.pointers("key") })
}

fn entity(fields: &mut Fields<'_, '_>) -> Option<EntityPolicy> {
    let mut inner = fields.inner("entity", &["type", "id", "state", "deletes", "conflict"])?;
    for key in ["type", "id"] {
        if inner.value(key).is_none() {
            inner.problem(key, Rule::BadValue, format!("The entity has no {key}."));
        }
    }
    let entity_type = inner.text("type").and_then(|text| inner.name("type", text));
    let id = match inner.text("id") {
        Some("$userId") => Some(EntityId::User),
        Some("$sessionId") => Some(EntityId::Session),
        Some(text) => inner.pointer("id", text).map(EntityId::Field),
        None => None,
    };
    let state = inner.choice(
        "state",
        &[
            ("none", StateChange::None),
            ("merge", StateChange::Merge),
            ("replace", StateChange::Replace),
        ],
    );
    let conflict = inner.choice(
        "conflict",
        &[
            ("lastWriteWins", Conflict::LastWriteWins),
            ("mergeDisjoint", Conflict::MergeDisjoint),
            ("reject", Conflict::Reject),
        ],
    );
    let deletes = inner.flag("deletes").unwrap_or(false);
    Some(EntityPolicy {
        entity_type: entity_type?,
        id: id?,
        state: state.unwrap_or_default(),
        deletes,
        conflict: conflict.unwrap_or_default(),
    })
}

#[derive(Clone, Copy)]
enum FallbackKind {
    None,
    LocalStorage,
    Invalidate,
}

const FALLBACKS: [(&str, FallbackKind); 3] = [
    ("none", FallbackKind::None),
    ("localStorage", FallbackKind::LocalStorage),
    ("invalidate", FallbackKind::Invalidate),
];

fn fallback(fields: &mut Fields<'_, '_>) -> Option<Fallback> {
    let is_table = fields.value("fallback")?.is_object();
    if !is_table {
        return match fields.choice("fallback", &FALLBACKS)? {
            FallbackKind::None => Some(Fallback::None),
            FallbackKind::LocalStorage => Some(Fallback::LocalStorage),
            FallbackKind::Invalidate => {
                let message =
                    "invalidate needs query keys: { kind = \"invalidate\", keys = [[\"cards\"]] }.";
                fields.problem("fallback", Rule::BadValue, message);
                None
            }
        };
    }
    let mut inner = fields.inner("fallback", &["kind", "keys"])?;
    if inner.value("kind").is_none() {
        inner.problem("kind", Rule::BadValue, "The fallback has no kind.");
    }
    let kind = inner.choice("kind", &FALLBACKS)?;
    let FallbackKind::Invalidate = kind else {
        if inner.value("keys").is_some() {
            inner.problem("keys", Rule::BadValue, "Only the kind invalidate has keys.");
        }
        return Some(match kind {
            FallbackKind::LocalStorage => Fallback::LocalStorage,
            _ => Fallback::None,
        });
    };
    query_keys(&mut inner).map(|keys| Fallback::Invalidate { keys })
}

fn query_keys(fields: &mut Fields<'_, '_>) -> Option<Vec<Vec<String>>> {
    let part = |value: &Value| value.as_str().filter(|part| !part.is_empty()).map(str::to_owned);
    let key = |value: &Value| -> Option<Vec<String>> {
        let parts = value.as_array().filter(|parts| (1..=QUERY_KEYS_MAX).contains(&parts.len()))?;
        parts.iter().map(part).collect()
    };
    let keys = fields.value("keys").and_then(Value::as_array);
    let keys = keys.filter(|keys| (1..=QUERY_KEYS_MAX).contains(&keys.len()));
    let keys: Option<Vec<Vec<String>>> = keys.and_then(|keys| keys.iter().map(key).collect());
    if keys.is_none() {
        let message = format!(
            "The query keys are not 1 to {QUERY_KEYS_MAX} lists of texts, such as [[\"cards\"]]."
        );
        fields.problem("keys", Rule::BadValue, message);
    }
    keys
}
