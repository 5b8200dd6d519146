//! From the sources to the configuration: each setting by its kind, later sources over earlier.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use super::error::{ConfigError, ConfigProblem, nearest_key};
use super::kind::{Kind, Reason, Written};
use super::option::ConfigOption;
use super::raw::Raw;
use super::records::{Found, RawRecord, RecordList};
use super::secret::{HIDDEN, Outside, Via};
use super::sections::{self, ORDERS};
use super::settings::Config;
use super::{environment, file};

/// Where settings come from, weakest first.
///
/// Its `Debug` output shows no value: any of them may be a secret.
#[derive(Clone, Default)]
pub struct Sources {
    /// The TOML file, if there is one.
    pub file: Option<PathBuf>,
    /// Variables by name; see [`Sources::environment_of_process`]. Those that are no settings are
    /// looked into only where an option names them.
    pub environment: Vec<(String, String)>,
    /// Flags: the option's dotted key, the flag's name, the value.
    pub flags: Vec<(&'static str, &'static str, String)>,
}

/// Whence a value came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// Nobody set it.
    Default,
    /// A line of the file.
    File {
        /// The file, as it was named.
        path: PathBuf,
        /// The line, counted from 1.
        line: usize,
    },
    /// The variable of this name.
    Environment(String),
    /// The flag of this name, without dashes.
    Flag(String),
}

/// A configuration, and whence each value of it came.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The validated values.
    pub config: Config,
    settings: Vec<Setting>,
    records: Vec<SettingRecord>,
}

/// One option with its effective value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    /// `section.key`; of a secret that was found elsewhere, `section.key_file` and its like.
    pub key: String,
    /// The value as the file would have it; of a secret that is written out, `(hidden)`.
    pub value: String,
    /// Whence it came.
    pub source: Source,
    /// Whether the value is hidden, or there is none.
    pub secret: bool,
}

/// One record of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct SettingRecord {
    pub(super) list: &'static str,
    /// Name, value, and whether it is hidden.
    pub(super) fields: Vec<(String, String, bool)>,
    pub(super) source: Source,
}

/// What a source gives.
pub(super) enum Given {
    /// A value for an option.
    Value { option: &'static ConfigOption, via: Via, raw: Raw, source: Source },
    /// Records for a list, in the place of all records of weaker sources.
    Records { list: &'static RecordList, records: Vec<RawRecord>, source: Source },
}

/// Whence each option, and each record of each list, has its value.
#[derive(Default)]
pub(super) struct Origins {
    pub(super) options: HashMap<&'static str, Source>,
    records: HashMap<&'static str, Vec<Source>>,
}

/// Reads and checks everything.
///
/// A wrong value is an error even where a stronger source overrides it: it would come into force
/// on the day that the other is taken away.
///
/// # Errors
///
/// All problems of all sources together.
pub fn load(sources: Sources) -> Result<Loaded, ConfigError> {
    load_with(sources, file::read_text)
}

/// As [`load`], with the files that `read_text` knows.
pub(super) fn load_with(
    sources: Sources,
    read_text: impl Fn(&Path) -> io::Result<String>,
) -> Result<Loaded, ConfigError> {
    let (mut given, mut problems) = (Vec::new(), Vec::new());
    if let Some(path) = &sources.file {
        match read_text(path) {
            Ok(text) => file::read(path, &text, &mut given, &mut problems),
            Err(source) => {
                problems.push(ConfigProblem::Unreadable { path: path.clone(), source });
            }
        }
    }
    environment::read(&sources.environment, &mut given, &mut problems);
    flags(sources.flags, &mut given, &mut problems);

    let outside = Outside { environment: &sources.environment, read_text: &read_text };
    let mut config = Config::default();
    let mut origins = Origins::default();
    let mut refused = HashSet::new();
    for given in given {
        match given {
            Given::Value { option, via, raw, source } => {
                let read = outside.found(option, via, &raw);
                match read.and_then(|raw| option.kind.read(&raw, &mut config)) {
                    Ok(()) => drop(origins.options.insert(option.key, source)),
                    Err(reason) => {
                        refused.insert(option.key);
                        let key = format!("{}{}", option.key, via.suffix());
                        problems.push(refusal(option, key, &raw, source, reason));
                    }
                }
            }
            Given::Records { list, records, source } => {
                let found = Found { list, records: &records, place: &source, outside: &outside };
                match list.table.read(&found, &mut config) {
                    Ok(()) => {
                        let places = records.into_iter().map(|record| record.place).collect();
                        origins.records.insert(list.key, places);
                    }
                    Err(found) => problems.extend(found),
                }
            }
        }
    }
    let settings: Vec<Setting> =
        sections::options().map(|option| setting(option, &mut config, &origins)).collect();
    problems.extend(out_of_order(&config, &settings, &refused));
    problems.extend(unknown_tenants(&config, &origins));
    let records = setting_records(&mut config, &origins);
    if problems.is_empty() {
        Ok(Loaded { config, settings, records })
    } else {
        Err(ConfigError::new(problems))
    }
}

impl Loaded {
    /// Every option of every section in the order of the documentation.
    pub fn settings(&self) -> &[Setting] {
        &self.settings
    }

    /// Every record of every list in the order of the documentation.
    pub(super) fn records(&self) -> &[SettingRecord] {
        &self.records
    }
}

impl fmt::Debug for Sources {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sources").field("file", &self.file).finish_non_exhaustive()
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File { path, line } => {
                // A line break in the name of a file would end a comment or a line of problems.
                let path = path.to_string_lossy().replace(char::is_control, "\u{fffd}");
                write!(f, "file {path}:{line}")
            }
            Self::Environment(name) => write!(f, "environment {name}"),
            Self::Flag(name) => write!(f, "flag --{name}"),
        }
    }
}

