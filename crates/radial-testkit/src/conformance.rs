//! The protocol as cases that know no language and no transport: `conformance/cases/*.yaml`.
//!
//! Each case runs against a hub of its own. What the steps mean is written in
//! `conformance/README.md`; clients in other languages run the same files.

mod answer;
mod case;
mod invariants;
mod pattern;
mod runner;
mod transport;
mod variables;

pub use runner::{Failure, Report, run_folder};
pub use transport::Transport;
