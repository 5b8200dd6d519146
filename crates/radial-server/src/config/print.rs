//! The effective configuration as a file, each value with its source (`--print-config`).

use std::fmt::Write as _;

use super::load::{Loaded, Setting, SettingRecord};
use super::sections::{SECTIONS, TOP_LISTS};

impl Loaded {
    /// Every option with its effective value, and whence it came as a comment.
    ///
    /// The text is a file that loads to the same configuration. Secrets that are written out in
    /// the configuration stand in it as comments, so that the file does not set them to something
    /// else; for those in a file or a variable it says which.
    pub fn print(&self) -> String {
        let sections = SECTIONS.iter().map(|section| {
            let prefix = format!("{}.", section.name);
            let settings = self.settings().iter().filter(|s| s.key.starts_with(&prefix));
            let lines = settings.map(|setting| line(setting, &prefix));
            let lists = section.lists.iter().map(|list| self.list(list.key));
            format!(
                "[{}]\n{}{}",
                section.name,
                lines.collect::<String>(),
                lists.collect::<String>()
            )
        });
        let top = TOP_LISTS.iter().map(|list| self.list(list.key).trim_start().to_owned());
        sections.chain(top).collect::<Vec<_>>().join("\n")
    }

    fn list(&self, key: &str) -> String {
        let records = self.records().iter().filter(|record| record.list == key);
        let text: String = records.map(record).collect();
        if text.is_empty() { format!("# [[{key}]]: none\n") } else { text }
    }
}

fn record(record: &SettingRecord) -> String {
    let mut text = format!("\n[[{}]] # {}\n", record.list, record.source);
    for (name, value, hidden) in &record.fields {
        let comment = if *hidden { "# " } else { "" };
        let _ = writeln!(text, "{comment}{name} = {value}");
    }
    text
}

/// One setting as a line of its section.
pub(super) fn line(setting: &Setting, prefix: &str) -> String {
    let mut line = String::new();
    let name = setting.key.strip_prefix(prefix).unwrap_or(&setting.key);
    let comment = if setting.secret { "# " } else { "" };
    let _ = writeln!(line, "{comment}{name} = {} # {}", setting.value, setting.source);
    line
}
