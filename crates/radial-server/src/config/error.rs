//! What is wrong with a configuration: everything at once, each with its place and what to write.

use std::fmt;
use std::path::PathBuf;

use super::load::Source;
use super::option::variable;
use super::sections::{self, SECTIONS};

/// Keys are compared up to this length, in characters.
const COMPARED_CHARS_MAX: usize = 64;

/// Why there is no configuration: every problem of every source, in the order of the sources.
#[derive(Debug)]
pub struct ConfigError {
    problems: Vec<ConfigProblem>,
}

/// One thing to put right.
#[derive(Debug, thiserror::Error)]
pub enum ConfigProblem {
    /// The file cannot be read.
    #[error("{}: cannot be read: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the operating system says.
        #[source]
        source: std::io::Error,
    },
    /// The file or the value of a variable cannot be understood.
    #[error("{place}: {message}")]
    Malformed {
        /// Where.
        place: Source,
        /// Why.
        message: String,
    },
    /// A key, section or variable that does not exist.
    #[error("{place}: {name} is not known; the nearest known is {nearest}")]
    Unknown {
        /// Where it was given.
        place: Source,
        /// What was given.
        name: String,
        /// What was probably meant.
        nearest: String,
    },
    /// A value that its option does not take.
    #[error("{place}: {key} is {value}; {}it must be {allowed}", clause(reason.as_ref()))]
    Refused {
        /// Where it was given.
        place: Source,
        /// The option.
        key: String,
        /// The value, shortened; of a secret option, `(hidden)`.
        value: String,
        /// Why, where it is not plain from what is allowed.
        reason: Option<String>,
        /// What the option takes.
        allowed: String,
    },
    /// Something is wrong with a record as a whole.
    #[error("{place}: [[{list}]] {message}")]
    Record {
        /// The record, or what is wrong in it.
        place: Source,
        /// The list.
        list: &'static str,
        /// What is wrong.
        message: String,
    },
    /// Two names of one variable with two values.
    #[error("environment: {first} and {second} are one option, but their values differ")]
    Ambiguous {
        /// One name.
        first: String,
        /// The other name.
        second: String,
    },
    /// Two values that do not go together.
    #[error("{lower} must not be above {upper}")]
    OutOfOrder {
        /// The option that is too large, its value and whence it came.
        lower: String,
        /// The option that bounds it, its value and whence it came.
        upper: String,
    },
}

impl ConfigError {
    pub(super) fn new(problems: Vec<ConfigProblem>) -> Self {
        Self { problems }
    }

    /// The problems; at least one.
    pub fn problems(&self) -> &[ConfigProblem] {
        &self.problems
    }
}

impl std::error::Error for ConfigError {}

impl fmt::Display for ConfigError {
    /// One problem a line, without a line break at the end.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.problems.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            problem.fmt(f)?;
        }
        Ok(())
    }
}

/// The key of an option or a list that was probably meant by an unknown dotted key: one of the same
/// name in another section, or else the one that is spelled most like it.
pub(super) fn nearest_key(key: &str) -> &'static str {
    let keys = || {
        let lists = sections::lists().map(|list| list.key);
        sections::options().map(|option| option.key).chain(lists)
    };
    let name = |key: &str| key.rsplit('.').next().map(str::to_owned);
    let same_name = keys().find(|known| name(known) == name(key));
    same_name.unwrap_or_else(|| nearest(key, keys()))
}

/// The variable that was probably meant.
pub(super) fn nearest_variable(key: &str) -> String {
    variable(nearest_key(key))
}

/// The section that was probably meant.
pub(super) fn nearest_section(name: &str) -> &'static str {
    nearest(name, SECTIONS.iter().map(|section| section.name))
}

/// The name that is spelled most like a word.
pub(super) fn nearest(word: &str, known: impl Iterator<Item = &'static str>) -> &'static str {
    known.min_by_key(|known| distance(word, known)).expect("no table is empty")
}

fn distance(word: &str, known: &str) -> usize {
    let word: String = word.chars().take(COMPARED_CHARS_MAX).collect();
    strsim::damerau_levenshtein(&word.to_lowercase().replace('-', "_"), known)
}

fn clause(reason: Option<&String>) -> String {
    reason.map(|reason| format!("{reason}; ")).unwrap_or_default()
}
