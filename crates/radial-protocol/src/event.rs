//! An event: what it is, who may see it, and the bytes that every transport delivers.
//!
//! The delivered JSON is written once, when the event gets its place, and is kept inside the
//! bytes of its SSE frame, so that all transports and all clients share one buffer.

use std::sync::OnceLock;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::cursor::{Cursor, Offset};
use crate::draft::{member, number};
use crate::names::{ChannelName, EventId, EventTypeName, Id, Name, SessionId, UserId};

pub use crate::draft::{Content, Draft};
pub use crate::reach::Reach;

/// Milliseconds since the Unix epoch, UTC.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct TimeMs(pub u64);

impl TimeMs {
    /// The time `ms` milliseconds later.
    #[must_use]
    pub const fn plus_ms(self, ms: u64) -> Self {
        Self(self.0.saturating_add(ms))
    }
}

/// How long the hub keeps an event, and what an answer of 201 promises (protocol §4).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Persistence {
    /// Answered after stable storage, kept by retention.
    Durable,
    /// In the log, answered without waiting for storage.
    #[default]
    Recent,
    /// No offset; never replayed or polled.
    Live,
}

/// Who waits and what is shed; never the order inside the log.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum Priority {
    /// Refused and shed first.
    Low,
    /// The default.
    #[default]
    Normal,
    /// Before normal where somebody must wait.
    High,
    /// Starts a write at once.
    Critical,
}

/// How far inside its channel an event is seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scope {
    /// Everybody whom the channel and the audience admit.
    #[default]
    Channel,
    /// Only the publishing user's sessions.
    User,
    /// Only the publishing session.
    Session,
}

/// Who inside the channel may see an event: the union of the three lists.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Audience {
    /// Users, by id.
    pub users: Vec<UserId>,
    /// Sessions, by id.
    pub sessions: Vec<SessionId>,
    /// Holders of any of these roles.
    pub roles: Vec<Name>,
}

impl Audience {
    /// How many the lists name together.
    pub fn len(&self) -> usize {
        self.users.len() + self.sessions.len() + self.roles.len()
    }

    /// Whether it names nobody.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// The thing that an event is about.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct EntityRef {
    /// Its type.
    pub entity_type: Name,
    /// Its id, among those of its type in its channel.
    pub id: Id,
}

/// An entity and the version that an event gave it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EntityVersion {
    /// Which.
    pub entity: EntityRef,
    /// Rises by one at each accepted change.
    pub version: u64,
}

/// What decides who gets an event and until when, apart from its bytes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// The event's own id.
    pub event_id: EventId,
    /// Its type.
    pub event_type: EventTypeName,
    /// Its channel.
    pub channel: ChannelName,
    /// The publishing user, if the credential named one.
    pub user: Option<UserId>,
    /// The publishing session, if the credential named one.
    pub session: Option<SessionId>,
    /// Who may see it; absent: everyone in the channel.
    pub audience: Option<Audience>,
    /// How far it is seen.
    pub scope: Scope,
    /// How long it is kept.
    pub persistence: Persistence,
    /// Whether subscribers get it, and which sinks.
    pub reach: Reach,
    /// Who waits and what is shed.
    pub priority: Priority,
    /// Counted from `receivedAt`; after it the event is neither delivered nor replayed.
    pub ttl_ms: Option<u64>,
    /// Whether each receiving session must acknowledge it.
    pub ack: bool,
    /// What a chain of events has in common.
    pub correlation_id: Option<Id>,
    /// The entity that the event changed; decided with its place.
    pub entity: Option<EntityVersion>,
}

impl Head {
    /// The head of an event of which nothing else is said: for everyone on `main`, of the default
    /// class and priority, without an end.
    pub fn new(event_id: EventId, event_type: EventTypeName) -> Self {
        Self {
            event_id,
            event_type,
            channel: ChannelName::main(),
            user: None,
            session: None,
            audience: None,
            scope: Scope::default(),
            persistence: Persistence::default(),
            reach: Reach::default(),
            priority: Priority::default(),
            ttl_ms: None,
            ack: false,
            correlation_id: None,
            entity: None,
        }
    }
}

