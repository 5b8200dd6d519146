//! Rules of plain text: white space, links between documents, addresses in lock files.

use std::collections::BTreeSet;

use super::Finding;
use super::source::Source;
use crate::markdown;

pub(super) fn check(file: &Source<'_>, known: &BTreeSet<&str>, findings: &mut Vec<Finding>) {
    if matches!(file.extension(), "rs" | "md" | "toml") {
        white_space(file, findings);
    }
    if file.extension() == "md" {
        links(file, known, findings);
    }
    match file.name() {
        "package-lock.json" => addresses(file, "\"resolved\": \"http", findings),
        ".npmrc" => addresses(file, "registry", findings),
        _ => {}
    }
}

fn white_space(file: &Source<'_>, findings: &mut Vec<Finding>) {
    for (line, text) in file.lines() {
        if text.contains('\t') {
            findings.push(file.error("white-space", line, "a tab"));
        }
        if text.ends_with(char::is_whitespace) {
            findings.push(file.error("white-space", line, "white space at the end of the line"));
        }
    }
}

fn links(file: &Source<'_>, known: &BTreeSet<&str>, findings: &mut Vec<Finding>) {
    for link in markdown::relative_links(file.text) {
        let target = resolve(file.path, &link.target);
        let folder = format!("{}/", target.as_deref().unwrap_or_default());
        let exists = target.is_some_and(|target| {
            target.is_empty()
                || known.contains(target.as_str())
                || known.iter().any(|path| path.starts_with(&folder))
        });
        if !exists {
            let message = format!("the link to `{}` leads nowhere", link.target);
            findings.push(file.error("link", link.line, &message));
        }
    }
}

/// The path from the root that a link in `document` means; `None` when it leaves the repository.
fn resolve(document: &str, target: &str) -> Option<String> {
    let mut parts: Vec<&str> = document.split('/').collect();
    parts.pop();
    if target.starts_with('/') {
        parts.clear();
    }
    for part in target.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()?),
            name => parts.push(name),
        }
    }
    Some(parts.join("/"))
}

fn addresses(file: &Source<'_>, word: &str, findings: &mut Vec<Finding>) {
    let found = file.lines().find(|(_, text)| text.contains(word));
    if let Some((line, _)) = found {
        let message = "names a registry; the address is each machine's own setting";
        findings.push(file.error("registry-address", line, message));
    }
}

#[cfg(test)]
mod tests {
    use super::super::check_rules as check;

    #[test]
    fn white_space_is_plain() {
        check("docs/a.md", "a\n\tb\nc \n", &[("white-space", 2), ("white-space", 3)]);
        check("web/a.html", "\ta \n", &[]);
    }

    #[test]
    fn links_lead_to_files_and_folders() {
        check("docs/a.md", "[b](here.md#part) [c](../docs) [d](/docs/here.md) [e](..)\n", &[]);
        check("docs/a.md", "x\n[b](gone.md)\n", &[("link", 2)]);
        check("docs/a.md", "[b](../../outside.md)\n", &[("link", 1)]);
        check("README.md", "[b](docs/here.md)\n", &[]);
    }

    #[test]
    fn lock_files_name_no_registry() {
        let lock = "{\n  \"resolved\": \"https://example.com/a.tgz\"\n}\n";
        check("web/package-lock.json", lock, &[("registry-address", 2)]);
        check("web/package-lock.json", "{ \"resolved\": \"../client\" }\n", &[]);
        check("web/.npmrc", "registry=https://example.com\n", &[("registry-address", 1)]);
    }
}
