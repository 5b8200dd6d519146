//! Where an event belongs in a distributed trace: `traceparent` of the W3C recommendation
//! "Trace Context", level 1.
//!
//! The hub carries it from a publish to the delivered event and starts no spans of its own. A text
//! that is none is as good as absent: a broken trace must not refuse an event.

use std::fmt;

/// `00-<trace>-<parent>-<flags>`: a trace, the caller's place in it, and whether it is recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TraceParent {
    trace: u128,
    parent: u64,
    flags: u8,
}

/// The length of what version 00 defines.
const LEN: usize = 55;
/// The one flag that every version has: the caller may have recorded it.
const SAMPLED: u8 = 1;

impl TraceParent {
    /// Reads the value of the header or the member, or `None` if it is not one.
    ///
    /// What a later version adds is left out, as the recommendation asks.
    pub fn parse(text: &str) -> Option<Self> {
        let (known, rest) = text.as_bytes().split_at_checked(LEN)?;
        let [b0, b1, b'-', known @ ..] = known else { return None };
        let version = hex(&[*b0, *b1])?;
        let (trace, known) = known.split_at_checked(32)?;
        let [b'-', known @ ..] = known else { return None };
        let (parent, known) = known.split_at_checked(16)?;
        let [b'-', flags @ ..] = known else { return None };
        let flags = u8::try_from(hex(flags)?).ok()?;
        let flags = match (version, rest) {
            (0, []) => flags,
            (1..=0xfe, [] | [b'-', ..]) => flags & SAMPLED,
            _ => return None,
        };
        let trace = hex(trace).filter(|trace| *trace != 0)?;
        let parent = u64::try_from(hex(parent)?).ok().filter(|parent| *parent != 0)?;
        Some(Self { trace, parent, flags })
    }
}

/// Lower-case hexadecimal digits, at most 32.
fn hex(digits: &[u8]) -> Option<u128> {
    digits.iter().try_fold(0, |number, digit| {
        let value = match digit {
            b'0'..=b'9' => digit - b'0',
            b'a'..=b'f' => digit - b'a' + 10,
            _ => return None,
        };
        Some(number << 4 | u128::from(value))
    })
}

impl fmt::Display for TraceParent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "00-{:032x}-{:016x}-{:02x}", self.trace, self.parent, self.flags)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const TRACE: &str = "0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331";

    fn check(text: &str, expected: Option<&str>) {
        let found = TraceParent::parse(text).map(|found| found.to_string());
        assert_eq!(found.as_deref(), expected, "{text:?}");
    }

    #[test]
    fn a_trace_parent_is_read_and_written() {
        for flags in ["00", "01", "03"] {
            let text = format!("00-{TRACE}-{flags}");
            check(&text, Some(&text));
        }
    }

    #[test]
    fn what_a_later_version_adds_is_left_out() {
        let known = format!("00-{TRACE}-01");
        check(&format!("01-{TRACE}-01"), Some(&known));
        check(&format!("cc-{TRACE}-ff-what-the-future-brings"), Some(&known));
        check(&format!("cc-{TRACE}-01."), None);
    }

    #[test]
    fn what_is_none_is_not_there() {
        let zeros = "0".repeat(32);
        for text in [
            String::new(),
            "00".to_owned(),
            format!("ff-{TRACE}-01"),
            format!("00-{TRACE}-01-more"),
            format!("00-{TRACE}-1"),
            format!("00-{TRACE}-0g"),
            format!("00-{}-01", TRACE.to_uppercase()),
            format!("00-{zeros}-b7ad6b7169203331-01"),
            format!("00-0af7651916cd43dd8448eb211c80319c-{}-01", "0".repeat(16)),
            format!("00_{TRACE}-01"),
            format!(" 00-{TRACE}-01"),
            "é".repeat(40),
        ] {
            check(&text, None);
        }
    }

    proptest! {
        #[test]
        fn any_text_is_survived_and_what_is_read_reads_the_same_again(
            text in "([0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}(-.*)?|.*)",
        ) {
            if let Some(found) = TraceParent::parse(&text) {
                prop_assert_eq!(TraceParent::parse(&found.to_string()), Some(found));
            }
        }
    }
}
