//! xtask/tidy-allow.toml: the exceptions, each with its reason; one that is not needed is a finding
//! itself.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, ensure};

use super::{Finding, Severity};

const LIST: &str = "xtask/tidy-allow.toml";

/// The findings that are accepted.
pub(super) struct Exceptions {
    entries: Vec<Exception>,
}

struct Exception {
    rule: String,
    path: String,
}

impl Exceptions {
    pub(super) fn load(root: &Path) -> anyhow::Result<Self> {
        let text = fs::read_to_string(root.join(LIST)).with_context(|| format!("no {LIST}"))?;
        Self::parse(&text)
    }

    fn parse(text: &str) -> anyhow::Result<Self> {
        let table: toml::Table = text.parse().with_context(|| format!("{LIST} is not TOML"))?;
        let list = table.get("allow").and_then(toml::Value::as_array);
        let entries = list.into_iter().flatten().map(|entry| {
            let field = |name: &str| {
                let value = entry.get(name).and_then(toml::Value::as_str).unwrap_or_default();
                ensure!(!value.trim().is_empty(), "{LIST}: an entry has no {name}");
                Ok(value.to_owned())
            };
            field("reason")?;
            Ok(Exception { rule: field("rule")?, path: field("path")? })
        });
        Ok(Self { entries: entries.collect::<anyhow::Result<_>>()? })
    }

    /// Takes the accepted findings out; gives the errors, with the exceptions nobody needed, and
    /// the warnings.
    pub(super) fn apply(&self, findings: Vec<Finding>) -> (Vec<Finding>, Vec<Finding>) {
        let mut errors = Vec::new();
        let mut warnings = Vec::new();
        let mut used = vec![false; self.entries.len()];
        for finding in findings {
            let entry = self.entries.iter().position(|entry| entry.covers(&finding));
            match entry.and_then(|index| used.get_mut(index)) {
                Some(used) => *used = true,
                None if finding.severity == Severity::Error => errors.push(finding),
                None => warnings.push(finding),
            }
        }
        let unused = self.entries.iter().zip(used).filter(|(_, used)| !used);
        errors.extend(unused.map(|(entry, _)| Finding {
            rule: "unused-exception",
            path: LIST.to_owned(),
            line: 0,
            message: format!("{} in {} is fine without it", entry.rule, entry.path),
            severity: Severity::Error,
        }));
        (errors, warnings)
    }
}

impl Exception {
    fn covers(&self, finding: &Finding) -> bool {
        self.rule == finding.rule && self.path == finding.path
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: &str = "[[allow]]\nrule = \"sleep\"\npath = \"a.rs\"\nreason = \"a real clock\"\n";

    fn finding(severity: Severity) -> Finding {
        let (path, message) = ("a.rs".to_owned(), String::new());
        Finding { rule: "sleep", path, line: 3, message, severity }
    }

    #[test]
    fn an_accepted_finding_is_taken_out() {
        let exceptions = Exceptions::parse(ONE).unwrap();
        assert_eq!(exceptions.apply(vec![finding(Severity::Error)]), (vec![], vec![]));
    }

    #[test]
    fn an_exception_nobody_needs_is_a_finding() {
        let (errors, _) = Exceptions::parse(ONE).unwrap().apply(vec![]);
        assert_eq!(errors.iter().map(|e| e.rule).collect::<Vec<_>>(), ["unused-exception"]);
    }

    #[test]
    fn a_warning_stays_a_warning() {
        let warning = finding(Severity::Warning);
        let nothing = Exceptions::parse("").unwrap();
        assert_eq!(nothing.apply(vec![warning.clone()]), (vec![], vec![warning]));
    }

    #[test]
    fn an_exception_needs_a_reason() {
        assert!(Exceptions::parse(&ONE.replace("a real clock", " ")).is_err());
    }
}
