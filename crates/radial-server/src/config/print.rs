//! The effective configuration as a file, each value with its source (`--print-config`).

use std::fmt::Write as _;

use super::load::{Loaded, Setting};
use super::options::SECTIONS;

impl Loaded {
    /// Every option with its effective value, and whence it came as a comment.
    ///
    /// The text is a file that loads to the same configuration. Secret options stand in it as
    /// comments, so that the file does not set them to something else.
    pub fn print(&self) -> String {
        let sections = SECTIONS.iter().map(|section| {
            let prefix = format!("{}.", section.name);
            let settings = self.settings().iter().filter(|s| s.key.starts_with(&prefix));
            let lines = settings.map(|setting| line(setting, &prefix));
            format!("[{}]\n{}", section.name, lines.collect::<String>())
        });
        sections.collect::<Vec<_>>().join("\n")
    }
}

/// One setting as a line of its section.
pub(super) fn line(setting: &Setting, prefix: &str) -> String {
    let mut line = String::new();
    let name = setting.key.strip_prefix(prefix).unwrap_or(setting.key);
    let comment = if setting.secret { "# " } else { "" };
    let _ = writeln!(line, "{comment}{name} = {} # {}", setting.value, setting.source);
    line
}
