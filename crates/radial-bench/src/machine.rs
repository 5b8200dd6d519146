//! The machine: which core a thread runs on, and who else uses the processor.

use anyhow::Context as _;
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

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

/// The processor time that this process has used, in seconds.
pub(crate) fn own_cpu() -> anyhow::Result<f64> {
    cpu_of(std::process::id())
}

/// Processor time of the whole machine, to see afterwards how much of it went to strangers. All
/// in seconds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Usage {
    all: f64,
    idle: f64,
    stolen: f64,
    ours: f64,
}

impl Usage {
    /// So far; `ours` is what the measured processes have used.
    pub(crate) fn now(ours: f64) -> anyhow::Result<Self> {
        let text = std::fs::read_to_string("/proc/stat").context("cannot read /proc/stat")?;
        let first = text.lines().next().unwrap_or_default();
        let jiffies: Vec<f64> =
            first.split_whitespace().skip(1).filter_map(|word| word.parse().ok()).collect();
        let at = |index: usize| jiffies.get(index).copied().unwrap_or(0.0) / JIFFIES_PER_SECOND;
        // user nice system idle iowait irq softirq steal; what follows is counted in user already.
        let all = (0..8).map(at).sum();
        Ok(Self { all, idle: at(3) + at(4), stolen: at(7), ours })
    }

    /// Which share of the machine others have used between two moments.
    pub(crate) fn others_since(&self, before: &Self) -> String {
        let all = (self.all - before.all).max(0.01);
        let stolen = self.stolen - before.stolen;
        let ours = self.ours - before.ours;
        let others = (all - (self.idle - before.idle) - ours - stolen).max(0.0);
        format!(
            "Other programs and the kernel's own threads used {:.0} % of the machine meanwhile, \
             and the hypervisor withheld {:.0} %.",
            others / all * 100.0,
            stolen / all * 100.0
        )
    }
}
