//! `radial serve`: a hub as its configuration says.

use std::path::PathBuf;

use clap::Args;
use radial_server::Mode;

use super::hub::{self, ServerArgs};
use crate::failure::Failure;
use crate::output;

/// Run a hub as a configuration file says
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  radial serve --config radial.toml\n  radial serve --config radial.toml --print-config\n\n\
                  Flags win over RADIAL__SECTION__KEY variables, those over the file, that over defaults.\n\
                  `radial config docs` explains every option."
)]
pub(crate) struct ServeArgs {
    /// The configuration file
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    #[command(flatten)]
    server: ServerArgs,
    /// Print every setting and whence it came, and run nothing
    #[arg(long)]
    print_config: bool,
}

pub(crate) async fn run(args: ServeArgs) -> Result<(), Failure> {
    let loaded = args.server.load(Some(args.config))?;
    if args.print_config {
        return output::print(&loaded.print());
    }
    hub::run(loaded.config, Mode::Serve, |_| String::new()).await
}
