//! TypeScript out of the registry: the types of `eventData`, and a map of all event types.
//!
//! It says what TypeScript can say. What is checked beyond that (lengths, patterns, `if`, `not`)
//! is the hub's to refuse. The output is the same for the same registry, so that it can be kept in
//! a repository and compared.

#![allow(clippy::format_push_string, reason = "a command writes it once, and it reads better")]

mod expression;
mod names;
mod text;

use serde_json::Value;

use self::expression::Expressions;
use self::names::Names;
use self::text::comment;
use crate::registry::Registry;

const HEADER: &str = "\
// Written by `radial registry types`. Do not edit it: change the registry and write it again.
// Of a type with several versions this is the newest, which is what `publish` sends.
";

/// Writes an exported type for the newest version of every event type, and the map `EventTypes`
/// of them by their names, as `@radial/client` takes it.
pub fn typescript(registry: &Registry) -> String {
    let mut names = Names::new();
    let mut map = String::new();
    let mut types = String::new();
    for event_type in registry.iter() {
        let Some(version) = event_type.newest() else { continue };
        let name = names.fresh(event_type.name.as_str());
        map += &comment("  ", &[event_type.description.as_str()]);
        map += &format!("  {}: {name};\n", text::quoted(event_type.name.as_str()));
        let of = format!("`eventData` of `{}`, version {}.", event_type.name, version.name());
        types += "\n";
        types += &alias(&of, &name, version.schema(), &mut names);
    }
    let of = "Every event type with its data.";
    format!(
        "{HEADER}\n{}export interface EventTypes {{\n{map}}}\n{types}",
        comment("", &[of, "", "```ts", "createRealtimeClient<EventTypes>();", "```"])
    )
}

/// One exported type, and those that its references need.
fn alias(of: &str, name: &str, schema: &Value, names: &mut Names) -> String {
    let mut expressions = Expressions::new(schema, name, names);
    let described = |schema: &Value| schema["description"].as_str().unwrap_or_default().to_owned();
    let mut out = comment("", &[of, &described(schema)]);
    out += &format!("export type {name} = {};\n", expressions.of(schema, ""));
    while let Some((name, target)) = expressions.next_referred() {
        out += "\n";
        out += &comment("", &[described(target).as_str()]);
        out += &format!("export type {name} = {};\n", expressions.of(target, ""));
    }
    out
}

#[cfg(test)]
mod tests;
