//! Takes the white space out of a JSON text and finds what the contract forbids in it.
//!
//! `eventData` is kept as sent except for white space between tokens: numbers, key order and
//! escapes stay as they are, so this works on the text and never goes through a value tree.

use std::borrow::Cow;

/// What the contract forbids in a JSON text that is otherwise well-formed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JsonIssue {
    /// Nested deeper than allowed.
    #[error("is nested more than {max} levels deep")]
    TooDeep {
        /// The deepest level allowed.
        max: usize,
    },
    /// The same key twice in one object, compared after unescaping.
    #[error("has the key {key:?} twice in one object")]
    DuplicateKey {
        /// The key, cut to 64 characters.
        key: String,
    },
}

/// Returns `text` without white space between its tokens.
///
/// `text` must be well-formed JSON (a `RawValue` of `serde_json` is); for anything else the
/// result is unspecified, but there is no panic. Takes time in O(n log n) of its length.
pub fn compact(text: &str, nesting_max: usize) -> Result<String, JsonIssue> {
    let mut scanner = Scanner { text, at: 0, out: String::with_capacity(text.len()) };
    let mut levels: Vec<Level> = Vec::new();
    let mut keys: Vec<Cow<'_, str>> = Vec::new();
    while let Some(byte) = scanner.peek() {
        match byte {
            b' ' | b'\t' | b'\n' | b'\r' => scanner.at += 1,
            b'"' => {
                let string = scanner.string();
                if let Some(Level::Object { expects_key: expects_key @ true, .. }) =
                    levels.last_mut()
                {
                    keys.push(unescaped(string));
                    *expects_key = false;
                }
            }
            b'{' | b'[' => {
                if levels.len() == nesting_max {
                    return Err(JsonIssue::TooDeep { max: nesting_max });
                }
                levels.push(match byte {
                    b'{' => Level::Object { first_key: keys.len(), expects_key: true },
                    _ => Level::Array,
                });
                scanner.copy(1);
            }
            b'}' | b']' => {
                if let Some(Level::Object { first_key, .. }) = levels.pop() {
                    check_distinct(&mut keys, first_key)?;
                }
                scanner.copy(1);
            }
            b',' => {
                if let Some(Level::Object { expects_key, .. }) = levels.last_mut() {
                    *expects_key = true;
                }
                scanner.copy(1);
            }
            _ => scanner.scalar(),
        }
    }
    Ok(scanner.out)
}

enum Level {
    Array,
    Object { first_key: usize, expects_key: bool },
}

struct Scanner<'a> {
    text: &'a str,
    at: usize,
    out: String,
}

impl<'a> Scanner<'a> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn copy(&mut self, len: usize) -> &'a str {
        let end = (self.at + len).min(self.text.len());
        let piece = self.text.get(self.at..end).unwrap_or_default();
        self.out.push_str(piece);
        self.at = end;
        piece
    }

    /// Copies a string with its quotes.
    fn string(&mut self) -> &'a str {
        let rest = self.text.as_bytes().get(self.at + 1..).unwrap_or_default();
        let mut escaped = false;
        let inner = rest.iter().position(|byte| match (escaped, byte) {
            (true, _) => {
                escaped = false;
                false
            }
            (false, b'\\') => {
                escaped = true;
                false
            }
            (false, byte) => *byte == b'"',
        });
        self.copy(inner.map_or(self.text.len(), |len| len + 2))
    }

    /// Copies a number, a literal or a colon, up to whatever may follow one.
    fn scalar(&mut self) {
        let rest = self.text.as_bytes().get(self.at..).unwrap_or_default();
        let len = rest.iter().position(|byte| b" \t\n\r\"{}[],".contains(byte));
        self.copy(len.unwrap_or(rest.len()).max(1));
    }
}

fn unescaped(string: &str) -> Cow<'_, str> {
    if string.contains('\\') {
        // A lone surrogate cannot be unescaped; such a key is compared as it is written.
        serde_json::from_str(string).map_or(Cow::Borrowed(string), Cow::Owned)
    } else {
        Cow::Borrowed(string.trim_matches('"'))
    }
}

/// Looks for two equal keys among those of the object that ends here, and forgets them.
fn check_distinct(keys: &mut Vec<Cow<'_, str>>, first: usize) -> Result<(), JsonIssue> {
    let own = keys.get_mut(first..).unwrap_or_default();
    own.sort_unstable();
    let twice = own.windows(2).find_map(|pair| match pair {
        [a, b] if a == b => Some(a.chars().take(64).collect()),
        _ => None,
    });
    keys.truncate(first);
    twice.map_or(Ok(()), |key| Err(JsonIssue::DuplicateKey { key }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(text: &str, expected: &str) {
        assert_eq!(compact(text, 64).as_deref(), Ok(expected), "{text}");
    }

    #[test]
    fn only_white_space_between_tokens_goes() {
        check(
            r#" { "a b" : [ 1.0 , -2e5, true , null ] , "c" : { } } "#,
            r#"{"a b":[1.0,-2e5,true,null],"c":{}}"#,
        );
        check("\"a \\\" b\\\\\"", "\"a \\\" b\\\\\"");
        check(r#"{"z":1,"a":1.10,"u":"\u00e9"}"#, r#"{"z":1,"a":1.10,"u":"\u00e9"}"#);
        check("[\n1\t,\r\n2]", "[1,2]");
    }

    #[test]
    fn duplicate_keys_are_found_at_any_depth_and_through_escapes() {
        for (text, key) in [
            (r#"{"a":1,"a":2}"#, "a"),
            (r#"[{"x":{"b":1,"c":2,"b":3}}]"#, "b"),
            (r#"{"a":1,"\u0061":2}"#, "a"),
        ] {
            assert_eq!(
                compact(text, 64),
                Err(JsonIssue::DuplicateKey { key: key.into() }),
                "{text}"
            );
        }
        check(r#"{"a":{"a":{"a":"a"}},"b":["a","a"]}"#, r#"{"a":{"a":{"a":"a"}},"b":["a","a"]}"#);
    }

    #[test]
    fn nesting_is_limited() {
        let nested = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
        assert!(compact(&nested(64), 64).is_ok());
        assert_eq!(compact(&nested(65), 64), Err(JsonIssue::TooDeep { max: 64 }));
    }

    proptest! {
        #[test]
        fn any_text_at_all_is_survived(text in ".*") {
            let _ = compact(&text, 8);
        }

        #[test]
        fn the_value_stays_the_same(value in any_json()) {
            let pretty = serde_json::to_string_pretty(&value).unwrap();
            let compacted = compact(&pretty, 64).unwrap();
            prop_assert_eq!(&compacted, &serde_json::to_string(&value).unwrap());
        }
    }

    fn any_json() -> impl Strategy<Value = serde_json::Value> {
        let leaf = prop_oneof![
            Just(serde_json::Value::Null),
            any::<bool>().prop_map(Into::into),
            any::<i64>().prop_map(Into::into),
            ".*".prop_map(Into::<serde_json::Value>::into),
        ];
        leaf.prop_recursive(4, 32, 5, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..5).prop_map(serde_json::Value::Array),
                prop::collection::btree_map(".*", inner, 0..5)
                    .prop_map(|map| serde_json::Value::Object(map.into_iter().collect())),
            ]
        })
    }
}
