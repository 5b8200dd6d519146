//! permessage-deflate: what a client offers and what the hub agrees to (RFC 7692, section 7).

/// The largest window of deflate, as a power of two.
const WINDOW_BITS_MAX: u8 = 15;

/// How messages may be compressed on a connection. Neither side keeps anything between messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deflate {
    /// The window within which the hub has to compress, as a power of two: 8 to 15.
    pub server_window_bits: u8,
}

impl Deflate {
    /// Agrees to the first offer that can be kept, if there is one.
    ///
    /// `offers` is the value of `Sec-WebSocket-Extensions`; several headers are to be joined by
    /// commas.
    pub fn agree(offers: &str) -> Option<Self> {
        offers.split(',').find_map(Self::agree_to)
    }

    fn agree_to(offer: &str) -> Option<Self> {
        let mut parts = offer.split(';').map(str::trim);
        if !parts.next()?.eq_ignore_ascii_case("permessage-deflate") {
            return None;
        }
        let mut agreed = Self { server_window_bits: WINDOW_BITS_MAX };
        let mut seen: Vec<&str> = Vec::new();
        for part in parts {
            let (name, value) = match part.split_once('=') {
                Some((name, value)) => (name.trim(), Some(value.trim().trim_matches('"'))),
                None => (part, None),
            };
            if seen.contains(&name) {
                return None;
            }
            seen.push(name);
            match (name, value) {
                // It is done in both directions anyway.
                (
                    "server_no_context_takeover"
                    | "client_no_context_takeover"
                    | "client_max_window_bits",
                    None,
                ) => {}
                // Whatever window the client keeps to is small enough to read.
                ("client_max_window_bits", Some(bits)) => drop(window_bits(bits)?),
                ("server_max_window_bits", Some(bits)) => {
                    agreed.server_window_bits = window_bits(bits)?;
                }
                _ => return None,
            }
        }
        Some(agreed)
    }

    /// Whether bytes that were compressed without regard to a window may be sent.
    pub fn has_full_window(self) -> bool {
        self.server_window_bits == WINDOW_BITS_MAX
    }

    /// The value of `Sec-WebSocket-Extensions` in the answer.
    pub fn answer(self) -> String {
        let agreed = "permessage-deflate; server_no_context_takeover; client_no_context_takeover";
        if self.has_full_window() {
            return agreed.to_owned();
        }
        format!("{agreed}; server_max_window_bits={}", self.server_window_bits)
    }
}

/// 8 to 15, without a leading zero.
fn window_bits(text: &str) -> Option<u8> {
    let bits = text.parse().ok().filter(|bits| (8..=WINDOW_BITS_MAX).contains(bits))?;
    (!text.starts_with(['0', '+'])).then_some(bits)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(offers: &str, expected: Option<u8>) {
        let agreed = Deflate::agree(offers).map(|deflate| deflate.server_window_bits);
        assert_eq!(agreed, expected, "{offers}");
    }

    #[test]
    fn the_first_offer_that_can_be_kept_is_taken() {
        check("", None);
        check("x-webkit-deflate-frame", None);
        check("permessage-deflate", Some(15));
        check("permessage-deflate; client_max_window_bits", Some(15));
        check("permessage-deflate;server_max_window_bits=10;client_max_window_bits=9", Some(10));
        check("permessage-deflate; server_max_window_bits=\"8\"", Some(8));
        check("permessage-deflate; server_max_window_bits=7, permessage-deflate", Some(15));
        for bad in ["server_max_window_bits", "server_max_window_bits=16", "unknown", "mux=1"] {
            check(&format!("permessage-deflate; {bad}"), None);
        }
        check("permessage-deflate; server_no_context_takeover=1", None);
        check("permessage-deflate; client_no_context_takeover; client_no_context_takeover", None);
        check("permessage-deflate; server_max_window_bits=010", None);
    }

    #[test]
    fn the_answer_names_a_window_only_where_one_was_asked_for() {
        let answer = Deflate::agree("permessage-deflate").unwrap().answer();
        assert!(!answer.contains("window"), "{answer}");
        let answer =
            Deflate::agree("permessage-deflate; server_max_window_bits=9").unwrap().answer();
        assert!(answer.ends_with("; server_max_window_bits=9"), "{answer}");
    }
}
