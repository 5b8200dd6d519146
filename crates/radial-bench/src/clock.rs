//! The one place of this crate that reads the clock.

use std::time::{Duration, Instant, SystemTime};

use radial_protocol::event::TimeMs;

/// Now.
#[expect(clippy::disallowed_methods, reason = "a bench measures time")]
pub(crate) fn now() -> Instant {
    Instant::now()
}

/// A clock for a log.
pub(crate) fn of_a_log() -> radial_log::Clock {
    let start = now();
    radial_log::Clock::new(wall, move || start.elapsed())
}

/// Now, as events carry it.
#[expect(clippy::disallowed_methods, reason = "the log takes the time of day as an argument")]
pub(crate) fn wall() -> TimeMs {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    TimeMs(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

/// Waits, so that what came before is over.
#[expect(clippy::disallowed_methods, reason = "there is no condition to wait for but time")]
pub(crate) fn rest(duration: Duration) {
    std::thread::sleep(duration);
}
