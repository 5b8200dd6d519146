//! The words of the command line; what they do is in [`commands`](crate::commands).

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use radial_client::{Client, ClientConfig};

use crate::commands::{
    admin, config, dev, doctor, events, keys, openapi, publish, registry, renew_epochs, serve,
    tail, token,
};
use crate::failure::Failure;

/// A self-hosted real-time event hub.
#[derive(Debug, Parser)]
#[command(
    name = "radial",
    version,
    propagate_version = true,
    after_help = "Example:\n  radial dev\n  radial tail &\n  radial publish --type test:event --data '{\"n\":1}'\n\n\
                  Exit status: 0 success, 1 what was asked for failed, 2 wrong usage or no hub."
)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Dev(dev::DevArgs),
    Serve(serve::ServeArgs),
    Publish(publish::PublishArgs),
    Tail(tail::TailArgs),
    Events(events::EventsArgs),
    Token(Box<token::TokenArgs>),
    Doctor(doctor::DoctorArgs),
    RenewEpochs(renew_epochs::RenewEpochsArgs),
    Openapi(openapi::OpenapiArgs),
    /// Work on API keys
    #[command(subcommand, after_help = "Example:\n  radial keys list")]
    Keys(keys::KeysCommand),
    /// Operate a hub
    #[command(subcommand, after_help = "Example:\n  radial admin status")]
    Admin(admin::AdminCommand),
    /// Work on a registry of event types
    #[command(subcommand, after_help = "Example:\n  radial registry check ./registry")]
    Registry(registry::RegistryCommand),
    /// Read about the configuration
    #[command(subcommand, after_help = "Example:\n  radial config docs > docs/config.md")]
    Config(config::ConfigCommand),
}

/// Which hub, and who speaks to it.
#[derive(Debug, Args)]
#[command(next_help_heading = "Hub")]
pub(crate) struct HubArgs {
    /// The address of the hub
    #[arg(long, env = "RADIAL_URL", default_value = "http://127.0.0.1:7070")]
    url: String,
    /// The credential: a token or an API key
    #[arg(long, env = "RADIAL_TOKEN", hide_env_values = true)]
    token: Option<String>,
    /// The tenant, for a credential that was issued for several
    #[arg(long, env = "RADIAL_TENANT")]
    tenant: Option<String>,
    /// The certificate authorities to trust under https, in PEM [default: the system's]
    #[arg(long, env = "RADIAL_CA", value_name = "FILE")]
    ca: Option<PathBuf>,
}

impl HubArgs {
    /// A client of that hub.
    pub(crate) fn client(self) -> Result<Client, Failure> {
        // An empty variable means the same as none.
        let given = |value: Option<String>| value.filter(|value| !value.is_empty());
        let Self { url, token, tenant, ca } = self;
        let read = |file: PathBuf| {
            let failed =
                |error| Failure::Unusable(format!("cannot read {}: {error}", file.display()));
            std::fs::read(&file).map_err(failed)
        };
        let ca = ca.filter(|file| !file.as_os_str().is_empty());
        let authorities = ca.map(read).transpose()?;
        let config = ClientConfig { url, token: given(token), tenant: given(tenant), authorities };
        Client::new(config).map_err(Failure::from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn the_command_line_holds_together() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_command_shows_an_example() {
        fn check(command: &clap::Command) {
            let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            assert!(help.contains("Example"), "{}", command.get_name());
            command
                .get_subcommands()
                .filter(|command| command.get_name() != "help")
                .for_each(check);
        }
        check(&Cli::command());
    }
}
