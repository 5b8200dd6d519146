//! What documents point at is there: tests, modules, commands.

use std::process::Command;

use anyhow::{Context as _, Result, ensure};

use crate::markdown::{code_spans, read, root, rows, section};

#[test]
fn every_guarantee_names_tests_that_exist() {
    let text = read("docs/guarantees.md");
    let rows = rows(&section(&text, "## Promises"));
    assert!(rows.len() > 10, "only {} promises", rows.len());
    for row in rows {
        let proofs = code_spans(row[1]);
        assert!(!proofs.is_empty(), "no test for: {}", row[0]);
        for proof in proofs {
            match proof.split_once("::") {
                Some((path, name)) => assert!(is_test(&read(path), name), "no test {proof}"),
                None => assert!(
                    proof.starts_with("conformance/cases/") && root().join(proof).is_file(),
                    "no case {proof}"
                ),
            }
        }
    }
}

#[test]
fn every_test_that_the_architecture_names_exists() {
    let sources = sources();
    for span in code_spans(&read("ARCHITECTURE.md")) {
        let is_name = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        if span.chars().all(is_name) && span.matches('_').count() > 2 {
            assert!(sources.iter().any(|text| is_test(text, span)), "no test {span}");
        }
    }
}

#[test]
fn every_module_of_the_code_map_exists() {
    let text = read("ARCHITECTURE.md");
    for row in rows(&section(&text, "## Code map")) {
        let folder = root().join("crates").join(row[0].trim_matches('`')).join("src");
        for module in code_spans(row[2]) {
            let file = folder.join(format!("{module}.rs")).is_file();
            assert!(file || folder.join(module).join("mod.rs").is_file(), "{} {module}", row[0]);
        }
    }
}

#[test]
fn every_crate_has_a_row_in_the_code_map() {
    let text = read("ARCHITECTURE.md");
    let rows = rows(&section(&text, "## Code map"));
    let mut named: Vec<&str> = rows.iter().map(|row| row[0].trim_matches('`')).collect();
    named.sort_unstable();
    let mut crates: Vec<String> = std::fs::read_dir(root().join("crates"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.join("Cargo.toml").is_file())
        .map(|path| path.file_name().unwrap().to_str().unwrap().to_owned())
        .collect();
    crates.sort();
    assert_eq!(named, crates);
}

/// A command of a document that is not curl is one of ours, and has the flags that it is given.
pub(crate) fn check_command(words: &[String]) -> Result<()> {
    let is_variable = |word: &&str| word.starts_with("RADIAL_");
    let words: Vec<&str> = words.iter().map(String::as_str).skip_while(is_variable).collect();
    match words.as_slice() {
        ["cargo", "run", "--release", "--", rest @ ..]
        | ["cargo", "run", "--", rest @ ..]
        | ["radial", rest @ ..] => check_help(rest),
        ["cargo", "xtask", task] => {
            let tasks = read("xtask/src/main.rs");
            let known = format!("    {}{}", task[..1].to_uppercase(), &task[1..]);
            ensure!(tasks.contains(&known), "no cargo xtask {task}");
            Ok(())
        }
        [file] if root().join(file).is_file() => Ok(()),
        other => anyhow::bail!("the documents use no {other:?}"),
    }
}

/// The help of a subcommand names every flag.
fn check_help(words: &[&str]) -> Result<()> {
    let names: Vec<&str> = words.iter().copied().take_while(|word| is_name(word)).collect();
    let mut command = Command::new(env!("CARGO_BIN_EXE_radial"));
    let output = command.args(&names).arg("--help").output().context("no binary")?;
    ensure!(output.status.success(), "radial {} is refused", names.join(" "));
    let help = String::from_utf8_lossy(&output.stdout);
    for flag in words.iter().filter(|word| word.starts_with("--")) {
        ensure!(help.contains(flag), "radial {} has no {flag}", names.join(" "));
    }
    Ok(())
}

/// `publish`, `registry check`; not `-`, `--flag`, a value or a file.
fn is_name(word: &str) -> bool {
    word.chars().all(|c| c.is_ascii_lowercase())
}

/// Whether a source, Rust or JavaScript, has a test of this name.
fn is_test(text: &str, name: &str) -> bool {
    text.contains(&format!("fn {name}(")) || text.lines().any(|line| names_test(line, name))
}

/// Whether a line of JavaScript names a test: after `test(` or `test.each(…)(`, or alone on it.
fn names_test(line: &str, name: &str) -> bool {
    let line = line.trim_start();
    let is_call = line.starts_with("test");
    ['\'', '`'].iter().any(|quote| {
        let quoted = format!("{quote}{name}{quote}");
        line.starts_with(&quoted) || (is_call && line.contains(&format!("({quoted},")))
    })
}

/// The text of every Rust source of the workspace.
fn sources() -> Vec<String> {
    let mut folders = vec![root().join("crates"), root().join("xtask")];
    let mut sources = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                sources.push(std::fs::read_to_string(path).unwrap());
            }
        }
    }
    sources
}
