//! `cargo xtask test`: prepare the machine, build once, run every test; stops at the first failure.

use std::path::{Path, PathBuf};

use crate::prepare;
use crate::process::{self, Steps, command};
use crate::repo::{self, Workspace};

const PYTHON_LIST: &str = "packages/other-clients/python/requirements.txt";
/// Packages of Python that hold nothing but a program.
const PROXIES_LIST: &str = "packages/client/test/proxies/requirements.txt";

/// Runs every test; on a fresh Debian machine with Rust, Node and apt this is all it needs.
pub(crate) fn run(root: &Path) -> anyhow::Result<()> {
    let mut steps = Steps::default();
    let result = run_steps(root, &mut steps);
    println!("\n{}", steps.summary());
    result
}

/// The steps of the tests, so that `ci` can show them in its own table.
pub(crate) fn run_steps(root: &Path, steps: &mut Steps) -> anyhow::Result<()> {
    let files = repo::files(root)?;
    let suites = node_packages(root, &files, "test");
    for folder in prepare::locked_folders(&files) {
        let name = format!("npm ci in {folder}");
        steps.run(name, || prepare::npm_packages(&root.join(folder)))?;
    }
    if !suites.is_empty() {
        steps.run("chromium", prepare::chromium)?;
    }
    let cargo = |arguments: &[&str]| process::run(command(root, "cargo", arguments));
    steps.run("build", || cargo(&["build", "--workspace", "--locked"]))?;
    steps.run("cargo test", || cargo(&["test", "--workspace", "--locked"]))?;
    steps.run("autobahn", || crate::autobahn::run(root, &crate::autobahn::Options::FEW))?;
    steps.run("design load", || design_load(root))?;
    let usual = crate::schemathesis::Options::USUAL;
    steps.run("schemathesis", || crate::schemathesis::run(root, &usual))?;
    if suites.is_empty() {
        return Ok(());
    }
    let binary = built(root, "radial")?;
    let target = Workspace::load(root)?.target_directory;
    let (python, proxies) = (target.join("other-clients"), target.join("proxies"));
    steps.run("python packages", || listed_packages(root, &python, PYTHON_LIST))?;
    steps.run("proxies", || {
        // Not every kind of machine has them; the tests use what there is.
        if let Err(error) = listed_packages(root, &proxies, PROXIES_LIST) {
            println!("left out, where the machine has none of its own: {error:#}");
        }
        Ok(())
    })?;
    for suite in suites {
        steps.run(format!("npm test in {suite}"), || {
            let mut npm = command(&root.join(suite), "npm", &["test"]);
            npm.env("RADIAL_BIN", &binary).env("PYTHONPATH", &python);
            npm.env("RADIAL_PROXIES", proxies.join("bin"));
            process::run(npm)
        })?;
    }
    Ok(())
}

/// Brings the packages of this list into a folder.
fn listed_packages(root: &Path, folder: &Path, list: &str) -> anyhow::Result<()> {
    let list = std::fs::read_to_string(root.join(list))?;
    prepare::python_packages(root, folder, &list.lines().collect::<Vec<_>>())
}

/// The load that a small team is to expect, against the built hub. What is asserted has slack for
/// a build that is for debugging.
fn design_load(root: &Path) -> anyhow::Result<()> {
    let (bench, hub) = (built(root, "radial-bench")?, built(root, "radial")?);
    let mut load = command(root, &bench.to_string_lossy(), &["fanout", "small", "--check"]);
    load.args(["--seconds", "2", "--rounds", "5", "--unpinned", "--hub"]).arg(hub);
    process::run(load)
}

/// A built debug binary; absolute, under the target directory in use.
fn built(root: &Path, name: &str) -> anyhow::Result<PathBuf> {
    let binary = Workspace::load(root)?.target_directory.join("debug").join(name);
    anyhow::ensure!(binary.is_file(), "the build left no {}", binary.display());
    Ok(binary)
}

/// The folders of packages/ and web/ whose package.json has this script, packages first.
pub(crate) fn node_packages<'a>(root: &Path, files: &'a [String], script: &str) -> Vec<&'a str> {
    let folders = files.iter().filter_map(|path| path.strip_suffix("/package.json"));
    folders
        .filter(|folder| folder.starts_with("packages/") || folder.starts_with("web/"))
        .filter(|folder| {
            let text = std::fs::read_to_string(root.join(folder).join("package.json"));
            text.is_ok_and(|text| has_script(&text, script))
        })
        .collect()
}

fn has_script(package: &str, script: &str) -> bool {
    let package: serde_json::Value = serde_json::from_str(package).unwrap_or_default();
    package.pointer(&format!("/scripts/{script}")).is_some_and(serde_json::Value::is_string)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_packages_with_a_test_script_are_tested() {
        let folder = tempfile::tempdir().unwrap();
        let mut files = Vec::new();
        for (name, text) in [
            ("web/board", r#"{"scripts": {"test": "node --test"}}"#),
            ("web/plain", r#"{"scripts": {"build": "vite build"}}"#),
            ("packages/client", r#"{"scripts": {"test": "vitest"}}"#),
            ("examples/node", r#"{"scripts": {"test": "node --test"}}"#),
        ] {
            std::fs::create_dir_all(folder.path().join(name)).unwrap();
            std::fs::write(folder.path().join(name).join("package.json"), text).unwrap();
            files.push(format!("{name}/package.json"));
        }
        files.sort();
        let tested = node_packages(folder.path(), &files, "test");
        assert_eq!(tested, ["packages/client", "web/board"]);
    }

    #[test]
    fn a_broken_package_json_has_no_script() {
        assert!(!has_script("{", "test"));
    }
}
