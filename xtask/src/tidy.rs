//! `cargo xtask tidy`: fast checks of the files that git tracks or would add.
//!
//! Each rule reads one file and knows no other; what rustfmt, clippy and cargo deny check is left
//! to them.

use std::collections::BTreeSet;
use std::fmt;
use std::path::Path;

use anyhow::{Context as _, bail};

use crate::repo;

mod allow;
mod names;
mod source;
mod text;
mod words;

use source::Source;

/// Checks every file; fails with one line for each finding that no exception allows.
pub(crate) fn run(root: &Path) -> anyhow::Result<()> {
    let paths = repo::files(root)?;
    let known: BTreeSet<&str> = paths.iter().map(String::as_str).collect();
    let mut findings = Vec::new();
    for path in &paths {
        let bytes =
            std::fs::read(root.join(path)).with_context(|| format!("cannot read {path}"))?;
        let Ok(text) = String::from_utf8(bytes) else { continue };
        findings.extend(check_file(&Source::new(path, &text), &known));
    }
    let exceptions = allow::Exceptions::load(root)?;
    let (errors, warnings) = exceptions.apply(findings);
    for warning in &warnings {
        println!("warning: {warning}");
    }
    if !errors.is_empty() {
        let lines: Vec<String> = errors.iter().map(ToString::to_string).collect();
        bail!("{} findings:\n  {}", errors.len(), lines.join("\n  "));
    }
    println!("{} files are tidy", paths.len());
    Ok(())
}

/// Something that a rule does not like.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Finding {
    rule: &'static str,
    path: String,
    /// Counted from 1; 0 is the file as a whole.
    line: usize,
    message: String,
    severity: Severity,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Severity {
    Error,
    Warning,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.path)?;
        if self.line > 0 {
            write!(f, ":{}", self.line)?;
        }
        write!(f, ": {} [{}]", self.message, self.rule)
    }
}

fn check_file(file: &Source<'_>, known: &BTreeSet<&str>) -> Vec<Finding> {
    let mut findings = Vec::new();
    source::check(file, &mut findings);
    names::check(file, &mut findings);
    words::check(file, &mut findings);
    text::check(file, known, &mut findings);
    findings
}

/// What the rules' own tests ask: the rules and lines that one file breaks.
#[cfg(test)]
#[track_caller]
fn check_rules(path: &str, text: &str, expected: &[(&str, usize)]) {
    let known = BTreeSet::from([path, "docs/here.md"]);
    let findings = check_file(&Source::new(path, text), &known);
    let found: Vec<_> = findings.iter().map(|finding| (finding.rule, finding.line)).collect();
    assert_eq!(found, expected, "{path}: {findings:#?}");
}
