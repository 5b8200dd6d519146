//! A schema as a type expression.

use std::collections::VecDeque;

use serde_json::{Map, Value};

use super::names::Names;
use super::text::{comment, key, literal};
use crate::schema::keywords::{self, Keyword};
use crate::schema::{percent_decoded, step};

type Schema = Map<String, Value>;

/// Writes the expressions of one schema document. What its references lead to gets a name of its
/// own, because it may lead back to where it came from.
pub(super) struct Expressions<'v, 'n> {
    root: &'v Value,
    root_name: String,
    names: &'n mut Names,
    named: Vec<(&'v Value, String)>,
    waiting: VecDeque<(String, &'v Value)>,
}

impl<'v, 'n> Expressions<'v, 'n> {
    pub(super) fn new(root: &'v Value, root_name: &str, names: &'n mut Names) -> Self {
        let root_name = root_name.to_owned();
        Self { root, root_name, names, named: Vec::new(), waiting: VecDeque::new() }
    }

    /// A referred schema that has its name and not its type yet.
    pub(super) fn next_referred(&mut self) -> Option<(String, &'v Value)> {
        self.waiting.pop_front()
    }

    /// The type of what the schema admits.
    pub(super) fn of(&mut self, schema: &'v Value, indent: &str) -> String {
        match schema {
            Value::Bool(false) => "never".to_owned(),
            Value::Object(schema) => self.of_object(schema, indent),
            _ => "unknown".to_owned(),
        }
    }

    fn of_object(&mut self, schema: &'v Schema, indent: &str) -> String {
        let mut parts = Vec::new();
        for word in ["$ref", "$dynamicRef"] {
            if let Some(target) = schema.get(word).and_then(Value::as_str) {
                parts.push(self.reference(target));
            }
        }
        if let Some(value) = schema.get("const") {
            parts.push(literal(value));
        } else if let Some(values) = schema.get("enum").and_then(Value::as_array) {
            parts.push(union(values.iter().map(literal)));
        } else if let Some(kinds) = kinds(schema) {
            let kinds: Vec<String> =
                kinds.into_iter().map(|kind| self.kind(kind, schema, indent)).collect();
            parts.push(union(kinds));
        }
        for word in ["anyOf", "oneOf"] {
            if let Some(choices) = schema.get(word).and_then(Value::as_array) {
                let choices: Vec<String> =
                    choices.iter().map(|choice| self.of(choice, indent)).collect();
                parts.push(union(choices));
            }
        }
        for each in schema.get("allOf").and_then(Value::as_array).into_iter().flatten() {
            parts.push(self.of(each, indent));
        }
        parts.retain(|part| part != "unknown");
        match parts.as_slice() {
            [] => "unknown".to_owned(),
            [part] => part.clone(),
            parts => parts.iter().map(|part| grouped(part)).collect::<Vec<_>>().join(" & "),
        }
    }

    fn kind(&mut self, kind: &str, schema: &'v Schema, indent: &str) -> String {
        match kind {
            "object" => self.object(schema, indent),
            "array" => self.array(schema, indent),
            "integer" | "number" => "number".to_owned(),
            "string" | "boolean" | "null" => kind.to_owned(),
            _ => "unknown".to_owned(),
        }
    }

    fn object(&mut self, schema: &'v Schema, indent: &str) -> String {
        let inner = format!("{indent}  ");
        let required: Vec<&str> = list(schema, "required").filter_map(Value::as_str).collect();
        let mut lines = String::new();
        let mut values = Vec::new();
        let properties = schema.get("properties").and_then(Value::as_object);
        for (name, property) in properties.into_iter().flatten() {
            let value = self.of(property, &inner);
            let is_required = required.contains(&name.as_str());
            lines += &about(property, &inner);
            let mark = if is_required { "" } else { "?" };
            lines += &format!("{inner}{}{mark}: {value};\n", key(name));
            values.push(value);
            if !is_required {
                values.push("undefined".to_owned());
            }
        }
        for name in required {
            if properties.is_none_or(|properties| !properties.contains_key(name)) {
                lines += &format!("{inner}{}: unknown;\n", key(name));
                values.push("unknown".to_owned());
            }
        }
        if let Some(more) = self.more(schema, &inner, lines.is_empty()) {
            values.insert(0, more);
            lines += &format!("{inner}[more: string]: {};\n", union(values));
        }
        if lines.lines().count() == 1 {
            return format!("{{ {} }}", lines.trim().trim_end_matches(';'));
        }
        format!("{{\n{lines}{indent}}}")
    }

    /// The type of members that are not named. A schema that does not speak of them admits them,
    /// and yet they are left out beside named ones, so that a misspelt name is found.
    fn more(&mut self, schema: &'v Schema, indent: &str, alone: bool) -> Option<String> {
        let mut types: Vec<String> = Vec::new();
        for each in schema.get("patternProperties").and_then(Value::as_object).into_iter().flatten()
        {
            types.push(self.of(each.1, indent));
        }
        match schema.get("additionalProperties") {
            Some(Value::Bool(false)) if types.is_empty() && alone => Some("never".to_owned()),
            Some(Value::Bool(false)) => (!types.is_empty()).then(|| union(types)),
            Some(more) => {
                types.push(self.of(more, indent));
                Some(union(types))
            }
            None if types.is_empty() && !alone => None,
            None => Some("unknown".to_owned()),
        }
    }

    fn array(&mut self, schema: &'v Schema, indent: &str) -> String {
        let prefix: Vec<&'v Value> = list(schema, "prefixItems").collect();
        let items = schema.get("items");
        if prefix.is_empty() {
            let item = items.map_or_else(|| "unknown".to_owned(), |items| self.of(items, indent));
            return format!("{}[]", grouped(&item));
        }
        let at_least = schema.get("minItems").and_then(Value::as_u64).unwrap_or(0);
        let mut parts = Vec::new();
        for (index, item) in (0_u64..).zip(prefix) {
            let item = grouped(&self.of(item, indent));
            parts.push(if index < at_least { item } else { format!("{item}?") });
        }
        if items != Some(&Value::Bool(false)) {
            let item = items.map_or_else(|| "unknown".to_owned(), |items| self.of(items, indent));
            parts.push(format!("...{}[]", grouped(&item)));
        }
        format!("[{}]", parts.join(", "))
    }

    /// The name of what a reference leads to.
    fn reference(&mut self, target: &str) -> String {
        let Some(found) = find(self.root, target) else { return "unknown".to_owned() };
        if std::ptr::eq(found, self.root) {
            return self.root_name.clone();
        }
        if let Some((_, name)) = self.named.iter().find(|(known, _)| std::ptr::eq(*known, found)) {
            return name.clone();
        }
        let last = target.rsplit(['/', '#']).next().unwrap_or_default();
        let name = self.names.fresh(&format!("{}.{last}", self.root_name));
        self.named.push((found, name.clone()));
        self.waiting.push_back((name.clone(), found));
        name
    }
}

/// The subschema that a reference inside the document names, by pointer or anchor.
fn find<'v>(root: &'v Value, target: &str) -> Option<&'v Value> {
    let fragment = percent_decoded(target.strip_prefix('#')?)?;
    if !fragment.is_empty() && !fragment.starts_with('/') {
        return anchored(root, &fragment);
    }
    fragment.split('/').skip(1).try_fold(root, step)
}

