//! One event type: what it is called, what holds for its events, and its schema versions.

use std::cmp::Ordering;
use std::sync::Arc;

use radial_protocol::names::EventTypeName;
use serde::Serialize;
use serde::ser::{SerializeStruct, Serializer};
use serde_json::Value;

use crate::error::UnknownVersion;
use crate::policy::Policy;
use crate::problem::shorten;
use crate::schema::{Compiled, Violation};

/// An event type with its policy and its versions, oldest first.
#[derive(Debug)]
pub struct EventType {
    /// `domain.action` or `domain:action`.
    pub name: EventTypeName,
    /// When the event happens; empty if its author did not say.
    pub description: String,
    /// What the hub decides about its events.
    pub policy: Policy,
    versions: Vec<SchemaVersion>,
    source: Arc<str>,
}

impl EventType {
    pub(crate) fn new(
        name: EventTypeName,
        description: String,
        policy: Policy,
        mut versions: Vec<SchemaVersion>,
        source: &str,
    ) -> Self {
        versions.sort_by(|a, b| compare_versions(&a.name, &b.name));
        Self { name, description, policy, versions, source: source.into() }
    }

    /// The versions, oldest first; there is at least one.
    pub fn versions(&self) -> &[SchemaVersion] {
        &self.versions
    }

    /// The version that events have which name none.
    pub fn newest(&self) -> Option<&SchemaVersion> {
        self.versions.last()
    }

    /// The file that the type was read from, relative to its folder.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// The version of this name; `None` is the newest.
    ///
    /// # Errors
    ///
    /// A version that the type does not have.
    pub fn version(&self, name: Option<&str>) -> Result<&SchemaVersion, UnknownVersion> {
        let found = match name {
            None => self.newest(),
            Some(name) => self.versions.iter().find(|version| version.name == name),
        };
        found.ok_or_else(|| UnknownVersion {
            event_type: self.name.to_string(),
            version: shorten(name.unwrap_or_default()),
            known: self.versions.iter().map(SchemaVersion::name).collect::<Vec<_>>().join(", "),
        })
    }
}

impl Serialize for EventType {
    /// The description for `GET /api/registry`.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut view = serializer.serialize_struct("EventType", 5)?;
        view.serialize_field("name", &self.name)?;
        view.serialize_field("description", &self.description)?;
        view.serialize_field("newestVersion", &self.newest().map(SchemaVersion::name))?;
        view.serialize_field("versions", &self.versions)?;
        view.serialize_field("policy", &self.policy)?;
        view.end()
    }
}

/// One version of a type's schema, compiled.
#[derive(Debug)]
pub struct SchemaVersion {
    name: String,
    schema: Value,
    compiled: Compiled,
}

impl SchemaVersion {
    pub(crate) fn new(name: &str, schema: Value, compiled: Compiled) -> Self {
        Self { name: name.to_owned(), schema, compiled }
    }

    /// The name, such as `1`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The JSON Schema as it was written.
    pub fn schema(&self) -> &Value {
        &self.schema
    }

    /// Checks `eventData` against the schema.
    ///
    /// # Errors
    ///
    /// Every failing place, at most [`VIOLATIONS_MAX`](crate::VIOLATIONS_MAX), never none.
    pub fn validate(&self, data: &Value) -> Result<(), Vec<Violation>> {
        self.compiled.validate(data)
    }
}

impl Serialize for SchemaVersion {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut view = serializer.serialize_struct("SchemaVersion", 2)?;
        view.serialize_field("version", &self.name)?;
        view.serialize_field("schema", &self.schema)?;
        view.end()
    }
}

/// Orders versions part by part between dots: numbers by size, anything else as text.
fn compare_versions(a: &str, b: &str) -> Ordering {
    let (mut parts_a, mut parts_b) = (a.split('.'), b.split('.'));
    loop {
        let order = match (parts_a.next(), parts_b.next()) {
            // Versions such as "1" and "01" are the same number and still two versions.
            (None, None) => return a.cmp(b),
            (None, Some(_)) => Ordering::Less,
            (Some(_), None) => Ordering::Greater,
            (Some(a), Some(b)) => compare_parts(a, b),
        };
        if order != Ordering::Equal {
            return order;
        }
    }
}

fn compare_parts(a: &str, b: &str) -> Ordering {
    let number = |part: &str| part.parse::<u128>().ok();
    match (number(a), number(b)) {
        (Some(a), Some(b)) => a.cmp(&b),
        _ => a.cmp(b),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_ordered_by_number_then_by_text() {
        let mut versions = vec!["10", "2", "1", "1.10", "1.9", "beta", "1.9.1", "01", "alpha"];
        versions.sort_by(|a, b| compare_versions(a, b));
        assert_eq!(versions, ["01", "1", "1.9", "1.9.1", "1.10", "2", "10", "alpha", "beta"]);
    }
}
