//! Sizes as people write them in configuration: `"256KiB"`, `"4MiB"`, or a plain number of bytes.

/// The units, smallest first, with their length in bytes.
const UNITS: [(&str, usize); 3] = [("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30)];

/// Why a text is not a size.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum ByteSizeError {
    /// No whole number before the unit.
    #[error("a size is a whole number of bytes, or one with a unit, such as 256KiB")]
    NoNumber,
    /// A unit that does not exist.
    #[error("the units of size are KiB, MiB and GiB")]
    UnknownUnit,
    /// More bytes than can be counted.
    #[error("it is larger than any size may be")]
    TooLarge,
}

/// Reads a size.
pub(super) fn parse(text: &str) -> Result<usize, ByteSizeError> {
    let digits_end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (digits, unit) = text.split_at(digits_end);
    if digits.is_empty() {
        return Err(ByteSizeError::NoNumber);
    }
    let unit_bytes = match UNITS.iter().find(|(name, _)| *name == unit) {
        Some((_, unit_bytes)) => *unit_bytes,
        None if unit.is_empty() => 1,
        None if unit.chars().all(char::is_alphabetic) => return Err(ByteSizeError::UnknownUnit),
        None => return Err(ByteSizeError::NoNumber),
    };
    let bytes = digits.parse::<usize>().ok().and_then(|number| number.checked_mul(unit_bytes));
    bytes.ok_or(ByteSizeError::TooLarge)
}

/// Writes a size in the largest unit that divides it, so that [`parse`] gives it back.
pub(super) fn format(bytes: usize) -> String {
    let largest = UNITS.iter().rev().find(|(_, unit)| bytes > 0 && bytes.is_multiple_of(*unit));
    match largest {
        Some((name, unit)) => format!("{}{name}", bytes / unit),
        None => bytes.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_a_number_and_perhaps_a_unit() {
        for (text, bytes, written) in [
            ("0", 0, "0"),
            ("1000", 1000, "1000"),
            ("1024", 1024, "1KiB"),
            ("256KiB", 262_144, "256KiB"),
            ("1024KiB", 1_048_576, "1MiB"),
            ("2GiB", 2_147_483_648, "2GiB"),
        ] {
            assert_eq!(parse(text), Ok(bytes), "{text}");
            assert_eq!(format(bytes), written);
            assert_eq!(parse(written), Ok(bytes));
        }
    }

    #[test]
    fn everything_else_is_refused_with_a_reason() {
        for (text, reason) in [
            ("", ByteSizeError::NoNumber),
            ("KiB", ByteSizeError::NoNumber),
            ("-1", ByteSizeError::NoNumber),
            ("1.5MiB", ByteSizeError::NoNumber),
            ("4 MiB", ByteSizeError::NoNumber),
            ("4MB", ByteSizeError::UnknownUnit),
            ("4mib", ByteSizeError::UnknownUnit),
            ("99999999999999999999", ByteSizeError::TooLarge),
            ("18446744073709551615GiB", ByteSizeError::TooLarge),
        ] {
            assert_eq!(parse(text), Err(reason), "{text:?}");
        }
    }
}
