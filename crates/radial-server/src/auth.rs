//! Who is it? From what a request shows to what it may do.
//!
//! `radial-auth` says what a credential is worth; here is what that takes from the world: the
//! keys of the configuration, those that are fetched, the answers of applications, and what was
//! found out before. How a credential is carried (headers, cookies, parameters) is known to
//! `http/credential.rs` alone.

mod application;
mod authenticator;
mod client;
mod forward;
mod reask;
mod refresh;
mod setup;

pub(crate) use application::Application;
pub use application::Denied;
pub(crate) use authenticator::{Auth, Shown, Unknown};
pub(crate) use client::UrlError;
pub(crate) use reask::reask;
pub(crate) use refresh::refresh;
pub use setup::AuthError;

/// Checks a URL of the configuration.
pub(crate) fn check_url(text: &str) -> Result<(), UrlError> {
    client::url(text).map(drop)
}