fn flags(
    flags: Vec<(&'static str, &'static str, String)>,
    given: &mut Vec<Given>,
    problems: &mut Vec<ConfigProblem>,
) {
    for (key, flag, value) in flags {
        let source = Source::Flag(flag.trim_start_matches('-').to_owned());
        match sections::find(key) {
            Some((option, via)) => {
                given.push(Given::Value { option, via, raw: Raw::Plain(value), source });
            }
            None => problems.push(ConfigProblem::Unknown {
                place: source,
                name: key.to_owned(),
                nearest: nearest_key(key).to_owned(),
            }),
        }
    }
}

pub(super) fn refusal<R>(
    option: &ConfigOption<R>,
    key: String,
    raw: &Raw,
    place: Source,
    Reason(reason): Reason,
) -> ConfigProblem {
    let is_secret = matches!(option.kind, Kind::Secret(_));
    let value = if is_secret { HIDDEN.to_owned() } else { raw.to_string() };
    ConfigProblem::Refused { place, key, value, reason, allowed: option.kind.allowed() }
}

pub(super) fn setting(option: &ConfigOption, config: &mut Config, origins: &Origins) -> Setting {
    let (suffix, value, secret) = shown(&option.kind.write(config));
    let source = origins.options.get(option.key).cloned().unwrap_or(Source::Default);
    Setting { key: format!("{}{suffix}", option.key), value, source, secret }
}

fn setting_records(config: &mut Config, origins: &Origins) -> Vec<SettingRecord> {
    let mut records = Vec::new();
    for list in sections::lists() {
        let places = origins.records.get(list.key).map_or(&[][..], Vec::as_slice);
        let written = list.table.write(config).into_iter();
        for (index, fields) in written.enumerate() {
            let field = |(name, written): (&str, Written)| {
                let (suffix, value, hidden) = shown(&written);
                (format!("{name}{suffix}"), value, hidden)
            };
            let source = places.get(index).cloned().unwrap_or(Source::Default);
            let fields = fields.into_iter().map(field).collect();
            records.push(SettingRecord { list: list.key, fields, source });
        }
    }
    records
}

/// The end of the name, the value, and whether it is hidden.
fn shown(written: &Written) -> (&'static str, String, bool) {
    let suffix = if let Written::Found(via, _) = written { via.suffix() } else { "" };
    (suffix, written.shown(), matches!(written, Written::Hidden | Written::Nothing))
}

/// The records of tenants that the hub does not have.
fn unknown_tenants(config: &Config, origins: &Origins) -> Vec<ConfigProblem> {
    let places = origins.records.get("tenants").into_iter().flatten();
    let unknown = |name: &str| config.hub.tenants.iter().all(|tenant| tenant.as_str() != name);
    config
        .tenants
        .iter()
        .zip(places)
        .filter(|(record, _)| unknown(record.name.as_str()))
        .map(|(record, place)| ConfigProblem::Record {
            place: place.clone(),
            list: "tenants",
            message: format!("has name \"{}\", which is not among hub.tenants", record.name),
        })
        .collect()
}

/// The orders that do not hold, apart from those in which a value was refused anyway.
fn out_of_order(
    config: &Config,
    settings: &[Setting],
    refused: &HashSet<&'static str>,
) -> Vec<ConfigProblem> {
    let describe = |key: &str| {
        let setting = settings.iter().find(|setting| setting.key == key);
        setting.map_or_else(String::new, |Setting { key, value, source, .. }| {
            format!("{key} ({value}, {source})")
        })
    };
    ORDERS
        .iter()
        .filter(|order| !refused.contains(order.lower) && !refused.contains(order.upper))
        .filter(|order| !(order.holds)(config))
        .map(|order| ConfigProblem::OutOfOrder {
            lower: describe(order.lower),
            upper: describe(order.upper),
        })
        .collect()
}
