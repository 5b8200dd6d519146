//! `cargo xtask …`: everything with logic that developers and continuous integration run.
//!
//! One module a command. It knows the repository's layout, and nothing of how the hub works.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a command line program talks there")]

use std::process::ExitCode;

use clap::{Parser, Subcommand};

mod architecture;
mod autobahn;
mod ci;
mod fuzz;
mod generate;
mod markdown;
mod prepare;
mod process;
mod repo;
mod schemathesis;
mod test;
mod tidy;

#[derive(Parser)]
#[command(name = "cargo xtask", about = "Everything with logic that developers run")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Install what the tests need, build once, run every test
    Test,
    /// Fast checks of sources and documents
    Tidy,
    /// Compare the crates' imports with ARCHITECTURE.md
    Architecture,
    /// Write the generated files
    Generate(generate::Options),
    /// Run the Autobahn cases against the WebSocket codec
    Autobahn(autobahn::Options),
    /// Ask a hub what its OpenAPI document describes, right and wrong
    Schemathesis(schemathesis::Options),
    /// Run the fuzz targets for some seconds each
    Fuzz(fuzz::Options),
    /// Everything that continuous integration runs
    Ci,
}

fn main() -> ExitCode {
    match run(Cli::parse().command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> anyhow::Result<()> {
    let root = repo::root()?;
    match command {
        Command::Test => test::run(&root),
        Command::Tidy => tidy::run(&root),
        Command::Architecture => architecture::run(&root),
        Command::Generate(options) => generate::run(&root, options),
        Command::Autobahn(options) => autobahn::run(&root, &options),
        Command::Schemathesis(options) => schemathesis::run(&root, &options),
        Command::Fuzz(options) => fuzz::run(&root, &options),
        Command::Ci => ci::run(&root),
    }
}
