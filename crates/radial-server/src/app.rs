//! What every request handler is given.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use http::HeaderValue;
use radial_hub::Hub;
use radial_protocol::TenantId;
use radial_protocol::limits::Limits;
use tokio_util::sync::CancellationToken;

use crate::auth::Auth;
use crate::config::{Config, DurabilityMode};
use crate::connections::ConnectionTable;
use crate::http::aliases::{Alias, aliases};
use crate::http::documents::Documents;
use crate::http::origin::Origins;
use crate::http::proxies::Proxies;
use crate::memory::Memory;
use crate::parking::Parking;
use crate::rates::Rates;
use crate::tls::Reloads;
use crate::transport::life::Endings;
use crate::waking::Waking;

/// Who may talk to the hub.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// `radial dev`: no credential, loopback only, with the demo board.
    Dev,
    /// `radial serve`: as configured, and everybody shows a credential. Without TLS it serves
    /// loopback only, and refuses to start on any other address.
    Serve,
}

/// The hub and what the edge knows. Shared by all connections.
pub(crate) struct App {
    pub(crate) hub: Arc<Hub>,
    pub(crate) auth: Auth,
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
    /// Who keeps the connections that only follow, and drives those that have outlived the HTTP
    /// connection that they were.
    pub(crate) parking: Parking,
    /// Who wakes those who wait for the log.
    pub(crate) waking: Arc<Waking>,
    /// Who is connected.
    pub(crate) table: Arc<ConnectionTable>,
    pub(crate) web: Web,
    /// Further paths of the event stream and of the WebSocket.
    pub(crate) aliases: Vec<Alias>,
    pub(crate) rates: Rates,
    pub(crate) memory: Memory,
    pub(crate) certificates: Reloads,
    pub(crate) documents: Documents,
    /// The longest that a request's body may take to arrive.
    pub(crate) body_timeout: Duration,
}

/// What is believed of where a request comes from.
pub(crate) struct Web {
    pub(crate) proxies: Proxies,
    pub(crate) origins: Origins,
    /// Whether only this machine's own programs and pages are served, because no credential is
    /// asked for.
    pub(crate) loopback_only: bool,
    /// `Strict-Transport-Security`, for what came by `https`.
    pub(crate) hsts: Option<HeaderValue>,
}

/// How streams are kept.
#[derive(Clone, Debug)]
pub(crate) struct StreamSettings {
    /// Whether event streams are compressed for those who take that.
    pub(crate) gzip: bool,
    pub(crate) heartbeat: Duration,
    pub(crate) retry: Duration,
    pub(crate) max_age: Duration,
    /// A socket that takes nothing for so long is closed (protocol §5).
    pub(crate) slow_after: Duration,
    /// How long before its end a credential is told of.
    pub(crate) token_warning_ms: u64,
}

/// What is open now, and what has been.
#[derive(Debug, Default)]
pub(crate) struct Connections {
    /// TCP connections, whatever they carry.
    pub(crate) sockets: AtomicU64,
    /// Event streams.
    pub(crate) streams: AtomicU64,
    /// Long polls that wait.
    pub(crate) polls: AtomicU64,
    /// Event streams that were ever opened.
    pub(crate) streams_opened: AtomicU64,
    /// Event streams that have ended.
    pub(crate) endings: Endings,
}

impl App {
    /// # Errors
    /// The system has no threads or descriptors left.
    pub(crate) fn new(
        config: &Config,
        mode: Mode,
        hub: Arc<Hub>,
        auth: Auth,
        waking: Arc<Waking>,
    ) -> std::io::Result<Self> {
        let seed = hub.runtime().random();
        let stream = StreamSettings {
            heartbeat: config.stream.heartbeat,
            gzip: config.stream.gzip,
            retry: config.stream.retry,
            max_age: config.stream.max_age,
            slow_after: config.stream.slow_after,
            token_warning_ms: u64::try_from(config.stream.token_warning.as_millis())
                .unwrap_or(u64::MAX),
        };
        Ok(Self {
            parking: Parking::start(&hub, &stream)?,
            waking,
            hub,
            auth,
            rates: Rates::new(config.rates.clone(), seed),
            memory: Memory::new(config.hub.memory_pressure),
            certificates: Reloads::default(),
            documents: Documents::default(),
            body_timeout: config.server.body_timeout,
            mode,
            node: config.server.node.to_string(),
            durability: match config.log.durability {
                DurabilityMode::Durable => "durable",
                DurabilityMode::Relaxed => "relaxed",
            },
            tenants: config.hub.tenants.clone(),
            limits: config.limits.clone(),
            stream,
            drain: CancellationToken::new(),
            cut: CancellationToken::new(),
            connections: Connections::default(),
            table: Arc::default(),
            aliases: aliases(&config.streams, mode),
            web: Web {
                proxies: Proxies {
                    trusted: config.server.trusted_proxies.clone(),
                    header: config.server.forwarded_header,
                },
                origins: Origins {
                    allowed: config.server.allowed_origins.clone(),
                    loopback: mode == Mode::Dev,
                },
                loopback_only: mode == Mode::Dev,
                hsts: hsts(config.server.hsts_age),
            },
        })
    }
}

impl App {
    /// Takes no new work; every open connection says goodbye.
    pub(crate) fn begin_to_drain(&self) {
        self.hub.drain();
        self.drain.cancel();
        self.parking.recall();
    }
}

fn hsts(age: Duration) -> Option<HeaderValue> {
    let value = HeaderValue::from_str(&format!("max-age={}", age.as_secs()));
    (!age.is_zero()).then(|| value.expect("it is ASCII"))
}
