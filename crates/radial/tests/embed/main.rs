//! The hub inside somebody's own axum application, over real HTTP.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test stops at the first surprise"
)]

mod authentication;
#[expect(dead_code, reason = "its main is for people")]
#[path = "../../examples/embedded.rs"]
mod example;
mod inside;
mod served;
