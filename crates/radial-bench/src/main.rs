//! `radial-bench`: measures the log and the hub, beside what the machine itself can do.
//!
//! Every figure is the median of several runs, and what is compared is measured in turns, so that
//! a busy moment of the machine meets both sides. `docs/performance.md` has the method and the
//! results. Nothing of the hub depends on this crate.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a command line program talks there")]

mod appends;
mod background;
mod bare;
mod clock;
mod echo;
mod epoll;
mod events;
mod fanout;
mod figures;
mod fill;
mod hub;
mod load;
mod machine;
mod million;
mod process;
mod publish;
mod report;
mod requests;
mod resume;
mod smoke;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use clap::{Parser, Subcommand};

use report::Report;

/// Measures the log and the hub, beside what the machine itself can do.
#[derive(Debug, Parser)]
#[command(name = "radial-bench")]
struct Cli {
    #[command(subcommand)]
    bench: Bench,
    /// How long one run takes
    #[arg(long, global = true, default_value_t = 3.0)]
    seconds: f64,
    /// How many runs each figure is the median of
    #[arg(long, global = true, default_value_t = 5)]
    rounds: usize,
    /// Where the data goes: the disk of this folder is measured
    #[arg(long, global = true)]
    folder: Option<PathBuf>,
    /// How many events the large log holds
    #[arg(long, global = true, default_value_t = 1_000_000)]
    events: u64,
    /// The `radial` binary; built from this workspace if none is given
    #[arg(long, global = true)]
    hub: Option<PathBuf>,
    /// Of `publish`, only the cases whose names hold this text
    #[arg(long, global = true, default_value = "")]
    only: String,
    /// Let the system choose the cores, instead of 0 for the hub and 1 for the load
    #[arg(long, global = true)]
    unpinned: bool,
    /// Wait for quiet moments, and repeat runs that others disturbed
    #[arg(long, global = true)]
    quiet: bool,
    /// One JSON object instead of a table
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Clone, Debug, Subcommand)]
enum Bench {
    /// A bare write and fdatasync
    Fsync,
    /// The embedded log in this process
    Log,
    /// A steady publisher in this process, and what background work costs it
    Background,
    /// Publishing over HTTP to a hub in a process of its own
    Publish,
    /// Resuming a stream over HTTP in a large log
    Resume,
    /// Delivery to many streams, beside a bare epoll server
    Fanout(fanout::FanoutArgs),
    /// Everything, tiny: does it still work?
    Smoke,
    /// Fills a log and waits to be killed
    #[command(hide = true)]
    Fill {
        /// Offsets up to here
        to: u64,
    },
    /// The bare server that `fanout` compares the hub with
    #[command(hide = true)]
    Floor {
        /// Write what came in so long at once; 0 for one write per delivery
        #[arg(long)]
        coalesce_ms: u64,
    },
}

/// What every bench is told.
#[derive(Clone, Debug)]
struct Settings {
    run: Duration,
    rounds: usize,
    folder: PathBuf,
    events: u64,
    hub: Option<PathBuf>,
    pinned: bool,
    quiet: bool,
    only: String,
}

impl Settings {
    /// A folder on the measured disk that goes away again.
    fn scratch(&self) -> anyhow::Result<tempfile::TempDir> {
        tempfile::Builder::new()
            .prefix("radial-bench-")
            .tempdir_in(&self.folder)
            .with_context(|| format!("no folder can be made in {}", self.folder.display()))
    }
}

fn main() -> ExitCode {
    match run(Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(cli: Cli) -> anyhow::Result<()> {
    let beside_this_program =
        || std::env::current_exe().ok()?.parent().map(Path::to_owned).filter(|path| path.is_dir());
    let settings = Settings {
        run: Duration::try_from_secs_f64(cli.seconds).context("--seconds is no duration")?,
        rounds: cli.rounds.max(1),
        folder: cli.folder.or_else(beside_this_program).unwrap_or_else(|| PathBuf::from(".")),
        events: cli.events,
        hub: cli.hub,
        pinned: !cli.unpinned,
        quiet: cli.quiet,
        only: cli.only,
    };
    let reports = match cli.bench {
        Bench::Fsync => vec![bare::run(&settings)?],
        Bench::Log => vec![appends::run(&settings)?, million::run(&settings)?],
        Bench::Background => vec![background::run(&settings)?],
        Bench::Publish => vec![publish::run(&settings)?],
        Bench::Resume => vec![resume::run(&settings)?],
        Bench::Smoke => smoke::run(&settings)?,
        Bench::Fanout(args) => fanout::run(&settings, &args)?,
        Bench::Floor { coalesce_ms } => {
            return fanout::floor::serve(Duration::from_millis(coalesce_ms));
        }
        Bench::Fill { to } => return fill::run(&settings.folder, to),
    };
    show(&reports, cli.json)
}

fn show(reports: &[Report], json: bool) -> anyhow::Result<()> {
    if json {
        let all: Vec<_> = reports.iter().map(Report::json).collect();
        println!("{}", serde_json::to_string_pretty(&all)?);
    } else {
        for report in reports {
            println!("{report}");
        }
    }
    Ok(())
}
