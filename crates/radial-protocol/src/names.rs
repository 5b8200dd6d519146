//! Names, ids and patterns, each built by a constructor that checks it (protocol §1).
//!
//! A *name* is 1–128 bytes of `[A-Za-z0-9._:-]`: tenants, channels, event types, roles, sinks.
//! An *id* is what applications bring along (users, sessions, events, correlations): 1–256 bytes
//! of UTF-8 without control characters, so that no id can break a line of a log or of a stream.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize};

/// The longest name, in bytes.
pub const NAME_BYTES_MAX: usize = 128;
/// The longest id, in bytes.
pub const ID_BYTES_MAX: usize = 256;

/// Why a text is not a name, an id or a pattern.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Nothing at all.
    #[error("must not be empty")]
    Empty,
    /// Longer than the limit.
    #[error("is {len} bytes long, at most {max} are allowed")]
    TooLong {
        /// The length that was given.
        len: usize,
        /// The longest allowed.
        max: usize,
    },
    /// A character outside the alphabet.
    #[error("contains {found:?}; only A-Z a-z 0-9 . _ : - are allowed")]
    Alphabet {
        /// The first character that is not allowed.
        found: char,
    },
    /// A control character in an id.
    #[error("contains the control character {found:?}")]
    Control {
        /// The first control character.
        found: char,
    },
    /// An event type without an action.
    #[error("must have the form domain.action or domain:action")]
    NoAction,
}

fn check_name(text: &str) -> Result<(), NameError> {
    check_length(text, NAME_BYTES_MAX)?;
    match text.chars().find(|c| !is_name_char(*c)) {
        Some(found) => Err(NameError::Alphabet { found }),
        None => Ok(()),
    }
}

fn check_id(text: &str) -> Result<(), NameError> {
    check_length(text, ID_BYTES_MAX)?;
    match text.chars().find(|c| c.is_control()) {
        Some(found) => Err(NameError::Control { found }),
        None => Ok(()),
    }
}

fn check_event_type(text: &str) -> Result<(), NameError> {
    check_name(text)?;
    let has_action = text.find(['.', ':']).is_some_and(|at| at > 0 && at + 1 < text.len());
    if has_action { Ok(()) } else { Err(NameError::NoAction) }
}

fn check_length(text: &str, max: usize) -> Result<(), NameError> {
    match text.len() {
        0 => Err(NameError::Empty),
        len if len > max => Err(NameError::TooLong { len, max }),
        _ => Ok(()),
    }
}

fn is_name_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | ':' | '-')
}

macro_rules! checked_text {
    ($(#[$doc:meta])* $name:ident, $check:path) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
        #[serde(transparent)]
        pub struct $name(Arc<str>);

        impl $name {
            /// Checks the text and takes it as this kind of name.
            pub fn new(text: &str) -> Result<Self, NameError> {
                $check(text)?;
                Ok(Self(Arc::from(text)))
            }

            /// The text itself.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:?}", &*self.0)
            }
        }

        impl std::borrow::Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl std::str::FromStr for $name {
            type Err = NameError;
            fn from_str(text: &str) -> Result<Self, NameError> {
                Self::new(text)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                deserializer.deserialize_str(Checked(Self::new))
            }
        }
    };
}

/// Takes a text as it is read, without a copy of its own.
struct Checked<T>(fn(&str) -> Result<T, NameError>);

impl<T> serde::de::Visitor<'_> for Checked<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<T, E> {
        (self.0)(text).map_err(E::custom)
    }
}

checked_text!(
    /// Any name: a role, a sink, an entity type.
    Name, check_name);
checked_text!(
    /// The isolation boundary that every credential belongs to.
    TenantId, check_name);
checked_text!(
    /// A named stream inside a tenant; the default is [`ChannelName::main`].
    ChannelName, check_name);
checked_text!(
    /// `domain.action` or `domain:action`.
    EventTypeName, check_event_type);
checked_text!(
    /// An event's own id; where the publisher chose it, the idempotency key.
    EventId, check_id);
checked_text!(
    /// A user, as the application names it.
    UserId, check_id);
checked_text!(
    /// One signed-in run of one user.
    SessionId, check_id);
checked_text!(
    /// Any other id that travels along: correlations, causations, clients, entities.
    Id, check_id);

/// The name of the hub's own tenant. No name may hold a `$`.
const CONTROL: &str = "$control";

impl TenantId {
    /// The hub's own tenant, where its control state is kept.
    ///
    /// No credential, header or body can name it: [`Self::new`] refuses its name.
    pub fn control() -> Self {
        Self(Arc::from(CONTROL))
    }

    /// A tenant as the log has stored it: any name, or the hub's own.
    pub fn stored(text: &str) -> Result<Self, NameError> {
        if text == CONTROL { Ok(Self::control()) } else { Self::new(text) }
    }

    /// Whether this is the hub's own tenant.
    pub fn is_control(&self) -> bool {
        &*self.0 == CONTROL
    }
}

impl From<&UserId> for SessionId {
    /// The one session of a user who names none.
    fn from(user: &UserId) -> Self {
        Self(Arc::clone(&user.0))
    }
}

