//! Secrets: given as they are, or by the file or the variable that holds them; never shown.
//!
//! A secret option `key` has three names: `key`, `key_file` and `key_env`. Its value is in no
//! error, in no `Debug` output and not in `--print-config`. Which file or variable holds it is
//! shown once it has been found there: before that, the text might be a secret in a wrong place.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use super::kind::{Kind, Reason};
use super::option::ConfigOption;
use super::raw::Raw;

/// What is shown in place of a secret.
pub(super) const HIDDEN: &str = "(hidden)";
/// No secret is longer, in bytes: a chain of certificates and a private key fit in.
const SECRET_BYTES_MAX: usize = 64 * 1024;

/// A text that must not be shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret {
    value: String,
    origin: SecretOrigin,
}

/// Where a secret was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecretOrigin {
    /// In the configuration itself.
    Inline,
    /// In this file.
    File(PathBuf),
    /// In the variable of this name.
    Variable(String),
}

/// How an option was named: as it is, or, if it is a secret, by what holds its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Via {
    Itself,
    File,
    Variable,
}

/// What a secret may be found in: the file system and the environment.
pub(super) struct Outside<'a> {
    pub(super) environment: &'a [(String, String)],
    pub(super) read_text: &'a dyn Fn(&Path) -> io::Result<String>,
}

impl Secret {
    /// A secret that is written out.
    pub fn new(value: impl Into<String>) -> Self {
        Self { value: value.into(), origin: SecretOrigin::Inline }
    }

    /// The secret itself. Whoever asks for it must not show it.
    pub fn expose(&self) -> &str {
        &self.value
    }

    /// Where it was found.
    pub fn origin(&self) -> &SecretOrigin {
        &self.origin
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(HIDDEN)
    }
}

impl Via {
    pub(super) const ALL: [Self; 3] = [Self::Itself, Self::File, Self::Variable];

    /// What the name of the option ends in.
    pub(super) fn suffix(self) -> &'static str {
        match self {
            Self::Itself => "",
            Self::File => "_file",
            Self::Variable => "_env",
        }
    }
}

impl Outside<'_> {
    /// What was given to an option, or where that says it, what is there.
    pub(super) fn found<R>(
        &self,
        option: &ConfigOption<R>,
        via: Via,
        raw: &Raw,
    ) -> Result<Raw, Reason> {
        if matches!(option.kind, Kind::Secret(_)) { self.secret(via, raw) } else { Ok(raw.clone()) }
    }

    /// Takes what was given to a secret option to the secret.
    ///
    /// # Errors
    /// Why there is none. Nothing that was given is repeated.
    fn secret(&self, via: Via, raw: &Raw) -> Result<Raw, Reason> {
        let Some(given) = raw.text() else {
            return Err(Reason(raw.type_name().map(|name| format!("it is {name}"))));
        };
        let (value, origin) = match via {
            Via::Itself => (given.to_owned(), SecretOrigin::Inline),
            Via::File => {
                let text = (self.read_text)(Path::new(given)).map_err(|error| {
                    Reason(Some(format!("the file that it names cannot be read: {error}")))
                })?;
                let end = text.trim_end_matches(['\r', '\n']).len();
                let text = text.get(..end).unwrap_or_default().to_owned();
                (text, SecretOrigin::File(PathBuf::from(given)))
            }
            Via::Variable => {
                let found = self.environment.iter().find(|(name, _)| name == given);
                let (_, value) = found
                    .ok_or_else(|| Reason(Some("the variable that it names is not set".into())))?;
                (value.clone(), SecretOrigin::Variable(given.to_owned()))
            }
        };
        if value.is_empty() {
            return Err(Reason(Some("it is empty".to_owned())));
        }
        if value.len() > SECRET_BYTES_MAX || value.contains('\u{fffd}') {
            let message = format!("it is not UTF-8, or longer than {SECRET_BYTES_MAX} bytes");
            return Err(Reason(Some(message)));
        }
        Ok(Raw::Secret(Secret { value, origin }))
    }
}
