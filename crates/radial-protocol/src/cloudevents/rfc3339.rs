//! Times as RFC 3339 writes them, to the millisecond.

use crate::event::TimeMs;

const MS_PER_DAY: u64 = 86_400_000;
/// Days from 0000-03-01 to 1970-01-01.
const DAYS_BEFORE_1970: u64 = 719_468;
const DAYS_PER_ERA: u64 = 146_097;

/// Reads a time of 1970 or later. What is finer than a millisecond is cut off.
pub(super) fn parse(text: &str) -> Option<TimeMs> {
    let (date, rest) = text.split_at_checked(10)?;
    let rest = rest.strip_prefix(['T', 't', ' '])?;
    let (clock, rest) = rest.split_at_checked(8)?;
    let [year, month, day] = numbers(date, '-', [4, 2, 2])?;
    let [hours, minutes, seconds] = numbers(clock, ':', [2, 2, 2])?;
    let (ms, zone) = match rest.strip_prefix('.') {
        None => (0, rest),
        Some(rest) => {
            let end = rest.find(|c: char| !c.is_ascii_digit())?;
            let (digits, zone) = rest.split_at_checked(end)?;
            let thousandths = format!("{digits:0<3}");
            (thousandths.get(..3).filter(|_| end > 0)?.parse::<u64>().ok()?, zone)
        }
    };
    let lengths = [31, 28 + u64::from(is_leap(year)), 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let length = lengths.get(usize::try_from(month).ok()?.checked_sub(1)?)?;
    // A leap second counts as the last one of its minute.
    if day == 0 || day > *length || hours > 23 || minutes > 59 || seconds > 60 {
        return None;
    }
    let in_day = ((hours * 60 + minutes) * 60 + seconds.min(59)) * 1_000 + ms;
    let at = (days(year, month, day) * MS_PER_DAY).checked_add(in_day)?;
    let offset = offset_ms(zone)?;
    let since_march_0000 = at.checked_add_signed(-offset)?;
    since_march_0000.checked_sub(DAYS_BEFORE_1970 * MS_PER_DAY).map(TimeMs)
}

/// Writes a time as `2026-01-31T23:59:59.999Z`; `None` after the year 9999.
pub(super) fn format(at: TimeMs) -> Option<String> {
    let (days, ms) = (at.0 / MS_PER_DAY + DAYS_BEFORE_1970, at.0 % MS_PER_DAY);
    let (era, day_of_era) = (days / DAYS_PER_ERA, days % DAYS_PER_ERA);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    let (hours, minutes) = (ms / 3_600_000, ms / 60_000 % 60);
    let (seconds, ms) = (ms / 1_000 % 60, ms % 1_000);
    let text =
        format!("{year:04}-{month:02}-{day:02}T{hours:02}:{minutes:02}:{seconds:02}.{ms:03}Z");
    (year <= 9_999).then_some(text)
}

/// Days since 0000-03-01 of a date that is one, after Howard Hinnant, "chrono-Compatible Low-Level
/// Date Algorithms": the year begins in March, so that the leap day is its last.
fn days(year: u64, month: u64, day: u64) -> u64 {
    // The year before 0000-03-01 would be negative; four hundred years are a whole era.
    let year = year + 400 - u64::from(month <= 2);
    let (era, year_of_era) = (year / 400, year % 400);
    let month_from_march = (month + 9) % 12;
    let day_of_year = (153 * month_from_march + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    ((era * DAYS_PER_ERA) + day_of_era).saturating_sub(DAYS_PER_ERA)
}

fn is_leap(year: u64) -> bool {
    year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
}

fn numbers(text: &str, separator: char, digits: [usize; 3]) -> Option<[u64; 3]> {
    let mut numbers = [0; 3];
    let mut parts = text.split(separator);
    for (number, digits) in numbers.iter_mut().zip(digits) {
        let part = parts.next().filter(|part| part.len() == digits)?;
        *number = part.bytes().all(|byte| byte.is_ascii_digit()).then(|| part.parse().ok())??;
    }
    parts.next().is_none().then_some(numbers)
}

/// What a local time is ahead of UTC.
fn offset_ms(zone: &str) -> Option<i64> {
    if matches!(zone, "Z" | "z") {
        return Some(0);
    }
    let ahead = if zone.starts_with('+') { 1 } else { -1 };
    let [hours, minutes, _] =
        numbers(&format!("{}:00", zone.strip_prefix(['+', '-'])?), ':', [2; 3])?;
    let minutes = i64::try_from(hours * 60 + minutes).ok()?;
    (hours < 24 && minutes % 60 < 60).then_some(ahead * minutes * 60_000)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn times_are_read_as_they_are_written() {
        for (ms, text) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (951_782_399_999, "2000-02-28T23:59:59.999Z"),
            (951_782_400_000, "2000-02-29T00:00:00.000Z"),
            (951_868_800_000, "2000-03-01T00:00:00.000Z"),
            (1_766_000_000_004, "2025-12-17T19:33:20.004Z"),
            (4_107_542_400_000, "2100-03-01T00:00:00.000Z"),
        ] {
            assert_eq!(format(TimeMs(ms)).as_deref(), Some(text));
            assert_eq!(parse(text), Some(TimeMs(ms)), "{text}");
        }
    }

    #[test]
    fn every_form_of_the_same_moment_is_read() {
        for text in [
            "2025-12-17T19:33:20Z",
            "2025-12-17t19:33:20.0z",
            "2025-12-17 20:33:20.000+01:00",
            "2025-12-17T14:03:20.000999999-05:30",
        ] {
            assert_eq!(parse(text), Some(TimeMs(1_766_000_000_000)), "{text}");
        }
        assert_eq!(parse("2016-12-31T23:59:60Z"), parse("2016-12-31T23:59:59Z"));
    }

    #[test]
    fn what_is_no_time_is_none() {
        for text in [
            "",
            "2025-12-17",
            "2025-12-17T19:33:20",
            "2025-02-29T00:00:00Z",
            "2025-13-01T00:00:00Z",
            "2025-00-01T00:00:00Z",
            "2025-12-17T24:00:00Z",
            "2025-12-17T19:60:00Z",
            "2025-12-17T19:33:20.Z",
            "1969-12-31T23:59:59Z",
            "25-12-17T19:33:20Z",
            "2025-12-17T19:33:20+1:00",
            "+025-12-17T19:33:20Z",
            "2025-12-17T19:33:20.1",
            "é025-12-17T19:33:20Z",
            "2025-12-17T19:33:20+24:00",
            "0000-01-01T00:00:00Z",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_time_comes_back(ms in 0_u64..253_402_300_800_000) {
            let text = format(TimeMs(ms)).unwrap();
            prop_assert_eq!(parse(&text), Some(TimeMs(ms)));
        }

        #[test]
        fn any_text_is_survived(text in "[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.+Z-]{0,20}|.*") {
            let _ = parse(&text);
        }
    }
}
