//! The TOML file: its sections and keys, each with its line.

use std::borrow::Cow;
use std::fs::File;
use std::io::{self, Read as _};
use std::ops::Range;
use std::path::Path;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::error::{ConfigProblem, nearest_key, nearest_section};
use super::load::{Given, Source};
use super::raw::{Raw, one_line};
use super::records::{RawField, RawRecord, RecordList};
use super::sections::{self, SECTIONS};

/// No configuration is larger, in bytes.
const FILE_BYTES_MAX: u64 = 1024 * 1024;

/// The text of a file, up to a byte more than is allowed.
pub(super) fn read_text(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    File::open(path)?.take(FILE_BYTES_MAX + 1).read_to_string(&mut text)?;
    Ok(text)
}

/// Reads the settings in the text of a file.
pub(super) fn read(
    path: &Path,
    text: &str,
    given: &mut Vec<Given>,
    problems: &mut Vec<ConfigProblem>,
) {
    Document { path, text }.read(given, problems);
}

/// The text of a file.
struct Document<'a> {
    path: &'a Path,
    text: &'a str,
}

impl Document<'_> {
    fn read(&self, given: &mut Vec<Given>, problems: &mut Vec<ConfigProblem>) {
        if self.text.len() as u64 > FILE_BYTES_MAX {
            let message = format!("is larger than {FILE_BYTES_MAX} bytes");
            problems.push(ConfigProblem::Malformed { place: self.place(0..0), message });
            return;
        }
        let (table, mut errors) = DeTable::parse_recoverable(self.text);
        // One mistake often makes several errors at one place.
        errors.sort_by_key(|error| error.span().map(|span| span.start));
        errors.dedup_by_key(|error| self.place(error.span().unwrap_or_default()));
        for error in &errors {
            let place = self.place(error.span().unwrap_or_default());
            let message = one_line(error.message()).into_owned();
            problems.push(ConfigProblem::Malformed { place, message });
        }
        // What a broken file says elsewhere may not be what was meant.
        if errors.is_empty() {
            for (name, value) in table.get_ref() {
                self.section(name.get_ref(), name.span(), value, given, problems);
            }
        }
    }

    fn section(
        &self,
        name: &str,
        span: Range<usize>,
        value: &Spanned<DeValue<'_>>,
        given: &mut Vec<Given>,
        problems: &mut Vec<ConfigProblem>,
    ) {
        if let Some(list) = sections::find_list(name) {
            self.list(list, span, value.get_ref(), given, problems);
            return;
        }
        let is_known = SECTIONS.iter().any(|section| section.name == name);
        match value.get_ref() {
            DeValue::Table(table) if is_known => {
                for (key, value) in table {
                    let dotted = format!("{name}.{}", key.get_ref());
                    let source = self.place(key.span());
                    if let Some((option, via)) = sections::find(&dotted) {
                        let raw = Raw::from_file(value.get_ref());
                        given.push(Given::Value { option, via, raw, source });
                    } else if let Some(list) = sections::find_list(&dotted) {
                        self.list(list, key.span(), value.get_ref(), given, problems);
                    } else {
                        problems.push(unknown_key(source, &dotted));
                    }
                }
            }
            DeValue::Table(_) => {
                let nearest = format!("[{}]", nearest_section(name));
                let name = format!("[{}]", one_line(name));
                problems.push(ConfigProblem::Unknown { place: self.place(span), name, nearest });
            }
            _ if is_known => {
                let message = format!("{name} is a section: write [{name}] and its keys below");
                problems.push(ConfigProblem::Malformed { place: self.place(span), message });
            }
            _ => problems.push(unknown_key(self.place(span), name)),
        }
    }

    fn list(
        &self,
        list: &'static RecordList,
        span: Range<usize>,
        value: &DeValue<'_>,
        given: &mut Vec<Given>,
        problems: &mut Vec<ConfigProblem>,
    ) {
        let source = self.place(span);
        let DeValue::Array(values) = value else {
            problems.push(list.no_list(source));
            return;
        };
        let name = |key: &Spanned<Cow<'_, str>>| key.get_ref().clone().into_owned();
        let mut records = Vec::new();
        for value in values {
            let place = self.place(value.span());
            let DeValue::Table(table) = value.get_ref() else {
                problems.push(list.no_list(place));
                return;
            };
            let field = |(key, value): (&Spanned<_>, &Spanned<DeValue<'_>>)| RawField {
                name: name(key),
                raw: Raw::from_file(value.get_ref()),
                place: self.place(key.span()),
            };
            records.push(RawRecord { fields: table.iter().map(field).collect(), place });
        }
        given.push(Given::Records { list, records, source });
    }

    fn place(&self, span: Range<usize>) -> Source {
        let before = self.text.get(..span.start).unwrap_or_default();
        let line = before.bytes().filter(|byte| *byte == b'\n').count() + 1;
        Source::File { path: self.path.to_owned(), line }
    }
}

fn unknown_key(place: Source, key: &str) -> ConfigProblem {
    let nearest = nearest_key(key).to_owned();
    ConfigProblem::Unknown { place, name: one_line(key).into_owned(), nearest }
}
