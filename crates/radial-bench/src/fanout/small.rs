//! The design load of a small team: 30 streams, 100 events/s.

use std::time::Duration;

use anyhow::ensure;

use super::Bench;
use super::drive::{Drive, Outcome, Pace};
use super::idle::idle_bytes;
use super::opening::{Transport, open};
use super::pair::{of, remark};
use super::publisher::Form;
use super::served::{self, TENANT, Wish};
use super::tokens::Issuer;
use crate::clock;
use crate::figures::{Latencies, float};
use crate::machine::{own_cpu, quiet_note, quietly};
use crate::report::{Must, Report, Row, Unit};

const STREAMS: usize = 30;
const PACE: Pace = Pace { events: 1, interval: Duration::from_millis(10) };
/// What is asserted where `--check` is given, of the best round: a build for debugging, on a
/// machine that is busy, may be so many times worse.
const SLACK: f64 = 5.0;
/// A build for debugging takes some eight times as much processor time,
const CORE_SLACK: f64 = 10.0;
/// and its program itself is larger.
const MEMORY_SLACK: f64 = 1.5;
const CONNECT_MAX: f64 = 1.0;
const P99_MAX: f64 = 0.1;
const MEMORY_MAX: f64 = 50.0 * 1_048_576.0;
const CORE_MAX: f64 = 0.05;
const IDLE_BYTES_MAX: f64 = 10.0 * 1_024.0;
/// Heartbeats are made so much faster for the idle bytes, to not wait for minutes.
const HEARTBEAT: Duration = Duration::from_millis(500);
/// At the default there are so many in a minute.
const HEARTBEATS_A_MINUTE: f64 = 2.0;

/// Measures the hub; with `check`, a figure that is far from what it must be is an error.
pub(crate) fn run(bench: &Bench<'_>, check: bool) -> anyhow::Result<Report> {
    let (settings, scratch) = (bench.settings, bench.settings.scratch()?);
    let hub = served::hub(settings, bench.binary, scratch.path(), &Wish::default())?;
    let issuer = Issuer::new()?;
    let publisher = issuer.token(TENANT, "publisher")?;
    let mut drive = Drive::new(hub.address(), &[Form::Hub(&publisher)], 1)?;
    let mut connects = Latencies::default();
    for token in issuer.tokens(TENANT, STREAMS)? {
        let began = clock::now();
        drive.add(open(hub.address(), Transport::Sse, &[token])?, 0)?;
        connects.add(began.elapsed());
    }
    drive.run(&hub, PACE, settings.run / 4)?;
    let (mut runs, mut others) = (Vec::new(), Vec::new());
    for _ in 0..settings.rounds {
        let ours = || Ok(hub.cpu()? + own_cpu()?);
        let attempt = || drive.run(&hub, PACE, settings.run);
        let (run, disturbed) = quietly(settings.quiet, ours, attempt)?;
        runs.push(run);
        others.push(disturbed);
    }
    let p99 = |run: &Outcome| run.latencies.percentile(0.99);
    let memory = hub.memory()?;
    drop(hub);
    let heartbeat = Wish { heartbeat: Some(HEARTBEAT), ..Wish::default() };
    let scratch = settings.scratch()?;
    let hub = served::hub(settings, bench.binary, scratch.path(), &heartbeat)?;
    let idle = idle_bytes(&hub, &issuer)? * HEARTBEATS_A_MINUTE;
    let (p99, core) = ((of(&runs, p99), best(&runs, p99)), cores(&runs));
    let connect = connects.percentile(1.0);
    let figures = [
        ("connect, slowest", connect, connect / SLACK, CONNECT_MAX, Unit::Seconds),
        ("p99", p99.0, p99.1 / SLACK, P99_MAX, Unit::Seconds),
        ("memory", memory, memory / MEMORY_SLACK, MEMORY_MAX, Unit::Bytes),
        ("hub's core", core.0, core.1 / CORE_SLACK, CORE_MAX, Unit::Percent),
        ("idle stream a minute", idle, idle, IDLE_BYTES_MAX, Unit::Bytes),
    ];
    let mut report = Report::new("The design load of a small team: 30 SSE streams, 100 events/s");
    let row = Row::new("hub")
        .remark(remark(&runs))
        .with("p50", of(&runs, |run| run.latencies.percentile(0.5)), Unit::Seconds)
        .with("max", of(&runs, |run| run.latencies.max()), Unit::Seconds)
        .with("deliveries", of(&runs, |run| float(run.deliveries)), Unit::PerSecond);
    let row = figures.iter().fold(row, |row, (column, value, _, most, unit)| {
        row.with(column, *value, *unit).must(column, Must::AtMost(*most))
    });
    report.push(row);
    report.note(quiet_note(&others));
    for (column, value, with_slack, most, _) in figures {
        ensure!(
            !check || with_slack <= most,
            "{column} is {value}, which is far over {most}\n{report}"
        );
    }
    Ok(report)
}

/// The share of its core that the hub used: the median, and the best.
fn cores(runs: &[Outcome]) -> (f64, f64) {
    (of(runs, Outcome::server_core), best(runs, Outcome::server_core))
}

fn best(runs: &[Outcome], figure: impl Fn(&Outcome) -> f64) -> f64 {
    runs.iter().map(figure).fold(f64::INFINITY, f64::min)
}
