//! The stamp in each event's data: a number and a moment, found in a stream with little work.
//!
//! It begins with a byte that stands nowhere else in a stream, and has a fixed length, so that it
//! can be written in place and read without knowing anything of JSON, HTTP or frames.

use std::time::Instant;

/// Begins a stamp. No name, cursor, number or frame of a bench has it.
pub(crate) const MARK: u8 = b'~';
const NUMBER_LEN: usize = 8;
const MOMENT_LEN: usize = 12;
/// The mark, eight digits of the number, twelve of the moment.
pub(crate) const STAMP_LEN: usize = 1 + NUMBER_LEN + MOMENT_LEN;
/// How long `eventData` is, in bytes.
pub(crate) const DATA_LEN: usize = 200;
const BEFORE: &str = r#"{"id":"activity-1","entityType":"card","description":""#;
const AFTER: &str = r#""}"#;

/// Event data of [`DATA_LEN`] bytes with an empty stamp in it, and where that is.
pub(crate) fn stamped_data() -> (String, usize) {
    let mut data = BEFORE.to_owned();
    data.push(char::from(MARK));
    data.extend(std::iter::repeat_n('0', STAMP_LEN - 1));
    data.extend(std::iter::repeat_n('x', DATA_LEN - BEFORE.len() - STAMP_LEN - AFTER.len()));
    (data + AFTER, BEFORE.len())
}

/// Writes a number and a moment, in nanoseconds, behind the mark.
pub(crate) fn write(stamp: &mut [u8], number: u32, moment_ns: u64) {
    let Some((number_place, moment_place)) =
        stamp.get_mut(1..STAMP_LEN).and_then(|digits| digits.split_at_mut_checked(NUMBER_LEN))
    else {
        return;
    };
    write_hex(number_place, u64::from(number));
    write_hex(moment_place, moment_ns);
}

/// The number of a stamp.
pub(crate) fn number(stamp: &[u8; STAMP_LEN]) -> u32 {
    stamp
        .iter()
        .skip(1)
        .take(NUMBER_LEN)
        .fold(0, |value, digit| value << 4 | u32::from(hex(*digit)))
}

/// The moment of a stamp, in nanoseconds.
pub(crate) fn moment_ns(stamp: &[u8; STAMP_LEN]) -> u64 {
    stamp.iter().skip(1 + NUMBER_LEN).fold(0, |value, digit| value << 4 | u64::from(hex(*digit)))
}

/// A moment as stamps have it: nanoseconds since the bench began.
pub(crate) fn since(began: Instant, moment: Instant) -> u64 {
    u64::try_from(moment.saturating_duration_since(began).as_nanos()).unwrap_or(u64::MAX)
}

fn write_hex(place: &mut [u8], number: u64) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut rest = number;
    for byte in place.iter_mut().rev() {
        *byte = DIGITS.get((rest & 15) as usize).copied().unwrap_or(b'0');
        rest >>= 4;
    }
}

/// The value of one of `0-9a-f`, without a branch.
fn hex(digit: u8) -> u8 {
    (digit & 15) + 9 * (digit >> 6)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_stamped_is_read_again() {
        let (data, at) = stamped_data();
        assert_eq!(data.len(), DATA_LEN);
        serde_json::from_str::<serde_json::Value>(&data).unwrap();
        let mut data = data.into_bytes();
        let stamp = &mut data[at..at + STAMP_LEN];
        write(stamp, 0xdead_beef, 0x0123_4567_89ab);
        let stamp: &[u8; STAMP_LEN] = (&*stamp).try_into().unwrap();
        assert_eq!(stamp[0], MARK);
        assert_eq!(number(stamp), 0xdead_beef);
        assert_eq!(moment_ns(stamp), 0x0123_4567_89ab);
    }
}
