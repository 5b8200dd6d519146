//! Signed tokens (JWT, RFC 7519): who may sign them, with which keys, and what they claim.

mod algorithm;
mod claims;
mod issuer;
mod jwks;
pub mod mint;
mod verifying_key;

pub use algorithm::{Algorithm, UnknownAlgorithm};
pub(crate) use claims::Claims;
pub use issuer::{Authority, Expect, Issuer, Keys, Tokens, TokensError};
pub use jwks::{Fetch, Jwks, JwksError, SET_BYTES_MAX};
pub use verifying_key::{KeyFormatError, VerifyingKey};

/// The longest token, in bytes: what common proxies let through in one header.
pub const TOKEN_BYTES_MAX: usize = 8 * 1024;