impl EventTypeName {
    /// The pattern of this type alone.
    pub fn pattern(&self) -> Pattern {
        Pattern::Exact(Arc::clone(&self.0))
    }
}

impl ChannelName {
    /// The channel of events that name none.
    pub fn main() -> Self {
        Self(Arc::from("main"))
    }
}

/// A name, a prefix ending in `*`, or `*` (protocol §1).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Pattern {
    /// `*`: every name.
    All,
    /// `board:*`: every name that begins so.
    Prefix(Arc<str>),
    /// Exactly one name.
    Exact(Arc<str>),
}

impl Pattern {
    /// Checks the text and takes it as a pattern.
    pub fn new(text: &str) -> Result<Self, NameError> {
        match text.strip_suffix('*') {
            Some("") => Ok(Self::All),
            Some(prefix) => {
                check_name(prefix)?;
                Ok(Self::Prefix(Arc::from(prefix)))
            }
            None => {
                check_name(text)?;
                Ok(Self::Exact(Arc::from(text)))
            }
        }
    }

    /// Whether the pattern covers this name.
    pub fn matches(&self, name: &str) -> bool {
        match self {
            Self::All => true,
            Self::Prefix(prefix) => name.starts_with(&**prefix),
            Self::Exact(exact) => name == &**exact,
        }
    }

    /// What both patterns cover, if anything: a requested pattern is narrowed to the granted ones.
    pub fn intersect(&self, other: &Self) -> Option<Self> {
        match (self, other) {
            (Self::All, narrower) | (narrower, Self::All) => Some(narrower.clone()),
            (Self::Prefix(a), Self::Prefix(b)) if a.starts_with(&**b) => Some(self.clone()),
            (Self::Prefix(a), Self::Prefix(b)) if b.starts_with(&**a) => Some(other.clone()),
            (Self::Prefix(_), Self::Prefix(_)) => None,
            (Self::Exact(name), pattern) | (pattern, Self::Exact(name)) => {
                pattern.matches(name).then(|| Self::Exact(name.clone()))
            }
        }
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => f.write_str("*"),
            Self::Prefix(prefix) => write!(f, "{prefix}*"),
            Self::Exact(exact) => f.write_str(exact),
        }
    }
}

impl std::str::FromStr for Pattern {
    type Err = NameError;
    fn from_str(text: &str) -> Result<Self, NameError> {
        Self::new(text)
    }
}

impl Serialize for Pattern {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Pattern {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        Self::new(&text).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &Result<(), NameError>) {
        let found = Name::new(text).map(drop);
        assert_eq!(found, *expected, "{text:?}");
    }

    #[test]
    fn names_keep_to_their_alphabet_and_length() {
        check("board:42", &Ok(()));
        check("a.b_c-D9", &Ok(()));
        check("", &Err(NameError::Empty));
        check(&"x".repeat(128), &Ok(()));
        check(&"x".repeat(129), &Err(NameError::TooLong { len: 129, max: 128 }));
        for (text, found) in
            [("a b", ' '), ("a\nb", '\n'), ("a\0", '\0'), ("$hub", '$'), ("é", 'é')]
        {
            check(text, &Err(NameError::Alphabet { found }));
        }
    }

    #[test]
    fn the_hubs_own_tenant_cannot_be_named() {
        let control = TenantId::control();
        assert!(control.is_control());
        assert!(TenantId::new(control.as_str()).is_err());
        assert!(serde_json::from_str::<TenantId>("\"$control\"").is_err());
        assert_eq!(TenantId::stored(control.as_str()), Ok(control));
        assert!(TenantId::stored("$other").is_err());
    }

    #[test]
    fn event_types_have_a_domain_and_an_action() {
        for good in ["card.moved", "activity:new", "a.b.c"] {
            assert!(EventTypeName::new(good).is_ok(), "{good}");
        }
        for bad in ["card", ".moved", "card.", ":", "card moved.x"] {
            assert!(EventTypeName::new(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn ids_take_any_text_but_control_characters() {
        assert!(UserId::new("auth0|5f7c@example.org ü").is_ok());
        for bad in ["", "a\r\nb", "a\0", "\u{85}"] {
            assert!(UserId::new(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn patterns_match_and_intersect() {
        let pattern = |text: &str| Pattern::new(text).unwrap();
        assert!(pattern("*").matches("x"));
        assert!(pattern("board:*").matches("board:42"));
        assert!(!pattern("board:*").matches("boarding"));
        assert!(!pattern("board:42").matches("board:421"));
        for bad in ["", "a*b", "**", "a b*"] {
            assert!(Pattern::new(bad).is_err(), "{bad:?}");
        }
        for (a, b, both) in [
            ("*", "board:*", Some("board:*")),
            ("board:*", "board:4*", Some("board:4*")),
            ("board:*", "board:42", Some("board:42")),
            ("board:*", "chat:*", None),
            ("board:42", "board:43", None),
        ] {
            let expected = both.map(pattern);
            assert_eq!(pattern(a).intersect(&pattern(b)), expected, "{a} and {b}");
            assert_eq!(pattern(b).intersect(&pattern(a)), expected, "{b} and {a}");
        }
    }
}
