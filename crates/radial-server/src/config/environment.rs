//! The environment: `RADIAL__SECTION__KEY`, and `RADIAL_DISABLED`.
//!
//! Other names that begin with `RADIAL_` belong to other programs (`RADIAL_URL`, `RADIAL_TOKEN`)
//! and are left alone.

use super::error::{ConfigProblem, nearest_variable};
use super::load::{Given, Source, Sources};
use super::option::{VARIABLE_PREFIX, variable};
use super::raw::{Raw, one_line};
use super::records::{RawField, RawRecord};
use super::sections;

/// The short name of a variable, and the option that it sets (protocol §7).
pub(super) const DISABLED: (&str, &str) = ("RADIAL_DISABLED", "hub.disabled");

impl Sources {
    /// The variables of this process: settings, and others that may hold secrets.
    ///
    /// Bytes that are not UTF-8 become U+FFFD, which [`load`](super::load) refuses.
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the environment")]
    pub fn environment_of_process() -> Vec<(String, String)> {
        std::env::vars_os()
            .map(|(name, value)| (name.to_string_lossy().into_owned(), value))
            .map(|(name, value)| (name, value.to_string_lossy().into_owned()))
            .collect()
    }
}

fn is_setting(name: &str) -> bool {
    name == DISABLED.0 || name.starts_with(VARIABLE_PREFIX)
}

/// Reads the settings among the variables.
pub(super) fn read(
    variables: &[(String, String)],
    given: &mut Vec<Given>,
    problems: &mut Vec<ConfigProblem>,
) {
    let mut settings: Vec<_> = variables.iter().filter(|(name, _)| is_setting(name)).collect();
    settings.sort();
    for (name, value) in &settings {
        let key = dotted(name);
        let source = Source::Environment(one_line(name).into_owned());
        let found = sections::find(&key).filter(|(option, via)| {
            let variable = format!("{}{}", option.variable(), via.suffix().to_uppercase());
            *name == DISABLED.0 || *name == variable
        });
        let list = sections::find_list(&key).filter(|list| *name == list.variable());
        if (found.is_some() || list.is_some()) && value.contains('\u{fffd}') {
            let message = "its value is not UTF-8".to_owned();
            problems.push(ConfigProblem::Malformed { place: source, message });
        } else if let Some((option, via)) = found {
            given.push(Given::Value { option, via, raw: Raw::Plain(value.clone()), source });
        } else if let Some(list) = list {
            match records(name, value) {
                Ok(records) => given.push(Given::Records { list, records, source }),
                Err(message) => problems.push(ConfigProblem::Malformed { place: source, message }),
            }
        } else {
            let (name, nearest) = ("the variable".to_owned(), nearest_variable(&key));
            problems.push(ConfigProblem::Unknown { place: source, name, nearest });
        }
    }
    problems.extend(ambiguous(&settings));
}

/// The records in a variable: a JSON array of objects.
fn records(name: &str, value: &str) -> Result<Vec<RawRecord>, String> {
    // The parser says where, and repeats nothing: there may be secrets.
    let array: Vec<serde_json::Map<String, serde_json::Value>> = serde_json::from_str(value)
        .map_err(|error| {
            let (line, column) = (error.line(), error.column());
            format!("it is not a JSON array of objects, at line {line} column {column}")
        })?;
    let record = |(index, object): (usize, &serde_json::Map<String, serde_json::Value>)| {
        let place = Source::Environment(format!("{name}, record {}", index + 1));
        let field = |(name, value): (&String, &serde_json::Value)| RawField {
            name: name.clone(),
            raw: Raw::from_json(value),
            place: place.clone(),
        };
        RawRecord { fields: object.iter().map(field).collect(), place: place.clone() }
    };
    Ok(array.iter().enumerate().map(record).collect())
}

/// The dotted key that a name stands for.
fn dotted(name: &str) -> String {
    match name.strip_prefix(VARIABLE_PREFIX) {
        Some(rest) => rest.replace("__", ".").to_lowercase(),
        None => DISABLED.1.to_owned(),
    }
}

/// Both names of `hub.disabled`, if they disagree: neither can be believed.
fn ambiguous(settings: &[&(String, String)]) -> Option<ConfigProblem> {
    let long = variable(DISABLED.1);
    let value_of = |wanted: &str| settings.iter().find(|(name, _)| name == wanted);
    let (short, long) = (value_of(DISABLED.0)?, value_of(&long)?);
    let (first, second) = (short.0.clone(), long.0.clone());
    (short.1 != long.1).then_some(ConfigProblem::Ambiguous { first, second })
}
