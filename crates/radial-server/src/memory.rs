//! Watches how much memory is used, and gives some back before the system takes the process away.
//!
//! The limit is that of the process's control group where it has one (version 2), else the
//! machine's. Pages of files that the system can drop at once do not count. What is done about it
//! is decided by a function of the reading; the rest is waiting.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::MissedTickBehavior;

use crate::app::App;

/// How often it is looked. Timelines give up a half each time.
const INTERVAL: Duration = Duration::from_secs(1);
/// So many hundredths below the threshold it is over.
const RELIEF: u64 = 5;

/// What is known of memory.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    /// From how many hundredths of the limit on it is short; 0: never.
    pub(crate) threshold: u64,
    /// How many hundredths are used, as of the last look.
    pub(crate) used_percent: AtomicU64,
    /// How often timelines gave up a half.
    pub(crate) trims: AtomicU64,
}

impl Memory {
    pub(crate) fn new(threshold: usize) -> Self {
        Self { threshold: threshold as u64, ..Self::default() }
    }

    /// Whether memory is short, after it was or was not.
    fn is_short(&self, used_percent: u64, was_short: bool) -> bool {
        let from = if was_short { self.threshold.saturating_sub(RELIEF) } else { self.threshold };
        self.threshold > 0 && used_percent >= from
    }
}

/// Watches until the drain begins.
pub(crate) async fn watch(app: Arc<App>) {
    if app.memory.threshold == 0 {
        return;
    }
    let mut ticks = tokio::time::interval(INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            () = app.drain.cancelled() => return,
        }
        // These files are made up by the system: reading them waits for no disk.
        if let Some(used_percent) = used_percent(Path::new("/")) {
            act(&app, used_percent);
        }
    }
}

fn act(app: &App, used_percent: u64) {
    let memory = &app.memory;
    memory.used_percent.store(used_percent, Ordering::Relaxed);
    let was_short = app.hub.is_short_of_memory();
    let is_short = memory.is_short(used_percent, was_short);
    if is_short != was_short {
        tracing::warn!(used_percent, is_short, "the memory that is left has changed");
        app.hub.set_short_of_memory(is_short);
    }
    if is_short {
        app.hub.timeline_memory().shrink();
        memory.trims.fetch_add(1, Ordering::Relaxed);
    }
}

/// How many hundredths of what may be used are used, of the limit that is nearest. `root` is `/`.
fn used_percent(root: &Path) -> Option<u64> {
    group(root).into_iter().chain(machine(root)).max()
}

/// The process's control group.
fn group(root: &Path) -> Option<u64> {
    let groups = std::fs::read_to_string(root.join("proc/self/cgroup")).ok()?;
    let path = groups.lines().find_map(|line| line.strip_prefix("0::/"))?;
    let folder: PathBuf = root.join("sys/fs/cgroup").join(path);
    let number = |name: &str| -> Option<u64> {
        std::fs::read_to_string(folder.join(name)).ok()?.trim().parse().ok()
    };
    // Without a limit the files say `max`, which is no number.
    let limit = ["memory.max", "memory.high"].into_iter().filter_map(number).min()?;
    let stat = std::fs::read_to_string(folder.join("memory.stat")).unwrap_or_default();
    let droppable = field(&stat, "inactive_file ").unwrap_or_default();
    percent(number("memory.current")?.saturating_sub(droppable), limit)
}

fn machine(root: &Path) -> Option<u64> {
    let text = std::fs::read_to_string(root.join("proc/meminfo")).ok()?;
    let total = field(&text, "MemTotal:")?;
    percent(total.saturating_sub(field(&text, "MemAvailable:")?), total)
}

/// The number after a word that begins a line.
fn field(text: &str, word: &str) -> Option<u64> {
    let rest = text.lines().find_map(|line| line.strip_prefix(word))?;
    rest.split_whitespace().next()?.parse().ok()
}

fn percent(used: u64, limit: u64) -> Option<u64> {
    used.saturating_mul(100).checked_div(limit)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is read where these files are.
    fn check(files: &[(&str, &str)], expected: Option<u64>) {
        let root = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = root.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        assert_eq!(used_percent(root.path()), expected, "{files:?}");
    }

    #[test]
    fn the_nearest_limit_counts_and_pages_that_can_be_dropped_do_not() {
        const HALF: (&str, &str) =
            ("proc/meminfo", "MemTotal: 1000 kB\nMemFree: 1 kB\nMemAvailable: 500 kB\n");
        const GROUP: (&str, &str) = ("proc/self/cgroup", "0::/system.slice/radial.service\n");
        let file = |name: &str| format!("sys/fs/cgroup/system.slice/radial.service/{name}");
        let (current, max) = (file("memory.current"), file("memory.max"));
        let (high, stat) = (file("memory.high"), file("memory.stat"));
        check(&[], None);
        check(&[HALF], Some(50));
        check(&[HALF, GROUP], Some(50));
        check(&[HALF, GROUP, (&current, "900\n"), (&max, "max\n"), (&high, "max\n")], Some(50));
        let limited = [HALF, GROUP, (&current, "900\n"), (&max, "1000\n")];
        check(&limited, Some(90));
        let dropped = (stat.as_str(), "anon 100\ninactive_file 300\n");
        check(&[limited.as_slice(), &[dropped]].concat(), Some(60));
        check(&[limited.as_slice(), &[dropped, (&high, "800\n")]].concat(), Some(75));
        check(&[GROUP, (&current, "9"), (&max, "0")], None);
    }

    #[test]
    fn memory_is_short_from_the_threshold_on_until_it_is_well_below() {
        let memory = Memory::new(85);
        for (used, was_short, expected) in [
            (84, false, false),
            (85, false, true),
            (84, true, true),
            (80, true, true),
            (79, true, false),
            (100, false, true),
        ] {
            assert_eq!(memory.is_short(used, was_short), expected, "{used} {was_short}");
        }
        assert!(!Memory::new(0).is_short(100, false), "0 is never");
    }
}
