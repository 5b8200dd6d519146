//! The most deliveries that a server sustains with a p99 under 100 ms.

use std::time::Duration;

use super::Bench;
use super::drive::{Outcome, Pace};
use super::pair::{Side, settle};
use crate::figures::median;
use crate::report::{Must, Report, Row, Unit};

const STREAMS: usize = 1_000;
/// The least time between two batches.
const INTERVAL: Duration = Duration::from_millis(10);
const P99_MAX: f64 = 0.1;
/// Events a second that are tried: the first, and the most. The hub takes 1,000 in one batch.
const RATE_MIN: f64 = 50.0;
const RATE_MAX: f64 = 100_000.0;
/// How finely the limit is looked for: a share of it.
const FINE: f64 = 0.08;
/// What the hub must sustain.
const MUST: Must = Must::AtLeast(2e6);

/// Looks for the limit of the hub and of both floors, in turns.
pub(crate) fn run(bench: &Bench<'_>) -> anyhow::Result<Report> {
    let scratch = bench.settings.scratch()?;
    let streams = bench.streams(STREAMS);
    let sides = [
        Side::hub(bench, scratch.path(), streams)?,
        Side::floor(bench, scratch.path(), streams, None)?,
        Side::floor(bench, scratch.path(), streams, Some(Duration::from_millis(5)))?,
    ];
    let mut found: Vec<Vec<Outcome>> = vec![Vec::new(); sides.len()];
    for _ in 0..bench.settings.rounds {
        for (side, found) in sides.iter().zip(&mut found) {
            found.extend(highest(side, bench.settings.run)?);
        }
    }
    let mut report = Report::new(format!(
        "Deliveries a second with a p99 under 100 ms: {streams} SSE streams, batches every 10 to 20 ms"
    ));
    for (side, found) in sides.iter().zip(&found) {
        let of = |figure: fn(&Outcome) -> f64| median(found.iter().map(figure).collect());
        let row = Row::new(side.name)
            .with("deliveries/s", of(Outcome::deliveries_per_second), Unit::PerSecond)
            .with("p50", of(|run| run.latencies.percentile(0.5)), Unit::Seconds)
            .with("p99", of(|run| run.latencies.percentile(0.99)), Unit::Seconds)
            .with("server's core", of(Outcome::server_core), Unit::Percent)
            .with("load's core", of(Outcome::load_core), Unit::Percent);
        report.push(if side.name == "hub" { row.must("deliveries/s", MUST) } else { row });
    }
    report.note(
        "The rate is doubled until the p99 is over 100 ms or publishing is late, and is then looked \
         for in between. Where the load's core is full, the load generator is the limit.",
    );
    Ok(report)
}

/// The highest rate that is sustained: doubled until one is not, then halved in between.
fn highest(side: &Side, run: Duration) -> anyhow::Result<Option<Outcome>> {
    let mut drive = side.open()?;
    let (mut rate, mut low, mut high, mut best) = (RATE_MIN, 0.0, RATE_MAX, None);
    while high - low > low * FINE && low < RATE_MAX {
        let pace = pace(rate);
        drive.encode(&[side.form()], pace.events);
        let outcome = drive.run(&side.server, pace, run)?;
        if outcome.kept_up && outcome.latencies.percentile(0.99) < P99_MAX {
            low = rate;
            best = Some(outcome);
        } else {
            high = rate;
        }
        rate = (low * 2.0).min(low.midpoint(high)).max(RATE_MIN / 2.0);
        if high < RATE_MIN {
            break;
        }
    }
    drop(drive);
    settle(&side.server)?;
    Ok(best)
}

/// So many events a second, in batches of whole events at least [`INTERVAL`] apart.
fn pace(rate: f64) -> Pace {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "between 1 and 1,000 events"
    )]
    let events = (rate * INTERVAL.as_secs_f64()).ceil().max(1.0) as usize;
    let interval = Duration::from_secs_f64(crate::figures::float(events as u64) / rate);
    Pace { events, interval }
}
