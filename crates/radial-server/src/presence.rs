//! Once a second, who has come to a channel and who has gone is told.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::MissedTickBehavior;

use crate::app::App;

/// What comes in this time is told at once.
const INTERVAL: Duration = Duration::from_secs(1);

/// Tells until the drain begins: that everybody goes then is no news of theirs.
pub(crate) async fn tell(app: Arc<App>) {
    if !app.hub.keeps_presence() {
        return;
    }
    let mut ticks = tokio::time::interval(INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = ticks.tick() => app.hub.tell_presence(),
            () = app.drain.cancelled() => return,
        }
    }
}
