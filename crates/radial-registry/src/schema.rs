//! JSON Schema 2020-12, compiled once, bounded in time and stack, without any fetching.

mod cost;
mod graph;
pub(crate) mod keywords;
mod violation;

use jsonschema::{Draft, PatternOptions, Retrieve, Uri, ValidationError, Validator};
use serde_json::Value;

use self::cost::Cost;
use self::graph::Graph;
use crate::problem::{Rule, shorten};

pub(crate) use self::graph::{percent_decoded, step};
pub use self::violation::Violation;

/// The largest schema, in bytes without white space.
pub const SCHEMA_BYTES_MAX: usize = 256 * 1024;
/// The deepest nesting of a schema's text.
pub const SCHEMA_DEPTH_MAX: usize = 64;
/// The deepest nesting of data that is validated; the hub's own limit on events.
pub const DATA_DEPTH_MAX: usize = 64;
/// Most places that a refusal names.
pub const VIOLATIONS_MAX: usize = 32;
/// Most patterns in one schema.
pub const PATTERNS_MAX: usize = 128;
/// The longest pattern.
pub const PATTERN_BYTES_MAX: usize = 2048;

/// The one dialect.
const DIALECT: &str = "https://json-schema.org/draft/2020-12/schema";
/// What one compiled pattern may take, so that matching it against the largest event is quick.
const PATTERN_COMPILED_BYTES_MAX: usize = 256 * 1024;
/// The longest chain of subschemas on one value.
const CHAIN_MAX: usize = 32;
/// The same for a schema that refers to itself, and so goes as deep as the data: with data 64 deep
/// it keeps validation inside half of a worker's stack of 2 MiB.
const RECURSIVE_CHAIN_MAX: usize = 12;
/// The deepest schema with its references written out.
const TREE_DEPTH_MAX: usize = 256;
/// Most checks on one value.
const IN_PLACE_COST_MAX: u64 = 5_000;
/// Most checks in a schema with its references written out.
const TREE_COST_MAX: u64 = 50_000;
/// Beyond so many possible errors they are not collected: each takes a few hundred bytes.
const ERRORS_COLLECTED_MAX: u64 = 200_000;

/// Why a schema is refused.
#[derive(Debug)]
pub(crate) struct Fault {
    pub(crate) rule: Rule,
    pub(crate) message: String,
}

impl Fault {
    fn new(rule: Rule, message: impl Into<String>) -> Self {
        Self { rule, message: message.into() }
    }
}

/// A schema ready to be applied.
#[derive(Debug)]
pub(crate) struct Compiled {
    validator: Validator,
    cost: Cost,
    remarks: Vec<(Rule, String)>,
}

impl Compiled {
    /// Checks and compiles a schema.
    pub(crate) fn new(schema: &Value) -> Result<Self, Fault> {
        if is_deeper_than(schema, SCHEMA_DEPTH_MAX) {
            let message = format!("The schema is nested more than {SCHEMA_DEPTH_MAX} levels deep.");
            return Err(Fault::new(Rule::SchemaTooDeep, message));
        }
        if !matches!(schema, Value::Object(_) | Value::Bool(_)) {
            let message = "The schema is neither an object nor a boolean.";
            return Err(Fault::new(Rule::SchemaInvalid, message));
        }
        if schema.to_string().len() > SCHEMA_BYTES_MAX {
            let message = format!("The schema is larger than {SCHEMA_BYTES_MAX} bytes.");
            return Err(Fault::new(Rule::SchemaTooLarge, message));
        }
        let graph = Graph::build(schema)?;
        let cost = Cost::of(&graph)?;
        let patterns = PatternOptions::regex()
            .size_limit(PATTERN_COMPILED_BYTES_MAX)
            .dfa_size_limit(PATTERN_COMPILED_BYTES_MAX);
        let validator = jsonschema::options()
            .with_draft(Draft::Draft202012)
            .with_retriever(Refuse)
            .with_pattern_options(patterns)
            .build(schema)
            .map_err(|error| fault_of(&error))?;
        Ok(Self { validator, cost, remarks: graph.remarks })
    }

    /// What is allowed in the schema but probably not meant.
    pub(crate) fn remarks(&self) -> &[(Rule, String)] {
        &self.remarks
    }

    /// Applies the schema. Allocates nothing when the data is valid and the schema is not
    /// recursive.
    pub(crate) fn validate(&self, data: &Value) -> Result<(), Vec<Violation>> {
        if is_deeper_than(data, DATA_DEPTH_MAX) {
            let message = format!("is nested more than {DATA_DEPTH_MAX} levels deep");
            return Err(vec![Violation::at_root(message)]);
        }
        if self.validator.is_valid(data) {
            return Ok(());
        }
        Err(self.violations(data))
    }

    fn violations(&self, data: &Value) -> Vec<Violation> {
        let size = Size::of(data);
        let all = self.cost.errors_max(size.values, size.depth) <= ERRORS_COLLECTED_MAX;
        let mut violations: Vec<Violation> = Vec::new();
        if all {
            for violation in self.validator.iter_errors(data).map(|error| Violation::of(&error)) {
                if violations.len() < VIOLATIONS_MAX && !violations.contains(&violation) {
                    violations.push(violation);
                }
            }
        } else if !self.cost.has_alternatives {
            violations
                .extend(self.validator.validate(data).err().map(|error| Violation::of(&error)));
        }
        if violations.is_empty() {
            let message = "does not match its schema, and is too large to name every place";
            violations.push(Violation::at_root(message.to_owned()));
        }
        violations
    }
}

/// Refuses to fetch anything.
struct Refuse;

impl Retrieve for Refuse {
    fn retrieve(
        &self,
        uri: &Uri<String>,
    ) -> Result<Value, Box<dyn std::error::Error + Send + Sync>> {
        let uri = shorten(uri.as_str());
        Err(format!("\"{uri}\" is outside the schema, and schemas are never fetched").into())
    }
}

fn fault_of(error: &ValidationError<'_>) -> Fault {
    let path = error.instance_path().as_str();
    if path.ends_with("/pattern") || path.contains("/patternProperties") {
        let path = shorten(path);
        let message = format!(
            "The pattern at {path} is not one that matches in linear time, or is too large."
        );
        return Fault::new(Rule::SchemaPattern, message);
    }
    let rule = match error.kind() {
        jsonschema::error::ValidationErrorKind::Referencing(_) => Rule::SchemaReference,
        _ => Rule::SchemaInvalid,
    };
    Fault::new(rule, format!("In the schema, {}.", Violation::of(error)))
}

/// Whether a value is nested more than so many levels deep; a scalar has no level.
fn is_deeper_than(value: &Value, levels: usize) -> bool {
    let Some(inner) = levels.checked_sub(1) else {
        return value.is_array() || value.is_object();
    };
    match value {
        Value::Array(items) => items.iter().any(|item| is_deeper_than(item, inner)),
        Value::Object(members) => members.values().any(|member| is_deeper_than(member, inner)),
        _ => false,
    }
}

struct Size {
    values: u64,
    depth: u32,
}

impl Size {
    /// The size of a value whose depth has been checked.
    fn of(value: &Value) -> Self {
        let mut size = Self { values: 1, depth: 0 };
        let mut add = |inner: &Value| {
            let inner = Self::of(inner);
            size.values += inner.values;
            size.depth = size.depth.max(inner.depth + 1);
        };
        match value {
            Value::Array(items) => items.iter().for_each(&mut add),
            Value::Object(members) => members.values().for_each(&mut add),
            _ => {}
        }
        size
    }
}

#[cfg(test)]
mod tests;
