//! `radial config`: what can be configured.

use clap::Subcommand;

use crate::failure::Failure;
use crate::output;

/// About the configuration.
#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Print the documentation of every option, as Markdown
    #[command(after_help = "Example:\n  radial config docs > docs/config.md")]
    Docs,
}

pub(crate) fn run(command: &ConfigCommand) -> Result<(), Failure> {
    match command {
        ConfigCommand::Docs => output::print(&radial_server::config::docs()),
    }
}
