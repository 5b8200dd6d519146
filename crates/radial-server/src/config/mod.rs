//! The configuration of the hub: flags over `RADIAL__SECTION__KEY` variables over the TOML file
//! over defaults (protocol §7).
//!
//! One table, `options`, describes every option; reading, refusing, `--print-config` and
//! `docs/config.md` derive from it. Each source is read into raw values, each raw value is put
//! into its field of [`Config`] by its kind, and all problems of all sources are reported
//! together.
//!
//! This module must never know what the settings are used for, and it alone reads the
//! environment, in [`Sources::environment_of_process`].

mod byte_size;
mod docs;
mod environment;
mod error;
mod file;
mod kind;
mod load;
mod options;
mod print;
mod raw;
mod settings;
#[cfg(test)]
mod tests;

pub use docs::docs;
pub use error::{ConfigError, ConfigProblem};
pub use load::{Loaded, Setting, Source, Sources, load};
pub use settings::{Config, DurabilityMode, Hub, Log, LogFormat, LogLevel, Server, Stream};
