//! A credential and the time in, grants out.
//!
//! Whoever speaks to the hub shows a credential: a server its API key, a browser a signed token.
//! This crate says what each is worth: [`Grants`](radial_protocol::Grants), the only form in which
//! a credential goes further, or [`Refused`] without a reason that could help a guesser.
//!
//! It must never know a network, a clock, async, HTTP or files: `now` and random bits are
//! arguments, and so are bytes that somebody else has fetched.

mod base32;
pub mod cache;
pub mod forward;
pub mod key;
mod moment;
mod record;
mod refused;
pub mod ticket;
pub mod token;

pub use cache::{Cache, Fingerprint};
pub use key::{ApiKey, KeyHash, KeyId};
pub use record::{KeyRecord, Previous, Tenants};
pub use refused::Refused;
pub use ticket::Tickets;
pub use token::{Algorithm, Authority, Issuer, Tokens};
