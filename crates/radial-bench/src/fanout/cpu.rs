//! What one delivery costs the server's core.

use std::time::Duration;

use super::Bench;
use super::drive::{Outcome, Pace};
use super::pair::{Side, in_turns, of, ratio, remark};
use crate::machine::quiet_note;
use crate::report::{Must, Report, Row, Unit};

const STREAMS: usize = 1_000;
const PACE: Pace = Pace { events: 1, interval: Duration::from_millis(10) };
/// What a delivery of the hub may cost, as a multiple of the floor's.
const MUST: Must = Must::AtMost(1.3);

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
        Report::new(format!("Processor time of a delivery: {streams} SSE streams, 100 events/s"));
    let floor = turns.runs.last().map_or(&[][..], Vec::as_slice);
    for (side, runs) in sides.iter().zip(&turns.runs) {
        let row = Row::new(side.name)
            .remark(remark(runs))
            .with("CPU a delivery", of(runs, Outcome::cpu_per_delivery), Unit::Seconds)
            .with("of the floor", ratio(runs, floor, Outcome::cpu_per_delivery), Unit::Ratio)
            .with("server's core", of(runs, Outcome::server_core), Unit::Percent)
            .with("load's core", of(runs, Outcome::load_core), Unit::Percent)
            .with("bytes a delivery", of(runs, Outcome::bytes_per_delivery), Unit::Bytes)
            .with("p50", of(runs, |run| run.latencies.percentile(0.5)), Unit::Seconds)
            .with("p99", of(runs, |run| run.latencies.percentile(0.99)), Unit::Seconds);
        let is_hub = side.name == "hub";
        report.push(if is_hub { row.must("of the floor", MUST) } else { row });
    }
    report.note("User and system time of the server's process; publishing is in it.");
    report.note(quiet_note(&turns.others));
    Ok(report)
}
