//! One file under check, and the rules of size and shape: module docs, length, what a facade may
//! hold.

use super::{Finding, Severity};

const LINES_WARN: usize = 400;
const LINES_MAX: usize = 600;
const FACADE_LINES_MAX: usize = 80;

/// A text file, with what the rules ask about it again and again.
pub(super) struct Source<'a> {
    pub(super) path: &'a str,
    pub(super) text: &'a str,
    /// How many lines come before the inline tests; none in a file that is all tests.
    untested: usize,
}

impl<'a> Source<'a> {
    pub(super) fn new(path: &'a str, text: &'a str) -> Self {
        let lines = text.lines().count();
        let untested = if is_test_path(path) { 0 } else { inline_tests_at(text).unwrap_or(lines) };
        Self { path, text, untested }
    }

    /// The part after the last dot of the name.
    pub(super) fn extension(&self) -> &str {
        self.name().rsplit_once('.').map_or("", |(_, extension)| extension)
    }

    pub(super) fn name(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or_default()
    }

    pub(super) fn is_rust(&self) -> bool {
        self.extension() == "rs"
    }

    /// TypeScript or JavaScript that people write.
    pub(super) fn is_script(&self) -> bool {
        let built = self.path.contains("/dist/");
        !built && matches!(self.extension(), "ts" | "tsx" | "mts" | "js" | "jsx" | "mjs")
    }

    /// Every line, numbered from 1.
    pub(super) fn lines(&self) -> impl Iterator<Item = (usize, &'a str)> + use<'a> {
        (1..).zip(self.text.lines())
    }

    /// The lines that are tests: the whole of a test file, or what follows `#[cfg(test)] mod tests
    /// {`.
    pub(super) fn test_lines(&self) -> impl Iterator<Item = (usize, &'a str)> + use<'a> {
        self.lines().skip(self.untested)
    }

    pub(super) fn error(&self, rule: &'static str, line: usize, message: &str) -> Finding {
        let (path, message) = (self.path.to_owned(), message.to_owned());
        Finding { rule, path, line, message, severity: Severity::Error }
    }
}

pub(super) fn check(file: &Source<'_>, findings: &mut Vec<Finding>) {
    if !file.is_rust() && !file.is_script() {
        return;
    }
    size(file, findings);
    if file.is_rust() {
        module_doc(file, findings);
        facade(file, findings);
    }
}

fn size(file: &Source<'_>, findings: &mut Vec<Finding>) {
    let lines = file.untested;
    if lines > LINES_MAX {
        let message = format!("{lines} lines without the tests; split it (at most {LINES_MAX})");
        findings.push(file.error("file-size", 0, &message));
    } else if lines > LINES_WARN {
        let message = format!("{lines} lines without the tests; one idea, or two?");
        let finding = file.error("file-size", 0, &message);
        findings.push(Finding { severity: Severity::Warning, ..finding });
    }
}

fn module_doc(file: &Source<'_>, findings: &mut Vec<Finding>) {
    if !file.text.starts_with("//!") {
        let message = "starts with a `//!` doc: what it is, why, and what it must never know";
        findings.push(file.error("module-doc", 1, message));
    }
}

fn facade(file: &Source<'_>, findings: &mut Vec<Finding>) {
    if !matches!(file.name(), "lib.rs" | "mod.rs") {
        return;
    }
    if file.untested >= FACADE_LINES_MAX {
        let message = format!("{} lines; a facade stays under {FACADE_LINES_MAX}", file.untested);
        findings.push(file.error("facade", 0, &message));
    }
    let logic = file.lines().take(file.untested).find(|(_, line)| is_function(line));
    if let Some((line, _)) = logic {
        findings.push(file.error("facade", line, "docs, `mod` lines and re-exports; no logic"));
    }
}

fn is_function(line: &str) -> bool {
    let code = line.trim_start();
    !code.starts_with("//") && code.split_whitespace().any(|word| word == "fn")
}

fn is_test_path(path: &str) -> bool {
    let mut parts = path.split('/').rev();
    let name = parts.next().unwrap_or_default();
    let test_name = name == "tests.rs" || name.contains(".test.") || name.contains(".spec.");
    let test_folder = |part: &str| matches!(part, "tests" | "test" | "e2e" | "__tests__");
    test_name || parts.any(test_folder)
}

/// The number of lines before `#[cfg(test)]` with an inline module under it.
fn inline_tests_at(text: &str) -> Option<usize> {
    let lines: Vec<&str> = text.lines().collect();
    let is_module = |line: &str| line.starts_with("mod ") && line.ends_with('{');
    let starts = |pair: &[&str]| matches!(pair, ["#[cfg(test)]", next] if is_module(next));
    lines.windows(2).position(starts)
}

#[cfg(test)]
mod tests {
    use super::super::check_rules as check;

    #[test]
    fn a_rust_file_starts_with_a_module_doc() {
        check("crates/a/src/b.rs", "//! Why.\n", &[]);
        check("crates/a/src/b.rs", "use c;\n", &[("module-doc", 1)]);
        check("crates/a/tests/b.rs", "", &[("module-doc", 1)]);
        check("web/board/src/b.ts", "use();\n", &[]);
    }

    #[test]
    fn size_is_counted_without_the_tests() {
        let long = |lines: usize| format!("//! Doc.\n{}", "x;\n".repeat(lines - 1));
        let tests = format!("#[cfg(test)]\nmod tests {{\n{}}}\n", "x;\n".repeat(900));
        check("a/b.rs", &long(400), &[]);
        check("a/b.rs", &(long(400) + &tests), &[]);
        check("a/b.rs", &long(401), &[("file-size", 0)]);
        check("a/b.rs", &(long(601) + &tests), &[("file-size", 0)]);
        check("a/tests/b.rs", &long(2000), &[]);
        check("web/a.ts", &long(601), &[("file-size", 0)]);
    }

    #[test]
    fn a_facade_has_no_logic() {
        check("a/src/lib.rs", "//! Doc.\n//! fn in a doc\npub mod b;\npub use b::C;\n", &[]);
        check("a/src/lib.rs", "//! Doc.\npub(crate) fn run() {}\n", &[("facade", 2)]);
        check("a/src/lib.rs", &format!("//! Doc.\n{}", "mod a;\n".repeat(79)), &[("facade", 0)]);
        check("a/src/b.rs", "//! Doc.\nfn run() {}\n", &[]);
        check("a/src/mod.rs", "//! D.\n#[cfg(test)]\nmod tests {\n    fn a() {}\n}\n", &[]);
    }
}
