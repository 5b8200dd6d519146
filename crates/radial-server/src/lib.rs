//! The HTTP face of the hub: configuration, routes, transports, metrics, drain.
//!
//! This is the only crate that knows HTTP, and with the `radial` binary the only one that reads
//! the clock, the environment and random bits. What a client may see is not decided here: the hub
//! does that; a transport only encodes.

mod app;
mod auth;
mod clock;
pub mod config;
mod connections;
mod embed;
mod http;
pub mod keys;
pub mod logging;
mod memory;
mod metrics;
mod openapi;
mod opening;
mod parking;
mod presence;
mod rates;
mod redelivery;
mod server;
mod socket;
mod tls;
mod transport;
mod waking;
mod watch;

/// Signing tokens, for the command that does.
pub mod mint {
    pub use radial_auth::Algorithm;
    pub use radial_auth::token::mint::SigningKey;
}

pub use app::Mode;
pub use auth::{AuthError, Denied};
pub use embed::{BuildError, Builder, Delivery, Listening, Radial};
pub use http::routes::{Access, ROUTES, Route};
pub use openapi::document as openapi;
pub use opening::World;
pub use radial_hub::Start;
pub use radial_log::{doctor, renew_epochs};
pub use server::{RunError, Server, run};
pub use tls::CertificateError;
