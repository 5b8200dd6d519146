//! A schema as a graph of subschemas: which apply to the same value, which to its members.
//!
//! Built before the schema is compiled, so that what cannot be applied in bounded time and stack
//! is refused with a reason instead of being tried. References stay inside the schema: it never
//! depends on anything that would have to be fetched.

use std::collections::HashMap;

use serde_json::{Map, Value};

use super::keywords::{self, Keyword};
use super::{DIALECT, Fault, PATTERN_BYTES_MAX, PATTERNS_MAX};
use crate::pointer;
use crate::problem::{Rule, shorten};
use crate::suggest::nearest;

/// Most remarks about one schema; a schema with more has them all of the same kind.
const REMARKS_MAX: usize = 16;
/// How many entries of an `enum` weigh as much as one keyword.
const ENUM_ENTRIES_PER_WEIGHT: usize = 32;

/// One subschema.
#[derive(Debug, Default)]
pub(crate) struct Node {
    /// Subschemas applied to the same value, through keywords and references.
    pub(crate) in_place: Vec<usize>,
    /// Subschemas applied to members or items.
    pub(crate) descend: Vec<usize>,
    /// How much there is to check here.
    pub(crate) weight: u64,
    /// How many of `descend` can apply to one and the same member or item.
    pub(crate) fan: u64,
    /// Whether `unevaluatedProperties` or `unevaluatedItems` applies the rest again.
    pub(crate) applies_again: bool,
}

/// All subschemas; the first is the schema itself.
#[derive(Debug, Default)]
pub(crate) struct Graph {
    pub(crate) nodes: Vec<Node>,
    /// Whether errors are collected per alternative and kept as copies.
    pub(crate) has_alternatives: bool,
    /// What is allowed but probably not meant.
    pub(crate) remarks: Vec<(Rule, String)>,
}

impl Graph {
    /// Reads a schema that is no deeper than the limit.
    pub(crate) fn build(schema: &Value) -> Result<Self, Fault> {
        let mut builder = Builder::new(schema);
        builder.walk(schema)?;
        builder.connect()?;
        Ok(builder.graph)
    }
}

struct Builder<'v> {
    root: &'v Value,
    graph: Graph,
    /// Subschemas by where they stand in memory, for references by pointer.
    by_address: HashMap<*const Value, usize>,
    by_anchor: HashMap<&'v str, usize>,
    references: Vec<(usize, &'v str)>,
    pattern_count: usize,
}

impl<'v> Builder<'v> {
    fn new(root: &'v Value) -> Self {
        Self {
            root,
            graph: Graph::default(),
            by_address: HashMap::new(),
            by_anchor: HashMap::new(),
            references: Vec::new(),
            pattern_count: 0,
        }
    }

    fn walk(&mut self, schema: &'v Value) -> Result<usize, Fault> {
        let index = self.graph.nodes.len();
        self.graph.nodes.push(Node::default());
        self.by_address.insert(std::ptr::from_ref(schema), index);
        let Value::Object(members) = schema else {
            return Ok(index);
        };
        self.identity(index, members)?;
        let mut node = Node { fan: fan(members), ..Node::default() };
        for (name, value) in members {
            node.weight += weight(name, value);
            node.applies_again |= name.starts_with("unevaluated");
            self.graph.has_alternatives |= matches!(
                name.as_str(),
                "anyOf" | "oneOf" | "not" | "contains" | "if" | "propertyNames"
            );
            self.inspect(index, name, value)?;
            for subschema in keywords::subschemas(name, value) {
                match keywords::keyword(name) {
                    Some(Keyword::InPlace) => node.in_place.push(self.walk(subschema)?),
                    Some(Keyword::Descend) => node.descend.push(self.walk(subschema)?),
                    Some(Keyword::Definitions) => drop(self.walk(subschema)?),
                    _ => {}
                }
            }
        }
        if let Some(place) = self.graph.nodes.get_mut(index) {
            *place = node;
        }
        Ok(index)
    }

    /// Takes the anchors and refuses schemas inside the schema that go by another name.
    fn identity(&mut self, index: usize, members: &'v Map<String, Value>) -> Result<(), Fault> {
        for name in ["$anchor", "$dynamicAnchor"] {
            if let Some(anchor) = members.get(name).and_then(Value::as_str) {
                self.by_anchor.insert(anchor, index);
            }
        }
        if let Some(dialect) = members.get("$schema") {
            let known = dialect.as_str().map(|uri| uri.trim_end_matches('#')) == Some(DIALECT);
            if !known || index > 0 {
                let message = format!("The schema's $schema is not \"{DIALECT}\" at its top.");
                return Err(Fault::new(Rule::SchemaDialect, message));
            }
        }
        if index > 0 && members.contains_key("$id") {
            let message = "A subschema has an $id of its own.";
            return Err(Fault::new(Rule::SchemaReference, message));
        }
        Ok(())
    }

