//! `CloudEvents` 1.0: read as publish requests, and written from delivered events.
//!
//! An attribute that the envelope has a place for goes there, and comes out of there again. All
//! others, `source` first, are kept beside the event as they came, in its member `cloudEvent`, so
//! that nothing is lost between a publish and a reader. The table is in `docs/protocol.md`.
//!
//! Knows the JSON format and the values of HTTP headers; it must never know HTTP itself.

mod attributes;
mod read;
mod rfc3339;
mod write;

pub use read::{Header, binary, structured};
pub use write::json;

/// The one version.
const SPECVERSION: &str = "1.0";
/// The media type of data unless an attribute says another.
const JSON: &str = "application/json";
/// The most attributes of one event, those of the specification among them.
pub const ATTRIBUTES_MAX: usize = 64;
/// The most bytes of all that is kept beside an event.
pub const KEPT_BYTES_MAX: usize = 4 * 1024;

/// What a publish request holds beside its envelope.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// Who produced it; with the id it names the event.
    pub source: String,
    /// An object of all attributes that the envelope has no place for, without white space.
    pub json: String,
}

/// What the hub says of an event by itself; when it comes in, it is of another hub and no news.
const OF_THE_HUB: [&str; 6] =
    ["ack", "cursor", "entityid", "entitytype", "entityversion", "recordedtime"];

#[cfg(test)]
mod tests;
