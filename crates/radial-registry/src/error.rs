//! What callers of this crate can get instead of what they asked for.

use crate::problem::Report;

/// Why there is no registry.
#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
    /// A file or folder cannot be read.
    #[error("Cannot read \"{path}\" of the registry.")]
    Read {
        /// The file or folder.
        path: String,
        /// What the operating system says.
        #[source]
        source: std::io::Error,
    },
    /// A folder holds more than a registry may.
    #[error(
        "The registry folder \"{path}\" holds more than {files_max} files or {bytes_max} bytes."
    )]
    FolderTooLarge {
        /// The folder.
        path: String,
        /// Most files allowed.
        files_max: usize,
        /// Most bytes allowed.
        bytes_max: usize,
    },
    /// The files were read and are wrong; the report names every place.
    #[error("The registry is refused.\n{0}")]
    Refused(Report),
}

/// A version that an event type does not have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("The event type \"{event_type}\" has no version \"{version}\"; it has {known}.")]
pub struct UnknownVersion {
    /// The event type.
    pub event_type: String,
    /// The version that was asked for, shortened.
    pub version: String,
    /// The versions that there are, oldest first, in one text.
    pub known: String,
}
