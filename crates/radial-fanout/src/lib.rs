//! Timelines, the readers that walk along them, and the workers that write to those who keep up.
//!
//! A timeline holds a tenant's newest events in memory, each encoded once. A reader is a place
//! and a filter; nothing is queued for it. When it is behind the timeline it asks for a page of
//! the log; its driver, which may wait, fetches that. A connection that keeps up needs no driver: it
//! is parked with a worker, which owns its socket and is given that open.
//!
//! This crate must never know HTTP, JSON, tokens, the log's files or the clock.

mod gone;
mod memory;
mod reader;
mod resident;
mod sync;
mod timeline;
mod worker;

pub use gone::Lost;
pub use memory::TimelineMemory;
pub use reader::{Due, Found, Reader, Step, Tally};
pub use resident::{Encoding, Ended, Outlet, Parked, Resident, Returned, Seal, Share, Spot, Why};
pub use timeline::{Timeline, TimelineLimit};
pub use worker::{Ringer, WorkerSettings, Workers};
