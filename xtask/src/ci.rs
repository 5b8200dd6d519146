//! `cargo xtask ci`: every check, in order; all of them run even after one has failed.

use std::path::Path;

use anyhow::bail;

use crate::process::{self, Steps, command, succeeds};
use crate::{architecture, fuzz, generate, test, tidy};

const FUZZ_SECONDS: u32 = 10;
/// What is installed where cargo-deny is missing; a version that is there already is taken.
const CARGO_DENY: &str = "cargo-deny@0.20.2";

/// Runs what continuous integration runs, and prints a table of the steps.
pub(crate) fn run(root: &Path) -> anyhow::Result<()> {
    let mut steps = Steps::default();
    // A step that failed is in the table and in the count; the others still have something to say.
    let _ = steps.run("fmt", || format(root));
    let _ = steps.run("tidy", || tidy::run(root));
    let _ = steps.run("architecture", || architecture::run(root));
    let _ = steps.run("clippy", || clippy(root));
    let _ = steps.run("doc", || documentation(root));
    let _ = steps.run("deny", || deny(root));
    let _ = steps.run("generate", || generate::run(root, generate::Options { check: true }));
    let _ = test::run_steps(root, &mut steps);
    // After the tests, which install the packages.
    let files = crate::repo::files(root)?;
    for folder in test::node_packages(root, &files, "lint") {
        let lint = || process::run(command(&root.join(folder), "npm", &["run", "lint"]));
        let _ = steps.run(format!("npm run lint in {folder}"), lint);
    }
    let options = fuzz::Options { seconds: FUZZ_SECONDS, target: None };
    let _ = steps.run("fuzz", || fuzz::run(root, &options));
    println!("\n{}", steps.summary());
    match steps.failed() {
        0 => Ok(()),
        failed => bail!("{failed} steps failed"),
    }
}

fn format(root: &Path) -> anyhow::Result<()> {
    process::run(command(root, "cargo", &["fmt", "--all", "--check"]))?;
    process::run(command(&root.join("fuzz"), "cargo", &["fmt", "--check"]))
}

fn clippy(root: &Path) -> anyhow::Result<()> {
    let arguments = ["clippy", "--workspace", "--all-targets", "--locked", "--", "-D", "warnings"];
    process::run(command(root, "cargo", &arguments))
}

fn documentation(root: &Path) -> anyhow::Result<()> {
    let arguments = ["doc", "--workspace", "--no-deps", "--locked"];
    let mut cargo = command(root, "cargo", &arguments);
    cargo.env("RUSTDOCFLAGS", "-D warnings");
    process::run(cargo)
}

fn deny(root: &Path) -> anyhow::Result<()> {
    if !succeeds(command(root, "cargo", &["deny", "--version"])) {
        process::run(command(root, "cargo", &["install", "--locked", CARGO_DENY]))?;
    }
    let arguments = ["deny", "--offline", "check", "licenses", "bans", "sources"];
    process::run(command(root, "cargo", &arguments))
}