/// An event with its place, its time and its bytes.
#[derive(Clone, Debug)]
pub struct Event {
    /// What decides who gets it.
    pub head: Head,
    /// Where it stands in the log; a `live` event stands nowhere.
    pub place: Option<Cursor>,
    /// When the hub took it; never falls along a log.
    pub received_at: TimeMs,
    frame: Bytes,
    json_start: usize,
    members_start: usize,
    packed: OnceLock<Bytes>,
}

impl Event {
    /// Puts an event together from its parts; `members` is what [`Event::members`] returned.
    pub fn from_members(
        head: Head,
        place: Option<Cursor>,
        received_at: TimeMs,
        members: &str,
    ) -> Self {
        let frame = Frame::write(place, members.len(), |frame| frame.push_str(members));
        Self::of_frame(head, place, received_at, frame)
    }

    pub(crate) fn of_frame(
        head: Head,
        place: Option<Cursor>,
        received_at: TimeMs,
        frame: Frame,
    ) -> Self {
        let Frame { bytes: frame, json_start, members_start } = frame;
        let packed = OnceLock::new();
        Self { head, place, received_at, frame, json_start, members_start, packed }
    }

    /// The offset; `None` for a `live` event.
    pub fn offset(&self) -> Option<Offset> {
        self.place.map(|cursor| cursor.offset)
    }

    /// The delivered JSON, the same bytes on every transport.
    pub fn json(&self) -> Bytes {
        let end = self.frame.len().saturating_sub(crate::sse::FRAME_END.len());
        self.frame.slice(self.json_start..end)
    }

    /// The delivered JSON's members after its place, as the log stores them: they stay the same
    /// when the log's epoch is renewed.
    pub fn members(&self) -> &str {
        let end = self.frame.len().saturating_sub(crate::sse::FRAME_END.len() + 1);
        let members = self.frame.get(self.members_start..end).unwrap_or_default();
        std::str::from_utf8(members).expect("the frame was made from text")
    }

    /// `eventData`, as it stands in the delivered JSON.
    pub fn data(&self) -> String {
        #[derive(Deserialize)]
        struct Members {
            #[serde(rename = "eventData")]
            data: Box<serde_json::value::RawValue>,
        }
        let members: Members =
            serde_json::from_slice(&self.json()).expect("the hub wrote this JSON itself");
        members.data.get().to_owned()
    }

    /// The whole SSE frame without an `event:` line.
    pub fn sse_frame(&self) -> Bytes {
        self.frame.clone()
    }

    /// The same, to be copied.
    pub fn sse_bytes(&self) -> &[u8] {
        &self.frame
    }

    /// The delivered JSON, to be copied.
    pub fn json_bytes(&self) -> &[u8] {
        let end = self.frame.len().saturating_sub(crate::sse::FRAME_END.len());
        self.frame.get(self.json_start..end).unwrap_or_default()
    }

    /// The delivered JSON as `pack` compresses it, the first time; all who ask share those bytes.
    pub fn packed(&self, pack: impl FnOnce(&[u8]) -> Bytes) -> &Bytes {
        self.packed.get_or_init(|| pack(self.json_bytes()))
    }

    /// When the event's time to live ends.
    pub fn expires_at(&self) -> Option<TimeMs> {
        self.head.ttl_ms.map(|ttl_ms| self.received_at.plus_ms(ttl_ms))
    }

    /// Whether its time to live has ended.
    pub fn is_expired(&self, now: TimeMs) -> bool {
        self.expires_at().is_some_and(|end| end <= now)
    }

    /// About how many bytes of memory the event takes.
    pub fn memory_bytes(&self) -> usize {
        self.frame.len() + size_of::<Self>() + self.head.event_id.as_str().len()
    }
}

/// What a frame has around the members of its event, at most.
const AROUND_BYTES: usize = 128;

/// The bytes of an event's SSE frame, written in one go, with the JSON in it.
pub(crate) struct Frame {
    bytes: Bytes,
    json_start: usize,
    members_start: usize,
}

