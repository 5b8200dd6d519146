//! The `radial` program as its user runs it: real processes, real files, real sockets.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test stops at the first surprise"
)]
#![allow(clippy::print_stdout, reason = "seeds are printed")]

mod acks;
mod certificates;
mod crash;
mod history;
mod hop;
mod https;
mod idle;
mod operate;
mod presence;
mod program;
mod renewal;
mod secrets;
mod stop;
mod traces;
mod typescript;
