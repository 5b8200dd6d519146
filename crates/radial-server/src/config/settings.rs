//! The validated settings. A value in here is within its bounds; whoever holds one need not check.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use radial_fanout::TimelineLimit;
use radial_protocol::limits::Limits;
use radial_protocol::{Name, TenantId};

/// Everything that can be configured. Its `Default` is the hub without any setting.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Config {
    /// `server.*`: the process and its sockets.
    pub server: Server,
    /// `hub.*`: tenants and event types.
    pub hub: Hub,
    /// `limits.*`: the sizes at which input is refused (protocol §2).
    pub limits: Limits,
    /// `stream.*`: the life of one connection (protocol §5).
    pub stream: Stream,
    /// `timeline.*`: how much of each tenant stays in memory.
    pub timeline: TimelineLimit,
}

/// `server.*`: the process and its sockets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Server {
    /// Where the hub listens; port 0 lets the system choose. Default `127.0.0.1:7070`.
    pub listen: SocketAddr,
    /// The data folder; relative to the working directory. Default `./radial-data`.
    pub data: PathBuf,
    /// The name of this node, shown in `hello`. Default `node-1`.
    pub node: Name,
    /// How log lines are written. Default text.
    pub log_format: LogFormat,
    /// The least severe level that is logged. Default info.
    pub log_level: LogLevel,
    /// The longest that a clean stop waits for connections. Default and most 10 s.
    pub drain_timeout: Duration,
    /// The longest that a request's head may take to arrive. Default 10 s; 100 ms to 1 minute.
    pub header_timeout: Duration,
    /// The most open connections. Default 15,000; 1 to 1,000,000.
    pub max_connections: usize,
}

/// `hub.*`: tenants and event types.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hub {
    /// Whether the hub starts switched off. Default false.
    pub disabled: bool,
    /// The tenants, each once. Default `dev` alone; 1 to 10,000.
    pub tenants: Vec<TenantId>,
    /// The folder of event types; relative to the working directory. Default none.
    pub registry: Option<PathBuf>,
    /// Whether the built-in event types are registered (protocol §4). Default true.
    pub builtin_types: bool,
}

/// `stream.*`: the life of one connection (protocol §5).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stream {
    /// The time between two heartbeats. Default 30 s; 100 ms to 10 minutes.
    pub heartbeat: Duration,
    /// What clients are told to wait before they reconnect, before it is randomised by ±50 %.
    /// Default 2 s; 10 ms to 5 minutes.
    pub retry: Duration,
    /// The longest life of a connection, before it is randomised by ±20 %. Default 1 h; 1 s to
    /// 7 days.
    pub max_age: Duration,
}

/// How log lines are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// How much is logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogLevel {
    /// What needs an operator.
    Error,
    /// And what may come to need one.
    Warn,
    /// And what happens to the hub as a whole.
    Info,
    /// And what happens to each connection.
    Debug,
}

impl LogFormat {
    /// Every format with its name in configuration.
    pub const NAMES: &[(&str, Self)] = &[("text", Self::Text), ("json", Self::Json)];
}

impl LogLevel {
    /// Every level with its name in configuration.
    pub const NAMES: &[(&str, Self)] = &[
        ("error", Self::Error),
        ("warn", Self::Warn),
        ("info", Self::Info),
        ("debug", Self::Debug),
    ];
}

impl From<LogLevel> for tracing::Level {
    fn from(level: LogLevel) -> Self {
        match level {
            LogLevel::Error => Self::ERROR,
            LogLevel::Warn => Self::WARN,
            LogLevel::Info => Self::INFO,
            LogLevel::Debug => Self::DEBUG,
        }
    }
}

impl Default for Server {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 7070)),
            data: PathBuf::from("./radial-data"),
            node: Name::new("node-1").expect("it keeps to the alphabet"),
            log_format: LogFormat::Text,
            log_level: LogLevel::Info,
            drain_timeout: Duration::from_secs(10),
            header_timeout: Duration::from_secs(10),
            max_connections: 15_000,
        }
    }
}

impl Default for Hub {
    fn default() -> Self {
        Self {
            disabled: false,
            tenants: vec![TenantId::new("dev").expect("it keeps to the alphabet")],
            registry: None,
            builtin_types: true,
        }
    }
}

impl Default for Stream {
    fn default() -> Self {
        Self {
            heartbeat: Duration::from_secs(30),
            retry: Duration::from_secs(2),
            max_age: Duration::from_hours(1),
        }
    }
}
