//! The built-in event types: what `radial dev` knows, and a starting point for registries.

use crate::file::Folder;
use crate::registry::Registry;

/// The built-in types as files, for `radial registry` to write out.
pub const BUILTIN_FILES: [(&str, &str); 6] = [
    ("activity.toml", include_str!("../builtin/activity.toml")),
    ("card.toml", include_str!("../builtin/card.toml")),
    ("client.toml", include_str!("../builtin/client.toml")),
    ("conversation.toml", include_str!("../builtin/conversation.toml")),
    ("session.toml", include_str!("../builtin/session.toml")),
    ("ui.toml", include_str!("../builtin/ui.toml")),
];

pub(crate) fn registry() -> Registry {
    let files = BUILTIN_FILES.map(|(file, text)| (file.to_owned(), text.to_owned()));
    Registry::from_folder(&Folder::of(files))
        .expect("the built-in files are part of the program and are loaded by its tests")
}
