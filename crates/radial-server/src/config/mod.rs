//! The configuration of the hub: flags over `RADIAL__SECTION__KEY` variables over the TOML file
//! over defaults (protocol §7).
//!
//! One table, `sections`, describes every option; reading, refusing, `--print-config` and
//! `docs/config.md` derive from it. Each source is read into raw values, each raw value is put
//! into its field of [`Config`] by its kind, and all problems of all sources are reported
//! together.
//!
//! **To add an option**, add its field to `settings` and a row to the file of its section in
//! `sections`; the row's kind names the field, its bounds and nothing else. Kinds that many options
//! share are variants of `Kind`; `choice!` makes the kind of an enumeration from its table of names,
//! and `Kind::Text` and `Kind::Texts` take functions, for what is written as a text or a list of texts.
//! A new section is a new file and an entry in `SECTIONS`.
//!
//! **To add a list of records**, add a struct for the record to `settings` (it needs `Default`, which
//! is what an absent field is) and a `Vec` of it to its section's struct. Then add a `RecordList` to
//! the section's `lists`, or to `TOP_LISTS`: its `table` is a `Records` that names the `Vec` and the
//! options, whose kinds are of the record: `Kind::Name(|r: &mut Issuer| &mut r.name)`. Say `.required()`
//! and `.unique()` where it is so, and in `check` what no single option can say. A secret is a
//! `Kind::Secret` over an `Option<Secret>` field; its three names and its hiding come with the kind.
//! Reading, errors with file and line, printing, `docs/config.md` and the variable follow from that.
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
mod network;
mod option;
mod print;
mod raw;
mod records;
mod secret;
mod sections;
mod settings;
#[cfg(test)]
mod tests;

pub use docs::docs;
pub use error::{ConfigError, ConfigProblem};
pub use load::{Loaded, Setting, Source, Sources, load};
pub use network::{Network, Origin};
pub use secret::{Secret, SecretOrigin};
pub use settings::{
    AliasTransport, Auth, Certificate, Config, DurabilityMode, Forward, ForwardedHeader, Hub,
    Issuer, Key, Log, LogFormat, LogLevel, Rates, Server, Stream, StreamAlias, TenantRecord,
};
