//! RFC 6455 and permessage-deflate (RFC 7692) for the hub's side of a connection: bytes in,
//! messages out, and the other way round.
//!
//! Everything here is plain data and state machines. This crate must never know sockets, async, a
//! clock, HTTP, or what a message means. It is a crate of its own because it is tested by a suite
//! of its own (Autobahn) and says nothing about Radial.
//!
//! Compression never spans messages in either direction (`no_context_takeover`): one message can
//! be compressed once for all connections, an idle connection holds no compressor, and no text of
//! one user ever shares a compressor with another's secret.

mod close;
mod decoder;
mod deflate;
mod frame;
mod handshake;
mod negotiation;

pub use close::{CloseCode, CloseReason};
pub use decoder::{Decoder, Message, Violation};
pub use deflate::{TooLong, deflate, deflate_within};
pub use frame::{FrameHead, Opcode, close_frame, frame};
pub use handshake::accept_key;
pub use negotiation::Deflate;
