//! Which sessions have acknowledged what, on the disk: one row for each session, in a journal of
//! its own beside the log (`docs/adr/0012-acknowledgements.md`).
//!
//! ```text
//! put, remove ─► what waits: the newest row of each session ─► thread: one write, one fsync ─► done
//!                                                                      │ twice as long as its rows
//!                                                                      ▼
//!                                                              written anew, renamed
//! ```
//!
//! It must never know which events there are, who sees them, or what a session owes: the hub
//! decides that.

mod journal;
mod row;
mod writer;

pub use journal::{AckJournal, Stored};
pub use row::{AckKey, AckRow};
