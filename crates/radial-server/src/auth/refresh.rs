//! Keys that issuers publish: the network side of [`Jwks`](radial_auth::token::Jwks).
//!
//! One task a URL fetches; requests only ask for it. So a request that goes away leaves nothing
//! half done.

use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, StatusCode, Uri};
use radial_auth::token::{Fetch, Jwks, SET_BYTES_MAX};
use radial_protocol::TimeMs;
use tokio::sync::{Notify, watch};

use super::authenticator::Auth;
use crate::app::App;

/// How long a fetch may take.
const TIMEOUT: Duration = Duration::from_secs(5);

/// A URL with keys.
pub(super) struct Remote {
    /// The issuer, as the configuration calls it.
    pub(super) name: String,
    pub(super) url: Uri,
    /// The number of the issuer in `Tokens`.
    pub(super) issuer: usize,
    missed: Notify,
    tries: watch::Sender<u64>,
}

impl Remote {
    pub(super) fn new(name: String, url: Uri, issuer: usize) -> Self {
        Self { name, url, issuer, missed: Notify::new(), tries: watch::Sender::new(0) }
    }
}

/// Fetches the keys of every issuer that publishes them, until the hub drains.
pub(crate) async fn refresh(app: Arc<App>) {
    let tasks = app.auth.remotes.iter().map(|remote| keep(&app, remote));
    tokio::select! {
        _ = futures_util::future::join_all(tasks) => {}
        () = app.drain.cancelled() => {}
    }
}

async fn keep(app: &App, remote: &Remote) {
    let runtime = app.hub.runtime();
    let mut is_missed = false;
    loop {
        let now = runtime.now();
        match app.auth.jwks(remote, |jwks| jwks.due(is_missed, now)) {
            Fetch::Now => {
                app.auth.jwks(remote, |jwks| jwks.begin(now));
                fetch(app, remote).await;
                is_missed = false;
                remote.tries.send_modify(|tries| *tries += 1);
            }
            Fetch::NotBefore(at) => {
                let wait = Duration::from_millis(at.0.saturating_sub(now.0));
                tokio::select! {
                    () = tokio::time::sleep(wait) => {}
                    () = remote.missed.notified() => is_missed = true,
                }
            }
            // This task alone fetches.
            Fetch::Underway => return,
        }
    }
}

async fn fetch(app: &App, remote: &Remote) {
    let runtime = app.hub.runtime();
    let got = app.auth.client.get(&remote.url, HeaderMap::new(), SET_BYTES_MAX, TIMEOUT).await;
    let (now, jitter) = (runtime.now(), runtime.random());
    let taken = match got {
        Ok((StatusCode::OK, bytes)) => app.auth.jwks(remote, |jwks| {
            jwks.fetched(&bytes, jitter, now).map_err(|error| error.to_string())
        }),
        Ok((status, _)) => Err(format!("it answers {status}")),
        Err(error) => Err(error.to_string()),
    };
    match taken {
        Ok(()) => {
            app.auth.forget_checked();
            tracing::debug!(issuer = remote.name, "fetched the keys");
        }
        Err(error) => {
            app.auth.jwks(remote, |jwks| jwks.failed_if_underway(jitter, now));
            tracing::warn!(issuer = remote.name, error, "the keys cannot be fetched");
        }
    }
}

impl Auth {
    /// Has the keys fetched, if that is due because of a token with an unknown one, and waits for
    /// it. Says whether it is worth another look.
    pub(super) async fn fetch_missed(&self, now: TimeMs) -> bool {
        let mut is_worth_it = false;
        for remote in &self.remotes {
            if matches!(self.jwks(remote, |jwks| jwks.due(true, now)), Fetch::NotBefore(_)) {
                continue;
            }
            let mut tries = remote.tries.subscribe();
            remote.missed.notify_one();
            let ended = tokio::time::timeout(TIMEOUT, tries.changed()).await;
            is_worth_it |= ended.is_ok();
        }
        is_worth_it
    }

    fn jwks<T>(&self, remote: &Remote, act: impl FnOnce(&mut Jwks) -> T) -> T {
        let mut tokens = self.tokens.write().unwrap_or_else(std::sync::PoisonError::into_inner);
        let mut fetched = tokens.fetched();
        let jwks = fetched.find(|(issuer, _)| *issuer == remote.issuer);
        act(jwks.expect("a remote is made for each set that is fetched").1)
    }
}
