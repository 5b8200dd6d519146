//! Radial as a library: a hub inside your own application.
//!
//! [`Radial::builder`] opens one. [`Radial::router`] is its HTTP surface for your axum router,
//! [`Radial::emit`] publishes from this process, [`Radial::subscribe`] listens in it, and
//! [`Builder::authenticate`] lets your application say who asks. `examples/embedded.rs` is all of
//! it in one page.
//!
//! The `radial` binary beside this library is the hub and its command line. Speak to a hub on the
//! network with [`client`], and find the words of all in [`protocol`].

pub use radial_client as client;
pub use radial_protocol as protocol;
pub use radial_registry as registry;
pub use radial_server as server;

pub use radial_protocol::{Grants, Pattern, Problem, Rights, TenantId};
pub use radial_server::{BuildError, Builder, Delivery, Denied, Listening, Radial, Start};
