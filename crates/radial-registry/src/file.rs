//! The files of a registry folder: one TOML or JSON file per domain, and schemas beside them.

mod document;
mod fields;
mod parse;
mod policy;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::error::RegistryError;
use crate::event_type::EventType;
use crate::problem::{Place, Report, Rule, shorten};

/// The largest file.
pub const FILE_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Most files in a folder.
pub const FILES_MAX: usize = 2_000;
/// The largest folder.
pub const FOLDER_BYTES_MAX: usize = 64 * 1024 * 1024;
/// How many folders deep schemas are looked for.
const FOLDER_DEPTH_MAX: usize = 4;

/// The texts of a registry folder, by path relative to it.
///
/// Files at the top that end in `.toml` or `.json` are domains, except the `.json` files that a
/// domain names as a schema. Files in folders below are schemas only. Names that begin with a
/// dot are left out.
#[derive(Debug, Clone, Default)]
pub struct Folder {
    files: BTreeMap<String, String>,
}

impl Folder {
    /// Reads a folder; the only I/O of this crate.
    ///
    /// # Errors
    ///
    /// A file or folder that cannot be read, or more of them than the limits allow.
    pub fn read(path: &Path) -> Result<Self, RegistryError> {
        let mut folder = Self::default();
        let mut bytes_left = FOLDER_BYTES_MAX;
        folder.read_below(path, "", FOLDER_DEPTH_MAX, &mut bytes_left)?;
        Ok(folder)
    }

    /// Takes texts by their path, as if they had been read.
    pub fn of(files: impl IntoIterator<Item = (String, String)>) -> Self {
        Self { files: files.into_iter().collect() }
    }

    fn read_below(
        &mut self,
        folder: &Path,
        prefix: &str,
        levels: usize,
        bytes_left: &mut usize,
    ) -> Result<(), RegistryError> {
        let failed = |path: &Path| {
            let path = path.display().to_string();
            move |source| RegistryError::Read { path, source }
        };
        for entry in fs::read_dir(folder).map_err(failed(folder))? {
            let path = entry.map_err(failed(folder))?.path();
            let Some(name) = path.file_name().and_then(|name| name.to_str()) else {
                continue;
            };
            let extension = path.extension().and_then(|extension| extension.to_str());
            let is_text =
                extension == Some("json") || (prefix.is_empty() && extension == Some("toml"));
            if name.starts_with('.') {
                continue;
            }
            // Follows symbolic links: that is how a mounted ConfigMap looks.
            let metadata = fs::metadata(&path).map_err(failed(&path))?;
            if metadata.is_dir() && levels > 0 {
                self.read_below(&path, &format!("{prefix}{name}/"), levels - 1, bytes_left)?;
            } else if metadata.is_file() && is_text {
                let size = usize::try_from(metadata.len()).unwrap_or(usize::MAX);
                let left = bytes_left.checked_sub(size).filter(|_| self.files.len() < FILES_MAX);
                *bytes_left = left.ok_or_else(|| RegistryError::FolderTooLarge {
                    path: folder.display().to_string(),
                    files_max: FILES_MAX,
                    bytes_max: FOLDER_BYTES_MAX,
                })?;
                let text = fs::read_to_string(&path).map_err(failed(&path))?;
                self.files.insert(format!("{prefix}{name}"), text);
            }
        }
        Ok(())
    }

    /// Reads all types of all files; what is wrong goes into the report.
    pub(crate) fn event_types(&self, report: &mut Report) -> Vec<EventType> {
        let mut documents = Vec::new();
        for (file, text) in self.files.iter().filter(|(file, _)| !file.contains('/')) {
            let at = Place::of_file(file);
            if text.len() > FILE_BYTES_MAX {
                let message = format!("The file is larger than {FILE_BYTES_MAX} bytes.");
                report.add(&at, Rule::FileTooLarge, message);
                continue;
            }
            match parse::parse(file, text) {
                Ok(document) => documents.push((file.as_str(), document)),
                Err(message) => report.add(&at, Rule::FileSyntax, message),
            }
        }
        let schema_files: BTreeSet<String> =
            documents.iter().flat_map(|(_, document)| document::schema_files(document)).collect();
        documents
            .iter()
            .filter(|(file, _)| !schema_files.contains(*file))
            .flat_map(|(file, document)| document::event_types(file, document, Some(self), report))
            .collect()
    }

    /// The schema in a file of the folder.
    fn schema(&self, path: &str) -> Result<Value, String> {
        let normal = path.strip_prefix("./").unwrap_or(path);
        let is_json = Path::new(normal).extension().is_some_and(|extension| extension == "json");
        if !is_json {
            return Err(format!("The schema file \"{}\" does not end in .json.", shorten(path)));
        }
        let text = self.files.get(normal).ok_or_else(|| {
            format!("There is no schema file \"{}\" in the registry folder.", shorten(path))
        })?;
        parse::parse(normal, text)
            .map_err(|message| format!("In the schema file \"{}\": {message}", shorten(path)))
    }
}

/// Reads the types of one document that is not in a folder, such as a change by the admin API.
pub(crate) fn event_types_of(name: &str, document: &Value, report: &mut Report) -> Vec<EventType> {
    document::event_types(name, document, None, report)
}
