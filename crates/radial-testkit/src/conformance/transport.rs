//! The transports that cases run over, and what they have in common: items, one after the other.

use std::collections::VecDeque;

use anyhow::{Context as _, Result};
use serde::Deserialize;
use serde_json::Value;

use super::case::Kind;
use crate::server::TestServer;
use crate::stream::{Frame, Stream};
use crate::websocket::WebSocket;
use crate::wire::{Answer, request};

mod poll;
mod websocket;

use poll::Poller;

/// How a case's connections are opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Transport {
    /// Server-Sent Events.
    Sse,
    /// WebSocket.
    WebSocket,
    /// Long poll: whatever a stream says of itself is passed over.
    Poll,
}

/// What an open step says.
pub(super) struct OpenRequest {
    pub(super) query: Vec<(String, String)>,
    pub(super) headers: Vec<(String, String)>,
}

/// What became of it.
pub(super) enum Opened {
    Connection(Connection),
    Refused(Answer),
}

/// An open connection.
pub(super) enum Connection {
    Sse(Stream),
    WebSocket { socket: WebSocket, ready: VecDeque<Item> },
    Poll(Poller),
}

/// One thing that came out of a connection.
#[derive(Clone, Debug)]
pub(super) struct Item {
    pub(super) kind: Kind,
    /// The name of an event's frame, where the transport has such a thing.
    pub(super) name: Option<String>,
    /// The place that a client should remember from it.
    pub(super) id: Option<String>,
    pub(super) json: Value,
}

impl Transport {
    pub(super) async fn open(self, hub: &TestServer, open: &OpenRequest) -> Result<Opened> {
        match self {
            Self::Sse => {
                let path = format!("/api/sse/events{}", query_text(&open.query));
                let headers = borrowed(&open.headers);
                let stream = Stream::open(hub.address(), &path, &headers).await?;
                if stream.status == 200 {
                    return Ok(Opened::Connection(Connection::Sse(stream)));
                }
                // Asked again for the whole answer: a refused stream changes nothing.
                let answer = request(hub.address(), "GET", &path, &headers, b"").await?;
                Ok(Opened::Refused(answer))
            }
            Self::WebSocket => match websocket::open(hub, open).await? {
                Err(answer) => Ok(Opened::Refused(answer)),
                Ok(mut socket) => {
                    let first = socket.json().await?;
                    if let Some(answer) = websocket::refusal(&first) {
                        return Ok(Opened::Refused(answer));
                    }
                    let ready = websocket::item(first)?.into_iter().collect();
                    Ok(Opened::Connection(Connection::WebSocket { socket, ready }))
                }
            },
            Self::Poll => Ok(match Poller::open(hub.address(), open).await? {
                Ok(poller) => Opened::Connection(Connection::Poll(poller)),
                Err(answer) => Opened::Refused(answer),
            }),
        }
    }

    /// Whether this kind of item comes over this transport at all.
    pub(super) fn carries(self, kind: Kind) -> bool {
        match self {
            Self::Sse | Self::WebSocket => true,
            Self::Poll => {
                matches!(kind, Kind::Gap | Kind::Snapshot | Kind::Event | Kind::Redelivery)
            }
        }
    }
}

impl Connection {
    /// The next item; [`Kind::End`] once the hub has closed the connection.
    pub(super) async fn next(&mut self) -> Result<Item> {
        match self {
            Self::Sse(stream) => match stream.next().await? {
                None => Ok(Item { kind: Kind::End, name: None, id: None, json: Value::Null }),
                Some(frame) => item(frame),
            },
            Self::WebSocket { socket, ready } => match ready.pop_front() {
                Some(item) => Ok(item),
                None => websocket::next(socket).await,
            },
            Self::Poll(poller) => poller.next().await,
        }
    }
}

impl Connection {
    /// Acknowledges events for the connection's session.
    pub(super) async fn acknowledge(
        &mut self,
        hub: &TestServer,
        events: &Value,
        session: &Value,
    ) -> Result<Answer> {
        match self {
            Self::WebSocket { socket, ready } => {
                websocket::acknowledge(socket, ready, events).await
            }
            Self::Sse(_) | Self::Poll(_) => {
                let body = serde_json::json!({"eventIds": events, "sessionId": session});
                hub.send("POST", "/api/sse/acks", &body).await
            }
        }
    }
}

/// Event types have a dot or a colon in them, control events have neither.
fn item(frame: Frame) -> Result<Item> {
    let json = frame.json()?;
    let Frame { id, event: name, .. } = frame;
    let control = name.as_deref().filter(|name| !name.contains(['.', ':']));
    let kind = match control {
        None => Kind::Event,
        Some(name) => Kind::named(name).with_context(|| format!("an unknown event: {name:?}"))?,
    };
    Ok(Item { kind, name: name.filter(|_| kind == Kind::Event), id, json })
}

pub(super) fn borrowed(pairs: &[(String, String)]) -> Vec<(&str, &str)> {
    pairs.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect()
}

/// `?name=value&…`, or nothing.
pub(super) fn query_text(pairs: &[(String, String)]) -> String {
    let encode = |text: &str| -> String {
        text.bytes()
            .map(|byte| match byte {
                byte if byte.is_ascii_alphanumeric() || b"-._~*:,".contains(&byte) => {
                    char::from(byte).to_string()
                }
                byte => format!("%{byte:02X}"),
            })
            .collect()
    };
    let texts: Vec<String> =
        pairs.iter().map(|(name, value)| format!("{}={}", encode(name), encode(value))).collect();
    if texts.is_empty() { String::new() } else { format!("?{}", texts.join("&")) }
}
