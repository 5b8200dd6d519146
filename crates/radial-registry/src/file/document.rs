//! The contents of one file: its types, each with its policy and its versions.

use serde_json::Value;

use super::Folder;
use super::fields::Fields;
use super::policy::policy;
use crate::event_type::{EventType, SchemaVersion};
use crate::lint;
use crate::problem::{Place, Report, Rule, shorten};
use crate::schema::Compiled;

/// Most versions of a type.
const VERSIONS_MAX: usize = 64;
/// The longest version name.
const VERSION_BYTES_MAX: usize = 32;
/// The longest description, in bytes.
const DESCRIPTION_BYTES_MAX: usize = 2_000;

const TYPE_KEYS: [&str; 16] = [
    "description",
    "persistence",
    "broadcast",
    "scope",
    "priority",
    "ttl",
    "batch",
    "coalesceKey",
    "dedupe",
    "ack",
    "entity",
    "publishRoles",
    "subscribeRoles",
    "fallback",
    "routes",
    "versions",
];

/// The paths of the schema files that a document names.
pub(super) fn schema_files(document: &Value) -> Vec<String> {
    members(document, "types")
        .flat_map(|event_type| members(event_type, "versions"))
        .filter_map(|version| version.get("schema")?.as_str())
        .map(|path| path.strip_prefix("./").unwrap_or(path).to_owned())
        .collect()
}

fn members<'v>(value: &'v Value, key: &str) -> impl Iterator<Item = &'v Value> {
    value.get(key).and_then(Value::as_object).into_iter().flat_map(|members| members.values())
}

/// Reads all types of a document; those that are wrong are left out and reported.
pub(super) fn event_types(
    file: &str,
    document: &Value,
    folder: Option<&Folder>,
    report: &mut Report,
) -> Vec<EventType> {
    let at = Place::of_file(file);
    if document.get("types").is_none() {
        let message = "The file has no types: each begins with [types.\"domain.action\"].";
        report.add(&at, Rule::BadValue, message);
    }
    let Some(top) = Fields::open(document, at.clone(), &["types"], report) else {
        return Vec::new();
    };
    let types = match top.value("types") {
        Some(Value::Object(types)) => types,
        Some(_) => {
            report.add(&at.at("types"), Rule::BadValue, "This is not a table of types.");
            return Vec::new();
        }
        None => return Vec::new(),
    };
    types
        .iter()
        .filter_map(|(name, value)| {
            let reader = TypeReader { file, name, folder, report };
            reader.read(value)
        })
        .collect()
}

struct TypeReader<'a, 'r> {
    file: &'a str,
    name: &'a str,
    folder: Option<&'a Folder>,
    report: &'r mut Report,
}

impl<'a> TypeReader<'a, '_> {
    fn read(mut self, value: &'a Value) -> Option<EventType> {
        let errors_before = self.report.error_count;
        let at = Place::of_type(self.file, self.name);
        let name = lint::type_name(self.name, &at, self.report);
        let mut fields = Fields::open(value, at.clone(), &TYPE_KEYS, self.report)?;
        let description = description(&mut fields);
        let policy = policy(&mut fields);
        let versions = fields.value("versions");
        // A policy that could not be read as written is not judged by what it was read as.
        if self.report.error_count == errors_before {
            lint::policy(&policy, &at, self.report);
        }
        let versions = self.versions(versions, &at);
        let event_type = EventType::new(name?, description, policy, versions, self.file);
        lint::event_type(&event_type, &at, self.report);
        (self.report.error_count == errors_before).then_some(event_type)
    }

    fn versions(&mut self, value: Option<&'a Value>, at: &Place<'a>) -> Vec<SchemaVersion> {
        let at = at.at("versions");
        let members = match value {
            Some(Value::Object(members)) if !members.is_empty() => members,
            Some(value) if !value.is_object() => {
                self.report.add(&at, Rule::BadValue, "This is not a table of versions.");
                return Vec::new();
            }
            _ => {
                self.report.add(&at, Rule::NoVersion, "The type has no version.");
                return Vec::new();
            }
        };
        if members.len() > VERSIONS_MAX {
            let message = format!("The type has more than {VERSIONS_MAX} versions.");
            self.report.add(&at, Rule::TooManyItems, message);
        }
        let mut versions = Vec::new();
        for (name, version) in members.iter().take(VERSIONS_MAX) {
            let at = at.at(name);
            if !is_version_name(name) {
                let message = format!(
                    "The version \"{}\" is not 1 to {VERSION_BYTES_MAX} of A-Z a-z 0-9 . _ -.",
                    shorten(name)
                );
                self.report.add(&at, Rule::BadName, message);
                continue;
            }
            versions.extend(self.version(name, version, &at));
        }
        versions
    }

    fn version(&mut self, name: &str, value: &'a Value, at: &Place<'a>) -> Option<SchemaVersion> {
        let fields = Fields::open(value, at.clone(), &["schema"], self.report)?;
        let at = at.at("schema");
        let schema = match (fields.value("schema"), self.folder) {
            (None, _) => Err("The version has no schema.".to_owned()),
            (Some(Value::String(path)), Some(folder)) => folder.schema(path),
            (Some(Value::String(_)), None) => {
                Err("Here the schema must be written inline.".to_owned())
            }
            (Some(inline), _) => Ok(inline.clone()),
        };
        let schema = match schema {
            Ok(schema) => schema,
            Err(message) => {
                self.report.add(&at, Rule::SchemaMissing, message);
                return None;
            }
        };
        match Compiled::new(&schema) {
            Ok(compiled) => {
                for (rule, message) in compiled.remarks() {
                    self.report.add(&at, *rule, message.clone());
                }
                Some(SchemaVersion::new(name, schema, compiled))
            }
            Err(fault) => {
                self.report.add(&at, fault.rule, fault.message);
                None
            }
        }
    }
}

fn is_version_name(name: &str) -> bool {
    let is_allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    (1..=VERSION_BYTES_MAX).contains(&name.len()) && name.chars().all(is_allowed)
}

fn description(fields: &mut Fields<'_, '_>) -> String {
    let text = fields.text("description").unwrap_or_default();
    if text.len() > DESCRIPTION_BYTES_MAX {
        let message = format!("The description is longer than {DESCRIPTION_BYTES_MAX} bytes.");
        fields.problem("description", Rule::BadValue, message);
    }
    text.trim().to_owned()
}
