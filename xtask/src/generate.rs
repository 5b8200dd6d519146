//! `cargo xtask generate`: files that a program writes, and the check that they are up to date.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, bail};

use crate::process;

/// Each generated file, and the cargo command whose output it is.
const GENERATED: &[(&str, &[&str])] = &[
    ("docs/config.md", &["run", "-q", "-p", "radial", "--", "config", "docs"]),
    ("docs/openapi.json", &["run", "-q", "-p", "radial", "--", "openapi"]),
    ("docs/asyncapi.json", &["run", "-q", "-p", "radial", "--", "registry", "asyncapi"]),
    (
        "packages/client/test/generated/builtin-events.ts",
        &["run", "-q", "-p", "radial", "--", "registry", "types"],
    ),
    (
        "packages/client/test/generated/example-events.ts",
        &[
            "run",
            "-q",
            "-p",
            "radial",
            "--",
            "registry",
            "types",
            "crates/radial-registry/tests/fixtures/typescript",
            "--no-builtin",
        ],
    ),
];

/// What to do with the files.
#[derive(Clone, Copy, clap::Args)]
pub(crate) struct Options {
    /// Write nothing; fail if a file is not what its command writes
    #[arg(long)]
    pub(crate) check: bool,
}

/// Writes every generated file, or compares it.
pub(crate) fn run(root: &Path, options: Options) -> anyhow::Result<()> {
    let mut stale = Vec::new();
    for (path, arguments) in GENERATED {
        let fresh = process::output(process::command(root, "cargo", arguments))
            .with_context(|| format!("cannot generate {path}"))?;
        let file = root.join(path);
        let current = fs::read_to_string(&file).unwrap_or_default();
        if current == fresh {
            println!("{path} is up to date");
        } else if options.check {
            stale.push(*path);
        } else {
            if let Some(folder) = file.parent() {
                fs::create_dir_all(folder)?;
            }
            fs::write(&file, fresh).with_context(|| format!("cannot write {path}"))?;
            println!("{path} written");
        }
    }
    if !stale.is_empty() {
        bail!("not up to date: {}; run `cargo xtask generate`", stale.join(", "));
    }
    Ok(())
}
