//! `radial doctor`: looks at a data folder that no hub has open.

use std::path::PathBuf;

use clap::Args;
use radial_server::doctor::{Report, inspect};

use crate::failure::Failure;
use crate::output;

/// Check the data folder of a hub that is stopped
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  radial doctor\n  radial doctor --data /var/lib/radial --json | jq '.findings[]'\n\n\
                  The exit status is 1 if something does not hold together."
)]
pub(crate) struct DoctorArgs {
    /// The data folder
    #[arg(long, default_value = "./radial-data")]
    data: PathBuf,
    /// Print the report as JSON
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: &DoctorArgs) -> Result<(), Failure> {
    let report = inspect(&args.data).map_err(|error| Failure::Failed(error.to_string()))?;
    let text = if args.json {
        serde_json::to_string(&report).expect("a report has string keys only")
    } else {
        describe(&report)
    };
    output::print(&format!("{text}\n"))?;
    match report.findings.len() {
        0 => Ok(()),
        1 => Err(Failure::Failed("1 thing does not hold together".to_owned())),
        count => Err(Failure::Failed(format!("{count} things do not hold together"))),
    }
}

fn describe(report: &Report) -> String {
    let stop = if report.clean_stop { "a clean stop" } else { "a crash, or a hub that was killed" };
    let mut lines = vec![format!(
        "after {stop}: {} records of the write-ahead files wait for the next start",
        report.pending_records
    )];
    lines.extend(report.tenants.iter().map(|tenant| {
        format!(
            "tenant {}: {} events, {} bytes, offsets {} to {}, epoch {}",
            tenant.tenant, tenant.events, tenant.bytes, tenant.first, tenant.head, tenant.epoch
        )
    }));
    lines.extend(report.findings.iter().map(|finding| format!("FOUND: {finding}")));
    if report.findings.is_empty() {
        lines.push("everything holds together".to_owned());
    }
    lines.join("\n")
}
