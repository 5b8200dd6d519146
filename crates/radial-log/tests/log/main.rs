//! What the embedded log promises, seen through its public seam, real files and a disk that fails.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test stops at the first surprise"
)]
#![allow(clippy::print_stdout, reason = "seeds are printed")]

mod acks;
mod bounded;
mod faults;
mod faulty;
mod folder;
mod promises;
mod room;
mod spare;
mod store_faults;
mod support;
