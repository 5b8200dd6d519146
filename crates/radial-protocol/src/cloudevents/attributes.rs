//! The attributes of one event, as either content mode gives them, and what is wrong with them.

use std::collections::BTreeMap;
use std::str::FromStr;

use serde_json::{Number, Value};

use super::ATTRIBUTES_MAX;
use crate::problem::{Code, Problem, Violation};

/// Attributes by their names; each is taken once. What is wrong is collected, to be told together.
pub(super) struct Attributes {
    values: BTreeMap<String, Value>,
    violations: Vec<Violation>,
}

impl Attributes {
    pub(super) fn new() -> Self {
        Self { values: BTreeMap::new(), violations: Vec::new() }
    }

    /// Adds an attribute; `null` is none.
    pub(super) fn add(&mut self, name: &str, value: Value) {
        let is_name = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
        if name.is_empty() || name == "data" || !name.chars().all(is_name) {
            return self.wrong(name, "is no attribute: names are of a-z and 0-9");
        }
        match &value {
            Value::Null => return,
            Value::String(text) if text.chars().any(char::is_control) => {
                return self.wrong(name, "has a control character");
            }
            Value::Number(number) if !is_integer(number) => {
                return self.wrong(name, "is no integer of 32 bits");
            }
            Value::Array(_) | Value::Object(_) => {
                return self.wrong(name, "is no text, integer or boolean");
            }
            Value::String(_) | Value::Number(_) | Value::Bool(_) => {}
        }
        if self.values.len() == ATTRIBUTES_MAX {
            return self.wrong(name, "is one attribute too many");
        }
        if self.values.insert(name.to_owned(), value).is_some() {
            self.wrong(name, "is there twice");
        }
    }

    /// Notes that an attribute cannot be taken.
    pub(super) fn wrong(&mut self, name: &str, message: impl Into<String>) {
        let name: String = name.chars().take(64).collect();
        let pointer = format!("/{}", name.replace('~', "~0").replace('/', "~1"));
        if self.violations.len() < ATTRIBUTES_MAX {
            self.violations.push(Violation { pointer, message: message.into() });
        }
    }

    /// An attribute that must be there and not be empty.
    pub(super) fn required(&mut self, name: &str) -> Option<String> {
        let text = self.text(name);
        match text.as_deref() {
            None => self.wrong(name, "is required"),
            Some("") => self.wrong(name, "is empty"),
            Some(_) => return text,
        }
        None
    }

    /// An attribute as text, whatever its type is: in headers all are.
    pub(super) fn text(&mut self, name: &str) -> Option<String> {
        self.values.remove(name).map(|value| match value {
            Value::String(text) => text,
            other => other.to_string(),
        })
    }

    /// An attribute that has a type of its own in the envelope.
    pub(super) fn parsed<T: FromStr<Err: std::fmt::Display>>(&mut self, name: &str) -> Option<T> {
        let text = self.text(name)?;
        self.read(name, &text)
    }

    /// Reads the text of an attribute.
    pub(super) fn read<T: FromStr<Err: std::fmt::Display>>(
        &mut self,
        name: &str,
        text: &str,
    ) -> Option<T> {
        text.parse().map_err(|error: T::Err| self.wrong(name, error.to_string())).ok()
    }

    /// Leaves out attributes that say nothing new.
    pub(super) fn forget(&mut self, names: &[&str]) {
        self.values.retain(|name, _| !names.contains(&name.as_str()));
    }

    /// What nobody has taken.
    pub(super) fn rest(&mut self) -> BTreeMap<String, Value> {
        std::mem::take(&mut self.values)
    }

    /// The refusal, if anything is wrong.
    pub(super) fn finish(self) -> Result<(), Problem> {
        let Some(first) = self.violations.first() else { return Ok(()) };
        let more = match self.violations.len() - 1 {
            0 => String::new(),
            more => format!(", and {more} more"),
        };
        let detail = format!("the CloudEvent's {} {}{more}", &first.pointer, first.message);
        let mut problem = Problem::new(Code::InvalidEnvelope, detail);
        problem.errors = self.violations;
        Err(problem)
    }
}

fn is_integer(number: &Number) -> bool {
    number.as_i64().is_some_and(|number| i32::try_from(number).is_ok())
}
