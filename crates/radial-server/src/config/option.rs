//! One option: a row of a section or of a record, and what rows are built from.

use std::time::Duration;

use super::kind::{Bounds, Field, Kind};
use super::secret::Via;
use super::settings::Config;

/// What every variable begins with.
pub(super) const VARIABLE_PREFIX: &str = "RADIAL__";

/// One option of the record `R`: of a section, whose record is the whole [`Config`], or of the
/// records of a list.
pub(super) struct ConfigOption<R: 'static = Config> {
    /// `section.name`; in a record, the name alone.
    pub(super) key: &'static str,
    /// Its type, its bounds and its field.
    pub(super) kind: Kind<R>,
    /// What it does, in one or two sentences of Markdown.
    pub(super) doc: &'static str,
    /// A value as it is written in a variable or a flag; of a record, a line of the file.
    pub(super) example: &'static str,
    /// Whether a record must have it.
    pub(super) required: bool,
    /// Whether no two records of a list may have the same.
    pub(super) unique: bool,
}

pub(super) const fn option<R>(
    key: &'static str,
    kind: Kind<R>,
    doc: &'static str,
    example: &'static str,
) -> ConfigOption<R> {
    ConfigOption { key, kind, doc, example, required: false, unique: false }
}

impl<R> ConfigOption<R> {
    /// The same option, which every record must have.
    pub(super) const fn required(mut self) -> Self {
        self.required = true;
        self
    }

    /// The same option, in which no two records of a list may agree.
    pub(super) const fn unique(mut self) -> Self {
        self.unique = true;
        self
    }

    /// How this key names the option, if it does.
    pub(super) fn via(&self, key: &str) -> Option<Via> {
        let suffix = key.strip_prefix(self.key)?;
        let is_secret = matches!(self.kind, Kind::Secret(_));
        let mut ways = Via::ALL.into_iter().filter(|via| is_secret || *via == Via::Itself);
        ways.find(|via| via.suffix() == suffix)
    }
}

impl ConfigOption {
    /// The variable that sets it.
    pub(super) fn variable(&self) -> String {
        variable(self.key)
    }
}

/// The variable of a dotted key.
pub(super) fn variable(key: &str) -> String {
    format!("{VARIABLE_PREFIX}{}", key.replace('.', "__").to_uppercase())
}

/// The option that a key names, and how.
pub(super) fn find_in<'a, R>(
    mut options: impl Iterator<Item = &'a ConfigOption<R>>,
    key: &str,
) -> Option<(&'a ConfigOption<R>, Via)> {
    options.find_map(|option| option.via(key).map(|via| (option, via)))
}

pub(super) const fn duration<R>(
    field: Field<R, Duration>,
    least: Duration,
    most: Duration,
) -> Kind<R> {
    Kind::Duration(field, Bounds { least, most })
}

pub(super) const fn count<R>(field: Field<R, usize>, least: usize, most: usize) -> Kind<R> {
    Kind::Count(field, Bounds { least, most })
}

pub(super) const fn bytes<R>(field: Field<R, usize>, least: usize, most: usize) -> Kind<R> {
    Kind::Bytes(field, Bounds { least, most })
}

pub(super) const fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// The kind of an enumeration with a table `NAMES`: `choice!(LogLevel, |c| c.server.log_level)`.
macro_rules! choice {
    ($type:ty, |$record:ident| $field:expr) => {
        $crate::config::kind::Kind::Text($crate::config::kind::Text {
            read: |text, $record| {
                $field = $crate::config::kind::named(text, <$type>::NAMES)?;
                Ok(())
            },
            write: |$record| $crate::config::kind::name_of($field, <$type>::NAMES),
            allowed: || $crate::config::kind::alternatives(<$type>::NAMES),
        })
    };
}
pub(super) use choice;
