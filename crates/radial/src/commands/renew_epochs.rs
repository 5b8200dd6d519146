//! `radial renew-epochs`: after a data folder was restored from a backup.

use std::path::PathBuf;

use clap::Args;

use crate::failure::Failure;
use crate::output;

/// Give the logs of a restored data folder new epochs, so that no old cursor is taken for a new one
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  radial renew-epochs --data /var/lib/radial\n\n\
                  Run it once on a folder that was restored from a backup, before a hub opens it. \
                  Every client that comes back with a cursor from before is then told by a gap.")]
pub(crate) struct RenewEpochsArgs {
    /// The restored data folder
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
}

pub(crate) fn run(args: &RenewEpochsArgs) -> Result<(), Failure> {
    let random = || getrandom::u64().expect("the operating system has random bits");
    let renewed = radial_server::renew_epochs(&args.data, random)
        .map_err(|error| Failure::Failed(error.to_string()))?;
    for (tenant, before, now) in renewed {
        output::print(&format!("tenant {tenant}: epoch {before} is {now} now\n"))?;
    }
    Ok(())
}
