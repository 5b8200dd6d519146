//! `cargo xtask fuzz`: the libFuzzer targets of fuzz/, built with the stable compiler.
//!
//! LLVM's coverage pass is reached with `-Cpasses`, so neither a nightly compiler nor cargo-fuzz is
//! needed. What stable lacks is the address sanitizer; the code has no unsafe block that would need
//! it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, ensure};

use crate::process::{self, command};
use crate::repo::Workspace;

/// What libFuzzer's runtime expects of the code: a counter for each edge, the table of the places,
/// and a call before each comparison. One codegen unit, because the pass works on one unit at a
/// time.
const INSTRUMENTATION: &[&str] = &[
    "--cfg fuzzing",
    "-Cpasses=sancov-module",
    "-Cllvm-args=-sanitizer-coverage-level=4",
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
    "-Cllvm-args=-sanitizer-coverage-pc-table",
    "-Cllvm-args=-sanitizer-coverage-trace-compares",
    "-Ccodegen-units=1",
];

/// How long, and which target.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// How long each target runs
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) seconds: u32,
    /// One target instead of all
    pub(crate) target: Option<String>,
}

/// Builds the targets and runs each; fails at the first crash and names the input that caused it.
pub(crate) fn run(root: &Path, options: &Options) -> anyhow::Result<()> {
    let targets = targets(root)?;
    if let Some(wanted) = &options.target {
        ensure!(targets.contains(wanted), "no target {wanted}; there are: {}", targets.join(", "));
    }
    let build = Build::new(root)?;
    build.run(root)?;
    let wanted = |name: &&String| options.target.as_ref().is_none_or(|wanted| wanted == *name);
    for target in targets.iter().filter(wanted) {
        println!("{target}: fuzzing for {} s", options.seconds);
        let report = process::report(build.fuzzer(root, target, options.seconds)?)
            .with_context(|| format!("{target}: the input is in fuzz/artifacts/{target}/"))?;
        println!("{target}: no failure in {} inputs", executed(&report).unwrap_or("?"));
    }
    Ok(())
}

struct Build {
    folder: PathBuf,
    host: String,
}

impl Build {
    fn new(root: &Path) -> anyhow::Result<Self> {
        let folder = Workspace::load(root)?.target_directory.join("fuzz");
        let version = process::output(command(root, "rustc", &["-vV"]))?;
        let host = version.lines().find_map(|line| line.strip_prefix("host: "));
        Ok(Self { folder, host: host.context("rustc does not tell its host")?.to_owned() })
    }

    /// `--target` keeps the instrumentation out of build scripts and macros.
    fn run(&self, root: &Path) -> anyhow::Result<()> {
        let arguments = ["build", "--release", "--locked", "--target", &self.host];
        let mut cargo = command(&root.join("fuzz"), "cargo", &arguments);
        cargo.env("RUSTFLAGS", INSTRUMENTATION.join(" ")).env("CARGO_TARGET_DIR", &self.folder);
        cargo.env_remove("CARGO_ENCODED_RUSTFLAGS");
        process::run(cargo)
    }

    /// New inputs go to the first folder, under target/; the committed seeds are only read.
    fn fuzzer(&self, root: &Path, target: &str, seconds: u32) -> anyhow::Result<Command> {
        let corpus = self.folder.join("corpus").join(target);
        let seeds = root.join("fuzz/seeds").join(target);
        let artifacts = root.join("fuzz/artifacts").join(target);
        for folder in [&corpus, &artifacts] {
            fs::create_dir_all(folder)
                .with_context(|| format!("cannot make {}", folder.display()))?;
        }
        let program = self.folder.join(&self.host).join("release").join(target);
        let mut fuzzer = command(root, &program.to_string_lossy(), &[]);
        fuzzer
            .arg(format!("-max_total_time={seconds}"))
            .arg(format!("-artifact_prefix={}/", artifacts.display()))
            .args(["-timeout=5", "-rss_limit_mb=1024", "-use_value_profile=1", "-verbosity=0"])
            .arg("-print_final_stats=1")
            .arg(corpus);
        if seeds.is_dir() {
            fuzzer.arg(seeds);
        }
        Ok(fuzzer)
    }
}

/// How many inputs the target was given, from libFuzzer's own report.
fn executed(report: &str) -> Option<&str> {
    let name = "stat::number_of_executed_units:";
    report.lines().find_map(|line| line.strip_prefix(name)).map(str::trim)
}

/// The targets are the files of fuzz/targets.
fn targets(root: &Path) -> anyhow::Result<Vec<String>> {
    let folder = root.join("fuzz/targets");
    let entries = fs::read_dir(&folder).with_context(|| format!("no {}", folder.display()))?;
    let mut targets = Vec::new();
    for entry in entries {
        let name = entry?.file_name();
        targets.extend(name.to_string_lossy().strip_suffix(".rs").map(str::to_owned));
    }
    targets.sort();
    Ok(targets)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_report_tells_how_many_inputs_there_were() {
        let report = "INFO: x\nstat::number_of_executed_units: 318211\nstat::peak_rss_mb: 31\n";
        assert_eq!(executed(report), Some("318211"));
        assert_eq!(executed("INFO: x\n"), None);
    }

    #[test]
    fn every_target_has_seeds_and_a_binary() {
        let root = crate::repo::root().unwrap();
        let manifest = fs::read_to_string(root.join("fuzz/Cargo.toml")).unwrap();
        let targets = targets(&root).unwrap();
        assert!(!targets.is_empty());
        for target in targets {
            assert!(manifest.contains(&format!("path = \"targets/{target}.rs\"")), "{target}");
            assert!(root.join("fuzz/seeds").join(&target).is_dir(), "{target}");
        }
    }
}
