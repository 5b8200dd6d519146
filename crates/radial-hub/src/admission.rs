//! From a publish request to an event: what the registry and the grants say to it.
//!
//! The order is: type, rights, schema, wishes. Whoever may not publish a type learns nothing of
//! its schema.

use radial_log::{Change, Conflict, Effect, Entry};
use radial_protocol::envelope::PublishRequest;
use radial_protocol::event::{Content, Draft, EntityRef, Head, Priority, Reach, Scope};
use radial_protocol::grants::{Grants, any_matches};
use radial_protocol::names::{EventId, Id, SessionId, UserId};
use radial_protocol::problem::Violation;
use radial_protocol::{Code, Problem};
use radial_registry::{EntityId, EventType, Pointer, Policy, Registry, SchemaVersion, StateChange};
use serde_json::Value;

use crate::runtime::Runtime;
use crate::sameness::{fingerprint, repeat};

/// Checks a request and makes its event, without a place yet.
///
/// The runtime makes the id if the publisher gave none.
pub(crate) fn admit(
    registry: &Registry,
    grants: &Grants,
    request: &PublishRequest,
    runtime: &Runtime,
) -> Result<Entry, Problem> {
    let event_type = registry
        .get(request.event_type.as_str())
        .ok_or_else(|| unknown_type(registry, grants, request))?;
    let policy = &event_type.policy;
    check_rights(grants, request, policy)?;
    let (user, session) = identity(grants, request)?;
    check_scope(policy, user.as_ref(), session.as_ref())?;
    let (version, data) = check_schema(event_type, request)?;
    let change = change(policy, request, &data, user.as_ref(), session.as_ref())?;
    let (priority, ttl_ms) = check_wishes(policy, request)?;
    let event_id = match &request.event_id {
        Some(id) => id.clone(),
        None => EventId::new(&runtime.uuid())
            .map_err(|error| Problem::new(Code::Internal, error.to_string()))?,
    };
    let fingerprint =
        request.event_id.as_ref().map(|_| fingerprint(request, version, user.as_ref()));
    let head = Head {
        event_id,
        event_type: request.event_type.clone(),
        channel: request.channel.clone(),
        user,
        session,
        audience: request.audience.clone(),
        scope: policy.scope,
        persistence: policy.persistence,
        reach: reach(policy, request),
        priority,
        ttl_ms,
        ack: policy.ack,
        correlation_id: request.correlation_id.clone(),
        entity: None,
    };
    let content = Content {
        tenant: &grants.tenant,
        data: &request.data,
        version: version.name(),
        timestamp: request.timestamp,
        causation_id: request.causation_id.as_ref(),
        traceparent: request.traceparent,
        cloud_event: request.cloud_event.as_ref().map(|kept| kept.json.as_str()),
    };
    let repeat = policy
        .dedupe
        .as_ref()
        .map(|dedupe| repeat(dedupe, request, version, &head, &data, runtime.uptime()));
    Ok(Entry { draft: Draft::new(head, &content), fingerprint, change, repeat })
}

/// Who gets the event: no more than the policy says, and no more than the publisher wishes.
fn reach(policy: &Policy, request: &PublishRequest) -> Reach {
    let broadcast = policy.broadcast && request.broadcast != Some(false);
    let only = request
        .routes
        .as_ref()
        .map(|named| policy.routes.iter().filter(|sink| named.contains(sink)).cloned().collect());
    Reach::new(broadcast, only)
}

/// A type that is not registered, with the nearest one that the credential may publish.
fn unknown_type(registry: &Registry, grants: &Grants, request: &PublishRequest) -> Problem {
    let name = &request.event_type;
    let near = registry.nearest(name.as_str(), |event_type| {
        any_matches(&grants.rights.publish, event_type.name.as_str())
            && may_publish(grants, &event_type.policy)
    });
    let hint = near.map(|near| format!("; did you mean {near}?")).unwrap_or_default();
    Problem::new(Code::UnknownEventType, format!("{name} is not in the registry{hint}"))
}

fn may_publish(grants: &Grants, policy: &Policy) -> bool {
    let roles = &policy.publish_roles;
    roles.is_empty() || grants.rights.sees_all || grants.has_any_role(roles)
}

fn check_rights(grants: &Grants, request: &PublishRequest, policy: &Policy) -> Result<(), Problem> {
    let forbidden = |detail: String| Err(Problem::new(Code::Forbidden, detail));
    if request.tenant.as_ref().is_some_and(|tenant| *tenant != grants.tenant) {
        return forbidden("tenantId is not the credential's tenant".to_owned());
    }
    if !any_matches(&grants.rights.publish, request.event_type.as_str()) {
        return forbidden(format!("the credential may not publish {}", request.event_type));
    }
    if !any_matches(&grants.rights.channels, request.channel.as_str()) {
        return forbidden(format!("the credential may not use the channel {}", request.channel));
    }
    if request.channel.tells_presence() {
        return forbidden(format!("on {} the hub alone publishes", request.channel));
    }
    if !may_publish(grants, policy) {
        return forbidden(format!(
            "publishing {} needs a role that the credential lacks",
            request.event_type
        ));
    }
    Ok(())
}

/// Whom the event is from: the credential says, unless it may act for others.
fn identity(
    grants: &Grants,
    request: &PublishRequest,
) -> Result<(Option<UserId>, Option<SessionId>), Problem> {
    if grants.rights.act_as {
        let user = request.user.clone().or_else(|| grants.user.clone());
        let session = request.session.clone().or_else(|| grants.session.clone());
        return Ok((user, session));
    }
    let other_user = request.user.is_some() && request.user != grants.user;
    let other_session = request.session.is_some() && request.session != grants.session;
    if other_user || other_session {
        let detail =
            "userId or sessionId is not the credential's own, and it may not act for others";
        return Err(Problem::new(Code::Forbidden, detail));
    }
    Ok((grants.user.clone(), grants.session.clone()))
}

