//! `radial registry`: checks event types before a hub meets them, and writes them for others.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use radial_registry::{Folder, Registry, RegistryError};

use crate::failure::Failure;
use crate::output;

/// About registries.
#[derive(Debug, Subcommand)]
pub(crate) enum RegistryCommand {
    Check(CheckArgs),
    Types(TypesArgs),
    Asyncapi(AsyncapiArgs),
}

/// Check a folder of event types and print every problem
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  radial registry check ./registry\n  radial registry check ./registry --json | jq '.problems[]'\n\n\
                  The exit status is 1 if there is an error; warnings alone are no failure."
)]
pub(crate) struct CheckArgs {
    /// The registry folder
    folder: PathBuf,
    /// Print the report as JSON
    #[arg(long)]
    json: bool,
}

/// Write TypeScript types of all event types
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  radial registry types ./registry --out src/events.ts\n  radial registry types ./registry --out src/events.ts --check\n\n\
                  The output has an interface EventTypes for createRealtimeClient<EventTypes>() of @radial/client."
)]
pub(crate) struct TypesArgs {
    #[command(flatten)]
    types: WhichTypes,
    /// Write into this file instead of standard output
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Write nothing; fail if the file is not what would be written
    #[arg(long, requires = "out")]
    check: bool,
}

/// Print the event types for programs
#[derive(Debug, Args)]
#[command(
    about = "Print the event types as a document of AsyncAPI 3",
    after_help = "Example:\n  radial registry asyncapi ./registry > asyncapi.json\n\n\
                  A hub that runs has the same at /asyncapi.json."
)]
pub(crate) struct AsyncapiArgs {
    #[command(flatten)]
    types: WhichTypes,
}

/// The event types that a hub would have.
#[derive(Debug, Args)]
struct WhichTypes {
    /// The registry folder; without one, only the built-in types
    folder: Option<PathBuf>,
    /// Leave the built-in types out, as the configuration of a hub may
    #[arg(long, requires = "folder")]
    no_builtin: bool,
}

pub(crate) fn run(command: &RegistryCommand) -> Result<(), Failure> {
    match command {
        RegistryCommand::Check(args) => check(args),
        RegistryCommand::Types(args) => types(args),
        RegistryCommand::Asyncapi(args) => asyncapi(args),
    }
}

fn check(args: &CheckArgs) -> Result<(), Failure> {
    let report = radial_registry::check(&read(&args.folder)?);
    let text = if args.json {
        serde_json::to_string(&report).expect("a report has string keys only")
    } else {
        report.to_string()
    };
    output::print(&format!("{text}\n"))?;
    match report.error_count {
        0 => Ok(()),
        1 => Err(Failure::Failed("the registry has 1 error".to_owned())),
        count => Err(Failure::Failed(format!("the registry has {count} errors"))),
    }
}

fn types(args: &TypesArgs) -> Result<(), Failure> {
    let text = radial_registry::typescript(&registry(&args.types)?);
    let Some(file) = &args.out else { return output::print(&text) };
    let named = |error: std::io::Error| Failure::Failed(format!("{}: {error}", file.display()));
    if !args.check {
        return std::fs::write(file, text).map_err(named);
    }
    if std::fs::read_to_string(file).map_err(named)? == text {
        return Ok(());
    }
    let detail = format!("{} is not up to date; write it again without --check", file.display());
    Err(Failure::Failed(detail))
}

fn asyncapi(args: &AsyncapiArgs) -> Result<(), Failure> {
    let registry = registry(&args.types)?;
    let document = radial_registry::asyncapi(&registry, env!("CARGO_PKG_VERSION"));
    output::print(&format!("{document:#}\n"))
}

/// The registry that a hub would have.
fn registry(args: &WhichTypes) -> Result<Registry, Failure> {
    let Some(folder) = &args.folder else { return Ok(Registry::builtin()) };
    let refused = |error: RegistryError| Failure::Failed(error.to_string());
    let own = Registry::from_folder(&read(folder)?).map_err(refused)?;
    if args.no_builtin { Ok(own) } else { Registry::builtin().extended_with(&own).map_err(refused) }
}

fn read(folder: &Path) -> Result<Folder, Failure> {
    Folder::read(folder).map_err(|error| {
        let cause = std::error::Error::source(&error).map(|cause| format!(" {cause}"));
        Failure::Unusable(format!("{error}{}", cause.unwrap_or_default()))
    })
}
