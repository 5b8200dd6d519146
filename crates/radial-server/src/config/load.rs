//! From the sources to the configuration: each setting by its kind, later sources over earlier.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use super::error::{ConfigError, ConfigProblem, nearest_option};
use super::kind::Reason;
use super::options::{self, ConfigOption, OPTIONS, ORDERS};
use super::raw::Raw;
use super::settings::Config;
use super::{environment, file};

/// What is shown in place of a secret.
pub(super) const HIDDEN: &str = "(hidden)";

/// Where settings come from, weakest first.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    /// The TOML file, if there is one.
    pub file: Option<PathBuf>,
    /// Variables by name; see [`Sources::environment_of_process`].
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
}

/// One option with its effective value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    /// `section.key`.
    pub key: &'static str,
    /// The value as the file would have it; of a secret option, `(hidden)`.
    pub value: String,
    /// Whence it came.
    pub source: Source,
    /// Whether the value is hidden.
    pub secret: bool,
}

/// A value that a source gives to an option.
#[derive(Clone)]
pub(super) struct Given {
    pub(super) option: &'static ConfigOption,
    pub(super) raw: Raw,
    pub(super) source: Source,
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
    read_text: impl FnOnce(&Path) -> io::Result<String>,
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

    let mut config = Config::default();
    let mut origins = HashMap::new();
    let mut refused = HashSet::new();
    for Given { option, raw, source } in given {
        match option.kind.read(&raw, &mut config) {
            Ok(()) => drop(origins.insert(option.key, source)),
            Err(reason) => {
                refused.insert(option.key);
                problems.push(refusal(option, &raw, source, reason));
            }
        }
    }
    let settings: Vec<Setting> =
        OPTIONS.iter().map(|option| setting(option, &mut config, &origins)).collect();
    problems.extend(out_of_order(&config, &settings, &refused));
    if problems.is_empty() {
        Ok(Loaded { config, settings })
    } else {
        Err(ConfigError::new(problems))
    }
}

impl Loaded {
    /// Every option in the order of the documentation.
    pub fn settings(&self) -> &[Setting] {
        &self.settings
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
        match options::find(key) {
            Some(option) => given.push(Given { option, raw: Raw::Plain(value), source }),
            None => problems.push(ConfigProblem::Unknown {
                place: source,
                name: key.to_owned(),
                nearest: nearest_option(key).key.to_owned(),
            }),
        }
    }
}

pub(super) fn refusal(
    option: &ConfigOption,
    raw: &Raw,
    place: Source,
    Reason(reason): Reason,
) -> ConfigProblem {
    let value = if option.secret { HIDDEN.to_owned() } else { raw.to_string() };
    let reason = reason.filter(|_| !option.secret);
    ConfigProblem::Refused { place, key: option.key, value, reason, allowed: option.kind.allowed() }
}

pub(super) fn setting(
    option: &ConfigOption,
    config: &mut Config,
    origins: &HashMap<&'static str, Source>,
) -> Setting {
    let value =
        if option.secret { HIDDEN.to_owned() } else { option.kind.write(config).to_string() };
    let source = origins.get(option.key).cloned().unwrap_or(Source::Default);
    Setting { key: option.key, value, source, secret: option.secret }
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
