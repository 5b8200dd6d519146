//! Control events: what the hub tells a client about its stream (protocol §5).

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::cursor::Cursor;
use crate::event::{Event, TimeMs};
use crate::names::{ChannelName, Id, Name, Pattern};

/// Why a stretch of the log cannot be given to a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum GapReason {
    /// Retention took it away.
    Retention,
    /// A crash lost `recent` events that were not yet stored.
    Restart,
    /// More lag than the hub holds.
    Overflow,
    /// The cursor is of another history of this log.
    Epoch,
    /// The cursor is beyond the head.
    Ahead,
}

/// Which events a gap may have swallowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum GapScope {
    /// Any.
    All,
    /// Only those of class `recent`.
    Recent,
}

/// A stretch that is missing: the stream goes on from `to`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gap {
    /// Why.
    pub reason: GapReason,
    /// Which events it may have swallowed.
    pub scope: GapScope,
    /// The client's last place, as it named it; absent where it was no cursor at all.
    pub from: Option<Cursor>,
    /// Where the stream goes on.
    pub to: Cursor,
}

/// What became of a resume.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resumed {
    /// The cursor that the client came with, if any.
    pub from: Option<Cursor>,
    /// Whether nothing is missing between it and now.
    pub complete: bool,
}

/// The filter as it was granted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GrantedFilter {
    /// Channel names and patterns.
    pub channels: Vec<Pattern>,
    /// Event type patterns.
    pub types: Vec<Pattern>,
}

/// The first frame of every stream.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Hello {
    /// Names this connection.
    pub connection_id: String,
    /// Where the stream begins.
    pub cursor: Cursor,
    /// What became of the resume.
    pub resumed: Resumed,
    /// The filter as it was granted.
    pub filter: GrantedFilter,
    /// How often a heartbeat comes.
    pub heartbeat_ms: u64,
    /// How long to wait before coming back.
    pub retry_ms: u64,
    /// How long the connection may live.
    pub max_age_ms: u64,
    /// How long the credential is still good, if it ends at all.
    pub token_expires_in_ms: Option<u64>,
    /// The hub's time.
    pub now: TimeMs,
    /// The node that speaks.
    pub node: String,
    /// Feature flags for clients.
    pub flags: serde_json::Map<String, serde_json::Value>,
    /// How to poll where there is no stream.
    pub polling: Polling,
    /// The version of this protocol.
    pub protocol: u32,
    /// Whether a client that dies now may come back to `cursor`: not if a `gap` or a snapshot
    /// follows, for then it would never know of them. Not on the wire; it decides the `id:`.
    #[serde(skip)]
    pub is_place: bool,
}

/// One entity of a snapshot.
#[derive(Clone, Debug, Serialize)]
pub struct SnapshotEntity {
    /// Its id.
    pub id: Id,
    /// Its version.
    pub version: u64,
    /// Its state.
    pub state: Box<RawValue>,
}

/// A part of a snapshot: entities of one type in one channel.
#[derive(Clone, Debug, Serialize)]
pub struct Snapshot {
    /// Their type; absent in a last part without entities.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub entity_type: Option<Name>,
    /// Their channel.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub channel: Option<ChannelName>,
    /// The entities.
    pub entities: Vec<SnapshotEntity>,
    /// Whether this is the last part.
    pub done: bool,
    /// The place that the whole snapshot is true at: the `id:` and the `cursor` of the last part.
    #[serde(skip)]
    pub cursor: Cursor,
}

/// How a client should poll.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Polling {
    /// Between two polls that bring nothing, where long poll cannot be used.
    pub interval_ms: u64,
}

/// Why the hub closes a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum GoodbyeReason {
    /// The node is shutting down.
    Drain,
    /// The hub was switched off.
    Disabled,
    /// The credential was revoked.
    Revoked,
    /// The credential expired.
    Expired,
    /// The client took nothing for too long.
    Slow,
    /// The same client opened a newer connection.
    Replaced,
    /// The connection reached its age.
    Age,
}

impl GoodbyeReason {
    /// The word on the wire, in logs and in metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Drain => "drain",
            Self::Disabled => "disabled",
            Self::Revoked => "revoked",
            Self::Expired => "expired",
            Self::Slow => "slow",
            Self::Replaced => "replaced",
            Self::Age => "age",
        }
    }
}

/// What a client should do after a goodbye.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Fallback {
    /// Poll meanwhile.
    Poll,
    /// Come back after a jittered `retryMs`.
    Reconnect,
}

