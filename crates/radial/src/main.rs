//! The `radial` command: a hub, and everything to speak to one from a shell.
//!
//! Data goes to standard output, everything else to standard error. The exit status is 0 for
//! success, 1 if what was asked for failed, 2 for wrong usage or a hub that cannot be reached.

#![allow(clippy::print_stderr, reason = "this is a command: standard error is its voice")]

mod cli;
mod commands;
mod failure;
mod moment;
mod output;
mod show;

use std::process::ExitCode;

use clap::Parser as _;

use cli::Cli;
use failure::Failure;

/// Events are made on one thread and freed on another, which is what the system's allocator is
/// slowest at: see `docs/adr/0010-mimalloc.md`.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("error: no threads can be started: {error}");
            return ExitCode::from(2);
        }
    };
    let result = runtime.block_on(commands::run(cli.command));
    // A name that is still being looked up would hold a plain drop back.
    runtime.shutdown_background();
    match result {
        Ok(()) | Err(Failure::ReaderGone) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("error: {failure}");
            failure.exit_code()
        }
    }
}
