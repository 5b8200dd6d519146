//! A setting as it was found, before its option has judged it.
//!
//! In the file and in JSON a value has a type; in a variable or a flag it is text that its option
//! gives a type to.

use std::borrow::Cow;
use std::fmt;

use toml::de::DeValue;

use super::secret::{HIDDEN, Secret};

/// How much of a refused value an error repeats, in characters.
const QUOTED_CHARS: usize = 80;

/// A value that nobody has checked.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Raw {
    /// From a variable or a flag.
    Plain(String),
    /// A string of the file or of JSON. Those below are from there too.
    Text(String),
    /// An integer; one beyond 64 bits is at the end of its range.
    Integer(i64),
    /// A boolean.
    Boolean(bool),
    /// A list.
    List(Vec<Self>),
    /// A secret that has been found.
    Secret(Secret),
    /// What no option takes, with its type in words.
    Other(&'static str),
}

impl Raw {
    /// Takes a value out of the file.
    pub(super) fn from_file(value: &DeValue<'_>) -> Self {
        match value {
            DeValue::String(text) => Self::Text(text.clone().into_owned()),
            DeValue::Integer(number) => {
                let digits = number.as_str();
                let end = if digits.starts_with('-') { i64::MIN } else { i64::MAX };
                Self::Integer(i64::from_str_radix(digits, number.radix()).unwrap_or(end))
            }
            DeValue::Boolean(value) => Self::Boolean(*value),
            DeValue::Array(values) => {
                Self::List(values.iter().map(|value| Self::from_file(value.get_ref())).collect())
            }
            DeValue::Float(_) => Self::Other("a number with a fraction"),
            DeValue::Datetime(_) => Self::Other("a date or a time"),
            DeValue::Table(_) => Self::Other("a table"),
        }
    }

    /// Takes a value out of JSON.
    pub(super) fn from_json(value: &serde_json::Value) -> Self {
        match value {
            serde_json::Value::String(text) => Self::Text(text.clone()),
            serde_json::Value::Number(number) => {
                number.as_i64().map_or(Self::Other("a number with a fraction"), Self::Integer)
            }
            serde_json::Value::Bool(value) => Self::Boolean(*value),
            serde_json::Value::Array(values) => {
                Self::List(values.iter().map(Self::from_json).collect())
            }
            serde_json::Value::Object(_) => Self::Other("a table"),
            serde_json::Value::Null => Self::Other("null"),
        }
    }

    /// The type in words; of a variable or a flag, nothing that is worth saying.
    pub(super) fn type_name(&self) -> Option<&'static str> {
        match self {
            Self::Plain(_) | Self::Secret(_) => None,
            Self::Text(_) => Some("a string"),
            Self::Integer(_) => Some("an integer"),
            Self::Boolean(_) => Some("a boolean"),
            Self::List(values) if values.iter().all(|value| value.text().is_some()) => {
                Some("a list")
            }
            Self::List(_) => Some("a list of other things than strings"),
            Self::Other(name) => Some(name),
        }
    }

    pub(super) fn text(&self) -> Option<&str> {
        match self {
            Self::Plain(text) | Self::Text(text) => Some(text),
            _ => None,
        }
    }

    pub(super) fn boolean(&self) -> Option<bool> {
        match self {
            Self::Boolean(value) => Some(*value),
            Self::Plain(text) => text.parse().ok(),
            _ => None,
        }
    }

    /// A number that counts something.
    pub(super) fn count(&self) -> Option<usize> {
        match self {
            Self::Integer(number) => usize::try_from(*number).ok(),
            Self::Plain(text) if text.bytes().all(|byte| byte.is_ascii_digit()) => {
                text.parse().ok()
            }
            _ => None,
        }
    }

    /// The texts of a list; in a variable or a flag there are commas between them.
    pub(super) fn texts(&self) -> Option<Vec<&str>> {
        match self {
            Self::Plain(text) if text.is_empty() => Some(Vec::new()),
            Self::Plain(text) => Some(text.split(',').map(str::trim).collect()),
            Self::List(values) => values.iter().map(Self::text).collect(),
            _ => None,
        }
    }
}

impl fmt::Display for Raw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Plain(text) | Self::Text(text) => write!(f, "\"{}\"", one_line(text)),
            Self::Integer(i64::MAX) => f.write_str("too large an integer"),
            Self::Integer(i64::MIN) => f.write_str("too small an integer"),
            Self::Integer(number) => number.fmt(f),
            Self::Boolean(value) => value.fmt(f),
            Self::List(values) => {
                let texts: Vec<String> = values.iter().map(Self::to_string).collect();
                write!(f, "[{}]", shorten(&texts.join(", ")))
            }
            Self::Secret(_) => f.write_str(HIDDEN),
            Self::Other(name) => f.write_str(name),
        }
    }
}

/// The text without line breaks and other control characters, shortened.
pub(super) fn one_line(text: &str) -> Cow<'_, str> {
    let short = shorten(text);
    if short.contains(char::is_control) {
        return short.replace(char::is_control, "\u{fffd}").into();
    }
    short
}

fn shorten(text: &str) -> Cow<'_, str> {
    match text.char_indices().nth(QUOTED_CHARS) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or(text)).into(),
        None => text.into(),
    }
}
