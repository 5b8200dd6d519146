//! A listener in the application's own process: a subscription whose transport is a function call.

use std::sync::Arc;

use radial_hub::{Frame, Subscription};
use radial_protocol::control::{Control, Gap};
use radial_protocol::{Event, Problem, TenantId};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::Listeners;

/// What a listener is given.
#[derive(Clone, Debug)]
pub enum Delivery {
    /// An event. `place` is its cursor, to go on from later.
    Event(Arc<Event>),
    /// Some events cannot be given, and the stream goes on behind them.
    Gap(Gap),
    /// So many events of these types are not given, because the listener is too slow for them or
    /// memory is short: events that are not durable. `reason` is `lag` or `memory`.
    Dropped {
        /// How many.
        count: u64,
        /// Their types.
        types: Vec<String>,
        /// Why.
        reason: &'static str,
    },
    /// The log cannot be read, and nothing more comes.
    Failed(Problem),
}

/// A listener. Dropping it ends it: a call of its function that has begun is finished, and no
/// other begins.
#[derive(Debug)]
#[must_use = "a listener ends when this is dropped"]
pub struct Listening(JoinHandle<()>);

/// Counts a listener for as long as its task lives.
struct Counted(Arc<Listeners>, TenantId);

impl Listening {
    pub(super) fn start(
        subscription: Subscription,
        drain: CancellationToken,
        listeners: Arc<Listeners>,
        callback: impl FnMut(Delivery) + Send + 'static,
    ) -> Self {
        let tenant = subscription.tenant().clone();
        listeners.begin(&tenant);
        let counted = Counted(listeners, tenant);
        Self(tokio::spawn(async move {
            let _counted = counted;
            tokio::select! {
                () = listen(subscription, callback) => {}
                () = drain.cancelled() => {}
            }
        }))
    }
}

async fn listen(mut subscription: Subscription, mut callback: impl FnMut(Delivery)) {
    loop {
        let frames = match subscription.next().await {
            Ok(frames) => frames,
            Err(problem) => return callback(Delivery::Failed(problem)),
        };
        for frame in frames {
            match frame {
                Frame::Event(event) => callback(Delivery::Event(event)),
                Frame::Control(Control::Gap(gap)) => callback(Delivery::Gap(gap)),
                Frame::Control(Control::Dropped { count, types, reason }) => {
                    callback(Delivery::Dropped { count, types, reason });
                }
                // The rest is what a client on the network needs.
                Frame::Control(_) => {}
            }
        }
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.end(&self.1);
    }
}
