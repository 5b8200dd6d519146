//! Looks after acknowledgements while the hub runs: what a session owes and has not acknowledged
//! in time is given to one of its connections, from outside.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::MissedTickBehavior;

use crate::app::App;

/// How exact the times of redeliveries are.
const INTERVAL: Duration = Duration::from_millis(200);

/// Works until the drain begins; not at all in a hub where nothing is ever to be acknowledged.
pub(crate) async fn keep(app: Arc<App>) {
    if !app.hub.has_acks() {
        return;
    }
    let mut ticks = tokio::time::interval(INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let hub = Arc::clone(&app.hub);
        // A panic there has been reported; the next time is another try.
        let has_more = tokio::task::spawn_blocking(move || hub.keep_acks()).await;
        if has_more.unwrap_or(false) && !app.drain.is_cancelled() {
            continue;
        }
        tokio::select! {
            _ = ticks.tick() => {}
            () = app.drain.cancelled() => return,
        }
    }
}
