//! Starts hubs and reads their streams, for tests only.
//!
//! A hub runs in the test's process on a port of its own choosing ([`TestServer`]), or as a real
//! child process that can be killed ([`HubProcess`]). The clients here are small and strict on
//! purpose, and share no code with the hub: they would notice a frame that only the hub's own
//! code can read.

mod application;
mod clock;
pub mod conformance;
pub mod credentials;
mod disk;
mod process;
mod server;
mod stream;
pub mod tls;
pub mod websocket;
pub mod wire;

pub use application::Application;
pub use clock::TestClock;
pub use disk::TestDisk;
pub use process::HubProcess;
pub use server::TestServer;
pub use stream::{Frame, Stream};

use std::time::Duration;

/// How long a test waits for something that must happen before it fails.
pub const PATIENCE: Duration = Duration::from_secs(20);
