//! The real world: the system's clock, its random bits, and the name of its boot.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use radial_hub::Runtime;
use radial_protocol::TimeMs;

/// Time and randomness of the operating system.
pub(crate) fn runtime() -> Runtime {
    let start = started();
    Runtime::new(now, move || start.elapsed(), random)
}

#[expect(clippy::disallowed_methods, reason = "this is where the time comes in")]
fn started() -> Instant {
    Instant::now()
}

#[expect(clippy::disallowed_methods, reason = "this is where the time comes in")]
fn now() -> TimeMs {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    TimeMs(u64::try_from(since_epoch.as_millis()).unwrap_or(u64::MAX))
}

fn random() -> u64 {
    getrandom::u64().expect("the operating system has random bits once it has booted")
}

/// Names this run of the operating system, where it says so.
///
/// With the same name before and after, there was no power loss in between (Linux,
/// `random(4)`: `boot_id` is made once a boot).
pub(crate) fn boot() -> Option<String> {
    let text = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    Some(text.trim().to_owned()).filter(|boot| !boot.is_empty())
}
