//! The world as the hub sees it: what time it is, how long it has been so, and random bits.

use std::sync::Arc;
use std::time::Duration;

use radial_protocol::TimeMs;

/// Where time and randomness come from. Cloning is cheap.
#[derive(Clone)]
pub struct Runtime {
    now: Arc<dyn Fn() -> TimeMs + Send + Sync>,
    uptime: Arc<dyn Fn() -> Duration + Send + Sync>,
    random: Arc<dyn Fn() -> u64 + Send + Sync>,
}

impl Runtime {
    /// A runtime from the time of day, the time since any moment that stays the same, which never
    /// falls, and a source of random bits.
    ///
    /// The random bits must be unpredictable where ids must be.
    pub fn new(
        now: impl Fn() -> TimeMs + Send + Sync + 'static,
        uptime: impl Fn() -> Duration + Send + Sync + 'static,
        random: impl Fn() -> u64 + Send + Sync + 'static,
    ) -> Self {
        Self { now: Arc::new(now), uptime: Arc::new(uptime), random: Arc::new(random) }
    }

    /// The time of day. It can be set, and then it jumps.
    pub fn now(&self) -> TimeMs {
        (self.now)()
    }

    /// The time since some moment, which nobody can set: for measuring how long something takes.
    pub fn uptime(&self) -> Duration {
        (self.uptime)()
    }

    /// 64 random bits.
    pub fn random(&self) -> u64 {
        (self.random)()
    }

    /// A number within `spread` on either side of `middle`, both included.
    pub fn jittered(&self, middle: u64, spread: u64) -> u64 {
        let low = middle.saturating_sub(spread);
        let width = (middle + spread - low).saturating_add(1);
        low + self.random() % width
    }

    /// A UUID of version 7, as text: ids that sort by the time they were made.
    pub fn uuid(&self) -> String {
        let (high, low) = (self.random().to_be_bytes(), self.random().to_be_bytes());
        let mut random = [0; 10];
        for (slot, byte) in random.iter_mut().zip(high.iter().chain(&low)) {
            *slot = *byte;
        }
        uuid::Builder::from_unix_timestamp_millis(self.now().0, &random).into_uuid().to_string()
    }
}
