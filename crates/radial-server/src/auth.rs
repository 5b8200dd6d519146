//! Who is it? From what a request shows to what it may do.
//!
//! `radial-auth` says what a credential is worth; here is what that takes from the world: the
//! keys of the configuration and a cache of what was checked. How a credential is carried
//! (headers, cookies, parameters) is known to `http/credential.rs` alone.

mod authenticator;
mod setup;

pub(crate) use authenticator::{Auth, Shown};
pub use setup::AuthError;
