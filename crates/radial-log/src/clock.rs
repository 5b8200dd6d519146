//! Time as it comes in, and the time that retention goes by.
//!
//! Time limits go by the uptime, which nobody can set. What events carry and what their age is
//! counted from is the time of day, which people and networks set, sometimes wrongly.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use radial_protocol::event::TimeMs;

/// A step of the clock up to this size is one: clocks are corrected by so much every day.
const STEP_MAX_MS: u64 = 60_000;
/// A clock that is ahead is believed once it has been so for this long.
const BELIEVED_AFTER: Duration = Duration::from_hours(1);

/// Where the log learns what time it is.
pub struct Clock {
    now: Box<dyn Fn() -> TimeMs + Send + Sync>,
    uptime: Box<dyn Fn() -> Duration + Send + Sync>,
}

impl Clock {
    /// A clock from the time of day, and the time since any moment that stays the same, which
    /// never falls.
    pub fn new(
        now: impl Fn() -> TimeMs + Send + Sync + 'static,
        uptime: impl Fn() -> Duration + Send + Sync + 'static,
    ) -> Self {
        Self { now: Box::new(now), uptime: Box::new(uptime) }
    }

    pub(crate) fn uptime(&self) -> Duration {
        (self.uptime)()
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Clock").finish_non_exhaustive()
    }
}

/// The time that the age of events is counted by: a clock that jumps ahead, and is corrected
/// within the hour, lets nothing go that would have stayed.
///
/// A start counts from the newest event. Whether the hub was down for a year, or the clock is a
/// year ahead, cannot be told apart: both are believed after an hour. A clock that goes back is
/// believed at once: what it keeps for too long is still bounded by numbers and bytes.
#[derive(Debug)]
pub(crate) struct RetentionClock {
    clock: Arc<Clock>,
    time: TimeMs,
    at: Duration,
    ahead_since: Option<Duration>,
}

impl RetentionClock {
    /// Begins with the newest event's time, if there is one.
    pub(crate) fn new(clock: Arc<Clock>, newest: Option<TimeMs>) -> Self {
        let (now, at) = ((clock.now)(), clock.uptime());
        let time = newest.map_or(now, |newest| newest.min(now));
        Self { clock, time, at, ahead_since: None }
    }

    pub(crate) fn now(&mut self) -> TimeMs {
        let (now, at) = ((self.clock.now)(), self.clock.uptime());
        let passed = at.saturating_sub(self.at);
        self.at = at;
        let expected = self.time.plus_ms(u64::try_from(passed.as_millis()).unwrap_or(u64::MAX));
        let ahead = now > expected.plus_ms(STEP_MAX_MS);
        self.ahead_since = ahead.then(|| self.ahead_since.unwrap_or(at));
        let waits = self.ahead_since.is_some_and(|since| at.saturating_sub(since) < BELIEVED_AFTER);
        self.time = if waits { expected } else { now };
        self.time
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;

    const HOUR_MS: u64 = 60 * 60 * 1_000;

    /// What the clock says at each pair of a time of day and an uptime, after a start at the first.
    fn check(newest: Option<u64>, steps: &[(u64, u64, u64)]) {
        let world = Arc::new((AtomicU64::new(0), AtomicU64::new(0)));
        let set = |(now, uptime)| {
            world.0.store(now, Ordering::SeqCst);
            world.1.store(uptime, Ordering::SeqCst);
        };
        let (day, up) = (Arc::clone(&world), Arc::clone(&world));
        let clock = Clock::new(
            move || TimeMs(day.0.load(Ordering::SeqCst)),
            move || Duration::from_millis(up.1.load(Ordering::SeqCst)),
        );
        set((steps[0].0, steps[0].1));
        let mut retention = RetentionClock::new(Arc::new(clock), newest.map(TimeMs));
        for (now, uptime, expected) in steps {
            set((*now, *uptime));
            assert_eq!(retention.now().0, *expected, "at {now}, {uptime}");
        }
    }

    #[test]
    fn a_clock_that_runs_is_believed() {
        check(None, &[(5_000, 0, 5_000), (6_000, 1_000, 6_000), (66_500, 1_500, 66_500)]);
        check(Some(4_000), &[(5_000, 0, 5_000)]);
    }

    #[test]
    fn a_clock_that_goes_back_is_believed() {
        check(None, &[(500_000, 0, 500_000), (100_000, 1_000, 100_000), (101_000, 2_000, 101_000)]);
        check(Some(900_000), &[(500_000, 0, 500_000)]);
    }

    #[test]
    fn a_jump_ahead_is_believed_after_an_hour() {
        let year = 1_000_000_000_000;
        check(
            None,
            &[
                (5_000, 0, 5_000),
                (year, 1_000, 6_000),
                (year + 1_000, 2_000, 7_000),
                // Corrected: as if nothing had been.
                (8_000, 3_000, 8_000),
                (year, 4_000, 9_000),
                (year + HOUR_MS - 1, 4_000 + HOUR_MS - 1, 9_000 + HOUR_MS - 1),
                (year + HOUR_MS, 4_000 + HOUR_MS, year + HOUR_MS),
            ],
        );
    }

    #[test]
    fn a_start_long_after_the_newest_event_is_a_jump_too() {
        let steps = [(9_000_000, 0, 4_000), (9_000_000 + HOUR_MS, HOUR_MS, 9_000_000 + HOUR_MS)];
        check(Some(4_000), &steps);
    }
}
