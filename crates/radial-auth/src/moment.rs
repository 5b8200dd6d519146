//! Times as JSON has them: `2026-01-31T12:00:00.000Z`, or a number.

use radial_protocol::TimeMs;
use serde_json::Value;

/// A number below this counts seconds, one above milliseconds: it is the year 5138 in seconds,
/// and the year 1973 in milliseconds.
const SECONDS_MAX: f64 = 1e11;

/// Reads an RFC 3339 time in UTC or with an offset, or a number of seconds or milliseconds.
pub(crate) fn read(value: &Value) -> Option<TimeMs> {
    match value {
        Value::String(text) => rfc3339(text),
        Value::Number(number) => {
            let number = number.as_f64().filter(|number| (0.0..1e15).contains(number))?;
            let ms = if number < SECONDS_MAX { number * 1000.0 } else { number };
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "above")]
            Some(TimeMs(ms as u64))
        }
        _ => None,
    }
}

fn rfc3339(text: &str) -> Option<TimeMs> {
    let (date, rest) = text.split_at_checked(10)?;
    let rest = rest.strip_prefix(['T', 't', ' '])?;
    let (time, rest) = rest.split_at_checked(8)?;
    let [year, month, day] = numbers(date, '-')?;
    let [hour, minute, second] = numbers(time, ':')?;
    let is_time = hour < 24 && minute < 60 && second <= 60;
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) || !is_time || year < 1970 {
        return None;
    }
    let (fraction, zone) = match rest.strip_prefix('.') {
        Some(rest) => rest.split_at(rest.find(|c: char| !c.is_ascii_digit())?),
        None => ("0", rest),
    };
    let millis: i64 = format!("{fraction:0<3}").get(..3)?.parse().ok()?;
    let seconds = (days(year, month, day) * 24 + hour) * 3600 + minute * 60 + second;
    let ms = (seconds - offset(zone)?) * 1000 + millis;
    u64::try_from(ms).ok().map(TimeMs)
}

/// Seconds that the zone is ahead of UTC.
fn offset(zone: &str) -> Option<i64> {
    if matches!(zone, "Z" | "z") {
        return Some(0);
    }
    let (sign, zone) = match zone.split_at_checked(1)? {
        ("+", zone) => (1, zone),
        ("-", zone) => (-1, zone),
        _ => return None,
    };
    let [hours, minutes] = numbers(zone, ':')?;
    (hours < 24 && minutes < 60).then_some(sign * (hours * 3600 + minutes * 60))
}

fn numbers<const N: usize>(text: &str, separator: char) -> Option<[i64; N]> {
    let numbers: Option<Vec<i64>> = text
        .split(separator)
        .map(|digits| {
            digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok())?
        })
        .collect();
    numbers?.try_into().ok()
}

/// Days since 1970 in the Gregorian calendar, counted in years that begin in March.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    year * 365 + year / 4 - year / 100 + year / 400 + of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn times_are_read_in_their_common_forms() {
        // As `date -d … +%s` says.
        for (value, ms) in [
            (json!("1970-01-01T00:00:00Z"), 0),
            (json!("2000-02-29T12:34:56.789Z"), 951_827_696_789),
            (json!("2026-11-21T16:00:00.000Z"), 1_795_276_800_000),
            (json!("2026-11-21T18:00:00.5+02:00"), 1_795_276_800_500),
            (json!("2026-11-21 10:30:00-05:30"), 1_795_276_800_000),
            (json!(1_795_276_800), 1_795_276_800_000),
            (json!(1_795_276_800_500_u64), 1_795_276_800_500),
        ] {
            assert_eq!(read(&value), Some(TimeMs(ms)), "{value}");
        }
    }

    #[test]
    fn everything_else_is_no_time() {
        for value in [
            json!(null),
            json!(-1),
            json!(1e300),
            json!(""),
            json!("2026"),
            json!("2026-11-21T16:00:00"),
            json!("2026-13-21T16:00:00Z"),
            json!("2026-11-21T25:00:00Z"),
            json!("2026-11-21T16:00:00.Zx"),
            json!("2026-11-21T16:00:00+2"),
            json!("+026-11-21T16:00:00Z"),
            json!("2026-11-21T16:00:0é"),
        ] {
            assert_eq!(read(&value), None, "{value}");
        }
    }
}
