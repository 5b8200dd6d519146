//! The hub's promises, in process: order and resuming, and what a publish comes to.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test stops at the first surprise"
)]
#![allow(clippy::print_stdout, reason = "seeds are printed")]

mod support;

mod acks;
mod behind;
mod control;
mod dedupe;
mod entities;
mod order;
mod presence;
mod publishing;
mod renew;
