//! What an open connection holds from its first moment to its last, whoever has it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

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
    /// Each that has a name of its own.
    const ALL: [Self; 11] = [
        Self::Client,
        Self::Slow,
        Self::Violation,
        Self::Refused,
        Self::Error,
        Self::Goodbye(GoodbyeReason::Drain),
        Self::Goodbye(GoodbyeReason::Disabled),
        Self::Goodbye(GoodbyeReason::Revoked),
        Self::Goodbye(GoodbyeReason::Expired),
        Self::Goodbye(GoodbyeReason::Replaced),
        Self::Goodbye(GoodbyeReason::Age),
    ];

    /// Its name in the log and in metrics.
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

/// How many connections have ended, by the reason.
#[derive(Debug, Default)]
pub(crate) struct Endings([AtomicU64; End::ALL.len()]);

impl Endings {
    fn count(&self, end: End) {
        let mut all = End::ALL.iter().zip(&self.0);
        if let Some((_, count)) = all.find(|(other, _)| other.as_str() == end.as_str()) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// The counts with the names of their reasons.
    pub(crate) fn tallies(&self) -> Vec<(&'static str, u64)> {
        let all = End::ALL.iter().zip(&self.0);
        all.map(|(end, count)| (end.as_str(), count.load(Ordering::Relaxed))).collect()
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

    /// Why it has ended, now that it has.
    fn reason(&self) -> End {
        // Whoever does not take the goodbye is cut without it.
        let unsaid = || match self.entry.closing_reason() {
            None if self.app.cut.is_cancelled() => Some(GoodbyeReason::Drain),
            reason => reason,
        };
        self.end.or_else(|| unsaid().map(End::Goodbye)).unwrap_or(End::Client)
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
        let end = self.reason();
        self.app.connections.endings.count(end);
        tracing::debug!(
            connection = %self.entry.id,
            tenant = %self.entry.grants().tenant,
            reason = end.as_str(),
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
