//! The registry from outside: files in, types and reports out.

mod builtin;
mod compatibility;
mod files;
mod lint;
mod property;

use radial_registry::{Folder, Registry, RegistryError, Report, check};

/// A folder of these files.
fn folder(files: &[(&str, &str)]) -> Folder {
    Folder::of(files.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())))
}

/// The registry in one TOML file.
fn registry(text: &str) -> Registry {
    match Registry::from_folder(&folder(&[("t.toml", text)])) {
        Ok(registry) => registry,
        Err(error) => panic!("{error}"),
    }
}

/// What is said about one TOML file.
fn report(text: &str) -> Report {
    check(&folder(&[("t.toml", text)]))
}

/// One type, `t.a`, with these lines and a harmless schema.
fn with_type(lines: &str) -> String {
    format!(
        "[types.\"t.a\"]\ndescription = \"d\"\n{lines}\n\
         [types.\"t.a\".versions.1.schema]\ntype = \"object\"\nrequired = [\"id\"]\n"
    )
}

/// The report by which a folder is refused.
fn refused(files: &[(&str, &str)]) -> Report {
    match Registry::from_folder(&folder(files)) {
        Err(RegistryError::Refused(report)) => report,
        other => panic!("not refused: {other:?}"),
    }
}
