//! Words that may not be merged: notes to oneself, debugging, sleeping tests, places on one
//! machine.
//!
//! The words are put together from halves, so that this file passes its own rules.

use super::Finding;
use super::source::Source;

const NOTES: &[&str] = &[concat!("TO", "DO"), concat!("FIX", "ME"), concat!("XX", "X")];
const UNFINISHED_RUST: &[&str] = &[
    concat!("dbg", "!("),
    concat!("todo", "!("),
    concat!("unimplemented", "!("),
    concat!("#[", "ignore"),
];
const UNFINISHED_SCRIPT: &[&str] = &[concat!("console", ".log"), concat!("debug", "ger;")];
const MACHINE_PATHS: &[&str] =
    &[concat!("/wo", "rk/"), concat!("/ro", "ot/"), concat!("/tmp/bash", "_jobs")];
const SCRIPT_SLEEPS: &[&str] = &[concat!("waitFor", "Timeout"), concat!("timers/", "promises")];
const TIMER: &str = concat!("set", "Timeout(");
const SLEEP: &str = concat!("sle", "ep");
/// Tokio's paused clock jumps over a sleep, so it costs nothing and waits for nothing.
const PAUSED_CLOCK: &str = "start_paused";

pub(super) fn check(file: &Source<'_>, findings: &mut Vec<Finding>) {
    let is_code = file.is_rust() || file.is_script();
    if is_code || matches!(file.extension(), "css" | "html" | "sh" | "toml" | "yaml" | "yml") {
        notes(file, findings);
    }
    if file.is_rust() {
        unfinished(file, UNFINISHED_RUST, findings);
    } else if file.is_script() || file.extension() == "html" {
        unfinished(file, UNFINISHED_SCRIPT, findings);
    }
    if is_code {
        sleeps(file, findings);
    }
    machine_paths(file, findings);
}

fn notes(file: &Source<'_>, findings: &mut Vec<Finding>) {
    for (line, text) in file.lines() {
        let mut words = text.split(|c: char| !c.is_alphanumeric() && c != '_');
        if let Some(word) = words.find(|word| NOTES.contains(word)) {
            findings.push(file.error("note", line, &format!("`{word}`: do it, or open an issue")));
        }
    }
}

fn unfinished(file: &Source<'_>, words: &[&str], findings: &mut Vec<Finding>) {
    for (line, text) in file.lines() {
        if let Some(word) = words.iter().find(|word| text.contains(*word)) {
            findings.push(file.error("unfinished", line, &format!("`{word}` may not be merged")));
        }
    }
}

fn sleeps(file: &Source<'_>, findings: &mut Vec<Finding>) {
    let paused = file.text.contains(PAUSED_CLOCK);
    for (line, text) in file.test_lines() {
        let found = if file.is_rust() { rust_sleeps(text, paused) } else { script_sleeps(text) };
        if found {
            let message = "a test waits for the event itself, or passes the time in";
            findings.push(file.error("sleep", line, message));
        }
    }
}

fn rust_sleeps(line: &str, paused: bool) -> bool {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let calls_or_imports = line.match_indices(SLEEP).any(|(at, word)| {
        let (before, rest) = line.split_at(at);
        let after = rest.strip_prefix(word).unwrap_or_default();
        let import = line.trim_start().starts_with("use ");
        let whole = !before.ends_with(is_word) && !after.starts_with(is_word);
        whole && (after.starts_with('(') || import)
    });
    let thread = line.contains(concat!("thread::", "sle", "ep"));
    calls_or_imports && (thread || !paused)
}

/// A timer that only goes on is a sleep; one that gives up (`reject`, `abort`) is a deadline.
fn script_sleeps(line: &str) -> bool {
    let timer = line.split_once(TIMER).is_some_and(|(before, callback)| {
        let name = callback.split([',', ')']).next().unwrap_or_default().trim();
        let bare = !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || c == '_');
        let deadline = callback.contains("reject") || callback.contains("abort");
        !deadline && (bare || before.contains("Promise"))
    });
    timer || SCRIPT_SLEEPS.iter().any(|word| line.contains(word))
}

fn machine_paths(file: &Source<'_>, findings: &mut Vec<Finding>) {
    let inside = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | '}' | ')');
    for (line, text) in file.lines() {
        let found = MACHINE_PATHS.iter().find(|path| {
            text.match_indices(*path).any(|(at, _)| {
                text.split_at_checked(at).is_none_or(|(before, _)| !before.ends_with(inside))
            })
        });
        if let Some(path) = found {
            findings.push(file.error("machine-path", line, &format!("`{path}` is one machine's")));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::check_rules as check;
    use super::*;

    #[test]
    fn notes_to_oneself_are_found_as_whole_words() {
        for word in NOTES {
            check("a/b.rs", &format!("//! D.\n// {word}: later\n"), &[("note", 2)]);
            check("a/b.rs", &format!("//! D.\n// {word}S\n"), &[]);
            check("docs/b.md", &format!("{word}\n"), &[]);
        }
    }

    #[test]
    fn unfinished_code_is_found() {
        for word in UNFINISHED_RUST {
            check("a/b.rs", &format!("//! D.\n{word}\n"), &[("unfinished", 2)]);
        }
        let log = concat!("console", ".log('x');\n");
        check("web/a.ts", log, &[("unfinished", 1)]);
        check("web/dist/a.js", log, &[]);
        check("docs/a.md", log, &[]);
    }

    #[test]
    fn tests_do_not_sleep() {
        let test = |line: String| format!("//! D.\n#[cfg(test)]\nmod tests {{\n{line}\n}}\n");
        let call = format!("tokio::time::{SLEEP}(d).await;");
        check("a/src/b.rs", &test(call.clone()), &[("sleep", 4)]);
        check("a/src/b.rs", &format!("//! D.\n{call}\n"), &[]);
        check("a/tests/b.rs", &format!("//! D.\n{call}\n"), &[("sleep", 2)]);
        check(
            "a/tests/b.rs",
            &format!("//! D.\nuse tokio::time::{{{SLEEP}, x}};\n"),
            &[("sleep", 2)],
        );
        check("a/tests/b.rs", &format!("//! {PAUSED_CLOCK}\n{call}\n"), &[]);
        check(
            "a/tests/b.rs",
            &format!("//! {PAUSED_CLOCK}\nthread::{SLEEP}(d);\n"),
            &[("sleep", 2)],
        );
        check("a/tests/b.rs", &format!("//! D.\nlet {SLEEP}ing = 1;\n"), &[]);
    }

    #[test]
    fn browser_tests_do_not_sleep() {
        check("web/a.test.ts", &format!("{TIMER}resolve, 5)\n"), &[("sleep", 1)]);
        check(
            "web/a.test.ts",
            &format!("new Promise(r => {TIMER}() => r(), 5))\n"),
            &[("sleep", 1)],
        );
        check("web/a.test.ts", &format!("{TIMER}() => reject(late), 5)\n"), &[]);
        check("web/test/a.mjs", &format!("page.{}(5)\n", SCRIPT_SLEEPS[0]), &[("sleep", 1)]);
        check("web/a.ts", &format!("{TIMER}resolve, 5)\n"), &[]);
    }

    #[test]
    fn places_on_one_machine_are_found() {
        for path in MACHINE_PATHS {
            check("docs/a.md", &format!("see {path}x\n"), &[("machine-path", 1)]);
            check("docs/a.md", &format!("see example.org{path}x\n"), &[]);
        }
    }
}
