//! What `radial dev` and `radial serve` have in common: from flags to a running hub.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use radial_server::config::{Config, Loaded, Sources, load};
use radial_server::{Mode, RunError};

use crate::failure::Failure;
use crate::output;

/// The flags of a hub; they win over variables and over the file.
#[derive(Debug, Args)]
pub(crate) struct ServerArgs {
    /// The address to listen on; with port 0 a free one is chosen and printed [default:
    /// `server.listen`, 127.0.0.1:7070]
    #[arg(long, value_name = "ADDR")]
    listen: Option<String>,
    /// The folder of the hub's data [default: `server.data`, ./radial-data]
    #[arg(long, value_name = "DIR")]
    data: Option<String>,
    /// How log lines are written [default: `server.log_format`, text]
    #[arg(long, value_name = "FORMAT")]
    log_format: Option<LogFormat>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum LogFormat {
    Text,
    Json,
}

impl ServerArgs {
    /// Reads all sources of settings.
    pub(crate) fn load(self, file: Option<PathBuf>) -> Result<Loaded, Failure> {
        let log_format = self.log_format.map(|format| match format {
            LogFormat::Text => "text".to_owned(),
            LogFormat::Json => "json".to_owned(),
        });
        let flags = [
            ("server.listen", "listen", self.listen),
            ("server.data", "data", self.data),
            ("server.log_format", "log-format", log_format),
        ];
        let flags = flags.into_iter().filter_map(|(key, flag, value)| Some((key, flag, value?)));
        let environment = Sources::environment_of_process();
        let sources = Sources { file, environment, flags: flags.collect() };
        load(sources).map_err(|error| Failure::Unusable(error.to_string()))
    }
}

/// Runs a hub until it is told to stop. `welcome` is given its URL, and says what is printed after
/// the first line.
pub(crate) async fn run(
    config: Config,
    mode: Mode,
    welcome: impl FnOnce(&str) -> String,
) -> Result<(), Failure> {
    let level = tracing::Level::from(config.server.log_level);
    radial_server::logging::start(config.server.log_format, level.into());
    let scheme = if config.server.certificates.is_empty() { "http" } else { "https" };
    let announce = |address: SocketAddr| {
        let url = format!("{scheme}://{address}");
        // A hub serves whether or not somebody reads where.
        let _ = output::print(&format!("listening on {url}\n{}", welcome(&url)));
    };
    radial_server::run(config, mode, announce).await.map_err(|error| match error {
        RunError::NotLoopback(_)
        | RunError::NotEncrypted(_)
        | RunError::Certificate(_)
        | RunError::Auth(_) => Failure::Unusable(error.to_string()),
        _ => Failure::Failed(error.to_string()),
    })
}
