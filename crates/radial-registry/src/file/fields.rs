//! Reads the members of an object one by one and collects everything that is wrong with them.

use std::time::Duration;

use radial_protocol::names::Name;
use serde_json::{Map, Value};

use crate::duration;
use crate::pointer::Pointer;
use crate::problem::{Place, Report, Rule, shorten};
use crate::suggest::hint;

/// Most pointers in a key.
pub(super) const KEY_POINTERS_MAX: usize = 8;
/// Most roles or sinks of a type.
pub(super) const NAMES_MAX: usize = 64;

/// An object of a file, its place, and the report that its problems go into.
pub(super) struct Fields<'a, 'r> {
    at: Place<'a>,
    members: &'a Map<String, Value>,
    report: &'r mut Report,
}

impl<'a, 'r> Fields<'a, 'r> {
    /// Opens an object; keys that are not known are problems.
    pub(super) fn open(
        value: &'a Value,
        at: Place<'a>,
        known: &[&str],
        report: &'r mut Report,
    ) -> Option<Self> {
        let Value::Object(members) = value else {
            report.add(&at, Rule::BadValue, format!("This is {}, not a table.", kind_of(value)));
            return None;
        };
        for key in members.keys().filter(|key| !known.contains(&key.as_str())) {
            let message =
                format!("There is no key \"{}\" here. {}", shorten(key), hint(key, known));
            report.add(&at, Rule::UnknownKey, message);
        }
        Some(Self { at, members, report })
    }

    /// Opens the object behind a key, if there is one.
    pub(super) fn inner(&mut self, key: &str, known: &[&str]) -> Option<Fields<'a, '_>> {
        let value = self.members.get(key)?;
        Fields::open(value, self.at.at(key), known, self.report)
    }

    pub(super) fn value(&self, key: &str) -> Option<&'a Value> {
        self.members.get(key)
    }

    pub(super) fn problem(&mut self, key: &str, rule: Rule, message: impl Into<String>) {
        self.report.add(&self.at.at(key), rule, message);
    }

    pub(super) fn flag(&mut self, key: &str) -> Option<bool> {
        match self.value(key)? {
            Value::Bool(flag) => Some(*flag),
            other => {
                self.wrong_kind(key, other, "true or false");
                None
            }
        }
    }

    pub(super) fn text(&mut self, key: &str) -> Option<&'a str> {
        match self.value(key)? {
            Value::String(text) => Some(text),
            other => {
                self.wrong_kind(key, other, "a text");
                None
            }
        }
    }

    /// One of several words.
    pub(super) fn choice<T: Copy>(&mut self, key: &str, words: &[(&str, T)]) -> Option<T> {
        let text = self.text(key)?;
        let found = words.iter().find(|(word, _)| *word == text).map(|(_, meaning)| *meaning);
        if found.is_none() {
            let known: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
            let message = format!(
                "\"{}\" is none of {}. {}",
                shorten(text),
                known.join(", "),
                hint(text, &known)
            );
            self.problem(key, Rule::BadValue, message);
        }
        found
    }

    pub(super) fn duration(&mut self, key: &str) -> Option<Duration> {
        match self.value(key)? {
            Value::Number(number) => {
                let message = format!("The duration {number} has no unit.");
                self.problem(key, Rule::BadDuration, message);
                None
            }
            _ => match duration::parse(self.text(key)?) {
                Ok(duration) => Some(duration),
                Err(error) => {
                    self.problem(key, Rule::BadDuration, format!("{error}."));
                    None
                }
            },
        }
    }

    pub(super) fn pointer(&mut self, key: &str, text: &str) -> Option<Pointer> {
        match Pointer::parse(text) {
            Ok(pointer) => Some(pointer),
            Err(error) => {
                self.problem(key, Rule::BadPointer, format!("{}.", shorten(&error.to_string())));
                None
            }
        }
    }

    pub(super) fn pointers(&mut self, key: &str) -> Vec<Pointer> {
        let texts = self.texts(key, KEY_POINTERS_MAX);
        texts.into_iter().filter_map(|text| self.pointer(key, text)).collect()
    }

    pub(super) fn name(&mut self, key: &str, text: &str) -> Option<Name> {
        match Name::new(text) {
            Ok(name) => Some(name),
            Err(error) => {
                let message = format!("The name \"{}\" {error}.", shorten(text));
                self.problem(key, Rule::BadName, message);
                None
            }
        }
    }

    pub(super) fn names(&mut self, key: &str) -> Vec<Name> {
        let texts = self.texts(key, NAMES_MAX);
        texts.into_iter().filter_map(|text| self.name(key, text)).collect()
    }

    /// A list of texts; absent is empty.
    pub(super) fn texts(&mut self, key: &str, count_max: usize) -> Vec<&'a str> {
        let items = match self.value(key) {
            None => return Vec::new(),
            Some(Value::Array(items)) => items,
            Some(other) => {
                self.wrong_kind(key, other, "a list");
                return Vec::new();
            }
        };
        if items.len() > count_max {
            let message =
                format!("The list has {} entries; at most {count_max} are allowed.", items.len());
            self.problem(key, Rule::TooManyItems, message);
        }
        let mut texts = Vec::new();
        for item in items.iter().take(count_max) {
            match item {
                Value::String(text) => texts.push(text.as_str()),
                other => self.wrong_kind(key, other, "a text in the list"),
            }
        }
        texts
    }

    pub(super) fn wrong_kind(&mut self, key: &str, value: &Value, expected: &str) {
        let message = format!("This is {}; {expected} is expected.", kind_of(value));
        self.problem(key, Rule::BadValue, message);
    }
}

fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "a table",
    }
}
