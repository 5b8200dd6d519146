//! Publishing over HTTP: the hub on one core, the load on the other.

use std::path::Path;
use std::time::Duration;

use anyhow::ensure;

use crate::Settings;
use crate::appends::in_turns;
use crate::bare::Bare;
use crate::echo::Echo;
use crate::fanout::served::{self, TENANT, Wish};
use crate::fanout::tokens::Issuer;
use crate::figures::{Latencies, median, rate};
use crate::hub::{DURABLE, RECENT, accepted, binary};
use crate::load::{Load, Until};
use crate::machine::{self, HUB_CORE, LOAD_CORE, own_cpu, quiet_note, quietly};
use crate::process::Process;
use crate::report::{Must, Report, Row, Unit};
use crate::requests::Shape;

const LONE: &str = "a lone publisher, durable";
/// A client that sleeps pays for its own core's waking up, which may be more than all of the hub's work; this one
/// shows the hub alone.
const LONE_AWAKE: &str = "a lone publisher that stays awake, durable";
/// How many lone publishes there are before it is the bare fsync's turn.
const TURN: usize = 50;
/// What a lone publish may take longer than a bare fsync, at p50, in seconds.
const LONE_P50_MORE: f64 = 150e-6;
/// What a lone publish's p99 may be: the bare fsync's so many times, and so many seconds.
const LONE_P99: (f64, f64) = (1.5, 1e-3);
/// The most connections of a case.
const CONNECTIONS_MAX: usize = 64;
/// A core that was busy for this share of the time is called the limit.
const BUSY: f64 = 0.9;
/// Above this share, the core's time and the disk's add up to the limit.
const HALF_BUSY: f64 = 0.5;

struct Case {
    name: &'static str,
    connections: usize,
    shape: Shape,
    must: Option<f64>,
    runs: Vec<Run>,
}

#[derive(Clone, Debug)]
struct Run {
    events_per_second: f64,
    latencies: Latencies,
    hub_cpu: f64,
    load_cpu: f64,
}

fn cases() -> Vec<Case> {
    let case = |name, connections, events, event_type, ids_given, must| Case {
        name,
        connections,
        shape: Shape { events, event_type, ids_given },
        must,
        runs: Vec::new(),
    };
    vec![
        case("a lone publisher, recent: no fsync", 1, 1, RECENT, false, None),
        case("32 connections, durable", 32, 1, DURABLE, false, Some(20_000.0)),
        case("32 connections, durable, ids given", 32, 1, DURABLE, true, Some(20_000.0)),
        case("32 connections, recent", 32, 1, RECENT, false, Some(45_000.0)),
        case("64 publishers, batches of 100, durable", 64, 100, DURABLE, false, Some(50_000.0)),
        case(
            "64 publishers, batches of 100, durable, ids given",
            64,
            100,
            DURABLE,
            true,
            Some(50_000.0),
        ),
    ]
}

/// Measures publishing.
pub(crate) fn run(settings: &Settings) -> anyhow::Result<Report> {
    let binary = binary(settings)?;
    let before_pin = settings.pinned.then(|| machine::pin(LOAD_CORE)).transpose()?;
    let report = measure(settings, &binary);
    if let Some(before_pin) = before_pin {
        machine::release(&before_pin)?;
    }
    report
}

fn measure(settings: &Settings, binary: &Path) -> anyhow::Result<Report> {
    let mut cases = cases();
    cases.retain(|case| case.name.contains(&settings.only));
    let (mut lones, mut others) = (Vec::new(), Vec::new());
    for _ in 0..settings.rounds {
        // A hub of its own for each round, so that no round has a larger log than another.
        let scratch = settings.scratch()?;
        let hub = Hub::start(settings, binary, scratch.path())?;
        let ours = || Ok(hub.process.cpu()? + own_cpu()?);
        let mut next_id = 0;
        if LONE.contains(&settings.only) {
            let attempt = || lone(settings, &hub, scratch.path(), &mut next_id);
            let (lone, disturbed) = quietly(settings.quiet, ours, attempt)?;
            others.push(disturbed);
            lones.push(lone);
        }
        for case in &mut cases {
            let attempt = || many(settings.run, &hub, case, &mut next_id);
            let (run, disturbed) = quietly(settings.quiet, ours, attempt)?;
            case.runs.push(run);
            others.push(disturbed);
        }
        hub.process.stop()?;
    }
    let mut report = Report::new(title(settings));
    if !lones.is_empty() {
        lone_rows(&mut report, &lones);
    }
    for case in &cases {
        report.push(row(case));
    }
    report.note(
        "The hub is `radial serve`: each publisher is another user, and shows a token with each \
         request. Each has one request under way. The hub's share counts all its threads. \
         Refused or doubled events would end the bench.",
    );
    report.note(quiet_note(&others));
    Ok(report)
}

fn title(settings: &Settings) -> String {
    let cores = if settings.pinned {
        "the hub on core 0, the load on core 1"
    } else {
        "hub and load on any core"
    };
    format!("Publishing over HTTP: 200 bytes of event data, {cores}")
}

