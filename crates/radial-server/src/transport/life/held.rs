//! What an open connection holds from its first moment to its last, whoever has it.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use radial_hub::{AtOnce, Subscription};
use radial_protocol::Offset;
use radial_protocol::control::GoodbyeReason;
use tokio_util::task::task_tracker::TaskTrackerToken;

use crate::app::App;
use crate::connections::{Connection, SocketCut};
use crate::rates::Permit;

/// Why a connection ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// The client has gone.
    Client,
    /// The client took nothing for too long.
    Slow,
    /// The client broke the protocol.
    Violation,
    /// The hub ended it with a code of its own.
    Refused,
    /// The hub failed.
    Error,
    /// The hub said goodbye.
    Goodbye(GoodbyeReason),
}

impl End {
    /// Its name in the log.
    const fn as_str(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::Slow => GoodbyeReason::Slow.as_str(),
            Self::Violation => "violation",
            Self::Refused => "refused",
            Self::Error => "error",
            Self::Goodbye(reason) => reason.as_str(),
        }
    }
}

/// Dropping it ends the connection for the rest of the node.
pub(super) struct Held {
    pub(super) app: Arc<App>,
    pub(super) entry: Arc<Connection>,
    end: Option<End>,
    counts_socket: bool,
    _permit: Permit,
    /// A drain waits for it, whoever has it.
    _open: TaskTrackerToken,
}

impl Held {
    pub(super) fn begin(
        app: &Arc<App>,
        entry: Arc<Connection>,
        permit: Permit,
        counts_socket: bool,
    ) -> Self {
        app.connections.streams.fetch_add(1, Ordering::Relaxed);
        app.connections.streams_opened.fetch_add(1, Ordering::Relaxed);
        Self {
            app: Arc::clone(app),
            entry,
            end: None,
            counts_socket,
            _permit: permit,
            _open: app.parking.tasks.token(),
        }
    }

    /// Notes why it ends; the first reason stands.
    pub(super) fn ended(&mut self, end: End) {
        self.end.get_or_insert(end);
    }

    /// Whether it has ended.
    pub(super) fn has_ended(&self) -> bool {
        self.end.is_some()
    }

    /// Notes how far it has come.
    pub(super) fn moved_to(&self, place: Offset) {
        self.entry.moved_to(place);
    }

    /// Lets what its session owes come to it.
    pub(super) fn take_redeliveries(&self, subscription: &mut Subscription) {
        let entry = Arc::clone(&self.entry);
        let deliver = move |redelivery: &_| entry.redeliver(redelivery);
        subscription.redeliver_by(deliver, AtOnce::Always);
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.app.table.close(&self.entry);
        if self.counts_socket {
            self.app.connections.sockets.fetch_sub(1, Ordering::Relaxed);
        }
        self.app.connections.streams.fetch_sub(1, Ordering::Relaxed);
        tracing::debug!(
            connection = %self.entry.id,
            tenant = %self.entry.grants().tenant,
            reason = self.end.unwrap_or(End::Client).as_str(),
            offset = self.entry.place(),
            delivered = self.entry.delivered(),
            "disconnected"
        );
    }
}

/// Resolves when a socket is to be closed, whatever it is doing.
pub(crate) async fn socket_cut(app: Arc<App>, socket: Option<SocketCut>) {
    let was_cut = async {
        match &socket {
            Some(cut) => cut.0.cancelled().await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        () = was_cut => {}
        () = app.cut.cancelled() => {}
    }
}
