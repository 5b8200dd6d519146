//! A large log: how long it takes to open, and to read on from a random place.

use std::fs::File;
use std::path::Path;

use anyhow::{Context as _, ensure};
use radial_log::{EmbeddedLog, EventLog as _, PageLimit};
use radial_protocol::Offset;
use rustix::fs::{Advice, fadvise};

use crate::events::{open_log, tenant};
use crate::figures::{Latencies, median};
use crate::fill::fill_and_kill;
use crate::machine::{own_cpu, quiet_note, quietly};
use crate::report::{Must, Report, Row, Unit};
use crate::{Settings, clock};

/// How many events are added before each further kill: more than may wait for the store, so that
/// each kill finds as much undone as there can be.
pub(crate) const ADDED: u64 = 150_000;
/// How many places are read in a run.
const READS: usize = 500;
/// A stream's step: the page that a resuming client waits for.
const STREAM_PAGE: PageLimit = PageLimit { items: 1_000, bytes: 1024 * 1024 };
const ONE_EVENT: PageLimit = PageLimit { items: 1, bytes: usize::MAX };

/// The longest that opening may take, in seconds.
pub(crate) const OPEN_MUST: Must = Must::AtMost(2.0);
/// The longest that resuming may take, in seconds.
pub(crate) const RESUME_MUST: Must = Must::AtMost(0.005);

#[derive(Default)]
struct Runs {
    killed: Vec<f64>,
    clean: Vec<f64>,
    cold: Vec<f64>,
    page: Vec<Latencies>,
    one: Vec<Latencies>,
    cold_page: Vec<Latencies>,
    others: Vec<f64>,
}

/// Measures opening and reading.
pub(crate) fn run(settings: &Settings) -> anyhow::Result<Report> {
    let scratch = settings.scratch()?;
    let folder = scratch.path();
    let mut runs = Runs::default();
    for round in 0..settings.rounds as u64 {
        let extra = (ADDED * round).min(settings.events);
        fill_and_kill(folder, settings.events + extra)?;
        runs.killed.push(open_and(folder, |_| Ok(()))?);
        // Only what can be repeated waits for a quiet moment; an opening after a kill cannot.
        let attempt = || open_and(folder, |_| Ok(()));
        let (clean, disturbed) = quietly(settings.quiet, own_cpu, attempt)?;
        runs.clean.push(clean);
        runs.others.push(disturbed);
        let reads = |log: &EmbeddedLog| {
            runs.page.push(read(log, STREAM_PAGE)?);
            runs.one.push(read(log, ONE_EVENT)?);
            Ok(())
        };
        open_and(folder, reads)?;
        forget_cached(&folder.join("store.redb"))?;
        let reads = |log: &EmbeddedLog| {
            runs.cold_page.push(read(log, STREAM_PAGE)?);
            Ok(())
        };
        runs.cold.push(open_and(folder, reads)?);
    }
    let store_bytes = folder.join("store.redb").metadata()?.len();
    let mut report = Report::new(format!("A log of {} events, ids given", settings.events));
    for (name, times) in [
        ("open after a clean stop", runs.clean),
        ("open after a kill", runs.killed),
        ("open, nothing of the store cached", runs.cold),
    ] {
        report
            .push(Row::new(name).with("p50", median(times), Unit::Seconds).must("p50", OPEN_MUST));
    }
    for (name, runs) in [
        ("read a stream's page at a random cursor", runs.page),
        ("read one event at a random cursor", runs.one),
        ("read a stream's page, little cached", runs.cold_page),
    ] {
        let of = |share| median(runs.iter().map(|run| run.percentile(share)).collect());
        report.push(
            Row::new(name)
                .with("p50", of(0.5), Unit::Seconds)
                .with("p99", of(0.99), Unit::Seconds)
                .must("p99", RESUME_MUST),
        );
    }
    report.note(format!(
        "The store has {} MB. A stream's page is up to 1,000 events or 1 MiB. The limit is the \
         processor while the store is cached by the system, else the disk.",
        store_bytes / 1_000_000
    ));
    report.note(quiet_note(&runs.others));
    Ok(report)
}

/// How long opening takes, in seconds; the log is closed cleanly afterwards.
fn open_and(
    folder: &Path,
    work: impl FnOnce(&EmbeddedLog) -> anyhow::Result<()>,
) -> anyhow::Result<f64> {
    let began = clock::now();
    let log = open_log(folder)?;
    let took = began.elapsed().as_secs_f64();
    work(&log)?;
    log.close();
    Ok(took)
}

fn read(log: &EmbeddedLog, limit: PageLimit) -> anyhow::Result<Latencies> {
    let tenant = tenant();
    let head = log.bounds(&tenant).context("the tenant is there")?.head.get();
    let mut latencies = Latencies::default();
    for _ in 0..READS {
        let after = Offset::ZERO.plus(fastrand::u64(0..head));
        let page = latencies.time(|| log.read(&tenant, after, limit))?;
        ensure!(!page.items.is_empty(), "nothing stands after {after}");
    }
    Ok(latencies)
}

/// Has the system forget what it holds of a file.
fn forget_cached(path: &Path) -> anyhow::Result<()> {
    let file = File::open(path)?;
    file.sync_all()?;
    fadvise(&file, 0, None, Advice::DontNeed).context("the cache cannot be told")
}
