//! The names of connections.

use std::fmt;
use std::str::FromStr;

/// Names a connection. Random, so that nobody can name one that he was not told of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct ConnectionId(pub(crate) u64);

impl fmt::Display for ConnectionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl FromStr for ConnectionId {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let is_hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        if text.len() != 16 || !text.bytes().all(is_hex) {
            return Err("a connection id is 16 of 0-9 a-f");
        }
        u64::from_str_radix(text, 16).map(Self).map_err(|_| "no such number")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_read_as_they_are_written() {
        let id = ConnectionId(0xab);
        assert_eq!(id.to_string().parse(), Ok(id));
        for bad in ["", "ab", "+0000000000000ab", "00000000000000AB", "000000000000000ab"] {
            assert!(bad.parse::<ConnectionId>().is_err(), "{bad}");
        }
    }
}
