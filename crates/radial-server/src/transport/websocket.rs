//! WebSocket: a subscription and the operations of its client on one socket (protocol §5).
//!
//! Events go out as the bytes that they have on every transport. Whatever else the hub says is an
//! object with `op`. The socket is read while nothing is being written, so that a client that does
//! not take its answers cannot ask for more.

mod acks;
mod connection;
mod operation;
mod outgoing;
mod parked;
mod session;
mod wire;

pub(crate) use connection::{Handshake, serve};
