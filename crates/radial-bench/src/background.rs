//! What work in the background costs a publisher: bringing events into the store, and letting old
//! ones go.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use radial_log::{EmbeddedLog, EventLog as _, Keep, Retention, Settings as LogSettings};
use radial_protocol::TenantId;

use crate::events::{Maker, open_log_with, tenant};
use crate::figures::{Latencies, median};
use crate::machine::{own_cpu, quiet_note, quietly};
use crate::report::{Must, Report, Row, Unit};
use crate::{Settings, clock};

/// The measured publisher waits so long after each event.
const PAUSE: Duration = Duration::from_millis(2);
/// The other tenant waits so long after each batch.
const OTHER_PAUSE: Duration = Duration::from_millis(25);
/// So many events of the other tenant in a batch: some 4,000 a second.
const OTHER_EVENTS: usize = 100;
/// With retention the other tenant keeps so many.
const KEPT_EVENTS: u64 = 2_000;
/// What background work may add to the slowest publish but one in a hundred.
const MAY_ADD_SECONDS: f64 = 0.005;

/// What goes on beside the measured publisher.
#[derive(Clone, Copy, Debug)]
struct Beside {
    name: &'static str,
    others: bool,
    retention: bool,
}

const CASES: [Beside; 3] = [
    Beside { name: "alone", others: false, retention: false },
    Beside { name: "beside 4,000 events/s that are stored", others: true, retention: false },
    Beside { name: "and as many that go again", others: true, retention: true },
];

/// Measures a steady publisher in each case.
pub(crate) fn run(settings: &Settings) -> anyhow::Result<Report> {
    let folder = settings.scratch()?;
    let mut others = Vec::new();
    let mut runs = CASES.map(|_| Vec::new());
    for round in 0..settings.rounds {
        for (number, (beside, runs)) in CASES.into_iter().zip(&mut runs).enumerate() {
            let own = folder.path().join(format!("{round}-{number}"));
            let attempt = || {
                let run = steady(settings.run, &own, beside)?;
                std::fs::remove_dir_all(&own)?;
                Ok(run)
            };
            let (run, disturbed) = quietly(settings.quiet, own_cpu, attempt)?;
            runs.push(run);
            others.push(disturbed);
        }
    }
    let mut report = Report::new("A publish every 2 ms, and what goes on behind it; durable");
    let of =
        |runs: &[Latencies], share| median(runs.iter().map(|run| run.percentile(share)).collect());
    let alone = runs.first().map_or(0.0, |runs| of(runs, 0.99));
    for (beside, runs) in CASES.iter().zip(&runs) {
        let row = Row::new(beside.name)
            .with("p50", of(runs, 0.5), Unit::Seconds)
            .with("p99", of(runs, 0.99), Unit::Seconds)
            .with("max", of(runs, 1.0), Unit::Seconds);
        report.push(if beside.others {
            row.must("p99", Must::AtMost(alone + MAY_ADD_SECONDS))
        } else {
            row
        });
    }
    report.note(
        "In process, one publisher of single events of 200 bytes. The other tenant publishes batches of 100 \
         with ids. The max is that of each run, and its median over the runs.",
    );
    report.note(quiet_note(&others));
    Ok(report)
}

fn steady(run: Duration, folder: &Path, beside: Beside) -> anyhow::Result<Latencies> {
    let keep = Keep { events: beside.retention.then_some(KEPT_EVENTS), ..Keep::FOREVER };
    let retention = Retention { keep, ..Retention::default() };
    let log = Arc::new(open_log_with(folder, LogSettings { retention, ..LogSettings::default() })?);
    log.open_tenant(&tenant())?;
    let is_over = Arc::new(AtomicBool::new(false));
    let other = beside.others.then(|| {
        let (log, is_over) = (Arc::clone(&log), Arc::clone(&is_over));
        std::thread::spawn(move || publish_beside(&log, &is_over))
    });
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    let maker = Maker::new(0, 1, false);
    let mut latencies = Latencies::default();
    let end = clock::now() + run;
    while clock::now() < end {
        let append = maker.append(&tenant());
        latencies.time(|| runtime.block_on(log.append(append)))?;
        clock::rest(PAUSE);
    }
    is_over.store(true, Ordering::Relaxed);
    if let Some(other) = other {
        other.join().map_err(|_| anyhow::anyhow!("the other publisher panicked"))??;
    }
    Ok(latencies)
}

fn publish_beside(log: &EmbeddedLog, is_over: &AtomicBool) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    let other = TenantId::new("other").expect("a valid name");
    log.open_tenant(&other)?;
    let maker = Maker::new(0, OTHER_EVENTS, true);
    while !is_over.load(Ordering::Relaxed) {
        runtime.block_on(log.append(maker.append(&other)))?;
        clock::rest(OTHER_PAUSE);
    }
    Ok(())
}
