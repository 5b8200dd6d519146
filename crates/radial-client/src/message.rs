//! What a subscription gives its caller.

use std::time::Duration;

use radial_protocol::Cursor;
use radial_protocol::control::{Fallback, Gap, GoodbyeReason, Hello};
use radial_protocol::event::TimeMs;
use serde::Deserialize;

use crate::error::ClientError;

/// One message of a subscription, in the order of the stream.
#[derive(Debug)]
pub enum Message {
    /// An event, each one once.
    Event {
        /// Its place; a `live` event has none.
        cursor: Option<Cursor>,
        /// The delivered JSON as the hub wrote it.
        json: String,
    },
    /// The first message of every connection.
    Hello(Box<Hello>),
    /// The replay has met the head; what comes now is new. Once on every connection.
    Live {
        /// Where the head was.
        cursor: Cursor,
        /// How many events were replayed.
        replayed: u64,
    },
    /// A stretch is missing; the stream goes on from its end.
    Gap(Gap),
    /// Non-durable events were shed for this client.
    Dropped {
        /// How many.
        count: u64,
        /// Of which types.
        types: Vec<String>,
        /// Why.
        reason: String,
    },
    /// An event that the session has not acknowledged, again: outside the order.
    Redelivery {
        /// How often the hub has sent it, with this time.
        attempt: u32,
        /// The delivered JSON as the hub wrote it.
        json: String,
    },
    /// A sign of life.
    Heartbeat {
        /// The hub's time.
        now: TimeMs,
        /// This connection's place.
        cursor: Cursor,
    },
    /// The credential ends; see [`Subscription::renew`](crate::Subscription::renew).
    Token {
        /// In how many milliseconds.
        expires_in_ms: u64,
    },
    /// The hub closes the connection; the subscription goes on, or ends, as the reason asks.
    Goodbye {
        /// Why.
        reason: GoodbyeReason,
        /// How long the hub asks to wait.
        retry_ms: u64,
        /// What to do meanwhile.
        fallback: Fallback,
    },
    /// The connection is gone; the subscription comes back by itself after the wait.
    Disconnected {
        /// Why.
        cause: ClientError,
        /// How long it waits.
        retry_in: Duration,
    },
    /// A control event that this client does not know, or cannot read.
    Other {
        /// Its name.
        name: String,
        /// Its data.
        json: String,
    },
}

#[derive(Deserialize)]
struct LiveFields {
    cursor: Cursor,
    replayed: u64,
}

#[derive(Deserialize)]
struct HeartbeatFields {
    now: TimeMs,
    cursor: Cursor,
}

#[derive(Deserialize)]
struct RedeliveryFields {
    attempt: u32,
    event: Box<serde_json::value::RawValue>,
}

#[derive(Deserialize)]
struct DroppedFields {
    count: u64,
    #[serde(default)]
    types: Vec<String>,
    #[serde(default)]
    reason: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct TokenFields {
    expires_in_ms: u64,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct GoodbyeFields {
    reason: GoodbyeReason,
    retry_ms: u64,
    fallback: Fallback,
}

impl Message {
    /// Reads a frame of a stream.
    pub(crate) fn read(event: String, data: String, id: Option<&str>) -> Self {
        let read =
            match event.as_str() {
                "" | "message" => {
                    let cursor = id.and_then(|id| id.parse().ok());
                    return Self::Event { cursor, json: data };
                }
                "hello" => serde_json::from_str(&data).ok().map(Self::Hello),
                "gap" => serde_json::from_str(&data).ok().map(Self::Gap),
                "live" => serde_json::from_str(&data)
                    .ok()
                    .map(|LiveFields { cursor, replayed }| Self::Live { cursor, replayed }),
                "heartbeat" => serde_json::from_str(&data)
                    .ok()
                    .map(|HeartbeatFields { now, cursor }| Self::Heartbeat { now, cursor }),
                "redelivery" => {
                    serde_json::from_str(&data).ok().map(|RedeliveryFields { attempt, event }| {
                        Self::Redelivery { attempt, json: event.get().to_owned() }
                    })
                }
                "dropped" => serde_json::from_str(&data).ok().map(
                    |DroppedFields { count, types, reason }| Self::Dropped { count, types, reason },
                ),
                "token" => serde_json::from_str(&data)
                    .ok()
                    .map(|TokenFields { expires_in_ms }| Self::Token { expires_in_ms }),
                "goodbye" => serde_json::from_str(&data).ok().map(
                    |GoodbyeFields { reason, retry_ms, fallback }| Self::Goodbye {
                        reason,
                        retry_ms,
                        fallback,
                    },
                ),
                _ => None,
            };
        read.unwrap_or(Self::Other { name: event, json: data })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(event: &str, data: &str) -> Message {
        Message::read(event.to_owned(), data.to_owned(), Some("AAAAAAAAAAA.12"))
    }

    #[test]
    fn the_control_events_of_the_hub_are_read() {
        let gap = r#"{"reason":"ahead","scope":"all","from":null,"to":"AAAAAAAAAAA.3"}"#;
        assert!(matches!(read("gap", gap), Message::Gap(gap) if gap.to.offset.get() == 3));
        let live = r#"{"cursor":"AAAAAAAAAAA.3","replayed":9}"#;
        assert!(matches!(read("live", live), Message::Live { replayed: 9, .. }));
        let goodbye = r#"{"reason":"drain","retryMs":1500,"fallback":"reconnect","new":1}"#;
        assert!(matches!(
            read("goodbye", goodbye),
            Message::Goodbye { reason: GoodbyeReason::Drain, retry_ms: 1_500, .. }
        ));
        let heartbeat = r#"{"now":7,"cursor":"AAAAAAAAAAA.3"}"#;
        assert!(matches!(read("heartbeat", heartbeat), Message::Heartbeat { .. }));
        assert!(matches!(
            read("token", r#"{"expiresInMs":60000}"#),
            Message::Token { expires_in_ms: 60_000 }
        ));
        let again = r#"{"attempt":2,"event":{"n": 1.0}}"#;
        assert!(matches!(
            read("redelivery", again),
            Message::Redelivery { attempt: 2, json } if json == r#"{"n": 1.0}"#
        ));
        assert!(matches!(read("dropped", r#"{"count":4}"#), Message::Dropped { count: 4, .. }));
    }

    #[test]
    fn what_is_unknown_or_unreadable_is_passed_on() {
        for (event, data) in [("config", "{}"), ("gap", "{}"), ("hello", "no json")] {
            assert!(
                matches!(read(event, data), Message::Other { name, json } if name == event && json == data)
            );
        }
    }

    #[test]
    fn an_event_keeps_its_text_and_its_cursor() {
        let Message::Event { cursor, json } = read("", r#"{"n": 1.0}"#) else { panic!("no event") };
        assert_eq!(json, r#"{"n": 1.0}"#);
        assert_eq!(cursor.map(|cursor| cursor.offset.get()), Some(12));
        assert!(matches!(
            Message::read(String::new(), "{}".into(), None),
            Message::Event { cursor: None, .. }
        ));
    }
}