fn check_scope(
    policy: &Policy,
    user: Option<&UserId>,
    session: Option<&SessionId>,
) -> Result<(), Problem> {
    let lacking = match policy.scope {
        Scope::User if user.is_none() => "user",
        Scope::Session if session.is_none() => "session",
        _ => return Ok(()),
    };
    let detail =
        format!("the event is for its {lacking}'s eyes only, and the credential has no {lacking}");
    Err(Problem::new(Code::ScopeWithoutIdentity, detail))
}

fn check_schema<'a>(
    event_type: &'a EventType,
    request: &PublishRequest,
) -> Result<(&'a SchemaVersion, Value), Problem> {
    let version = event_type
        .version(request.version.as_deref())
        .map_err(|unknown| Problem::new(Code::UnknownVersion, unknown.to_string()))?;
    let data: Value = serde_json::from_str(&request.data)
        .map_err(|error| Problem::new(Code::MalformedJson, format!("eventData: {error}")))?;
    version.validate(&data).map_err(|violations| {
        let places = if violations.len() == 1 { "place" } else { "places" };
        let detail = format!(
            "eventData breaks the schema of {}, version {}, in {} {places}",
            request.event_type,
            version.name(),
            violations.len()
        );
        let mut problem = Problem::new(Code::SchemaViolation, detail);
        problem.errors = violations
            .into_iter()
            .map(|violation| Violation { pointer: violation.pointer, message: violation.message })
            .collect();
        problem
    })?;
    Ok((version, data))
}

/// What the event does to an entity, if its type is about one.
fn change(
    policy: &Policy,
    request: &PublishRequest,
    data: &Value,
    user: Option<&UserId>,
    session: Option<&SessionId>,
) -> Result<Option<Change>, Problem> {
    let Some(entity) = &policy.entity else {
        return match request.expected_version {
            None => Ok(None),
            Some(_) => Err(Problem::new(
                Code::PolicyConflict,
                "expectedVersion is for types that are about an entity",
            )),
        };
    };
    let id = match &entity.id {
        EntityId::Field(pointer) => entity_id(pointer, data)?,
        EntityId::User => own_id(user.map(UserId::as_str), "user")?,
        EntityId::Session => own_id(session.map(SessionId::as_str), "session")?,
    };
    Ok(Some(Change {
        entity: EntityRef { entity_type: entity.entity_type.clone(), id },
        effect: match entity.state {
            _ if entity.deletes => Effect::Delete,
            StateChange::None => Effect::None,
            StateChange::Merge => Effect::Merge,
            StateChange::Replace => Effect::Replace,
        },
        conflict: match entity.conflict {
            radial_registry::Conflict::Reject => Conflict::Reject,
            radial_registry::Conflict::LastWriteWins => Conflict::LastWriteWins,
            radial_registry::Conflict::MergeDisjoint => Conflict::MergeDisjoint,
        },
        expected_version: request.expected_version,
        data: request.data.clone(),
    }))
}

fn entity_id(pointer: &Pointer, data: &Value) -> Result<Id, Problem> {
    let text = match pointer.find(data) {
        Some(Value::String(text)) => Some(text.clone()),
        Some(Value::Number(number)) => Some(number.to_string()),
        _ => None,
    };
    text.and_then(|text| Id::new(&text).ok()).ok_or_else(|| {
        let message =
            "is the entity's id: text of 1 to 256 bytes without control characters, or a number";
        let mut problem = Problem::new(Code::SchemaViolation, "the event names no entity");
        let pointer = pointer.as_str().to_owned();
        problem.errors.push(Violation { pointer, message: message.to_owned() });
        problem
    })
}

fn own_id(id: Option<&str>, what: &str) -> Result<Id, Problem> {
    id.and_then(|id| Id::new(id).ok()).ok_or_else(|| {
        let detail =
            format!("the event changes what is its {what}'s own, and the credential has no {what}");
        Problem::new(Code::ScopeWithoutIdentity, detail)
    })
}

/// What a request may ask of the policy: less, never more (protocol §3).
fn check_wishes(
    policy: &Policy,
    request: &PublishRequest,
) -> Result<(Priority, Option<u64>), Problem> {
    let conflict = |detail: &str| Err(Problem::new(Code::PolicyConflict, detail));
    if request.priority.is_some_and(|wish| wish > policy.priority) {
        return conflict("priority may only be lower than the registry's");
    }
    let policy_ttl_ms = policy.ttl.map(|ttl| u64::try_from(ttl.as_millis()).unwrap_or(u64::MAX));
    match (request.ttl_ms, policy_ttl_ms) {
        (Some(_), _) if policy.changes_state() => {
            return conflict("an event that changes an entity's state cannot have a ttlMs");
        }
        (Some(wish), Some(allowed)) if wish > allowed => {
            return conflict("ttlMs may only be shorter than the registry's");
        }
        _ => {}
    }
    if request.broadcast == Some(true) && !policy.broadcast {
        return conflict("the registry does not broadcast this type");
    }
    if let Some(routes) = &request.routes
        && !routes.iter().all(|route| policy.routes.contains(route))
    {
        return conflict("routes may only name some of the registry's routes for this type");
    }
    if policy.changes_state() && policy.scope == Scope::Channel && request.audience.is_some() {
        return conflict("an event that changes a channel's entity cannot have an audience");
    }
    Ok((request.priority.unwrap_or(policy.priority), request.ttl_ms.or(policy_ttl_ms)))
}
