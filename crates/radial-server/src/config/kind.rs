//! The kinds of options: what each takes, how it is put into its field and how it is written.
//!
//! A kind is of the record that holds its field, so that a section and the records of a list are
//! tables of the same kinds.

use std::collections::HashSet;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use radial_protocol::Name;
use radial_protocol::names::NAME_BYTES_MAX;
use radial_registry::duration;
use toml::Value;

use super::byte_size;
use super::raw::{Raw, one_line};
use super::secret::{Secret, SecretOrigin, Via};
use super::settings::Config;

/// Where an option's value stands.
pub(super) type Field<R, T> = fn(&mut R) -> &mut T;

/// The bounds of a value, both included.
pub(super) struct Bounds<T> {
    pub(super) least: T,
    pub(super) most: T,
}

/// A value that is written as one text, by functions of its own.
pub(super) struct Text<R> {
    pub(super) read: fn(&str, &mut R) -> Result<(), Reason>,
    pub(super) write: fn(&mut R) -> String,
    pub(super) allowed: fn() -> String,
}

/// As [`Text`], with a list of texts.
pub(super) struct Texts<R> {
    pub(super) read: fn(&[&str], &mut R) -> Result<(), Reason>,
    pub(super) write: fn(&mut R) -> Vec<String>,
    pub(super) allowed: fn() -> String,
}

/// What an option of the record `R` takes.
pub(super) enum Kind<R = Config> {
    Address(Field<R, SocketAddr>),
    Folder(Field<R, PathBuf>),
    OptionalFolder(Field<R, Option<PathBuf>>),
    File(Field<R, PathBuf>),
    Name(Field<R, Name>),
    Boolean(Field<R, bool>),
    Duration(Field<R, Duration>, Bounds<Duration>),
    Count(Field<R, usize>, Bounds<usize>),
    Bytes(Field<R, usize>, Bounds<usize>),
    OptionalDuration(Field<R, Option<Duration>>, Bounds<Duration>),
    OptionalCount(Field<R, Option<usize>>, Bounds<usize>),
    OptionalBytes(Field<R, Option<usize>>, Bounds<usize>),
    Secret(Field<R, Option<Secret>>),
    Text(Text<R>),
    Texts(Texts<R>),
}

/// A value as the file has it.
pub(super) enum Written {
    /// This.
    Value(Value),
    /// It may not be shown.
    Hidden,
    /// It was found by another name of its option.
    Found(Via, Value),
    /// It is not set, and no text would say so.
    Nothing,
}

/// Why a value is refused; nothing where what is allowed says it.
pub(super) struct Reason(pub(super) Option<String>);

impl<E: std::error::Error> From<E> for Reason {
    fn from(error: E) -> Self {
        Self(Some(error.to_string()))
    }
}

impl<R> Kind<R> {
    /// Puts a value into its field, or leaves the field as it was and says why.
    pub(super) fn read(&self, raw: &Raw, record: &mut R) -> Result<(), Reason> {
        match self {
            Self::Address(field) => *field(record) = text(raw)?.parse()?,
            Self::Folder(field) | Self::File(field) => match text(raw)? {
                "" => return Err(Reason(None)),
                path => *field(record) = PathBuf::from(path),
            },
            Self::OptionalFolder(field) => {
                let path = text(raw)?;
                *field(record) = (!path.is_empty()).then(|| PathBuf::from(path));
            }
            Self::Name(field) => *field(record) = text(raw)?.parse()?,
            Self::Boolean(field) => *field(record) = raw.boolean().ok_or_else(|| mistyped(raw))?,
            Self::Duration(field, bounds) => {
                *field(record) = bounds.check(duration::parse(text(raw)?)?)?;
            }
            Self::Count(field, bounds) => {
                *field(record) = bounds.check(raw.count().ok_or_else(|| mistyped(raw))?)?;
            }
            Self::Bytes(field, bounds) => *field(record) = bounds.check(bytes(raw)?)?,
            Self::OptionalDuration(field, bounds) => {
                *field(record) = Some(bounds.check(duration::parse(text(raw)?)?)?);
            }
            Self::OptionalCount(field, bounds) => {
                *field(record) = Some(bounds.check(raw.count().ok_or_else(|| mistyped(raw))?)?);
            }
            Self::OptionalBytes(field, bounds) => *field(record) = Some(bounds.check(bytes(raw)?)?),
            Self::Secret(field) => match raw {
                Raw::Secret(secret) => *field(record) = Some(secret.clone()),
                _ => return Err(Reason(None)),
            },
            Self::Text(kind) => (kind.read)(text(raw)?, record)?,
            Self::Texts(kind) => {
                (kind.read)(&raw.texts().ok_or_else(|| mistyped(raw))?, record)?;
            }
        }
        Ok(())
    }

    /// The value of its field, as the file has it. The field is not changed.
    pub(super) fn write(&self, record: &mut R) -> Written {
        Written::Value(match self {
            Self::Address(field) => Value::String(field(record).to_string()),
            Self::Folder(field) | Self::File(field) => path(Some(field(record))),
            Self::OptionalFolder(field) => path(field(record).as_ref()),
            Self::Name(field) => Value::String(field(record).to_string()),
            Self::Boolean(field) => Value::Boolean(*field(record)),
            Self::Duration(field, _) => span(*field(record)),
            Self::Count(field, _) => integer(*field(record)),
            Self::Bytes(field, _) => size(*field(record)),
            Self::OptionalDuration(field, _) => return optional(*field(record), span),
            Self::OptionalCount(field, _) => return optional(*field(record), integer),
            Self::OptionalBytes(field, _) => return optional(*field(record), size),
            Self::Secret(field) => return secret(field(record).as_ref()),
            Self::Text(kind) => Value::String((kind.write)(record)),
            Self::Texts(kind) => {
                Value::Array((kind.write)(record).into_iter().map(Value::String).collect())
            }
        })
    }