fn lone_rows(report: &mut Report, lones: &[Lone]) {
    let of = |side: fn(&Lone) -> &Latencies| {
        let median_of =
            |share| median(lones.iter().map(|run| side(run).percentile(share)).collect());
        (median_of(0.5), median_of(0.99))
    };
    let bare = of(|run| &run.bare);
    let at_most = |row: Row| {
        row.must("p50", Must::AtMost(bare.0 + LONE_P50_MORE))
            .must("p99", Must::AtMost(bare.1 * LONE_P99.0 + LONE_P99.1))
    };
    let named = |name, (p50, p99)| {
        Row::new(name).with("p50", p50, Unit::Seconds).with("p99", p99, Unit::Seconds)
    };
    report.push(named("bare fsync", bare));
    report.push(named("bare round trip between the cores", of(|run| &run.echo)));
    report.push(at_most(named("bare round trip with a bare fsync in it", of(|run| &run.synced))));
    report.push(at_most(named(LONE, of(|run| &run.publish))));
    report.push(at_most(named(LONE_AWAKE, of(|run| &run.awake))));
}

fn row(case: &Case) -> Row {
    let of = |value: fn(&Run) -> f64| median(case.runs.iter().map(value).collect());
    let (hub, load) = (of(|run| run.hub_cpu), of(|run| run.load_cpu));
    let limit = match (hub >= BUSY, load >= BUSY) {
        (true, _) => "limit: the hub's core",
        (false, true) => "limit: the load generator",
        (false, false) if hub >= HALF_BUSY => "limit: the disk and the hub's core",
        (false, false) => "limit: the disk",
    };
    let row = Row::new(case.name)
        .with("p50", of(|run| run.latencies.percentile(0.5)), Unit::Seconds)
        .with("p99", of(|run| run.latencies.percentile(0.99)), Unit::Seconds)
        .with("events/s", of(|run| run.events_per_second), Unit::PerSecond)
        .with("hub's core", hub, Unit::Percent)
        .with("load's core", load, Unit::Percent)
        .remark(limit);
    match case.must {
        Some(must) => row.must("events/s", Must::AtLeast(must)),
        None => row,
    }
}

/// A hub that asks for credentials, and the tokens of those who publish to it.
struct Hub {
    process: Process,
    tokens: Vec<String>,
    operator: String,
}

impl Hub {
    fn start(settings: &Settings, binary: &Path, folder: &Path) -> anyhow::Result<Self> {
        let issuer = Issuer::new()?;
        Ok(Self {
            process: served::hub(settings, binary, folder, &Wish::default())?,
            tokens: issuer.tokens(TENANT, CONNECTIONS_MAX)?,
            operator: issuer.operator(TENANT)?,
        })
    }

    /// So many connections, each of another user.
    fn connect(&self, connections: usize, shape: Shape) -> anyhow::Result<Load> {
        let tokens = self.tokens.get(..connections).unwrap_or(&self.tokens);
        Load::connect(self.process.address(), tokens, shape)
    }

    fn accepted(&self) -> anyhow::Result<u64> {
        accepted(self.process.address(), &self.operator)
    }
}

/// What a lone publisher is compared with, of the same moments.
#[derive(Debug)]
struct Lone {
    bare: Latencies,
    echo: Latencies,
    /// Round trips with a bare fsync before the answer.
    synced: Latencies,
    publish: Latencies,
    /// The same publisher, on a core that never sleeps.
    awake: Latencies,
}

/// In turns: bare fsyncs on the hub's core, bare round trips to it, and a lone publisher.
fn lone(settings: &Settings, hub: &Hub, folder: &Path, next_id: &mut u64) -> anyhow::Result<Lone> {
    let mut file = Bare::made_ahead(folder, "bare")?;
    let mut round_trip = Echo::start(settings, None)?;
    let mut synced_trip = Echo::start(settings, Some(Bare::made_ahead(folder, "bare-echo")?))?;
    let shape = Shape { events: 1, event_type: DURABLE, ids_given: true };
    let mut load = hub.connect(1, shape)?;
    let mut awake_load = hub.connect(1, shape)?.stay_awake();
    let [mut echo, mut synced, mut awake] = std::array::from_fn(|_| Latencies::default());
    let bare = || {
        echo.extend(&round_trip.ask_many(TURN)?);
        synced.extend(&synced_trip.ask_many(TURN)?);
        let before = settings.pinned.then(|| machine::pin(HUB_CORE)).transpose()?;
        let latencies = file.write_many(TURN)?;
        before.map_or(Ok(()), |before| machine::release(&before))?;
        Ok(latencies)
    };
    let publishes = || {
        let turn = Until::Requests(TURN as u64);
        awake.extend(&awake_load.run(turn, next_id)?.latencies);
        Ok(load.run(turn, next_id)?.latencies)
    };
    let (bare, publish) = in_turns(settings.run, bare, publishes)?;
    Ok(Lone { bare, echo, synced, publish, awake })
}

fn many(run: Duration, hub: &Hub, case: &Case, next_id: &mut u64) -> anyhow::Result<Run> {
    let mut load = hub.connect(case.connections, case.shape)?;
    // The first requests find cold caches, and a store that is still busy with the case before.
    load.run(Until::Passed(run / 4), next_id)?;
    let (hub_cpu, load_cpu, accepted) = (hub.process.cpu()?, own_cpu()?, hub.accepted()?);
    let done = load.run(Until::Passed(run), next_id)?;
    let events = done.requests * case.shape.events as u64;
    let (hub_cpu, load_cpu) = (hub.process.cpu()? - hub_cpu, own_cpu()? - load_cpu);
    let accepted = hub.accepted()? - accepted;
    ensure!(accepted == events, "{events} events were sent, and {accepted} of them accepted");
    let took = done.took;
    Ok(Run {
        events_per_second: rate(events, took),
        latencies: done.latencies,
        hub_cpu: hub_cpu / took.as_secs_f64(),
        load_cpu: load_cpu / took.as_secs_f64(),
    })
}
