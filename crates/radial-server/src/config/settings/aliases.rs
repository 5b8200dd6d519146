//! `[[streams]]`: named aliases of the event stream and of the WebSocket.

use radial_protocol::Pattern;

/// `[[streams]]`: a path of its own for streams that see no more than this.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamAlias {
    /// The path; none of the hub's own.
    pub path: String,
    /// What is opened there. Default Server-Sent Events.
    pub transport: AliasTransport,
    /// The event types that there are on it. Default all.
    pub types: Vec<Pattern>,
    /// The channels that there are on it, and that a request gets which names none. Default none:
    /// as if it were no alias.
    pub channels: Vec<Pattern>,
}

/// What an alias opens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AliasTransport {
    /// A stream of Server-Sent Events.
    #[default]
    Sse,
    /// A WebSocket.
    WebSocket,
}

impl AliasTransport {
    /// Every transport with its name in configuration.
    pub const NAMES: &[(&str, Self)] = &[("sse", Self::Sse), ("websocket", Self::WebSocket)];
}

impl Default for StreamAlias {
    fn default() -> Self {
        Self {
            path: String::new(),
            transport: AliasTransport::default(),
            types: vec![Pattern::All],
            channels: Vec::new(),
        }
    }
}
