//! Places in a log: offset, epoch, and the cursor that names both (protocol §1).
//!
//! A cursor handed to a client means: everything at or before it has been sent on this
//! connection, or by policy never will be. Its text is `<epoch>.<offset>`: eleven characters of
//! base64url, a dot, and the offset in decimal. The dot makes sure that there is one non-digit,
//! and the alphabet that `Last-Event-ID` never needs a CORS preflight.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// One past the largest offset: 2^53, where JavaScript's integers stop being exact.
pub const OFFSET_LIMIT: u64 = 1 << 53;

const EPOCH_TEXT_LEN: usize = 11;

/// A place in a tenant's log; the first event has offset 1, and 0 is the place before it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Offset(u64);

impl Offset {
    /// The place before the first event.
    pub const ZERO: Self = Self(0);

    /// Takes a number as an offset, if it is below 2^53.
    pub const fn new(value: u64) -> Option<Self> {
        if value < OFFSET_LIMIT { Some(Self(value)) } else { None }
    }

    /// The number.
    pub const fn get(self) -> u64 {
        self.0
    }

    /// The offset `count` places on, held at the limit.
    #[must_use]
    pub const fn plus(self, count: u64) -> Self {
        let sum = self.0.saturating_add(count);
        Self(if sum < OFFSET_LIMIT { sum } else { OFFSET_LIMIT - 1 })
    }

    /// The place after this one.
    #[must_use]
    pub const fn next(self) -> Self {
        self.plus(1)
    }

    /// The place before this one; zero stays zero.
    #[must_use]
    pub const fn previous(self) -> Self {
        Self(self.0.saturating_sub(1))
    }
}

impl fmt::Display for Offset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Serialize for Offset {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(self.0)
    }
}

impl<'de> Deserialize<'de> for Offset {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = u64::deserialize(deserializer)?;
        Self::new(value).ok_or_else(|| serde::de::Error::custom("an offset is below 2^53"))
    }
}

/// Names one history of a log: random, stored with it, renewed when history may have been taken
/// back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Epoch(u64);

impl Epoch {
    /// An epoch from 64 random bits.
    pub const fn new(random: u64) -> Self {
        Self(random)
    }

    /// The bits.
    pub const fn get(self) -> u64 {
        self.0
    }
}

impl fmt::Display for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = [0; EPOCH_TEXT_LEN];
        let written = URL_SAFE_NO_PAD.encode_slice(self.0.to_be_bytes(), &mut text);
        written.expect("eight bytes are eleven characters");
        f.write_str(std::str::from_utf8(&text).expect("base64 is ASCII"))
    }
}

/// An opaque string on the wire, naming a place in one history of a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Cursor {
    /// The history.
    pub epoch: Epoch,
    /// The last place that has been dealt with.
    pub offset: Offset,
}

/// A text that is no cursor of any hub.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("is not a cursor; cursors come from the hub and are passed back unchanged")]
pub struct CursorError;

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.epoch, self.offset)
    }
}

impl FromStr for Cursor {
    type Err = CursorError;

    /// Strict: only the text that [`Display`](fmt::Display) would write is taken.
    fn from_str(text: &str) -> Result<Self, CursorError> {
        let (epoch, offset) = text.split_once('.').ok_or(CursorError)?;
        if epoch.len() != EPOCH_TEXT_LEN {
            return Err(CursorError);
        }
        let bytes = URL_SAFE_NO_PAD.decode(epoch).map_err(|_| CursorError)?;
        let bits = <[u8; 8]>::try_from(bytes.as_slice()).map_err(|_| CursorError)?;
        let digits_only = offset.bytes().all(|b| b.is_ascii_digit());
        if !digits_only || (offset.len() > 1 && offset.starts_with('0')) {
            return Err(CursorError);
        }
        let offset = offset.parse().ok().and_then(Offset::new).ok_or(CursorError)?;
        Ok(Self { epoch: Epoch::new(u64::from_be_bytes(bits)), offset })
    }
}

impl Serialize for Cursor {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Cursor {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_survives_its_text_form() {
        for (epoch, offset) in [(0, 0), (u64::MAX, OFFSET_LIMIT - 1), (0x0123_4567_89ab_cdef, 42)] {
            let cursor = Cursor { epoch: Epoch::new(epoch), offset: Offset::new(offset).unwrap() };
            let text = cursor.to_string();
            assert_eq!(text.parse(), Ok(cursor));
            assert!(text.len() <= 64);
            assert!(
                text.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b)),
                "{text}"
            );
            assert!(text.bytes().any(|b| !b.is_ascii_digit()));
        }
    }

    #[test]
    fn anything_else_is_refused() {
        for text in [
            "",
            ".",
            "42",
            "AAAAAAAAAAA",
            "AAAAAAAAAAA.",
            ".1",
            "AAAAAAAAAAA.01",
            "AAAAAAAAAAA.-1",
            "AAAAAAAAAAA.+1",
            "AAAAAAAAAAA.9007199254740992",
            "AAAAAAAAAAB.1",
            "AAAAAAAAAA.1",
            "AAAAAAAAAAA.1 ",
            "AAAAAAAAAAA.1\n",
            "AAAAAAAAAAA.1.1",
            "ÄAAAAAAAAA.1",
            "AAAAAAAAAAA=.1",
        ] {
            assert_eq!(text.parse::<Cursor>(), Err(CursorError), "{text:?}");
        }
    }
}
