//! Durations as people write them in configuration: a whole number and a unit, `"50ms"`.
//!
//! One way to write a duration and one way to read it: no spaces, signs, fractions or sums, so
//! that a setting means the same to everybody who reads it.

use std::time::Duration;

use serde::Serializer;

/// The units, smallest first, with their length in milliseconds.
const UNITS: [(&str, u64); 5] =
    [("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000)];

/// How much of a refused text an error repeats, in characters.
const QUOTED_CHARS: usize = 32;

/// Why a text is not a duration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DurationError {
    /// A number without a unit.
    #[error("\"{0}\" has no unit: write for example \"{0}ms\" or \"{0}s\"")]
    NoUnit(String),
    /// A unit that does not exist.
    #[error("\"{0}\" is not a unit of time: use ms, s, m, h or d")]
    UnknownUnit(String),
    /// No whole number before the unit.
    #[error(
        "\"{0}\" is not a duration: write a whole number and a unit, such as \"50ms\" or \"24h\""
    )]
    NoNumber(String),
    /// More milliseconds than can be counted.
    #[error("\"{0}\" is longer than any duration may be")]
    TooLong(String),
}

/// Reads a duration such as `"50ms"`, `"30s"`, `"5m"`, `"24h"` or `"7d"`.
///
/// # Errors
///
/// Anything but decimal digits followed by one of `ms`, `s`, `m`, `h`, `d`.
pub fn parse(text: &str) -> Result<Duration, DurationError> {
    let quoted = || text.chars().take(QUOTED_CHARS).collect::<String>();
    let digits_end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (digits, unit) = text.split_at(digits_end);
    if digits.is_empty() {
        return Err(DurationError::NoNumber(quoted()));
    }
    if unit.is_empty() {
        return Err(DurationError::NoUnit(quoted()));
    }
    let Some((_, unit_ms)) = UNITS.iter().find(|(name, _)| *name == unit) else {
        let is_word = unit.chars().all(char::is_alphabetic);
        return Err(if is_word {
            DurationError::UnknownUnit(unit.chars().take(QUOTED_CHARS).collect())
        } else {
            DurationError::NoNumber(quoted())
        });
    };
    let millis = digits.parse::<u64>().ok().and_then(|number| number.checked_mul(*unit_ms));
    millis.map(Duration::from_millis).ok_or_else(|| DurationError::TooLong(quoted()))
}

/// Writes a duration in the largest unit that divides it, so that [`parse`] gives it back.
///
/// Parts of a millisecond are left out.
pub fn format(duration: Duration) -> String {
    let millis = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    let largest = UNITS.iter().rev().find(|(_, unit_ms)| millis > 0 && millis % unit_ms == 0);
    match largest {
        Some((unit, unit_ms)) => format!("{}{unit}", millis / unit_ms),
        None => "0ms".to_owned(),
    }
}

pub(crate) fn serialize<S: Serializer>(value: &Duration, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(&format(*value))
}

#[expect(clippy::ref_option, reason = "serde gives the field as it is")]
pub(crate) fn serialize_option<S: Serializer>(
    value: &Option<Duration>,
    to: S,
) -> Result<S::Ok, S::Error> {
    match value {
        Some(duration) => serialize(duration, to),
        None => to.serialize_none(),
    }
}

/// As [`serialize_option`], but absence is written `"off"`, as in the files.
#[expect(clippy::ref_option, reason = "serde gives the field as it is")]
pub(crate) fn serialize_or_off<S: Serializer>(
    value: &Option<Duration>,
    to: S,
) -> Result<S::Ok, S::Error> {
    match value {
        Some(duration) => serialize(duration, to),
        None => to.serialize_str("off"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_a_number_and_a_unit() {
        for (text, millis, written) in [
            ("50ms", 50, "50ms"),
            ("30s", 30_000, "30s"),
            ("60s", 60_000, "1m"),
            ("5m", 300_000, "5m"),
            ("24h", 86_400_000, "1d"),
            ("7d", 604_800_000, "7d"),
            ("1500ms", 1_500, "1500ms"),
            ("0s", 0, "0ms"),
        ] {
            let duration = parse(text).unwrap();
            assert_eq!(duration, Duration::from_millis(millis), "{text}");
            assert_eq!(format(duration), written);
            assert_eq!(parse(written).unwrap(), duration);
        }
    }

    #[test]
    fn everything_else_is_refused_with_a_reason() {
        for (text, reason) in [
            ("", "is not a duration"),
            ("s", "is not a duration"),
            ("50", "has no unit"),
            ("50 ms", "is not a duration"),
            ("1.5s", "is not a duration"),
            ("-5s", "is not a duration"),
            ("+5s", "is not a duration"),
            ("5S", "is not a unit"),
            ("5min", "is not a unit"),
            ("1h30m", "is not a duration"),
            ("５s", "is not a duration"),
            ("99999999999999999999s", "is longer than"),
            ("18446744073709551615d", "is longer than"),
        ] {
            let message = parse(text).unwrap_err().to_string();
            assert!(message.contains(reason), "{text:?}: {message}");
        }
    }
}
