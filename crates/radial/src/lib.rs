//! Radial as a library: one name for the crates that make up the hub.
//!
//! The `radial` binary beside this library is the hub and its command line. Embed the hub with
//! [`server`], speak to one with [`client`], and find the words of both in [`protocol`].

pub use radial_client as client;
pub use radial_protocol as protocol;
pub use radial_registry as registry;
pub use radial_server as server;