    /// What it takes, in words that follow "must be".
    pub(super) fn allowed(&self) -> String {
        match self {
            Self::Address(_) => "an IP address and a port, such as 127.0.0.1:7070".to_owned(),
            Self::Folder(_) => "the path of a folder".to_owned(),
            Self::OptionalFolder(_) => "the path of a folder, or empty".to_owned(),
            Self::File(_) => "the path of a file".to_owned(),
            Self::Name(_) => format!("a name: {}", name_alphabet()),
            Self::Boolean(_) => "true or false".to_owned(),
            Self::Duration(_, bounds) | Self::OptionalDuration(_, bounds) => {
                let (least, most) = (duration::format(bounds.least), duration::format(bounds.most));
                format!("a duration from {least} to {most}")
            }
            Self::Count(_, Bounds { least, most })
            | Self::OptionalCount(_, Bounds { least, most }) => {
                format!("a whole number from {least} to {most}")
            }
            Self::Bytes(_, bounds) | Self::OptionalBytes(_, bounds) => {
                let (least, most) =
                    (byte_size::format(bounds.least), byte_size::format(bounds.most));
                format!("a number of bytes from {least} to {most}")
            }
            Self::Secret(_) => {
                "a secret text, or with `_file` the path of a file that holds it, or with `_env` \
                 the name of a variable that holds it"
                    .to_owned()
            }
            Self::Text(kind) => (kind.allowed)(),
            Self::Texts(kind) => (kind.allowed)(),
        }
    }
}

impl<T: PartialOrd + Copy> Bounds<T> {
    fn check(&self, value: T) -> Result<T, Reason> {
        if value < self.least || value > self.most { Err(Reason(None)) } else { Ok(value) }
    }
}

impl Written {
    /// As it is shown in documents and beside other settings.
    pub(super) fn shown(&self) -> String {
        match self {
            Self::Value(value) | Self::Found(_, value) => value.to_string(),
            Self::Hidden => super::secret::HIDDEN.to_owned(),
            Self::Nothing => "(not set)".to_owned(),
        }
    }
}

/// What a name may hold.
pub(super) fn name_alphabet() -> String {
    format!("1 to {NAME_BYTES_MAX} of A-Z a-z 0-9 . _ : -")
}

/// A list of 1 to `most` different values, each read from its text.
pub(super) fn distinct<T, E: std::fmt::Display>(
    texts: &[&str],
    least: usize,
    most: usize,
    read: impl Fn(&str) -> Result<T, E>,
) -> Result<Vec<T>, Reason> {
    if texts.len() < least || texts.len() > most {
        return Err(Reason(Some(format!("it holds {} of them", texts.len()))));
    }
    let mut seen = HashSet::new();
    let one = |text: &str| {
        let refused = |why: &str| Reason(Some(format!("\"{}\" {why}", one_line(text))));
        let value = read(text).map_err(|error| refused(&error.to_string()))?;
        if seen.insert(text.to_owned()) { Ok(value) } else { Err(refused("stands in it twice")) }
    };
    texts.iter().copied().map(one).collect()
}

/// The value of a name.
pub(super) fn named<T: Copy>(text: &str, names: &[(&str, T)]) -> Result<T, Reason> {
    names.iter().find(|(name, _)| *name == text).map(|(_, value)| *value).ok_or(Reason(None))
}

/// The name of a value.
pub(super) fn name_of<T: PartialEq + Copy>(value: T, names: &[(&str, T)]) -> String {
    names.iter().find(|(_, named)| *named == value).map_or("", |(name, _)| name).to_owned()
}

/// The names in words.
pub(super) fn alternatives<T>(names: &[(&str, T)]) -> String {
    let names: Vec<&str> = names.iter().map(|(name, _)| *name).collect();
    match names.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} or {last}", rest.join(", ")),
        _ => names.concat(),
    }
}

fn text(raw: &Raw) -> Result<&str, Reason> {
    raw.text().ok_or_else(|| mistyped(raw))
}

fn bytes(raw: &Raw) -> Result<usize, Reason> {
    match raw {
        Raw::Integer(_) => raw.count().ok_or(Reason(None)),
        _ => Ok(byte_size::parse(text(raw)?)?),
    }
}

fn mistyped(raw: &Raw) -> Reason {
    Reason(raw.type_name().map(|name| format!("it is {name}")))
}

fn secret(secret: Option<&Secret>) -> Written {
    match secret.map(Secret::origin) {
        None => Written::Nothing,
        Some(SecretOrigin::Inline) => Written::Hidden,
        Some(SecretOrigin::File(file)) => Written::Found(Via::File, path(Some(file))),
        Some(SecretOrigin::Variable(name)) => {
            Written::Found(Via::Variable, Value::String(name.clone()))
        }
    }
}

fn path(path: Option<&PathBuf>) -> Value {
    Value::String(path.map(|path| path.to_string_lossy().into_owned()).unwrap_or_default())
}

/// A value that need not be there.
fn optional<T>(value: Option<T>, write: impl FnOnce(T) -> Value) -> Written {
    value.map_or(Written::Nothing, |value| Written::Value(write(value)))
}

fn span(span: Duration) -> Value {
    Value::String(duration::format(span))
}

fn size(bytes: usize) -> Value {
    match byte_size::format(bytes) {
        digits if digits == bytes.to_string() => integer(bytes),
        text => Value::String(text),
    }
}

fn integer(number: usize) -> Value {
    Value::Integer(i64::try_from(number).unwrap_or(i64::MAX))
}
