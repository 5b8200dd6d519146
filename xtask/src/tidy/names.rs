//! Rules of naming: no modules that could hold anything, no types that could do anything.

use super::Finding;
use super::source::Source;

const VAGUE_MODULES: &[&str] = &["utils", "util", "common", "helpers", "helper", "misc"];
/// Vague in Rust; a TypeScript package keeps its public types in types.ts.
const VAGUE_RUST_MODULE: &str = "types";
const VAGUE_SUFFIXES: &[&str] = &["Manager", "Helper"];
const TYPE_KEYWORDS: &[&str] = &["struct", "enum", "trait", "type", "class", "interface"];

pub(super) fn check(file: &Source<'_>, findings: &mut Vec<Finding>) {
    if file.is_rust() || file.is_script() {
        module_name(file, findings);
        type_names(file, findings);
    }
}

fn module_name(file: &Source<'_>, findings: &mut Vec<Finding>) {
    let mut parts = file.path.split('/').map(|part| part.split('.').next().unwrap_or_default());
    let is_vague =
        |part: &str| VAGUE_MODULES.contains(&part) || (file.is_rust() && part == VAGUE_RUST_MODULE);
    if let Some(part) = parts.find(|part| is_vague(part)) {
        let message = format!("`{part}` says nothing; name the module after what it does");
        findings.push(file.error("module-name", 0, &message));
    }
}

fn type_names(file: &Source<'_>, findings: &mut Vec<Finding>) {
    for (line, text) in file.lines() {
        let mut words = text.split(|c: char| !c.is_alphanumeric() && c != '_');
        while let Some(word) = words.next() {
            if !TYPE_KEYWORDS.contains(&word) {
                continue;
            }
            let name = words.next().unwrap_or_default();
            if let Some(suffix) = VAGUE_SUFFIXES.iter().find(|suffix| name.ends_with(*suffix)) {
                let message = format!("`{name}`: say what it does instead of {suffix}");
                findings.push(file.error("type-name", line, &message));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::check_rules as check;
    use super::*;

    #[test]
    fn modules_say_what_they_do() {
        check("crates/a/src/utils.rs", "//! D.\n", &[("module-name", 0)]);
        check("crates/a/tests/common/mod.rs", "//! D.\n", &[("module-name", 0)]);
        check("crates/a/src/types.rs", "//! D.\n", &[("module-name", 0)]);
        check("packages/a/src/types.ts", "", &[]);
        check("packages/a/src/helpers.ts", "", &[("module-name", 0)]);
        check("crates/a/src/uncommon.rs", "//! D.\n", &[]);
    }

    #[test]
    fn types_say_what_they_do() {
        let name = |suffix: &str| format!("//! D.\npub struct Session{suffix} {{}}\n");
        check("a/b.rs", &name(""), &[]);
        check("a/b.rs", &name("Manager"), &[("type-name", 2)]);
        check("a/b.rs", &name("Helper<T>"), &[("type-name", 2)]);
        check("a/b.rs", &name("Managers"), &[]);
        let class = format!("export class Toast{} {{}}\n", VAGUE_SUFFIXES[0]);
        check("a/b.ts", &class, &[("type-name", 1)]);
    }
}
