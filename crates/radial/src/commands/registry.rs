//! `radial registry`: checks event types before a hub meets them.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use radial_registry::Folder;

use crate::failure::Failure;
use crate::output;

/// About registries.
#[derive(Debug, Subcommand)]
pub(crate) enum RegistryCommand {
    Check(CheckArgs),
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

pub(crate) fn run(command: &RegistryCommand) -> Result<(), Failure> {
    match command {
        RegistryCommand::Check(args) => check(args),
    }
}

fn check(args: &CheckArgs) -> Result<(), Failure> {
    let folder = Folder::read(&args.folder).map_err(|error| {
        let cause = std::error::Error::source(&error).map(|cause| format!(" {cause}"));
        Failure::Unusable(format!("{error}{}", cause.unwrap_or_default()))
    })?;
    let report = radial_registry::check(&folder);
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
