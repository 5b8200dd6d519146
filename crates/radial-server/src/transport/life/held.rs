//! What an open connection holds from its first moment to its last, whoever has it.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use radial_hub::{AtOnce, Subscription};
use radial_protocol::Offset;
use tokio_util::task::task_tracker::TaskTrackerToken;

use crate::app::App;
use crate::connections::{Connection, SocketCut};
use crate::http::connection::OpenSocket;
use crate::rates::Permit;

/// Dropping it ends the connection for the rest of the node.
pub(super) struct Held {
    pub(super) app: Arc<App>,
    pub(super) entry: Arc<Connection>,
    pub(super) end: Option<&'static str>,
    /// How many events it was given so far.
    pub(super) delivered: u64,
    _permit: Permit,
    _socket: Option<OpenSocket>,
    /// A drain waits for it, whoever has it.
    _open: TaskTrackerToken,
}

impl Held {
    pub(super) fn begin(
        app: &Arc<App>,
        entry: Arc<Connection>,
        permit: Permit,
        socket: Option<OpenSocket>,
    ) -> Self {
        app.connections.streams.fetch_add(1, Ordering::Relaxed);
        app.connections.streams_opened.fetch_add(1, Ordering::Relaxed);
        Self {
            app: Arc::clone(app),
            entry,
            end: None,
            delivered: 0,
            _permit: permit,
            _socket: socket,
            _open: app.parking.tasks.token(),
        }
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
        self.app.connections.streams.fetch_sub(1, Ordering::Relaxed);
        tracing::debug!(
            connection = %self.entry.id,
            tenant = %self.entry.grants().tenant,
            reason = self.end.unwrap_or("client"),
            offset = self.entry.place(),
            delivered = self.delivered,
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
