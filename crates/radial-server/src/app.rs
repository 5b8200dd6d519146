//! What every request handler is given.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use radial_hub::Hub;
use radial_protocol::TenantId;
use radial_protocol::limits::Limits;
use tokio_util::sync::CancellationToken;

use crate::config::{Config, DurabilityMode};

/// Who may talk to the hub.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// `radial dev`: no credential, loopback only, with the demo board.
    Dev,
    /// `radial serve`: as configured. Credentials are not checked yet, so it too serves loopback
    /// only, and refuses to start on any other address.
    Serve,
}

/// The hub and what the edge knows. Shared by all connections.
pub(crate) struct App {
    pub(crate) hub: Arc<Hub>,
    pub(crate) mode: Mode,
    pub(crate) node: String,
    /// `durable` or `relaxed`, as `/readyz` says it.
    pub(crate) durability: &'static str,
    pub(crate) tenants: Vec<TenantId>,
    pub(crate) limits: Limits,
    pub(crate) stream: StreamSettings,
    pub(crate) drain: CancellationToken,
    /// The drain took too long: what is still open ends now.
    pub(crate) cut: CancellationToken,
    pub(crate) connections: Connections,
}

/// How streams are kept.
#[derive(Clone, Debug)]
pub(crate) struct StreamSettings {
    pub(crate) heartbeat: Duration,
    pub(crate) retry: Duration,
    pub(crate) max_age: Duration,
}

/// What is open now, and what has been.
#[derive(Debug, Default)]
pub(crate) struct Connections {
    /// TCP connections, whatever they carry.
    pub(crate) sockets: AtomicU64,
    /// Event streams.
    pub(crate) streams: AtomicU64,
    /// Event streams that were ever opened.
    pub(crate) streams_opened: AtomicU64,
}

impl App {
    pub(crate) fn new(config: &Config, mode: Mode, hub: Arc<Hub>) -> Self {
        Self {
            hub,
            mode,
            node: config.server.node.to_string(),
            durability: match config.log.durability {
                DurabilityMode::Durable => "durable",
                DurabilityMode::Relaxed => "relaxed",
            },
            tenants: config.hub.tenants.clone(),
            limits: config.limits.clone(),
            stream: StreamSettings {
                heartbeat: config.stream.heartbeat,
                retry: config.stream.retry,
                max_age: config.stream.max_age,
            },
            drain: CancellationToken::new(),
            cut: CancellationToken::new(),
            connections: Connections::default(),
        }
    }
}