impl Fallback {
    /// What clients do after a goodbye: poll while the hub is switched off, else come back.
    pub const fn after(reason: GoodbyeReason) -> Self {
        match reason {
            GoodbyeReason::Disabled => Self::Poll,
            _ => Self::Reconnect,
        }
    }
}

/// A control event.
#[derive(Clone, Debug)]
pub enum Control {
    /// The first frame.
    Hello(Box<Hello>),
    /// A part of the state that comes before the events.
    Snapshot(Snapshot),
    /// The replay has met the head.
    Live {
        /// Where that is.
        cursor: Cursor,
        /// How many events were replayed.
        replayed: u64,
    },
    /// A sign of life, with the connection's own place.
    Heartbeat {
        /// The hub's time.
        now: TimeMs,
        /// The connection's place, never the head.
        cursor: Cursor,
    },
    /// A stretch is missing.
    Gap(Gap),
    /// Non-durable events were shed for this client.
    Dropped {
        /// How many.
        count: u64,
        /// Of which types.
        types: Vec<String>,
        /// Why.
        reason: &'static str,
    },
    /// An event that the session has not acknowledged, again.
    Redelivery {
        /// How often it was sent, with this time.
        attempt: u32,
        /// The event.
        event: Arc<Event>,
    },
    /// The credential ends soon.
    Token {
        /// In how many milliseconds.
        expires_in_ms: u64,
    },
    /// The hub closes the stream.
    Goodbye {
        /// Why.
        reason: GoodbyeReason,
        /// How long to wait before coming back.
        retry_ms: u64,
        /// What to do meanwhile.
        fallback: Fallback,
    },
}

impl Control {
    /// The event's name.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Hello(_) => "hello",
            Self::Snapshot(_) => "snapshot",
            Self::Live { .. } => "live",
            Self::Heartbeat { .. } => "heartbeat",
            Self::Gap(_) => "gap",
            Self::Dropped { .. } => "dropped",
            Self::Redelivery { .. } => "redelivery",
            Self::Token { .. } => "token",
            Self::Goodbye { .. } => "goodbye",
        }
    }

    /// The cursor that the client should remember from it, where there is one.
    ///
    /// `live` has none of its own: its place is that of the frame before it.
    pub fn id(&self) -> Option<Cursor> {
        match self {
            Self::Hello(hello) => hello.is_place.then_some(hello.cursor),
            Self::Snapshot(snapshot) => snapshot.done.then_some(snapshot.cursor),
            Self::Heartbeat { cursor, .. } => Some(*cursor),
            Self::Gap(gap) => Some(gap.to),
            Self::Live { .. }
            | Self::Dropped { .. }
            | Self::Redelivery { .. }
            | Self::Token { .. }
            | Self::Goodbye { .. } => None,
        }
    }

    /// The event's JSON, on one line.
    pub fn json(&self) -> String {
        match self {
            Self::Hello(hello) => text(hello),
            Self::Snapshot(snapshot) => {
                let text = text(snapshot);
                match text.strip_suffix('}') {
                    Some(members) if snapshot.done => {
                        format!("{members},\"cursor\":\"{}\"}}", snapshot.cursor)
                    }
                    _ => text,
                }
            }
            Self::Live { cursor, replayed } => {
                text(&serde_json::json!({"cursor": cursor, "replayed": replayed}))
            }
            Self::Heartbeat { now, cursor } => {
                text(&serde_json::json!({"now": now, "cursor": cursor}))
            }
            Self::Gap(gap) => text(gap),
            Self::Dropped { count, types, reason } => {
                text(&serde_json::json!({"count": count, "types": types, "reason": reason}))
            }
            // The event is its delivered bytes, which are JSON that the hub wrote.
            Self::Redelivery { attempt, event } => {
                let event = event.json();
                let event = std::str::from_utf8(&event).expect("an event was made from text");
                format!("{{\"attempt\":{attempt},\"event\":{event}}}")
            }
            Self::Token { expires_in_ms } => {
                text(&serde_json::json!({"expiresInMs": expires_in_ms}))
            }
            Self::Goodbye { reason, retry_ms, fallback } => text(
                &serde_json::json!({"reason": reason, "retryMs": retry_ms, "fallback": fallback}),
            ),
        }
    }
}

fn text<T: Serialize>(value: &T) -> String {
    serde_json::to_string(value).expect("control events have string keys and finite numbers only")
}
