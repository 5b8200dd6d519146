//! New certificates without a restart: on SIGHUP, and when their files have changed.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::{Instant, MissedTickBehavior};

use super::Tls;
use super::certificates::{CertificateError, stamp};

/// How often changed files were looked into.
#[derive(Debug, Default)]
pub(crate) struct Reloads {
    /// And what they hold is used.
    pub(crate) taken: AtomicU64,
    /// And cannot be used.
    pub(crate) refused: AtomicU64,
}

/// SIGHUP, which from then on does not end the process.
pub(crate) struct Hangups(Signal);

impl Hangups {
    /// # Errors
    /// The operating system lets nobody wait for signals.
    pub(crate) fn new() -> std::io::Result<Self> {
        signal(SignalKind::hangup()).map(Self)
    }
}

impl Tls {
    async fn load_again(&self) -> Result<(), CertificateError> {
        let own = self.clone();
        let work = move || own.certificates.reload(&own.configured, &own.provider);
        tokio::task::spawn_blocking(work).await.expect("reading certificates does not panic")
    }
}

/// Keeps the certificates as their files are, for ever.
///
/// What cannot be used is passed over, and said once for each change of the files: those that are
/// in force stay, and a file that was half written is looked at again.
pub(crate) async fn reload(tls: Tls, mut hangups: Hangups, interval: Duration, reloads: &Reloads) {
    let mut ticks = tokio::time::interval_at(Instant::now() + interval, interval);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut seen = tls.seen.clone();
    loop {
        let asked = tokio::select! {
            _ = hangups.0.recv() => true,
            _ = ticks.tick() => false,
        };
        let now = stamp(&tls.configured);
        if !asked && now == seen {
            continue;
        }
        seen = now;
        match tls.load_again().await {
            Ok(()) => {
                reloads.taken.fetch_add(1, Ordering::Relaxed);
                tracing::info!("certificates reloaded");
            }
            Err(error) => {
                reloads.refused.fetch_add(1, Ordering::Relaxed);
                tracing::error!(%error, "certificates not reloaded; the old ones stay");
            }
        }
    }
}
