//! Filling a log in a process of its own, so that it can be killed with its work half done.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;

use anyhow::{Context as _, bail};
use radial_log::{EventLog as _, Outcome};

use crate::events::{Maker, open_log, tenant};

/// Events of one append.
const BATCH: u64 = 100;
/// Appends under way at once.
const PUBLISHERS: u64 = 8;
const DONE: &str = "filled";

/// Adds events, with given ids, until the log's newest offset is at least `to`; then says so and
/// waits to be killed.
pub(crate) fn run(folder: &Path, to: u64) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().build()?;
    let log = Arc::new(open_log(folder)?);
    let tenant = tenant();
    log.open_tenant(&tenant)?;
    let head = log.bounds(&tenant).map_or(0, |bounds| bounds.head.get());
    let maker = Arc::new(Maker::new(head, usize::try_from(BATCH)?, true));
    let appends = to.saturating_sub(head).div_ceil(BATCH);
    let publishers: Vec<_> = (0..PUBLISHERS)
        .map(|number| {
            let own = appends / PUBLISHERS + u64::from(number < appends % PUBLISHERS);
            let (log, maker, tenant) = (Arc::clone(&log), Arc::clone(&maker), tenant.clone());
            runtime.spawn(async move {
                for _ in 0..own {
                    let outcomes = log.append(maker.append(&tenant)).await?;
                    if !outcomes.iter().all(|outcome| matches!(outcome, Outcome::Appended(_))) {
                        bail!("an id was used before");
                    }
                }
                Ok(())
            })
        })
        .collect();
    for publisher in publishers {
        runtime.block_on(publisher)??;
    }
    println!("{DONE}");
    // Standard input ends when whoever waits for the line is gone.
    std::io::stdin().lines().for_each(drop);
    Ok(())
}

/// Fills a log in a child process and kills it as soon as the last append has been answered.
pub(crate) fn fill_and_kill(folder: &Path, to: u64) -> anyhow::Result<()> {
    let program = std::env::current_exe().context("this program cannot be found")?;
    let mut child = Command::new(program)
        .args(["fill", &to.to_string(), "--folder"])
        .arg(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .context("the filling process does not start")?;
    let stdout = child.stdout.take().context("standard output is piped")?;
    let line = BufReader::new(stdout).lines().next();
    child.kill().context("the filling process cannot be killed")?;
    child.wait()?;
    match line {
        Some(Ok(line)) if line == DONE => Ok(()),
        _ => bail!("the log could not be filled"),
    }
}
