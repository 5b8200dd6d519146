//! Tokens as they come from outside: every algorithm, every claim, every way to forge one.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test stops at the first surprise"
)]

mod forgery;
mod jwks;
mod support;
mod tokens;
