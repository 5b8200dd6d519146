//! The commands, one file each.

pub(crate) mod admin;
pub(crate) mod config;
pub(crate) mod dev;
pub(crate) mod doctor;
pub(crate) mod events;
mod hub;
pub(crate) mod keys;
pub(crate) mod openapi;
pub(crate) mod publish;
pub(crate) mod registry;
pub(crate) mod renew_epochs;
pub(crate) mod serve;
pub(crate) mod tail;
pub(crate) mod token;

use crate::cli::Command;
use crate::failure::Failure;

/// Runs a command to its end.
pub(crate) async fn run(command: Command) -> Result<(), Failure> {
    match command {
        Command::Dev(args) => dev::run(args).await,
        Command::Serve(args) => serve::run(args).await,
        Command::Publish(args) => publish::run(args).await,
        Command::Tail(args) => tail::run(args).await,
        Command::Events(args) => events::run(args).await,
        Command::Token(args) => token::run(&args),
        Command::Doctor(args) => doctor::run(&args),
        Command::RenewEpochs(args) => renew_epochs::run(&args),
        Command::Openapi(args) => openapi::run(&args),
        Command::Keys(command) => keys::run(command).await,
        Command::Admin(command) => admin::run(command).await,
        Command::Registry(command) => registry::run(&command),
        Command::Config(command) => config::run(&command),
    }
}