impl Frame {
    /// `members` writes about so many bytes.
    pub(crate) fn write(
        place: Option<Cursor>,
        members_len: usize,
        members: impl FnOnce(&mut String),
    ) -> Self {
        let mut frame = String::with_capacity(members_len + AROUND_BYTES);
        let cursor = place.map(|cursor| cursor.to_string());
        crate::sse::begin_data(&mut frame, cursor.as_deref());
        let json_start = frame.len();
        frame.push('{');
        if let (Some(text), Some(cursor)) = (&cursor, place) {
            member(&mut frame, "cursor", text);
            number(&mut frame, "offset", cursor.offset.get());
            frame.push(',');
        }
        let members_start = frame.len();
        members(&mut frame);
        frame.push('}');
        frame.push_str(crate::sse::FRAME_END);
        Self { bytes: Bytes::from(frame), json_start, members_start }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::cursor::Epoch;
    use crate::names::TenantId;

    /// A plain event head of this type on `main`.
    pub(crate) fn head(event_type: &str) -> Head {
        Head::new(EventId::new("e-1").unwrap(), EventTypeName::new(event_type).unwrap())
    }

    pub(crate) fn content(tenant: &TenantId) -> Content<'_> {
        Content::new(tenant, r#"{"n":1.0}"#)
    }

    #[test]
    fn the_delivered_json_has_the_members_of_the_contract_in_order() {
        let mut head = head("card.moved");
        head.user = Some(UserId::new("u\"1").unwrap());
        head.session = Some(SessionId::new("s-1").unwrap());
        head.priority = Priority::High;
        head.correlation_id = Some(Id::new("c-1").unwrap());
        head.ack = true;
        let tenant = TenantId::new("acme").unwrap();
        let causation = Id::new("e-0").unwrap();
        let trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        let content = Content {
            traceparent: crate::trace::TraceParent::parse(trace),
            cloud_event: Some(r#"{"source":"/s"}"#),
            timestamp: Some(TimeMs(7)),
            causation_id: Some(&causation),
            ..content(&tenant)
        };
        let cursor = Cursor { epoch: Epoch::new(0), offset: Offset::new(12).unwrap() };
        let card =
            EntityRef { entity_type: Name::new("card").unwrap(), id: Id::new("c1").unwrap() };
        let entity = EntityVersion { entity: card, version: 8 };
        let event = Draft::new(head, &content).place(Some(cursor), TimeMs(9), Some(entity));
        assert_eq!(
            std::str::from_utf8(&event.json()).unwrap(),
            r#"{"cursor":"AAAAAAAAAAA.12","offset":12,"eventId":"e-1","eventType":"card.moved","eventData":{"n":1.0},"version":"1","tenantId":"acme","channel":"main","sessionId":"s-1","userId":"u\"1","timestamp":7,"receivedAt":9,"priority":"high","entity":{"type":"card","id":"c1","version":8},"correlationId":"c-1","causationId":"e-0","traceparent":"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01","cloudEvent":{"source":"/s"},"ack":true}"#
        );
    }

    #[test]
    fn a_live_event_has_no_cursor_and_no_offset() {
        let tenant = TenantId::new("acme").unwrap();
        let event = Draft::new(head("test:event"), &content(&tenant)).place(None, TimeMs(9), None);
        let json: serde_json::Value = serde_json::from_slice(&event.json()).unwrap();
        assert!(json.get("cursor").is_none() && json.get("offset").is_none());
        assert_eq!(json["receivedAt"], 9);
        assert!(event.sse_frame().starts_with(b"data: {"));
    }

    #[test]
    fn time_to_live_counts_from_the_hubs_own_time() {
        let tenant = TenantId::new("acme").unwrap();
        let mut head = head("test:event");
        head.ttl_ms = Some(100);
        let event = Draft::new(head, &content(&tenant)).place(None, TimeMs(1_000), None);
        assert!(!event.is_expired(TimeMs(1_099)));
        assert!(event.is_expired(TimeMs(1_100)));
    }
}
