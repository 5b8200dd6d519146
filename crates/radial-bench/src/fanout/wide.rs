//! Latency of all deliveries with very many streams.

use std::time::Duration;

use super::Bench;
use super::drive::{Outcome, Pace};
use super::pair::{Side, in_turns, of, ratio, remark};
use crate::machine::quiet_note;
use crate::report::{Must, Report, Row, Unit};

const STREAMS: usize = 10_000;
const PACE: Pace = Pace { events: 1, interval: Duration::from_millis(100) };
/// What the hub's p99 may be, in seconds.
const MUST: Must = Must::AtMost(0.110);

/// Measures the hub and the floor in turns.
pub(crate) fn run(bench: &Bench<'_>) -> anyhow::Result<Report> {
    let scratch = bench.settings.scratch()?;
    let streams = bench.streams(STREAMS);
    let sides = [
        Side::hub(bench, scratch.path(), streams)?,
        Side::floor(bench, scratch.path(), streams, None)?,
    ];
    let turns = in_turns(bench, &sides, PACE)?;
    let mut report =
        Report::new(format!("Latency of all deliveries: {streams} SSE streams, 10 events/s"));
    let floor = turns.runs.last().map_or(&[][..], Vec::as_slice);
    for (side, runs) in sides.iter().zip(&turns.runs) {
        let p99 = |run: &Outcome| run.latencies.percentile(0.99);
        let row = Row::new(side.name)
            .remark(remark(runs))
            .with("p50", of(runs, |run| run.latencies.percentile(0.5)), Unit::Seconds)
            .with("p99", of(runs, p99), Unit::Seconds)
            .with("max", of(runs, |run| run.latencies.max()), Unit::Seconds)
            .with("p99 of the floor's", ratio(runs, floor, p99), Unit::Ratio)
            .with(
                "deliveries",
                of(runs, |run| crate::figures::float(run.latencies.count())),
                Unit::PerSecond,
            )
            .with("server's core", of(runs, Outcome::server_core), Unit::Percent)
            .with("load's core", of(runs, Outcome::load_core), Unit::Percent);
        report.push(if side.name == "hub" { row.must("p99", MUST) } else { row });
    }
    report.note("From the moment at which the publish was due until the event was read.");
    report.note(quiet_note(&turns.others));
    Ok(report)
}
