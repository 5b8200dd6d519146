//! The log: one totally ordered record of each tenant's events, and the rules that keep it.
//!
//! [`EventLog`] is the seam (`docs/adr/0004-the-logs-seam.md`): the hub appends and reads through
//! it and knows nothing else. [`EmbeddedLog`] is the implementation that a single node uses:
//!
//! ```text
//! append ─► tenant (decides duplicates, gives offsets) ─► commit queue ─► committer thread
//!                                                                           │ one write, one fsync
//!                                                                           ▼
//!                                            write-ahead file ─► visible ─► answers, timelines
//!                                                                           │
//!                                                                           ▼ flusher thread
//!                                                                         store (redb)
//! ```
//!
//! This crate must never know HTTP, subscribers, tokens, schemas or the clock: times and random
//! bits come in as arguments.

mod acks;
#[cfg(test)]
mod bounds_tests;
mod clock;
mod committer;
mod disk;
pub mod doctor;
mod embedded;
mod entity;
mod entity_pages;
mod event_log;
mod flusher;
mod merge;
mod queue;
mod reading;
mod record;
mod renewal;
mod retention;
mod settings;
mod slot;
mod store;
mod takeover;
mod tenant;
mod wal;

pub use acks::{AckJournal, AckKey, AckRow, Stored};
pub use clock::Clock;
pub use disk::{Disk, DiskFile, RealDisk};
pub use embedded::{Config, EmbeddedLog, OpenError};
pub use entity::{Change, Conflict, ENTITY_STATE_BYTES_MAX, Effect, Refused, RefusedReason};
pub use event_log::{
    Append, AppendError, AppendFuture, Backlog, Bounds, Entity, EntityPages, EntitySelection,
    Entry, EventLog, Fingerprint, Health, Item, Missing, MissingReason, OnCommit, Outcome, Page,
    PageLimit, ReadError, Repeat, Standing, Usage,
};
pub use renewal::renew_epochs;
pub use settings::{Durability, Keep, Retention, Settings};
pub use slot::{Wake, wake_each};
