//! Transports: how frames of a subscription become bytes of a connection. They only encode.

use radial_protocol::control::Polling;

pub(crate) mod life;
pub(crate) mod linger;
mod packing;
mod replay;
pub(crate) mod sse;
pub(crate) mod websocket;

/// How clients poll where long poll cannot be used.
pub(crate) const POLLING: Polling = Polling { interval_ms: 30_000 };
