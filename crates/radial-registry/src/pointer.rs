//! JSON pointers (RFC 6901) into `eventData`, parsed once and looked up often.

use serde::{Serialize, Serializer};
use serde_json::Value;

/// The longest pointer, in bytes.
pub const POINTER_BYTES_MAX: usize = 256;
/// The deepest pointer, in tokens.
pub const POINTER_TOKENS_MAX: usize = 16;

/// Why a text is not a usable pointer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PointerError {
    /// A text without the leading slash.
    #[error("\"{0}\" is not a JSON pointer: it must begin with \"/\", for example \"/cardId\"")]
    NoSlash(String),
    /// The empty pointer, which names the whole of `eventData`.
    #[error(
        "the empty pointer names all of eventData: name one of its fields, for example \"/cardId\""
    )]
    Whole,
    /// A `~` that is neither `~0` nor `~1`.
    #[error("\"{0}\" has a \"~\" that is neither \"~0\" (for ~) nor \"~1\" (for /)")]
    Escape(String),
    /// Longer or deeper than allowed.
    #[error("the pointer is longer than {POINTER_BYTES_MAX} bytes or {POINTER_TOKENS_MAX} steps")]
    TooLong,
}

/// A place inside `eventData`, such as `/cardId`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pointer {
    text: Box<str>,
    tokens: Box<[Box<str>]>,
}

impl Pointer {
    /// Checks the text and takes it as a pointer to a field.
    ///
    /// # Errors
    ///
    /// A text that is not an RFC 6901 pointer, the empty pointer, or one over the limits.
    pub fn parse(text: &str) -> Result<Self, PointerError> {
        if text.len() > POINTER_BYTES_MAX {
            return Err(PointerError::TooLong);
        }
        let Some(rest) = text.strip_prefix('/') else {
            return Err(match text {
                "" => PointerError::Whole,
                _ => PointerError::NoSlash(text.to_owned()),
            });
        };
        let tokens: Option<Box<[Box<str>]>> = rest.split('/').map(unescape).collect();
        let tokens = tokens.ok_or_else(|| PointerError::Escape(text.to_owned()))?;
        if tokens.len() > POINTER_TOKENS_MAX {
            return Err(PointerError::TooLong);
        }
        Ok(Self { text: text.into(), tokens })
    }

    /// The pointer as it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The unescaped steps, outermost first; there is at least one.
    pub fn tokens(&self) -> impl Iterator<Item = &str> {
        self.tokens.iter().map(|token| &**token)
    }

    /// What stands at this place of `data`, if anything does. Allocates nothing.
    pub fn find<'v>(&self, data: &'v Value) -> Option<&'v Value> {
        self.tokens().try_fold(data, |value, token| match value {
            Value::Object(members) => members.get(token),
            Value::Array(items) => items.get(array_index(token)?),
            _ => None,
        })
    }
}

impl std::fmt::Display for Pointer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.text)
    }
}

impl Serialize for Pointer {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}

/// Unescapes one reference token; `None` for a stray `~`.
pub(crate) fn unescape(token: &str) -> Option<Box<str>> {
    let mut pieces = token.split('~');
    let mut plain = String::with_capacity(token.len());
    plain.push_str(pieces.next().unwrap_or_default());
    for piece in pieces {
        let (escaped, rest) = match piece.strip_prefix('0') {
            Some(rest) => ('~', rest),
            None => ('/', piece.strip_prefix('1')?),
        };
        plain.push(escaped);
        plain.push_str(rest);
    }
    Some(plain.into())
}

/// An array index of RFC 6901: decimal digits without a leading zero.
pub(crate) fn array_index(token: &str) -> Option<usize> {
    let canonical = token == "0" || !token.starts_with(['0', '+']);
    canonical.then(|| token.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_pointer_finds_what_rfc_6901_says() {
        let data = json!({"a": {"b/c": [10, {"~": 1}]}, "": 2, "~1": 3});
        for (text, expected) in [
            ("/a/b~1c/0", Some(json!(10))),
            ("/a/b~1c/1/~0", Some(json!(1))),
            ("/", Some(json!(2))),
            ("/~01", Some(json!(3))),
            ("/a/b~1c/00", None),
            ("/a/b~1c/-", None),
            ("/a/b~1c/+0", None),
            ("/missing/x", None),
        ] {
            assert_eq!(Pointer::parse(text).unwrap().find(&data), expected.as_ref(), "{text}");
        }
    }

    #[test]
    fn what_is_not_a_pointer_to_a_field_is_refused() {
        assert_eq!(Pointer::parse(""), Err(PointerError::Whole));
        assert_eq!(Pointer::parse("cardId"), Err(PointerError::NoSlash("cardId".to_owned())));
        for stray in ["/~", "/a~2", "/~~0"] {
            assert_eq!(Pointer::parse(stray), Err(PointerError::Escape(stray.to_owned())));
        }
        assert_eq!(Pointer::parse(&"/x".repeat(17)), Err(PointerError::TooLong));
        assert_eq!(Pointer::parse(&format!("/{}", "x".repeat(256))), Err(PointerError::TooLong));
    }
}
