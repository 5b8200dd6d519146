//! The kinds of options: what each takes, how it is put into its field and how it is written.

use std::collections::HashSet;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use radial_protocol::names::NAME_BYTES_MAX;
use radial_protocol::{Name, TenantId};
use radial_registry::duration;
use toml::Value;

use super::byte_size;
use super::raw::{Raw, one_line};
use super::settings::{Config, DurabilityMode, LogFormat, LogLevel};

/// Where an option's value stands.
pub(super) type Field<T> = fn(&mut Config) -> &mut T;

/// A field with the bounds of its value, both included.
pub(super) struct Span<T> {
    pub(super) field: Field<T>,
    pub(super) least: T,
    pub(super) most: T,
}

/// What an option takes.
pub(super) enum Kind {
    Address(Field<SocketAddr>),
    Folder(Field<PathBuf>),
    OptionalFolder(Field<Option<PathBuf>>),
    Name(Field<Name>),
    Boolean(Field<bool>),
    LogFormat(Field<LogFormat>),
    LogLevel(Field<LogLevel>),
    Durability(Field<DurabilityMode>),
    Tenants { field: Field<Vec<TenantId>>, most: usize },
    Duration(Span<Duration>),
    Count(Span<usize>),
    Bytes(Span<usize>),
}

/// Why a value is refused; nothing where what is allowed says it.
pub(super) struct Reason(pub(super) Option<String>);

impl<E: std::error::Error> From<E> for Reason {
    fn from(error: E) -> Self {
        Self(Some(error.to_string()))
    }
}

impl Kind {
    /// Puts a value into its field, or leaves the field as it was and says why.
    pub(super) fn read(&self, raw: &Raw, config: &mut Config) -> Result<(), Reason> {
        match self {
            Self::Address(field) => *field(config) = text(raw)?.parse()?,
            Self::Folder(field) => match text(raw)? {
                "" => return Err(Reason(None)),
                path => *field(config) = PathBuf::from(path),
            },
            Self::OptionalFolder(field) => {
                let path = text(raw)?;
                *field(config) = (!path.is_empty()).then(|| PathBuf::from(path));
            }
            Self::Name(field) => *field(config) = text(raw)?.parse()?,
            Self::Boolean(field) => *field(config) = raw.boolean().ok_or_else(|| mistyped(raw))?,
            Self::LogFormat(field) => *field(config) = named(text(raw)?, LogFormat::NAMES)?,
            Self::LogLevel(field) => *field(config) = named(text(raw)?, LogLevel::NAMES)?,
            Self::Durability(field) => *field(config) = named(text(raw)?, DurabilityMode::NAMES)?,
            Self::Tenants { field, most } => *field(config) = tenants(raw, *most)?,
            Self::Duration(span) => span.put(duration::parse(text(raw)?)?, config)?,
            Self::Count(span) => span.put(raw.count().ok_or_else(|| mistyped(raw))?, config)?,
            Self::Bytes(span) => span.put(bytes(raw)?, config)?,
        }
        Ok(())
    }

    /// The value of its field, as the file has it. The field is not changed.
    pub(super) fn write(&self, config: &mut Config) -> Value {
        match self {
            Self::Address(field) => Value::String(field(config).to_string()),
            Self::Folder(field) => path(Some(field(config))),
            Self::OptionalFolder(field) => path(field(config).as_ref()),
            Self::Name(field) => Value::String(field(config).to_string()),
            Self::Boolean(field) => Value::Boolean(*field(config)),
            Self::LogFormat(field) => name_of(*field(config), LogFormat::NAMES),
            Self::LogLevel(field) => name_of(*field(config), LogLevel::NAMES),
            Self::Durability(field) => name_of(*field(config), DurabilityMode::NAMES),
            Self::Tenants { field, .. } => {
                Value::Array(field(config).iter().map(|id| Value::String(id.to_string())).collect())
            }
            Self::Duration(span) => Value::String(duration::format(*(span.field)(config))),
            Self::Count(span) => integer(*(span.field)(config)),
            Self::Bytes(span) => {
                let bytes = *(span.field)(config);
                match byte_size::format(bytes) {
                    digits if digits == bytes.to_string() => integer(bytes),
                    text => Value::String(text),
                }
            }
        }
    }

    /// What it takes, in words that follow "must be".
    pub(super) fn allowed(&self) -> String {
        let name = format!("1 to {NAME_BYTES_MAX} of A-Z a-z 0-9 . _ : -");
        match self {
            Self::Address(_) => "an IP address and a port, such as 127.0.0.1:7070".to_owned(),
            Self::Folder(_) => "the path of a folder".to_owned(),
            Self::OptionalFolder(_) => "the path of a folder, or empty".to_owned(),
            Self::Name(_) => format!("a name: {name}"),
            Self::Boolean(_) => "true or false".to_owned(),
            Self::LogFormat(_) => alternatives(LogFormat::NAMES),
            Self::LogLevel(_) => alternatives(LogLevel::NAMES),
            Self::Durability(_) => alternatives(DurabilityMode::NAMES),
            Self::Tenants { most, .. } => format!("a list of 1 to {most} names, each {name}"),
            Self::Duration(span) => {
                let (least, most) = (duration::format(span.least), duration::format(span.most));
                format!("a duration from {least} to {most}")
            }
            Self::Count(span) => format!("a whole number from {} to {}", span.least, span.most),
            Self::Bytes(span) => {
                let (least, most) = (byte_size::format(span.least), byte_size::format(span.most));
                format!("a number of bytes from {least} to {most}")
            }
        }
    }
}

impl<T: PartialOrd> Span<T> {
    fn put(&self, value: T, config: &mut Config) -> Result<(), Reason> {
        if value < self.least || value > self.most {
            return Err(Reason(None));
        }
        *(self.field)(config) = value;
        Ok(())
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

fn tenants(raw: &Raw, most: usize) -> Result<Vec<TenantId>, Reason> {
    let texts = raw.texts().ok_or_else(|| mistyped(raw))?;
    if texts.is_empty() || texts.len() > most {
        return Err(Reason(Some(format!("it holds {} names", texts.len()))));
    }
    let mut seen = HashSet::new();
    let tenant = |text: &str| {
        let refused = |why: &str| Reason(Some(format!("\"{}\" {why}", one_line(text))));
        let id = TenantId::new(text).map_err(|error| refused(&error.to_string()))?;
        if seen.insert(id.clone()) { Ok(id) } else { Err(refused("stands in it twice")) }
    };
    texts.into_iter().map(tenant).collect()
}

fn named<T: Copy>(text: &str, names: &[(&str, T)]) -> Result<T, Reason> {
    names.iter().find(|(name, _)| *name == text).map(|(_, value)| *value).ok_or(Reason(None))
}

fn name_of<T: PartialEq + Copy>(value: T, names: &[(&str, T)]) -> Value {
    let name = names.iter().find(|(_, named)| *named == value).map_or("", |(name, _)| name);
    Value::String(name.to_owned())
}

fn alternatives<T>(names: &[(&str, T)]) -> String {
    let names: Vec<&str> = names.iter().map(|(name, _)| *name).collect();
    match names.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} or {last}", rest.join(", ")),
        _ => names.concat(),
    }
}

fn path(path: Option<&PathBuf>) -> Value {
    Value::String(path.map(|path| path.to_string_lossy().into_owned()).unwrap_or_default())
}

fn integer(number: usize) -> Value {
    Value::Integer(i64::try_from(number).unwrap_or(i64::MAX))
}
