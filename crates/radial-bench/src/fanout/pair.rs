//! A server with streams of one tenant on it: the hub, or the floor in the same shape.

use std::path::Path;
use std::time::Duration;

use super::Bench;
use super::drive::{Drive, Outcome, Pace};
use super::opening::{Transport, open};
use super::publisher::Form;
use super::served::{self, TENANT, Wish};
use super::tokens::Issuer;
use crate::clock;
use crate::figures::median;
use crate::machine::{own_cpu, quietly};
use crate::process::Process;

/// Runs before those that count are so much shorter.
const WARM_UP: u32 = 4;
/// A server has settled that uses less processor time than this, in seconds, in [`WATCHED`].
const SETTLED: f64 = 0.015;
const WATCHED: Duration = Duration::from_millis(100);
const WATCHES_MAX: usize = 100;

/// A server under load, with a name for people.
pub(crate) struct Side {
    pub(crate) name: &'static str,
    pub(crate) server: Process,
    /// The credential of the publisher; the floor asks for none.
    token: Option<String>,
    /// Of the streams, each a user of its own.
    pub(crate) tokens: Vec<String>,
}

impl Side {
    /// The hub, for so many SSE streams.
    pub(crate) fn hub(bench: &Bench<'_>, folder: &Path, streams: usize) -> anyhow::Result<Self> {
        let server = served::hub(bench.settings, bench.binary, folder, &Wish::default())?;
        let issuer = Issuer::new()?;
        let token = Some(issuer.token(TENANT, "publisher")?);
        Ok(Self { name: "hub", server, token, tokens: issuer.tokens(TENANT, streams)? })
    }

    /// The floor, for so many SSE streams.
    pub(crate) fn floor(
        bench: &Bench<'_>,
        folder: &Path,
        streams: usize,
        coalesce: Option<Duration>,
    ) -> anyhow::Result<Self> {
        let name = if coalesce.is_some() { "floor, writes of 5 ms at once" } else { "floor" };
        let server = served::floor(bench.settings, folder, coalesce)?;
        let tokens = Issuer::new()?.tokens(TENANT, streams)?;
        Ok(Self { name, server, token: None, tokens })
    }

    /// Opens the streams. They are closed before it is the other side's turn: one process may not
    /// have as many sockets as both sides together.
    pub(crate) fn open(&self) -> anyhow::Result<Drive> {
        let mut drive = Drive::new(self.server.address(), &[self.form()], 1)?;
        drive.add(open(self.server.address(), Transport::Sse, &self.tokens)?, 0)?;
        settle(&self.server)?;
        Ok(drive)
    }

    /// How the publisher speaks to the server.
    pub(crate) fn form(&self) -> Form<'_> {
        self.token.as_deref().map_or(Form::Floor, Form::Hub)
    }
}

/// Waits until a server is done with connections that were opened or closed.
pub(crate) fn settle(server: &Process) -> anyhow::Result<()> {
    for _ in 0..WATCHES_MAX {
        let before = server.cpu()?;
        clock::rest(WATCHED);
        if server.cpu()? - before < SETTLED {
            break;
        }
    }
    Ok(())
}

/// Runs of two sides or more, in turns, and how much of the machine others used in each.
pub(crate) struct Turns {
    pub(crate) runs: Vec<Vec<Outcome>>,
    pub(crate) others: Vec<f64>,
}

/// Runs all sides in turns at one pace, each after a short run that does not count.
pub(crate) fn in_turns(bench: &Bench<'_>, sides: &[Side], pace: Pace) -> anyhow::Result<Turns> {
    let mut turns = Turns { runs: vec![Vec::new(); sides.len()], others: Vec::new() };
    for _ in 0..bench.settings.rounds {
        for (side, runs) in sides.iter().zip(&mut turns.runs) {
            let (outcome, others) = turn(bench, &side.server, side.open()?, pace)?;
            runs.push(outcome);
            turns.others.push(others);
        }
    }
    Ok(turns)
}

/// One run of one side, after a short one that does not count; its streams are closed then.
pub(crate) fn turn(
    bench: &Bench<'_>,
    server: &Process,
    mut drive: Drive,
    pace: Pace,
) -> anyhow::Result<(Outcome, f64)> {
    drive.run(server, pace, bench.settings.run / WARM_UP)?;
    let ours = || Ok(server.cpu()? + own_cpu()?);
    let attempt = || drive.run(server, pace, bench.settings.run);
    let result = quietly(bench.settings.quiet, ours, attempt)?;
    drop(drive);
    settle(server)?;
    Ok(result)
}

/// The median of a figure over some runs.
pub(crate) fn of(runs: &[Outcome], figure: impl Fn(&Outcome) -> f64) -> f64 {
    median(runs.iter().map(figure).collect())
}

/// What to remark about runs in which the server did not keep up.
pub(crate) fn remark(runs: &[Outcome]) -> String {
    match runs.iter().filter(|run| !run.kept_up).count() {
        0 => String::new(),
        late => format!("did not keep up in {late} of {} runs", runs.len()),
    }
}

/// The median, over rounds, of one side's figure divided by another's of the same round.
pub(crate) fn ratio(runs: &[Outcome], to: &[Outcome], figure: impl Fn(&Outcome) -> f64) -> f64 {
    median(runs.iter().zip(to).map(|(one, other)| figure(one) / figure(other)).collect())
}
