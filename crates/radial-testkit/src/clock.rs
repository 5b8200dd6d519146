//! A clock that goes on when a test wants it to.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use radial_hub::Runtime;
use radial_protocol::TimeMs;

/// The real time, and what a test has let pass besides. What waits for a moment on a timer of its
/// own still waits for the real one.
#[derive(Clone, Debug, Default)]
pub struct TestClock {
    ahead_ms: Arc<AtomicU64>,
}

impl TestClock {
    /// Lets so many milliseconds pass at once, for the time of day and for whatever measures how
    /// long something takes.
    pub fn pass_ms(&self, ms: u64) {
        self.ahead_ms.fetch_add(ms, Ordering::SeqCst);
    }

    /// A runtime by this clock; everything else is as the real one has it.
    pub(crate) fn over(&self, real: Runtime) -> Runtime {
        let (now, uptime) = ((self.clone(), real.clone()), (self.clone(), real.clone()));
        Runtime::new(
            move || TimeMs(now.1.now().0 + now.0.ahead_ms()),
            move || uptime.1.uptime() + Duration::from_millis(uptime.0.ahead_ms()),
            move || real.random(),
        )
    }

    fn ahead_ms(&self) -> u64 {
        self.ahead_ms.load(Ordering::SeqCst)
    }
}
