//! Lists of records: `[[server.certificates]]`. A record is a table of options like a section is.

use std::collections::HashSet;

use super::error::{ConfigProblem, nearest};
use super::kind::Written;
use super::load::{Source, refusal};
use super::option::{ConfigOption, find_in, variable};
use super::raw::{Raw, one_line};
use super::secret::Outside;
use super::settings::Config;

/// A list of records.
pub(super) struct RecordList {
    /// `section.name`, or a name alone for a list at the top of the file.
    pub(super) key: &'static str,
    /// What its records are, in one or two sentences of Markdown.
    pub(super) doc: &'static str,
    /// The list as JSON, as a variable has it.
    pub(super) example: &'static str,
    pub(super) table: &'static dyn RecordTable,
}

/// The records of a list: where they are kept, their options, and what holds for each.
pub(super) struct Records<R: 'static> {
    pub(super) field: fn(&mut Config) -> &mut Vec<R>,
    pub(super) options: &'static [ConfigOption<R>],
    /// What no single option can say; the error follows `[[list]]` in a message.
    pub(super) check: fn(&R) -> Result<(), String>,
    pub(super) most: usize,
}

/// What is known of a list whatever its records are.
pub(super) trait RecordTable: Sync {
    /// Puts records in the place of those that are there; if there is a problem, leaves them.
    fn read(&self, given: &Found<'_>, config: &mut Config) -> Result<(), Vec<ConfigProblem>>;
    /// The fields of each record, by name.
    fn write(&self, config: &mut Config) -> Vec<Vec<(&'static str, Written)>>;
    /// What documents say of each option.
    fn rows(&self) -> Vec<Row>;
}

/// What documents say of an option of a record.
pub(super) struct Row {
    pub(super) name: &'static str,
    pub(super) allowed: String,
    pub(super) default: String,
    pub(super) doc: String,
    pub(super) example: &'static str,
}

/// A record as it was found.
#[derive(Clone)]
pub(super) struct RawRecord {
    pub(super) fields: Vec<RawField>,
    pub(super) place: Source,
}

/// A field of a record as it was found.
#[derive(Clone)]
pub(super) struct RawField {
    pub(super) name: String,
    pub(super) raw: Raw,
    pub(super) place: Source,
}

/// The records that one source has for a list.
pub(super) struct Found<'a> {
    pub(super) list: &'static RecordList,
    pub(super) records: &'a [RawRecord],
    pub(super) place: &'a Source,
    pub(super) outside: &'a Outside<'a>,
}

impl RecordList {
    /// The variable that sets the whole list.
    pub(super) fn variable(&self) -> String {
        variable(self.key)
    }

    /// What is said where something else stands than a list of records.
    pub(super) fn no_list(&self, place: Source) -> ConfigProblem {
        let message =
            format!("{0} is a list of tables: write [[{0}]] and its keys below", self.key);
        ConfigProblem::Malformed { place, message }
    }
}

impl<R: Default> RecordTable for Records<R> {
    fn read(&self, given: &Found<'_>, config: &mut Config) -> Result<(), Vec<ConfigProblem>> {
        let mut problems = Vec::new();
        if given.records.len() > self.most {
            let message = format!("has {} records, at most {}", given.records.len(), self.most);
            problems.push(given.problem(given.place, message));
        }
        let records: Vec<R> =
            given.records.iter().map(|raw| self.record(given, raw, &mut problems)).collect();
        problems.extend(self.repeated(given));
        if problems.is_empty() {
            *(self.field)(config) = records;
            Ok(())
        } else {
            Err(problems)
        }
    }

    fn write(&self, config: &mut Config) -> Vec<Vec<(&'static str, Written)>> {
        let fields = |record: &mut R| {
            let field = |option: &ConfigOption<R>| (option.key, option.kind.write(record));
            self.options.iter().map(field).collect()
        };
        (self.field)(config).iter_mut().map(fields).collect()
    }

    fn rows(&self) -> Vec<Row> {
        let row = |option: &ConfigOption<R>| Row {
            name: option.key,
            allowed: option.kind.allowed(),
            default: match (option.required, option.kind.write(&mut R::default())) {
                (true, _) => "required".to_owned(),
                (false, Written::Nothing) => "none".to_owned(),
                (false, written) => format!("`{}`", written.shown()),
            },
            doc: if option.unique {
                format!("{} No two records have the same.", option.doc)
            } else {
                option.doc.to_owned()
            },
            example: option.example,
        };
        self.options.iter().map(row).collect()
    }
}

impl<R: Default> Records<R> {
    fn record(&self, given: &Found<'_>, raw: &RawRecord, problems: &mut Vec<ConfigProblem>) -> R {
        let before = problems.len();
        let mut record = R::default();
        let mut set = HashSet::new();
        for field in &raw.fields {
            let Some((option, via)) = find_in(self.options.iter(), &field.name) else {
                problems.push(self.unknown(given, field));
                continue;
            };
            if !set.insert(option.key) {
                let message = format!("has {} in two ways: give one", option.key);
                problems.push(given.problem(&field.place, message));
            }
            let read = given.outside.found(option, via, &field.raw);
            if let Err(reason) = read.and_then(|raw| option.kind.read(&raw, &mut record)) {
                let key = format!("{}.{}", given.list.key, one_line(&field.name));
                problems.push(refusal(option, key, &field.raw, field.place.clone(), reason));
            }
        }
        let lacks = |option: &&ConfigOption<R>| option.required && !set.contains(option.key);
        problems.extend(self.options.iter().filter(lacks).map(|option| {
            let message = format!("lacks {}; it must be {}", option.key, option.kind.allowed());
            given.problem(&raw.place, message)
        }));
        // What is said of a record that is wrong elsewhere might be wrong too.
        if problems.len() == before
            && let Err(message) = (self.check)(&record)
        {
            problems.push(given.problem(&raw.place, message));
        }
        record
    }

    /// The values of unique options that stand in two records.
    fn repeated(&self, given: &Found<'_>) -> Vec<ConfigProblem> {
        let mut problems = Vec::new();
        for option in self.options.iter().filter(|option| option.unique) {
            let mut seen = HashSet::new();
            let fields = given.records.iter().flat_map(|record| &record.fields);
            for field in fields.filter(|field| field.name == option.key) {
                let whole = field.raw.text().map_or_else(|| field.raw.to_string(), str::to_owned);
                if !seen.insert(whole) {
                    let (key, value) = (option.key, &field.raw);
                    let message = format!("has {key} {value} in another record too");
                    problems.push(given.problem(&field.place, message));
                }
            }
        }
        problems
    }

    fn unknown(&self, given: &Found<'_>, field: &RawField) -> ConfigProblem {
        let nearest = nearest(&field.name, self.options.iter().map(|option| option.key));
        ConfigProblem::Unknown {
            place: field.place.clone(),
            name: format!("{}.{}", given.list.key, one_line(&field.name)),
            nearest: format!("{}.{nearest}", given.list.key),
        }
    }
}

impl Found<'_> {
    fn problem(&self, place: &Source, message: String) -> ConfigProblem {
        ConfigProblem::Record { place: place.clone(), list: self.list.key, message }
    }
}
