//! The real world: the system's clock, its random bits, and the name of its boot.

use std::cell::RefCell;
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

/// How much is asked of the system at once: a publish needs three numbers, and a system call for
/// each would cost more than making its event.
const RANDOM_BYTES: usize = 1_024;

fn random() -> u64 {
    thread_local! {
        static AHEAD: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
    }
    AHEAD.with_borrow_mut(|ahead| {
        if ahead.is_empty() {
            ahead.resize(RANDOM_BYTES, 0);
            getrandom::fill(ahead)
                .expect("the operating system has random bits once it has booted");
        }
        // A number leaves as it is given out, so that none is given out twice.
        let number = *ahead.last_chunk().expect("it holds whole numbers");
        ahead.truncate(ahead.len() - size_of::<u64>());
        u64::from_ne_bytes(number)
    })
}

/// Names this run of the operating system, where it says so.
///
/// With the same name before and after, there was no power loss in between (Linux,
/// `random(4)`: `boot_id` is made once a boot).
pub(crate) fn boot() -> Option<String> {
    let text = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    Some(text.trim().to_owned()).filter(|boot| !boot.is_empty())
}
