//! The documents tell the truth: their examples run, their lists are complete, their tests exist.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test stops at the first surprise"
)]

mod command;
mod conversation;
mod examples;
mod expected;
mod lists;
mod markdown;
mod references;
