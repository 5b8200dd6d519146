//! The fan-out under a scheduler that decides where its threads meet.
//!
//! Each execution of a model runs the real code to its end along one order of its steps; thousands of
//! orders are tried, some at random, some with few changes of the thread at the places that matter
//! (probabilistic concurrency testing). A failure prints its seed, and the order itself, which
//! `shuttle::replay` runs again. Orders are sequentially consistent: what weaker memory could do is
//! not tried, and the code asks for `SeqCst`, or a lock, wherever threads meet.
//!
//! Sockets never have anything to say here; that they do is for the tests of `radial-fanout` itself.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test stops at the first surprise, and prints its seed"
)]

mod events;
mod park;
mod run;
mod seam;
mod share;
