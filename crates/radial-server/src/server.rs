//! From a configuration to a running hub, and from a signal to a clean stop.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use radial_registry::RegistryError;
use tokio::net::TcpListener;

use crate::app::{App, Mode};
use crate::auth::AuthError;
use crate::config::Config;
use crate::http::accept::{AcceptSettings, accept, listen};
use crate::http::router::router;
use crate::opening::{self, World};
use crate::tls::{self, CertificateError, Hangups, Tls};

/// Why a hub could not be started.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The address is not this machine's own, and `radial dev` asks nobody for a credential.
    #[error("cannot listen on {0}: radial dev serves loopback addresses only (127.0.0.1, [::1])")]
    NotLoopback(SocketAddr),
    /// The address is not this machine's own, and nothing would be encrypted.
    #[error(
        "cannot listen on {0} without TLS: give a certificate in [[server.certificates]], or set \
         server.plain_http = true if a proxy in front encrypts"
    )]
    NotEncrypted(SocketAddr),
    /// A certificate cannot be used.
    #[error("{0}")]
    Certificate(#[from] CertificateError),
    /// The address is taken, or not this machine's.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What failed.
        #[source]
        source: std::io::Error,
    },
    /// Nobody could be told from anybody else.
    #[error("{0}")]
    Auth(#[from] AuthError),
    /// The event types cannot be used.
    #[error("{0}")]
    Registry(#[from] RegistryError),
    /// The data folder cannot be used.
    #[error("{source}")]
    Open {
        /// The folder.
        folder: PathBuf,
        /// What failed.
        #[source]
        source: radial_hub::OpenError,
    },
    /// The threads that write to connections cannot be started.
    #[error("cannot start the workers: {0}")]
    Workers(#[source] std::io::Error),
    /// The signals of the operating system cannot be waited for.
    #[error("cannot wait for signals: {0}")]
    Signals(#[source] std::io::Error),
}

/// A hub that listens and is ready to run.
pub struct Server {
    app: Arc<App>,
    listener: TcpListener,
    address: SocketAddr,
    accept: AcceptSettings,
    tls: Option<(Tls, Hangups)>,
    certificate_check: Duration,
    drain_timeout: Duration,
}

impl Server {
    /// Opens the data folder and the listening socket. Blocks on storage.
    pub async fn bind(config: Config, mode: Mode) -> Result<Self, RunError> {
        Self::bind_in(config, mode, World::real()).await
    }

    /// The same in a world of the caller's making, whose disk tests let fail, and whose time they
    /// let pass.
    pub async fn bind_in(config: Config, mode: Mode, world: World) -> Result<Self, RunError> {
        let address = config.server.listen;
        let tls = Tls::new(&config.server.certificates)?;
        let hangups =
            tls.as_ref().map(|_| Hangups::new()).transpose().map_err(RunError::Signals)?;
        if !address.ip().is_loopback() {
            if mode == Mode::Dev {
                return Err(RunError::NotLoopback(address));
            }
            if tls.is_none() && !config.server.plain_http {
                return Err(RunError::NotEncrypted(address));
            }
        }
        let listener = listen(address).map_err(|source| RunError::Listen { address, source })?;
        let address =
            listener.local_addr().map_err(|source| RunError::Listen { address, source })?;
        let app = opening::open(&config, mode, world, None).await?;
        tracing::info!(
            %address,
            data = %config.server.data.display(),
            node = %config.server.node,
            types = app.hub.registry().len(),
            disabled = config.hub.disabled,
            tls = tls.is_some(),
            "hub opened"
        );
        Ok(Self {
            app,
            listener,
            address,
            accept: AcceptSettings {
                header_timeout: config.server.header_timeout,
                max_connections: config.server.max_connections as u64,
                tls: tls.as_ref().map(Tls::server).cloned(),
            },
            tls: tls.zip(hangups),
            certificate_check: config.server.certificate_check,
            drain_timeout: config.server.drain_timeout,
        })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until `stop` resolves; then says goodbye to every stream, finishes what was
    /// accepted, syncs, and returns.
    pub async fn run(self, stop: impl Future<Output = ()>) {
        let app = Arc::clone(&self.app);
        let tasks = opening::look_after(&app);
        let accepting = tokio::spawn(accept(
            self.listener,
            Arc::clone(&app),
            router(Arc::clone(&app)),
            self.accept,
        ));
        let reloading = self.tls.map(|(tls, hangups)| {
            let interval = self.certificate_check;
            tokio::spawn(keep_certificates(tls, hangups, interval, Arc::clone(&app)))
        });
        stop.await;
        tracing::info!("draining");
        app.begin_to_drain();
        // Accepting ends with the drain; it does not panic.
        if let Ok(open) = accepting.await {
            app.parking.tasks.close();
            let ended = async { tokio::join!(open.wait(), app.parking.tasks.wait()) };
            if tokio::time::timeout(self.drain_timeout, ended).await.is_err() {
                let open = open.len() + app.parking.tasks.len();
                tracing::warn!(open, "some connections did not end in time and are cut");
                app.cut.cancel();
            }
            open.wait().await;
            app.parking.tasks.wait().await;
        }
        // They end with the drain, and do not panic.
        opening::ended(tasks).await;
        if let Some(reloading) = reloading {
            let _ = reloading.await;
        }
        opening::close(&app).await;
        tracing::info!("stopped");
    }
}

/// Follows the files of the certificates until the drain begins.
async fn keep_certificates(tls: Tls, hangups: Hangups, interval: Duration, app: Arc<App>) {
    tokio::select! {
        () = tls::reload(tls, hangups, interval, &app.certificates) => {}
        () = app.drain.cancelled() => {}
    }
}

/// Runs a hub until SIGTERM or SIGINT, and stops it cleanly.
///
/// `announce` is called once with the address, when connections are taken.
pub async fn run(
    config: Config,
    mode: Mode,
    announce: impl FnOnce(SocketAddr),
) -> Result<(), RunError> {
    let server = Server::bind(config, mode).await?;
    let stop = stop_signal().map_err(RunError::Signals)?;
    announce(server.address());
    server.run(stop).await;
    Ok(())
}

fn stop_signal() -> std::io::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}
