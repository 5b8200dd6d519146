//! The environment: `RADIAL__SECTION__KEY`, and `RADIAL_DISABLED`.
//!
//! Other names that begin with `RADIAL_` belong to other programs (`RADIAL_URL`, `RADIAL_TOKEN`)
//! and are left alone.

use super::error::{ConfigProblem, nearest_option};
use super::load::{Given, Source, Sources};
use super::options::{self, VARIABLE_PREFIX};
use super::raw::{Raw, one_line};

/// The short name of a variable, and the option that it sets (protocol §7).
pub(super) const DISABLED: (&str, &str) = ("RADIAL_DISABLED", "hub.disabled");

impl Sources {
    /// The variables of this process that may be settings.
    ///
    /// Bytes that are not UTF-8 become U+FFFD, which [`load`](super::load) refuses.
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the environment")]
    pub fn environment_of_process() -> Vec<(String, String)> {
        std::env::vars_os()
            .map(|(name, value)| (name.to_string_lossy().into_owned(), value))
            .filter(|(name, _)| is_setting(name))
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
        let place = Source::Environment(one_line(name).into_owned());
        match options::find(&key) {
            Some(_) if value.contains('\u{fffd}') => {
                let message = "its value is not UTF-8".to_owned();
                problems.push(ConfigProblem::Malformed { place, message });
            }
            Some(option) if *name == DISABLED.0 || *name == option.variable() => {
                given.push(Given { option, raw: Raw::Plain(value.clone()), source: place });
            }
            _ => problems.push(ConfigProblem::Unknown {
                place,
                name: "the variable".to_owned(),
                nearest: nearest_option(&key).variable(),
            }),
        }
    }
    problems.extend(ambiguous(&settings));
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
    let long = options::find(DISABLED.1)?.variable();
    let value_of = |wanted: &str| settings.iter().find(|(name, _)| name == wanted);
    let (short, long) = (value_of(DISABLED.0)?, value_of(&long)?);
    let (first, second) = (short.0.clone(), long.0.clone());
    (short.1 != long.1).then_some(ConfigProblem::Ambiguous { first, second })
}