    fn inspect(&mut self, index: usize, name: &str, value: &'v Value) -> Result<(), Fault> {
        match (name, value) {
            ("$ref" | "$dynamicRef", Value::String(target)) => {
                self.references.push((index, target));
            }
            ("pattern", Value::String(pattern)) => self.pattern(pattern)?,
            ("patternProperties", Value::Object(members)) => {
                members.keys().try_for_each(|pattern| self.pattern(pattern))?;
            }
            ("format", Value::String(format)) => {
                let format = shorten(format);
                let message = format!(
                    "The schema names the format \"{format}\", \
                     which is only a note in JSON Schema 2020-12 and not checked."
                );
                self.remark(Rule::SchemaFormat, message);
            }
            _ if keywords::keyword(name).is_none() => {
                let hint = nearest(name, keywords::names())
                    .map_or_else(String::new, |near| format!(" Did you mean \"{near}\"?"));
                let message =
                    format!("\"{}\" is not a keyword of JSON Schema.{hint}", shorten(name));
                self.remark(Rule::SchemaKeyword, message);
            }
            _ => {}
        }
        Ok(())
    }

    fn pattern(&mut self, pattern: &str) -> Result<(), Fault> {
        self.pattern_count += 1;
        if self.pattern_count > PATTERNS_MAX {
            let message = format!("The schema has more than {PATTERNS_MAX} patterns.");
            return Err(Fault::new(Rule::SchemaTooCostly, message));
        }
        if pattern.len() > PATTERN_BYTES_MAX {
            let message = format!("A pattern is longer than {PATTERN_BYTES_MAX} bytes.");
            return Err(Fault::new(Rule::SchemaPattern, message));
        }
        Ok(())
    }

    fn remark(&mut self, rule: Rule, message: String) {
        let remarks = &mut self.graph.remarks;
        if remarks.len() < REMARKS_MAX && !remarks.iter().any(|(_, known)| *known == message) {
            remarks.push((rule, message));
        }
    }

    /// Turns references into edges.
    fn connect(&mut self) -> Result<(), Fault> {
        for (from, reference) in std::mem::take(&mut self.references) {
            let to = self.resolve(reference)?;
            if let Some(node) = self.graph.nodes.get_mut(from) {
                node.in_place.push(to);
            }
        }
        Ok(())
    }

    fn resolve(&self, reference: &str) -> Result<usize, Fault> {
        let Some(fragment) = reference.strip_prefix('#') else {
            let message =
                format!("The schema refers to \"{}\" outside itself.", shorten(reference));
            return Err(Fault::new(Rule::SchemaRemoteReference, message));
        };
        let found = match percent_decoded(fragment) {
            Some(pointer) if pointer.is_empty() || pointer.starts_with('/') => pointer
                .split('/')
                .skip(1)
                .try_fold(self.root, step)
                .and_then(|schema| self.by_address.get(&std::ptr::from_ref(schema))),
            Some(anchor) => self.by_anchor.get(anchor.as_str()),
            None => None,
        };
        found.copied().ok_or_else(|| {
            let message =
                format!("The reference \"{}\" leads to no subschema.", shorten(reference));
            Fault::new(Rule::SchemaReference, message)
        })
    }
}

pub(crate) fn step<'v>(value: &'v Value, token: &str) -> Option<&'v Value> {
    let token = pointer::unescape(token)?;
    match value {
        Value::Object(members) => members.get(&*token),
        Value::Array(items) => items.get(pointer::array_index(&token)?),
        _ => None,
    }
}

pub(crate) fn percent_decoded(text: &str) -> Option<String> {
    let mut pieces = text.split('%');
    let mut bytes = pieces.next().unwrap_or_default().as_bytes().to_vec();
    for piece in pieces {
        let (hex, rest) = piece.split_at_checked(2)?;
        bytes.push(u8::from_str_radix(hex, 16).ok()?);
        bytes.extend_from_slice(rest.as_bytes());
    }
    String::from_utf8(bytes).ok()
}

fn weight(name: &str, value: &Value) -> u64 {
    let weight = match (name, value) {
        ("required", Value::Array(items)) => items.len(),
        ("enum", Value::Array(items)) => 1 + items.len() / ENUM_ENTRIES_PER_WEIGHT,
        ("dependentRequired", Value::Object(members)) => {
            members.values().filter_map(Value::as_array).map(Vec::len).sum()
        }
        _ => usize::from(keywords::keyword(name) != Some(Keyword::Annotation)),
    };
    u64::try_from(weight).unwrap_or(u64::MAX)
}

/// How many subschemas of one schema can apply to one member or item of a value.
fn fan(members: &Map<String, Value>) -> u64 {
    let has = |names: &[&str]| u64::from(names.iter().any(|name| members.contains_key(*name)));
    let patterns = match members.get("patternProperties") {
        Some(Value::Object(patterns)) => u64::try_from(patterns.len()).unwrap_or(u64::MAX),
        _ => 0,
    };
    let of_object =
        has(&["properties", "additionalProperties"]) + patterns + has(&["unevaluatedProperties"]);
    let of_list = has(&["prefixItems", "items"]) + has(&["contains"]) + has(&["unevaluatedItems"]);
    of_object.max(of_list)
}
