//! What it costs that the same deliveries go to 1,000 tenants instead of one.

use std::time::Duration;

use super::Bench;
use super::drive::{Drive, Outcome, Pace};
use super::opening::{Transport, open};
use super::pair::{of, ratio, remark, settle, turn};
use super::publisher::Form;
use super::served::{self, TENANT, Wish};
use super::tokens::Issuer;
use crate::machine::quiet_note;
use crate::process::Process;
use crate::report::{Must, Report, Row, Unit};

const TENANTS: usize = 1_000;
const STREAMS_EACH: usize = 10;
/// Each stream gets so many events a second.
const PACE: Pace = Pace { events: 1, interval: Duration::from_millis(200) };
const PUBLISHERS: usize = 16;
const MUST: Must = Must::AtMost(1.3);

/// Measures one tenant, many, and many to whom nobody listens, in turns on one hub.
pub(crate) fn run(bench: &Bench<'_>) -> anyhow::Result<Report> {
    let (settings, scratch) = (bench.settings, bench.settings.scratch()?);
    let count = bench.streams(TENANTS);
    let named = |kind: &str| (0..count).map(|at| format!("{kind}-{at:04}")).collect::<Vec<_>>();
    let (listened, unheard) = (named("heard"), named("unheard"));
    let tenants = listened.iter().chain(&unheard).cloned().collect();
    let wish = Wish { tenants, ..Wish::default() };
    let hub = served::hub(settings, bench.binary, scratch.path(), &wish)?;
    let sides = [
        ("1 tenant", vec![TENANT.to_owned()], STREAMS_EACH * count),
        ("as many tenants, 10 streams each", listened, STREAMS_EACH),
        ("as many, and nobody listens", unheard, 0),
    ];
    let (mut runs, mut others) = (vec![Vec::new(); sides.len()], Vec::new());
    for _ in 0..settings.rounds {
        for ((_, tenants, streams), runs) in sides.iter().zip(&mut runs) {
            let drive = drive(&hub, tenants, *streams)?;
            let (run, disturbed) = turn(bench, &hub, drive, PACE)?;
            runs.push(run);
            others.push(disturbed);
        }
    }
    let [one, many, unheard] = &runs[..] else { anyhow::bail!("there are three sides") };
    // What publishing alone costs is not what a delivery costs.
    let delivering: Vec<Outcome> = many
        .iter()
        .zip(unheard)
        .map(|(run, unheard)| {
            let publishing = unheard.server_core() * run.took.as_secs_f64();
            Outcome { server_cpu: run.server_cpu - publishing, ..run.clone() }
        })
        .collect();
    let mut report =
        Report::new(format!("{count} tenants × 10 streams instead of 1 × {}", count * 10));
    for ((name, ..), runs) in sides.iter().zip([one, many, unheard]) {
        let row = Row::new(*name)
            .remark(remark(runs))
            .with("server's core", of(runs, Outcome::server_core), Unit::Percent)
            .with("load's core", of(runs, Outcome::load_core), Unit::Percent);
        report.push(if std::ptr::eq(runs, unheard) { row } else { figures(row, runs, one) });
    }
    let row = figures(Row::new("many tenants, less what publishing alone costs"), &delivering, one);
    report.push(row.must("of one tenant", MUST));
    report.note("5 events/s to each stream, in single publishes: with many tenants there are as many more of these.");
    report.note(quiet_note(&others));
    Ok(report)
}

fn figures(row: Row, runs: &[Outcome], one: &[Outcome]) -> Row {
    row.with("CPU a delivery", of(runs, Outcome::cpu_per_delivery), Unit::Seconds)
        .with("of one tenant", ratio(runs, one, Outcome::cpu_per_delivery), Unit::Ratio)
        .with("p99", of(runs, |run| run.latencies.percentile(0.99)), Unit::Seconds)
}

/// Publishers for these tenants, and so many streams of each.
fn drive(hub: &Process, tenants: &[String], streams: usize) -> anyhow::Result<Drive> {
    let issuer = Issuer::new()?;
    let publishers: Vec<String> = tenants
        .iter()
        .map(|tenant| issuer.token(tenant, "publisher"))
        .collect::<anyhow::Result<_>>()?;
    let forms: Vec<Form<'_>> = publishers.iter().map(|token| Form::Hub(token)).collect();
    let mut drive = Drive::new(hub.address(), &forms, PUBLISHERS.min(forms.len()))?;
    for (topic, tenant) in tenants.iter().enumerate() {
        let tokens = issuer.tokens(tenant, streams)?;
        drive.add(open(hub.address(), Transport::Sse, &tokens)?, topic)?;
    }
    settle(hub)?;
    Ok(drive)
}
