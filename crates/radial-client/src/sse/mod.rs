//! A strict, incremental parser of event streams (WHATWG HTML, "Server-sent events").
//!
//! Bytes go in as they arrive; complete frames come out. How the bytes are split makes no
//! difference to what comes out. A frame that the stream ends inside of is never given, and
//! neither is its id.

mod parser;
#[cfg(test)]
mod tests;

pub use parser::{FRAME_BYTES_MAX, FrameTooLarge, Item, Parser};
