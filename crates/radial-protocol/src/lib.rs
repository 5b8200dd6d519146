//! The words on the wire: ids, events, cursors, grants, problem codes and their encodings.
//!
//! Everything here is plain data and pure functions. This crate must never know I/O, async, a
//! clock, a random source, HTTP types or tokens: the same words serve the hub, the command line,
//! the Rust client and the fuzzers. The contract itself is `docs/protocol.md`.

pub mod answer;
pub mod cloudevents;
pub mod control;
pub mod cursor;
mod draft;
pub mod envelope;
pub mod event;
pub mod filter;
pub mod grants;
pub mod json;
pub mod limits;
pub mod names;
pub mod object;
pub mod presence;
pub mod problem;
mod reach;
pub mod sse;
pub mod trace;

pub use cursor::{Cursor, Epoch, Offset};
pub use event::{Event, TimeMs};
pub use grants::{Grants, Rights};
pub use names::{ChannelName, EventTypeName, Name, Pattern, TenantId};
pub use problem::{Code, Problem};
