//! The hub inside somebody else's application: its routes in their router, events in and out
//! without a socket, and their own word about who asks.
//!
//! Everything that a client can notice is as in a hub of its own: the same handlers, the same
//! limits, the same log. What is missing is what belongs to the application around it: listening,
//! TLS, signals and log lines.

mod builder;
mod listening;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use radial_hub::{Start, SubscribeRequest};
use radial_protocol::answer::Accepted;
use radial_protocol::envelope::parse_publish;
use radial_protocol::filter::Selection;
use radial_protocol::{Code, Grants, Pattern, Problem, TenantId};
use serde::Serialize;
use tokio::task::JoinSet;

pub use builder::{BuildError, Builder};
pub use listening::{Delivery, Listening};

use crate::app::App;
use crate::http::router::embedded_router;
use crate::opening;

/// A hub in this process. A clone is the same hub.
///
/// It ends with [`stop`](Self::stop). A hub that is only dropped ends as in a crash: nothing that
/// was answered is lost but `recent` events, and their readers are told.
#[derive(Clone)]
pub struct Radial(Arc<Embedded>);

struct Embedded {
    app: Arc<App>,
    https: bool,
    drain_timeout: Duration,
    tasks: Mutex<Option<JoinSet<()>>>,
    listeners: Arc<Listeners>,
}

/// How many listen in this process, of each tenant.
#[derive(Default)]
pub(crate) struct Listeners(Mutex<HashMap<TenantId, usize>>);

impl Radial {
    /// A hub with the defaults of `radial serve`.
    pub fn builder() -> Builder {
        Builder::new()
    }

    /// The hub's routes (`/api/…`, `/healthz`, `/readyz`, `/metrics`), to be nested anywhere in a
    /// router or merged into one. The hub answers for no other path.
    ///
    /// With `into_make_service_with_connect_info::<SocketAddr>()` it knows its clients' addresses.
    /// Without, all limits that count by address are off, and it trusts no proxy.
    pub fn router(&self) -> Router {
        embedded_router(Arc::clone(&self.0.app), self.0.https)
    }

    /// Publishes one event, as `POST /api/sse/events` takes it, with every right in the tenant and
    /// outside of all rates. Resolves when the event is as safe as its type asks for.
    ///
    /// Cancel safe: an event that was accepted is stored even if nobody waits for the answer.
    ///
    /// # Errors
    /// What a publisher would be answered: `unknown-event-type`, `schema-violation`,
    /// `version-conflict`, …; `forbidden` for a tenant that the hub does not have.
    pub async fn emit(
        &self,
        tenant: &TenantId,
        event: &impl Serialize,
    ) -> Result<Accepted, Problem> {
        let app = &self.0.app;
        let bytes = serde_json::to_vec(event)
            .map_err(|error| Problem::new(Code::MalformedJson, error.to_string()))?;
        let request = parse_publish(&bytes, &app.limits);
        let grants = Grants::everything(tenant.clone());
        let result = app.hub.publish(&grants, vec![request]).await?.pop();
        result.unwrap_or_else(|| Err(Problem::new(Code::Internal, "the event was not answered")))
    }

    /// Calls a function with each event of a tenant from now on, in order, whatever its channel,
    /// type and audience; for as long as what is returned is held.
    ///
    /// The function runs in a task of its own and must not block; while it runs, only this listener
    /// waits.
    ///
    /// # Errors
    /// `forbidden` for a tenant that the hub does not have; `hub-disabled`, `draining`.
    pub async fn subscribe(
        &self,
        tenant: &TenantId,
        callback: impl FnMut(Delivery) + Send + 'static,
    ) -> Result<Listening, Problem> {
        let all = Selection { channels: vec![Pattern::All], types: vec![Pattern::All] };
        self.subscribe_to(tenant, all, Start::Now, callback).await
    }

    /// The same for some channels and types only, and from any place: `Start::After` a cursor that
    /// was kept, `Start::Earliest`.
    ///
    /// # Errors
    /// As [`subscribe`](Self::subscribe).
    pub async fn subscribe_to(
        &self,
        tenant: &TenantId,
        selection: Selection,
        start: Start,
        callback: impl FnMut(Delivery) + Send + 'static,
    ) -> Result<Listening, Problem> {
        let app = &self.0.app;
        let grants = Arc::new(Grants::everything(tenant.clone()));
        let request = SubscribeRequest { selection, start, snapshot: Vec::new() };
        let subscription = app.hub.subscribe(grants, request).await?;
        let listeners = Arc::clone(&self.0.listeners);
        Ok(Listening::start(subscription, app.drain.clone(), listeners, callback))
    }

    /// How many receive events of a tenant now, by stream, by WebSocket or as listeners in this
    /// process. It takes time in proportion to all open connections.
    pub fn subscriber_count(&self, tenant: &TenantId) -> usize {
        self.0.app.table.count_of(tenant) + self.0.listeners.of(tenant)
    }

    /// Says goodbye to every stream and refuses new work with `draining`.
    ///
    /// It is to be called when the application's own server stops taking connections: a graceful
    /// stop waits for open streams, and they end by this.
    pub fn drain(&self) {
        self.0.app.begin_to_drain();
    }

    /// Drains, waits until each WebSocket has closed, for at most the configured `server.drain_timeout`,
    /// finishes what was accepted, and syncs. Another call does nothing.
    ///
    /// The data folder is free for another hub once all clones and routers are dropped too.
    pub async fn stop(&self) {
        self.drain();
        let app = &self.0.app;
        let tasks = self.0.tasks.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(tasks) = tasks else { return };
        app.parking.tasks.close();
        if tokio::time::timeout(self.0.drain_timeout, app.parking.tasks.wait()).await.is_err() {
            app.cut.cancel();
            app.parking.tasks.wait().await;
        }
        opening::ended(tasks).await;
        opening::close(app).await;
    }
}

impl Listeners {
    fn of(&self, tenant: &TenantId) -> usize {
        let counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        counts.get(tenant).copied().unwrap_or_default()
    }

    fn begin(&self, tenant: &TenantId) {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *counts.entry(tenant.clone()).or_default() += 1;
    }

    fn end(&self, tenant: &TenantId) {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = counts.get_mut(tenant) {
            *count -= 1;
            if *count == 0 {
                counts.remove(tenant);
            }
        }
    }
}
