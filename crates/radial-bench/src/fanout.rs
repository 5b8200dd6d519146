//! Delivery: the hub beside a bare epoll server, in turns, on one machine.
//!
//! The server is pinned to one core and the load to another. The load is one thread without a
//! runtime; it checks that every stream gets every event exactly once and in order, and fails
//! otherwise. `docs/performance.md`, "Delivery", has the method and the results.

mod drive;
pub(crate) mod floor;
mod histogram;
mod opening;
mod pair;
mod publisher;
pub(crate) mod served;
mod stamp;
mod streams;
pub(crate) mod tokens;

mod acks;
mod compression;
mod connects;
mod cpu;
mod idle;
mod small;
mod stalled;
mod tenants;
mod throughput;
mod wide;

use clap::{Args, ValueEnum};

use crate::Settings;
use crate::hub::binary;
use crate::machine::{self, LOAD_CORE};
use crate::report::Report;

/// What of delivery is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Scenario {
    /// Processor time of one delivery: 1,000 streams, 100 events/s
    Cpu,
    /// The most deliveries with a p99 under 100 ms: 1,000 streams
    Throughput,
    /// Latency of all deliveries: 10,000 streams, 10 events/s
    Wide,
    /// Memory of an idle stream: SSE, WebSocket, TLS, HTTP/2
    Idle,
    /// Connects a second to the first byte of `hello`
    Connects,
    /// 1,000 tenants × 10 streams instead of 1 × 10,000
    Tenants,
    /// A small team: 30 streams, 100 events/s
    Small,
    /// 10,000 streams beside 100 that stop reading
    Stalled,
    /// 10,000 sessions that owe acknowledgements
    Acks,
    /// Processor time and bytes of streams that take gzip
    Compression,
}

/// Which scenarios run, and how large they are.
#[derive(Args, Clone, Debug)]
pub(crate) struct FanoutArgs {
    /// What is measured; everything if nothing is named
    #[arg(value_enum)]
    scenarios: Vec<Scenario>,
    /// Divide all numbers of streams by this, for a machine or a test that is small
    #[arg(long, default_value_t = 1)]
    divide: usize,
    /// Fail if a figure of `small` is far from what it must be
    #[arg(long)]
    check: bool,
}

/// Measures what is asked for.
pub(crate) fn run(settings: &Settings, args: &FanoutArgs) -> anyhow::Result<Vec<Report>> {
    let binary = binary(settings)?;
    machine::open_many_files()?;
    let before = settings.pinned.then(|| machine::pin(LOAD_CORE)).transpose()?;
    let all = Scenario::value_variants();
    let scenarios = if args.scenarios.is_empty() { all } else { &args.scenarios };
    let bench = Bench { settings, binary: &binary, divide: args.divide.max(1) };
    let reports = scenarios.iter().map(|scenario| match scenario {
        Scenario::Cpu => cpu::run(&bench),
        Scenario::Throughput => throughput::run(&bench),
        Scenario::Wide => wide::run(&bench),
        Scenario::Idle => idle::run(&bench),
        Scenario::Connects => connects::run(&bench),
        Scenario::Tenants => tenants::run(&bench),
        Scenario::Small => small::run(&bench, args.check),
        Scenario::Stalled => stalled::run(&bench),
        Scenario::Acks => acks::run(&bench),
        Scenario::Compression => compression::run(&bench),
    });
    let reports = reports.collect();
    before.map_or(Ok(()), |before| machine::release(&before))?;
    reports
}

/// What every scenario is told.
struct Bench<'a> {
    settings: &'a Settings,
    binary: &'a std::path::Path,
    divide: usize,
}

impl Bench<'_> {
    /// So many streams, or fewer where that is wished for.
    fn streams(&self, full: usize) -> usize {
        (full / self.divide).max(1)
    }
}
