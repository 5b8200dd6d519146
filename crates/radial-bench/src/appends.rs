//! The embedded log in this process: how long an append takes, how many there are a second, and
//! how many fsyncs they cost.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use radial_log::{EmbeddedLog, EventLog as _};
use radial_protocol::TenantId;

use crate::bare::Bare;
use crate::events::{Maker, open_log, tenant};
use crate::figures::{Latencies, float, median, rate};
use crate::machine::{own_cpu, quiet_note, quietly};
use crate::report::{Report, Row, Unit};
use crate::{Settings, clock};

/// How many samples of one side are taken before it is the other's turn.
const TURN: usize = 50;
/// How many tenants publish at once.
const TENANTS: usize = 1_000;

/// Who publishes what.
#[derive(Clone, Copy, Debug)]
struct Shape {
    tenants: usize,
    publishers: usize,
    events: usize,
    ids_given: bool,
}

const SHAPES: [Shape; 9] = [
    Shape::of(1, 1, false),
    Shape::of(8, 1, false),
    Shape::of(64, 1, false),
    Shape::of(1, 100, false),
    Shape::of(8, 100, false),
    Shape::of(64, 100, false),
    Shape::of(64, 1, true),
    Shape::of(64, 100, true),
    Shape { tenants: TENANTS, publishers: TENANTS, events: 1, ids_given: false },
];

impl Shape {
    const fn of(publishers: usize, events: usize, ids_given: bool) -> Self {
        Self { tenants: 1, publishers, events, ids_given }
    }

    fn name(self) -> String {
        let events =
            if self.events == 1 { "1 event".to_owned() } else { format!("{} events", self.events) };
        let publishers = match (self.publishers, self.tenants) {
            (1, _) => "1 publisher".to_owned(),
            (publishers, 1) => format!("{publishers} publishers"),
            (_, tenants) => format!("{tenants} tenants at once"),
        };
        let ids = if self.ids_given { ", ids given" } else { "" };
        format!("{publishers}, {events} an append{ids}")
    }
}

/// What one run of a shape came to.
#[derive(Clone, Copy, Debug)]
struct Run {
    events_per_second: f64,
    fsyncs_per_event: f64,
    cpu: f64,
}

/// Measures appends.
pub(crate) fn run(settings: &Settings) -> anyhow::Result<Report> {
    let folder = settings.scratch()?;
    let mut others = Vec::new();
    let (mut bare_runs, mut append_runs) = (Vec::new(), Vec::new());
    let mut shape_runs = vec![Vec::new(); SHAPES.len()];
    for round in 0..settings.rounds {
        let own = folder.path().join(format!("lone-{round}"));
        let attempt = || lone(settings, &own);
        let ((bare, append), disturbed) = quietly(settings.quiet, own_cpu, attempt)?;
        others.push(disturbed);
        bare_runs.push(bare);
        append_runs.push(append);
        for (number, (shape, runs)) in SHAPES.iter().zip(&mut shape_runs).enumerate() {
            let own = folder.path().join(format!("shape-{round}-{number}"));
            let attempt = || {
                let run = throughput(settings.run, &own, *shape)?;
                std::fs::remove_dir_all(&own).context("a finished log cannot be removed")?;
                Ok(run)
            };
            let (run, disturbed) = quietly(settings.quiet, own_cpu, attempt)?;
            runs.push(run);
            others.push(disturbed);
        }
    }
    let mut report = Report::new("The log in process: 200 bytes of event data, durable");
    for (name, runs) in [("bare fsync", &bare_runs), ("a lone publisher's append", &append_runs)] {
        let of = |share| median(runs.iter().map(|run: &Latencies| run.percentile(share)).collect());
        report.push(Row::new(name).with("p50", of(0.5), Unit::Seconds).with(
            "p99",
            of(0.99),
            Unit::Seconds,
        ));
    }
    for (shape, runs) in SHAPES.iter().zip(&shape_runs) {
        let of = |value: fn(&Run) -> f64| median(runs.iter().map(value).collect());
        report.push(
            Row::new(shape.name())
                .with("events/s", of(|run| run.events_per_second), Unit::PerSecond)
                .with("fsyncs/event", of(|run| run.fsyncs_per_event), Unit::Ratio)
                .with("cores used", of(|run| run.cpu), Unit::Percent),
        );
    }
    report.note(
        "Each run has a new log. The events are made by the measured process. Where less than the \
         machine's cores is used, the limit is the disk; 1 publisher waits for one fsync after the other.",
    );
    report.note(quiet_note(&others));
    Ok(report)
}

/// A lone publisher, and the bare fsync of the same moment.
fn lone(settings: &Settings, folder: &std::path::Path) -> anyhow::Result<(Latencies, Latencies)> {
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    let tenant = tenant();
    let log = open_log(folder)?;
    log.open_tenant(&tenant)?;
    let mut bare = Bare::made_ahead(folder, "bare")?;
    let maker = Maker::new(0, 1, false);
    let appends = || {
        let mut latencies = Latencies::default();
        for _ in 0..TURN {
            let append = maker.append(&tenant);
            latencies.time(|| runtime.block_on(log.append(append)))?;
        }
        Ok(latencies)
    };
    in_turns(settings.run, || bare.write_many(TURN), appends)
}

/// Samples of a bare fsync and of something else, in turns, for a while. The first turn of each
/// is to warm up and does not count.
pub(crate) fn in_turns(
    run: Duration,
    mut bare: impl FnMut() -> anyhow::Result<Latencies>,
    mut other: impl FnMut() -> anyhow::Result<Latencies>,
) -> anyhow::Result<(Latencies, Latencies)> {
    bare()?;
    other()?;
    let (mut bares, mut others) = (Latencies::default(), Latencies::default());
    let end = clock::now() + run;
    while clock::now() < end {
        bares.extend(&bare()?);
        others.extend(&other()?);
    }
    Ok((bares, others))
}

fn throughput(run: Duration, folder: &std::path::Path, shape: Shape) -> anyhow::Result<Run> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_time().build()?;
    let log = Arc::new(open_log(folder)?);
    let tenants: Vec<TenantId> = (0..shape.tenants)
        .map(|number| TenantId::new(&format!("t{number}")).expect("a valid name"))
        .collect();
    for tenant in &tenants {
        log.open_tenant(tenant)?;
    }
    let maker = Arc::new(Maker::new(0, shape.events, shape.ids_given));
    let (began, cpu, fsyncs) = (clock::now(), own_cpu()?, log.fsyncs());
    let end = began + run;
    let publishers: Vec<_> = (0..shape.publishers)
        .zip(tenants.iter().cycle())
        .map(|(_, tenant)| {
            runtime.spawn(publish(Arc::clone(&log), Arc::clone(&maker), tenant.clone(), end))
        })
        .collect();
    let mut events = 0;
    for publisher in publishers {
        events += runtime.block_on(publisher)??;
    }
    let took = began.elapsed();
    Ok(Run {
        events_per_second: rate(events, took),
        fsyncs_per_event: float(log.fsyncs() - fsyncs) / float(events.max(1)),
        cpu: (own_cpu()? - cpu) / took.as_secs_f64(),
    })
}

async fn publish(
    log: Arc<EmbeddedLog>,
    maker: Arc<Maker>,
    tenant: TenantId,
    end: Instant,
) -> anyhow::Result<u64> {
    let mut events = 0;
    while clock::now() < end {
        let outcomes = log.append(maker.append(&tenant)).await;
        let outcomes = outcomes.with_context(|| format!("the log is {:?}", log.health()))?;
        events += outcomes.len() as u64;
    }
    Ok(events)
}
