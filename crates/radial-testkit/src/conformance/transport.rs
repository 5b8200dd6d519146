//! The transports that cases run over, and what they have in common: items, one after the other.

use anyhow::{Context as _, Result};
use serde::Deserialize;
use serde_json::Value;

use super::case::Kind;
use crate::server::TestServer;
use crate::stream::{Frame, Stream};
use crate::wire::{Answer, request};

/// How a case's connections are opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Transport {
    /// Server-Sent Events.
    Sse,
}

/// What an open step says.
pub(super) struct OpenRequest {
    pub(super) query: String,
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
        let path = format!("/api/sse/events{}", open.query);
        let headers: Vec<(&str, &str)> =
            open.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        match self {
            Self::Sse => {
                let stream = Stream::open(hub.address(), &path, &headers).await?;
                if stream.status == 200 {
                    return Ok(Opened::Connection(Connection::Sse(stream)));
                }
                // Asked again for the whole answer: a refused stream changes nothing.
                let answer = request(hub.address(), "GET", &path, &headers, b"").await?;
                Ok(Opened::Refused(answer))
            }
        }
    }
}

impl Connection {
    /// The next item; [`Kind::End`] once the hub has closed the connection.
    pub(super) async fn next(&mut self) -> Result<Item> {
        match self {
            Self::Sse(stream) => loop {
                match stream.next().await? {
                    None => {
                        let json = Value::Null;
                        return Ok(Item { kind: Kind::End, name: None, id: None, json });
                    }
                    // The retry: line stands alone.
                    Some(frame) if frame.data.is_none() => {}
                    Some(frame) => return item(frame),
                }
            },
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
