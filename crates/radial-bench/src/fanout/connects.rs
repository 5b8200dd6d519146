//! Connects: from a new connection with its own token to the first byte of `hello`, many at once.

use std::collections::VecDeque;
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};

use super::Bench;
use super::opening::{connection, sse_request};
use super::served::{self, TENANT, Wish};
use super::tokens::Issuer;
use crate::clock;
use crate::epoll::Epoll;
use crate::figures::{Latencies, median, rate};
use crate::machine::{own_cpu, quiet_note, quietly};
use crate::process::Process;
use crate::report::{Must, Report, Row, Unit};

/// So many are on their way at once.
const AT_ONCE: usize = 256;
/// No server is expected to take more; each has a token of its own, signed ahead.
const PER_SECOND_MAX: f64 = 80_000.0;
const HELLO: &[u8] = b"event: hello";
const MUST: Must = Must::AtLeast(20_000.0);

struct Run {
    connects: u64,
    took: Duration,
    latencies: Latencies,
    server_cpu: f64,
    load_cpu: f64,
}

/// Measures the hub and the floor in turns.
pub(crate) fn run(bench: &Bench<'_>) -> anyhow::Result<Report> {
    let (settings, scratch) = (bench.settings, bench.settings.scratch()?);
    let acked_scratch = settings.scratch()?;
    let acked = Wish { acked: true, ..Wish::default() };
    let servers = [
        ("hub", served::hub(settings, bench.binary, scratch.path(), &Wish::default())?),
        ("floor", served::floor(settings, scratch.path(), None)?),
        (
            "hub, each session stored",
            served::hub(settings, bench.binary, acked_scratch.path(), &acked)?,
        ),
    ];
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a rate times some seconds"
    )]
    let most = (settings.run.as_secs_f64() * PER_SECOND_MAX) as usize;
    let issuer = Issuer::new()?;
    let (mut runs, mut others) = ([const { Vec::new() }; 3], Vec::new());
    for round in 0..settings.rounds {
        for ((_, server), runs) in servers.iter().zip(&mut runs) {
            // The hub has seen none of these before.
            let token = |user| issuer.token(TENANT, &format!("user-{round}-{user}"));
            let tokens: Vec<_> = (0..most).map(token).collect::<anyhow::Result<_>>()?;
            let ours = || Ok(server.cpu()? + own_cpu()?);
            let attempt = || measure(server, &tokens, settings.run);
            let (run, disturbed) = quietly(settings.quiet, ours, attempt)?;
            runs.push(run);
            others.push(disturbed);
        }
    }
    let mut report =
        Report::new(format!("Connects a second to the first byte of hello, {AT_ONCE} at once"));
    for ((name, _), runs) in servers.iter().zip(&runs) {
        let of = |figure: fn(&Run) -> f64| median(runs.iter().map(figure).collect());
        let row = Row::new(*name)
            .with("connects/s", of(|run| rate(run.connects, run.took)), Unit::PerSecond)
            .with("p50", of(|run| run.latencies.percentile(0.5)), Unit::Seconds)
            .with("p99", of(|run| run.latencies.percentile(0.99)), Unit::Seconds)
            .with("server's core", of(|run| run.server_cpu / run.took.as_secs_f64()), Unit::Percent)
            .with("load's core", of(|run| run.load_cpu / run.took.as_secs_f64()), Unit::Percent);
        report.push(if *name == "hub" { row.must("connects/s", MUST) } else { row });
    }
    report.note("Each with a token that the server has not seen before, and closed after hello.");
    report.note(
        "Where there is a type that must be acknowledged, each session that may see it is stored \
         as it connects.",
    );
    report.note(quiet_note(&others));
    Ok(report)
}

fn measure(server: &Process, tokens: &[String], run: Duration) -> anyhow::Result<Run> {
    let (server_cpu, load_cpu) = (server.cpu()?, own_cpu()?);
    let mut connects = Connects::new(server.address())?;
    let began = clock::now();
    let (mut tokens, mut names) = (tokens.iter().enumerate(), Vec::new());
    loop {
        while connects.under_way < AT_ONCE
            && began.elapsed() < run
            && let Some((number, token)) = tokens.next()
        {
            connects.begin(number, token)?;
        }
        if connects.under_way == 0 {
            break;
        }
        connects.epoll.wait(&mut names)?;
        for name in &names {
            connects.go_on(*name)?;
        }
    }
    Ok(Run {
        connects: connects.done,
        took: began.elapsed(),
        latencies: connects.latencies,
        server_cpu: server.cpu()? - server_cpu,
        load_cpu: own_cpu()? - load_cpu,
    })
}

struct Connects {
    server: SocketAddr,
    epoll: Epoll,
    slots: Vec<Option<(TcpStream, Instant, Vec<u8>)>>,
    free: VecDeque<usize>,
    under_way: usize,
    done: u64,
    latencies: Latencies,
}

impl Connects {
    fn new(server: SocketAddr) -> anyhow::Result<Self> {
        Ok(Self {
            server,
            epoll: Epoll::new()?,
            slots: (0..AT_ONCE).map(|_| None).collect(),
            free: (0..AT_ONCE).collect(),
            under_way: 0,
            done: 0,
            latencies: Latencies::default(),
        })
    }

    fn begin(&mut self, number: usize, token: &str) -> anyhow::Result<()> {
        let began = clock::now();
        let mut socket = connection(self.server, number)?;
        socket.write_all(sse_request(token, "main").as_bytes())?;
        socket.set_nonblocking(true)?;
        let slot = self.free.pop_front().context("there is a slot for each that is under way")?;
        self.epoll.add(&socket, slot)?;
        if let Some(place) = self.slots.get_mut(slot) {
            *place = Some((socket, began, Vec::new()));
        }
        self.under_way += 1;
        Ok(())
    }

    fn go_on(&mut self, slot: usize) -> anyhow::Result<()> {
        let Some(place) = self.slots.get_mut(slot) else { return Ok(()) };
        let Some((socket, began, answer)) = place else { return Ok(()) };
        let mut buffer = [0; 4096];
        match socket.read(&mut buffer) {
            Ok(0) => anyhow::bail!("refused: {}", String::from_utf8_lossy(answer)),
            Ok(read) => answer.extend_from_slice(buffer.get(..read).unwrap_or_default()),
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
            Err(error) => return Err(error).context("a connection broke"),
        }
        ensure!(
            !answer.starts_with(b"HTTP/1.1 4") && !answer.starts_with(b"HTTP/1.1 5"),
            "refused: {}",
            String::from_utf8_lossy(answer)
        );
        if answer.windows(HELLO.len()).any(|window| window == HELLO) {
            self.latencies.add(began.elapsed());
            *place = None;
            self.free.push_back(slot);
            self.under_way -= 1;
            self.done += 1;
        }
        Ok(())
    }
}
