//! Timelines, and the readers that walk along them.
//!
//! A timeline holds a tenant's newest events in memory, each encoded once. A reader is a place
//! and a filter; nothing is queued for it. When it is behind the timeline it asks for a page of
//! the log; its driver, which may wait, fetches that.
//!
//! This crate must never know HTTP, JSON, tokens, the log's files or the clock.

mod memory;
mod reader;
mod timeline;

pub use memory::TimelineMemory;
pub use reader::{Due, Found, Reader, Step, Tally};
pub use timeline::{Timeline, TimelineLimit};
