//! The machine: which core a thread runs on, and who else uses the processor.

use std::time::Duration;

use anyhow::Context as _;
use rustix::process::{Resource, getrlimit, setrlimit};
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

use crate::clock;
use crate::figures::median;

/// The core of the hub.
pub(crate) const HUB_CORE: usize = 0;
/// The core of the load generator.
pub(crate) const LOAD_CORE: usize = 1;

/// `/proc` counts in hundredths of a second on every Linux.
const JIFFIES_PER_SECOND: f64 = 100.0;

/// Keeps the calling thread, and what it starts from now on, on one core. Gives back what was
/// before, for [`release`].
pub(crate) fn pin(core: usize) -> anyhow::Result<CpuSet> {
    let before = sched_getaffinity(None).context("the allowed cores cannot be read")?;
    let mut only = CpuSet::new();
    only.set(core);
    sched_setaffinity(None, &only).with_context(|| format!("core {core} cannot be had"))?;
    Ok(before)
}

/// Lets the calling thread run where it was allowed to before.
pub(crate) fn release(before: &CpuSet) -> anyhow::Result<()> {
    sched_setaffinity(None, before).context("the allowed cores cannot be set")
}

/// The processor time that a process has used, with all its threads, in seconds.
pub(crate) fn cpu_of(process: u32) -> anyhow::Result<f64> {
    let path = format!("/proc/{process}/stat");
    let text = std::fs::read_to_string(&path).with_context(|| format!("cannot read {path}"))?;
    // The name stands in brackets and may hold anything; the times are the 12th and 13th word
    // after it.
    let words = text.rsplit_once(')').map(|(_, rest)| rest).unwrap_or_default();
    let jiffies = words.split_whitespace().skip(11).take(2).map(str::parse::<f64>);
    let jiffies = jiffies.sum::<Result<f64, _>>().with_context(|| format!("{path} is strange"))?;
    Ok(jiffies / JIFFIES_PER_SECOND)
}

/// The memory that a process holds (its resident set), in bytes.
pub(crate) fn memory_of(process: u32) -> anyhow::Result<f64> {
    let path = format!("/proc/{process}/smaps_rollup");
    let text = std::fs::read_to_string(&path).with_context(|| format!("cannot read {path}"))?;
    let line = text.lines().find_map(|line| line.strip_prefix("Rss:")).unwrap_or_default();
    let kilobytes: f64 = line
        .trim()
        .trim_end_matches(" kB")
        .parse()
        .with_context(|| format!("{path} is strange"))?;
    Ok(kilobytes * 1024.0)
}

/// Lets this process, and what it starts from now on, have as many open sockets as it may.
pub(crate) fn open_many_files() -> anyhow::Result<()> {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    setrlimit(Resource::Nofile, limit).context("the limit of open files cannot be raised")
}

/// The processor time that this process has used, in seconds.
pub(crate) fn own_cpu() -> anyhow::Result<f64> {
    cpu_of(std::process::id())
}

/// How busy others may be in a run that counts, when quiet is asked for: a share of the machine.
const OTHERS_MAX: f64 = 0.12;
/// How long the machine is watched before a run.
const WATCHED: Duration = Duration::from_millis(250);
/// How often it is watched before a run begins all the same: about two minutes.
const WATCHES_MAX: usize = 480;
/// How often a run is repeated because others came in between.
const ATTEMPTS_MAX: usize = 12;

/// Runs something; if `quiet` is asked for, waits for a quiet moment before, and runs it again if
/// others disturbed it. Gives back the least disturbed attempt, and how much others used.
///
/// `ours` says how much processor time the measured processes have used, in seconds.
pub(crate) fn quietly<R>(
    quiet: bool,
    ours: impl Fn() -> anyhow::Result<f64>,
    mut run: impl FnMut() -> anyhow::Result<R>,
) -> anyhow::Result<(R, f64)> {
    let mut best: Option<(R, f64)> = None;
    for _ in 0..if quiet { ATTEMPTS_MAX } else { 1 } {
        let others_now = || -> anyhow::Result<f64> {
            let before = Usage::now(ours()?)?;
            clock::rest(WATCHED);
            Ok(Usage::now(ours()?)?.others_since(&before))
        };
        let mut watches = 0;
        while quiet && watches < WATCHES_MAX && others_now()? > OTHERS_MAX {
            watches += 1;
        }
        let before = Usage::now(ours()?)?;
        let result = run()?;
        let others = Usage::now(ours()?)?.others_since(&before);
        if best.as_ref().is_none_or(|(_, least)| others < *least) {
            best = Some((result, others));
        }
        if others <= OTHERS_MAX {
            break;
        }
    }
    best.context("there was at least one attempt")
}

/// The line that says how quiet the runs were.
pub(crate) fn quiet_note(others: &[f64]) -> String {
    let most = others.iter().copied().fold(0.0, f64::max);
    format!(
        "Others, with the kernel's own threads, used {:.0} % of the machine in the median run, and \
         {:.0} % in the worst.",
        median(others.to_vec()) * 100.0,
        most * 100.0
    )
}

/// Processor time of the whole machine, to see afterwards how much of it went to strangers. All
/// in seconds.
#[derive(Clone, Copy, Debug)]
struct Usage {
    all: f64,
    idle: f64,
    ours: f64,
}

impl Usage {
    /// So far; `ours` is what the measured processes have used.
    fn now(ours: f64) -> anyhow::Result<Self> {
        let text = std::fs::read_to_string("/proc/stat").context("cannot read /proc/stat")?;
        let first = text.lines().next().unwrap_or_default();
        let jiffies: Vec<f64> =
            first.split_whitespace().skip(1).filter_map(|word| word.parse().ok()).collect();
        let at = |index: usize| jiffies.get(index).copied().unwrap_or(0.0) / JIFFIES_PER_SECOND;
        // user nice system idle iowait irq softirq steal; what follows is counted in user already.
        let all = (0..8).map(at).sum();
        Ok(Self { all, idle: at(3) + at(4), ours })
    }

    /// Which share of the machine others have used between two moments; what the hypervisor
    /// withheld counts.
    fn others_since(&self, before: &Self) -> f64 {
        let all = (self.all - before.all).max(0.01);
        let ours = self.ours - before.ours;
        ((all - (self.idle - before.idle) - ours) / all).max(0.0)
    }
}
