//! The validated settings. A value in here is within its bounds; whoever holds one need not check.

mod aliases;
mod auth;
mod log;
mod rates;
mod tenants;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use radial_fanout::TimelineLimit;
use radial_hub::{AckSettings, PresenceSettings};
use radial_protocol::limits::Limits;
use radial_protocol::{Name, TenantId};

pub use aliases::{AliasTransport, StreamAlias};
pub use auth::{Auth, Forward, Issuer, Key};
pub use log::{DurabilityMode, Log};
pub use rates::Rates;
pub use tenants::TenantRecord;

use super::network::{Network, Origin};
use super::secret::Secret;

/// Everything that can be configured. Its `Default` is the hub without any setting.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Config {
    /// `server.*`: the process and its sockets.
    pub server: Server,
    /// `hub.*`: tenants and event types.
    pub hub: Hub,
    /// `auth.*`: whose credentials count (protocol §6).
    pub auth: Auth,
    /// `limits.*`: the sizes at which input is refused (protocol §2).
    pub limits: Limits,
    /// `rates.*`: how much each client, user, tenant and address may do.
    pub rates: Rates,
    /// `log.*`.
    pub log: Log,
    /// `stream.*`: the life of one connection (protocol §5).
    pub stream: Stream,
    /// `presence.*`: on which channels it is told who is there. Default none; 10 s of grace, up to
    /// 10 minutes; 100,000 members of a tenant, up to 10^7.
    pub presence: PresenceSettings,
    /// `timeline.*`: how much of each tenant stays in memory.
    pub timeline: TimelineLimit,
    /// `acks.*`: who has acknowledged what (protocol §5).
    pub acks: AckSettings,
    /// `[[tenants]]`: those of `hub.tenants` that are kept in another way than `log.*` says.
    /// Default none.
    pub tenants: Vec<TenantRecord>,
    /// `[[streams]]`: further paths of the event stream and of the WebSocket. Default none.
    pub streams: Vec<StreamAlias>,
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
    /// The longest that a request's head may take to arrive. Default 8 s; 100 ms to 1 minute.
    pub header_timeout: Duration,
    /// The longest that a request's body may take to arrive. Default 30 s; 100 ms to 10 minutes.
    pub body_timeout: Duration,
    /// The most open connections. Default 15,000; 1 to 1,000,000.
    pub max_connections: usize,
    /// The proxies whose word about their clients counts. Default none; at most 100.
    pub trusted_proxies: Vec<Network>,
    /// The header in which they give it. Default `X-Forwarded-For`.
    pub forwarded_header: ForwardedHeader,
    /// The origins of other sites whose pages may use the hub. Default none; at most 1,000.
    pub allowed_origins: Vec<Origin>,
    /// How long browsers are told to use `https` only, once they did; 0: not told. Default 180 days.
    pub hsts_age: Duration,
    /// Whether addresses other than loopback may be served without TLS. Default false.
    pub plain_http: bool,
    /// How often the files of certificates are looked at. Default 10 s; 100 ms to 1 day.
    pub certificate_check: Duration,
    /// `[[server.certificates]]`: for TLS. Default none; at most 100.
    pub certificates: Vec<Certificate>,
}

/// `[[server.certificates]]`: one certificate and its key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Certificate {
    /// The PEM file of the certificate and of those above it; relative to the working directory.
    pub certificate: PathBuf,
    /// The private key, in PEM. There is one.
    pub key: Option<Secret>,
}

/// `hub.*`: tenants and event types.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hub {
    /// Whether the hub starts switched off. Default false.
    pub disabled: bool,
    /// How much memory is for recent events and hot state: a quarter for the store's pages, the rest
    /// for timelines. Default 128 MiB; 8 MiB to 1 TiB.
    pub memory_bytes: usize,
    /// From how many hundredths of the memory that may be used on it is short; 0: never. Default 90;
    /// up to 100.
    pub memory_pressure: usize,
    /// The oldest that a token may be; zero: any age. Default zero; up to 100 years.
    pub token_age_max: Duration,
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
    /// How long before its end a credential is told of. Default 1 minute; 0 to 1 day.
    pub token_warning: Duration,
    /// A connection that takes nothing for so long is closed. Default 1 minute; 1 s to 1 hour.
    pub slow_after: Duration,
    /// Whether event streams are compressed for clients that take that. Default true.
    pub gzip: bool,
}

/// How log lines are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// In which header proxies say for whom they ask.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ForwardedHeader {
    /// `X-Forwarded-For`, with `X-Forwarded-Proto`.
    #[default]
    XForwardedFor,
    /// `Forwarded` (RFC 7239).
    Forwarded,
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

impl ForwardedHeader {
    /// Every header with its name in configuration.
    pub const NAMES: &[(&str, Self)] =
        &[("x-forwarded-for", Self::XForwardedFor), ("forwarded", Self::Forwarded)];
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
            drain_timeout: Duration::from_secs(8),
            header_timeout: Duration::from_secs(10),
            body_timeout: Duration::from_secs(30),
            max_connections: 15_000,
            trusted_proxies: Vec::new(),
            forwarded_header: ForwardedHeader::XForwardedFor,
            allowed_origins: Vec::new(),
            hsts_age: Duration::from_hours(180 * 24),
            plain_http: false,
            certificate_check: Duration::from_secs(10),
            certificates: Vec::new(),
        }
    }
}

impl Hub {
    /// The store's share of the memory.
    pub fn cache_bytes(&self) -> usize {
        self.memory_bytes / 4
    }

    /// The share of all timelines together.
    pub fn timeline_memory_bytes(&self) -> usize {
        self.memory_bytes - self.cache_bytes()
    }
}

impl Default for Hub {
    fn default() -> Self {
        Self {
            disabled: false,
            memory_bytes: 128 * 1024 * 1024,
            memory_pressure: 90,
            token_age_max: Duration::ZERO,
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
            token_warning: Duration::from_mins(1),
            slow_after: Duration::from_mins(1),
            gzip: true,
        }
    }
}
