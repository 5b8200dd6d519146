//! Running other programs, and steps that are named, timed and counted.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};

/// A program in a folder, with nothing to read on its standard input.
pub(crate) fn command(folder: &Path, program: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new(program);
    command.current_dir(folder).args(arguments).stdin(Stdio::null());
    command
}

/// Runs to the end with the output passed through; fails when the program does.
pub(crate) fn run(mut command: Command) -> anyhow::Result<()> {
    let shown = describe(&command);
    let status = command.status().with_context(|| format!("cannot start `{shown}`"))?;
    if !status.success() {
        bail!("`{shown}` failed: {status}");
    }
    Ok(())
}

/// Runs to the end and gives what it wrote to standard output; its errors are passed through.
pub(crate) fn output(mut command: Command) -> anyhow::Result<String> {
    let shown = describe(&command);
    let output = command
        .stderr(Stdio::inherit())
        .output()
        .with_context(|| format!("cannot start `{shown}`"))?;
    if !output.status.success() {
        bail!("`{shown}` failed: {}", output.status);
    }
    String::from_utf8(output.stdout).with_context(|| format!("`{shown}` did not write UTF-8"))
}

/// Runs to the end and gives what it wrote to standard error, which is shown only when it fails.
pub(crate) fn report(mut command: Command) -> anyhow::Result<String> {
    let shown = describe(&command);
    let output = command.output().with_context(|| format!("cannot start `{shown}`"))?;
    let report = String::from_utf8_lossy(&output.stderr).into_owned();
    if !output.status.success() {
        eprintln!("{report}");
        bail!("`{shown}` failed: {}", output.status);
    }
    Ok(report)
}

/// Whether the program runs and succeeds; what it writes is dropped.
pub(crate) fn succeeds(mut command: Command) -> bool {
    let status = command.stdout(Stdio::null()).stderr(Stdio::null()).status();
    status.is_ok_and(|status| status.success())
}

/// A program that runs beside others and says in its first line where it listens. It goes when this
/// is dropped.
pub(crate) struct Background {
    child: Child,
    /// What it said first.
    pub(crate) first_line: String,
}

impl Background {
    pub(crate) fn start(mut command: Command) -> anyhow::Result<Self> {
        let shown = describe(&command);
        let started = command.stdout(Stdio::piped()).spawn();
        let mut child = started.with_context(|| format!("`{shown}` does not start"))?;
        let mut first_line = String::new();
        if let Some(output) = child.stdout.take() {
            BufReader::new(output).read_line(&mut first_line)?;
        }
        Ok(Self { child, first_line: first_line.trim().to_owned() })
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        // It has nothing to finish.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Names and times each step, and keeps the list for the table at the end.
#[derive(Default)]
pub(crate) struct Steps {
    done: Vec<Step>,
}

struct Step {
    name: String,
    took: Duration,
    passed: bool,
}

impl Steps {
    /// Runs one step, says how long it took, and gives its own result back.
    #[expect(clippy::disallowed_methods, reason = "a developer wants to know how long a step took")]
    pub(crate) fn run(
        &mut self,
        name: impl Into<String>,
        step: impl FnOnce() -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        let name = name.into();
        println!("==> {name}");
        let start = Instant::now();
        let result = step();
        let took = start.elapsed();
        match &result {
            Ok(()) => println!("<== {name}: ok, {}", seconds(took)),
            Err(error) => println!("<== {name}: FAILED, {}: {error:#}", seconds(took)),
        }
        self.done.push(Step { name, took, passed: result.is_ok() });
        result
    }

    /// How many steps failed.
    pub(crate) fn failed(&self) -> usize {
        self.done.iter().filter(|step| !step.passed).count()
    }

    /// The durations in a table, and the counts as the last line.
    pub(crate) fn summary(&self) -> String {
        let width = self.done.iter().map(|step| step.name.len()).max().unwrap_or(0);
        let row = |name: &str, took: Duration, verdict: &str| {
            format!("{name:width$}  {:>8}  {verdict}", seconds(took))
        };
        let mut rows: Vec<String> = self
            .done
            .iter()
            .map(|step| row(&step.name, step.took, if step.passed { "ok" } else { "FAILED" }))
            .collect();
        rows.push(row("total", self.done.iter().map(|step| step.took).sum(), ""));
        let failed = self.failed();
        rows.push(format!("{} passed, {failed} failed", self.done.len() - failed));
        rows.join("\n")
    }
}

fn seconds(duration: Duration) -> String {
    format!("{:.1} s", duration.as_secs_f64())
}

fn describe(command: &Command) -> String {
    let mut words = vec![command.get_program().to_string_lossy()];
    words.extend(command.get_args().map(|argument| argument.to_string_lossy()));
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_summary_counts_what_passed_and_what_failed() {
        let mut steps = Steps::default();
        steps.run("one", || Ok(())).unwrap();
        steps.run("two", || bail!("no")).unwrap_err();
        assert_eq!(steps.failed(), 1);
        let summary = steps.summary();
        assert_eq!(summary.lines().last(), Some("1 passed, 1 failed"));
        assert!(summary.contains("FAILED"), "{summary}");
    }

    #[test]
    fn a_failing_program_is_an_error_that_names_it() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
        let error = run(command(folder, "false", &["--flag"])).unwrap_err();
        assert!(error.to_string().contains("`false --flag` failed"), "{error}");
        assert!(!succeeds(command(folder, "a-program-that-is-nowhere", &[])));
    }
}