fn anchored<'v>(schema: &'v Value, name: &str) -> Option<&'v Value> {
    let members = schema.as_object()?;
    let is_it = |word| members.get(word).and_then(Value::as_str) == Some(name);
    if is_it("$anchor") || is_it("$dynamicAnchor") {
        return Some(schema);
    }
    let holds = |kind| matches!(kind, Keyword::Definitions | Keyword::InPlace | Keyword::Descend);
    members
        .iter()
        .filter(|(word, _)| keywords::keyword(word).is_some_and(holds))
        .flat_map(|(word, value)| keywords::subschemas(word, value))
        .find_map(|schema| anchored(schema, name))
}

/// The kinds that a schema names, or the one that its keywords are about.
fn kinds(schema: &Schema) -> Option<Vec<&str>> {
    let about = |words: &[&str]| words.iter().any(|word| schema.contains_key(*word));
    match schema.get("type") {
        Some(Value::String(kind)) => Some(vec![kind]),
        Some(Value::Array(kinds)) => Some(kinds.iter().filter_map(Value::as_str).collect()),
        _ if about(&["properties", "required", "additionalProperties", "patternProperties"]) => {
            Some(vec!["object"])
        }
        _ if about(&["items", "prefixItems"]) => Some(vec!["array"]),
        _ => None,
    }
}

fn list<'v>(schema: &'v Schema, word: &str) -> impl Iterator<Item = &'v Value> {
    schema.get(word).and_then(Value::as_array).into_iter().flatten()
}

/// What is said of a property.
fn about(property: &Value, indent: &str) -> String {
    let text = |word: &str| property[word].as_str();
    let format = text("format").map(|format| format!("Format: {format}."));
    let deprecated = (property["deprecated"] == true).then_some("@deprecated");
    let parts = [text("description"), format.as_deref(), deprecated];
    comment(indent, &parts.into_iter().flatten().collect::<Vec<_>>())
}

/// Each type once; what admits everything, alone.
fn union(types: impl IntoIterator<Item = String>) -> String {
    let mut union: Vec<String> = Vec::new();
    for each in types {
        if !union.contains(&each) {
            union.push(each);
        }
    }
    if union.iter().any(|each| each == "unknown") {
        return "unknown".to_owned();
    }
    if union.len() > 1 {
        union.retain(|each| each != "never");
    }
    if union.is_empty() { "never".to_owned() } else { union.join(" | ") }
}

/// An expression that can stand beside an operator.
fn grouped(expression: &str) -> String {
    let mut depth = 0_u32;
    let mut is_text = false;
    let mut is_escaped = false;
    for c in expression.chars() {
        match c {
            _ if is_escaped => is_escaped = false,
            '\\' if is_text => is_escaped = true,
            '"' => is_text = !is_text,
            _ if is_text => {}
            '{' | '[' | '(' => depth += 1,
            '}' | ']' | ')' => depth = depth.saturating_sub(1),
            '|' | '&' if depth == 0 => return format!("({expression})"),
            _ => {}
        }
    }
    expression.to_owned()
}
