//! `radial openapi`: the HTTP surface, for programs that write clients.

use clap::Args;
use radial_protocol::limits::Limits;

use crate::failure::Failure;
use crate::output;

/// Print the HTTP surface as a document of OpenAPI 3.1
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  radial openapi > openapi.json\n\n\
                  A hub that runs has the same at /openapi.json, with its own limits.")]
pub(crate) struct OpenapiArgs {}

pub(crate) fn run(_: &OpenapiArgs) -> Result<(), Failure> {
    let document = radial_server::openapi(&Limits::default());
    output::print(&format!("{document:#}\n"))
}
