//! What makes two publishes the same: exactly, for an `eventId` that is used again, and as policy,
//! for types that drop repeats (protocol §3 and §4).

use std::time::Duration;

use radial_log::{Fingerprint, Repeat};
use radial_protocol::envelope::PublishRequest;
use radial_protocol::event::Head;
use radial_protocol::names::{SessionId, UserId};
use radial_registry::{Dedupe, SchemaVersion};
use serde_json::Value;
use xxhash_rust::xxh3::Xxh3;

/// A hash of what must be equal for two publishes of one `eventId` to be the same: type, version,
/// channel, user, `eventData` byte by byte, audience.
pub(crate) fn fingerprint(
    request: &PublishRequest,
    version: &SchemaVersion,
    user: Option<&UserId>,
) -> Fingerprint {
    let mut parts = Parts::default();
    parts.content(request, version, user);
    Fingerprint(parts.hash())
}

/// What makes an event that came at this uptime a repeat of another.
///
/// Those of one type, user and key are compared. Equal must be what a fingerprint holds, and
/// whatever else decides who sees the event, for how long and what it changes: session, priority,
/// time to live, `broadcast`, `routes`, `expectedVersion`. Not compared are `timestamp`,
/// `correlationId`, `causationId` and `traceparent`: they differ where somebody says the same twice.
pub(crate) fn repeat(
    dedupe: &Dedupe,
    request: &PublishRequest,
    version: &SchemaVersion,
    head: &Head,
    data: &Value,
    at: Duration,
) -> Repeat {
    let mut key = Parts::default();
    key.part(request.event_type.as_str());
    key.optional(head.user.as_ref().map(UserId::as_str));
    for pointer in &dedupe.key {
        key.optional(pointer.find(data).map(Value::to_string).as_deref());
    }
    let mut content = Parts::default();
    content.content(request, version, head.user.as_ref());
    content.optional(head.session.as_ref().map(SessionId::as_str));
    content.number(head.priority as u64);
    content.number(head.ttl_ms.map_or(0, |ttl_ms| ttl_ms.saturating_add(1)));
    content.number(u64::from(head.reach.is_broadcast()));
    content.number(request.expected_version.map_or(0, |version| version.saturating_add(1)));
    if let Some(routes) = &request.routes {
        content.set(routes.iter().map(ToString::to_string).collect());
    }
    Repeat { key: key.hash(), content: content.hash(), window: dedupe.window, at }
}

/// Parts of text that are hashed one after the other, each with its length, so that no two lists of
/// parts look alike.
#[derive(Default)]
struct Parts(Xxh3);

impl Parts {
    fn part(&mut self, text: &str) {
        self.number(text.len() as u64);
        self.0.update(text.as_bytes());
    }

    fn number(&mut self, number: u64) {
        self.0.update(&number.to_le_bytes());
    }

    /// Nothing is not the same as an empty text.
    fn optional(&mut self, text: Option<&str>) {
        self.number(u64::from(text.is_some()));
        self.part(text.unwrap_or_default());
    }

    /// The order in which its members were written is no difference.
    fn set(&mut self, mut names: Vec<String>) {
        names.sort_unstable();
        for name in &names {
            self.part(name);
        }
    }

    fn content(
        &mut self,
        request: &PublishRequest,
        version: &SchemaVersion,
        user: Option<&UserId>,
    ) {
        self.part(request.event_type.as_str());
        self.part(version.name());
        self.part(request.channel.as_str());
        self.part(user.map_or("", UserId::as_str));
        self.part(&request.data);
        if let Some(audience) = &request.audience {
            let mut names: Vec<String> = Vec::new();
            names.extend(audience.users.iter().map(|user| format!("user {user}")));
            names.extend(audience.sessions.iter().map(|session| format!("session {session}")));
            names.extend(audience.roles.iter().map(|role| format!("role {role}")));
            self.set(names);
        }
        if let Some(kept) = &request.cloud_event {
            self.part("cloudevents source");
            self.part(&kept.source);
        }
    }

    fn hash(&self) -> u128 {
        self.0.digest128()
    }
}
