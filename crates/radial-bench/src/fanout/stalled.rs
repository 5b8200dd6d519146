//! What readers that stop reading cost the others.

use std::io::Write as _;
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::ensure;

use super::Bench;
use super::drive::{Outcome, Pace};
use super::opening::{open_small, read_until};
use super::pair::{Side, of, ratio, remark};
use super::served::TENANT;
use super::tokens::Issuer;
use crate::clock;
use crate::hub::RECENT;
use crate::machine::{own_cpu, quiet_note, quietly};
use crate::report::{Must, Report, Row, Unit};

const STREAMS: usize = 10_000;
const STALLED: usize = 100;
const PACE: Pace = Pace { events: 1, interval: Duration::from_millis(100) };
/// A channel that only they listen to, on which they are given more than their sockets take.
const FLOOD: &str = "flood";
const FLOOD_EVENTS: usize = 900;
const FLOOD_BATCH: usize = 100;
const FLOOD_EVENT_BYTES: usize = 9_000;
const RECEIVE_BYTES: usize = 4_096;
/// How long the hub is left alone after the flood.
const REST: Duration = Duration::from_secs(1);
const MEMORY_MUST: Must = Must::AtMost(20.0 * 1_048_576.0);

/// Measures the healthy streams alone and beside the others, in turns.
pub(crate) fn run(bench: &Bench<'_>) -> anyhow::Result<Report> {
    let (settings, scratch) = (bench.settings, bench.settings.scratch()?);
    let streams = bench.streams(STREAMS);
    let side = Side::hub(bench, scratch.path(), streams)?;
    let issuer = Issuer::new()?;
    let (publisher, stalled) = (issuer.token(TENANT, "flood")?, issuer.tokens(TENANT, STALLED)?);
    let address = side.server.address();
    flood(address, &publisher)?;
    let mut drive = side.open()?;
    drive.run(&side.server, PACE, settings.run / 4)?;
    let (mut runs, mut memory) = ([Vec::new(), Vec::new()], [Vec::new(), Vec::new()]);
    let mut others = Vec::new();
    for _ in 0..settings.rounds {
        for (at, (runs, memory)) in runs.iter_mut().zip(&mut memory).enumerate() {
            let who = if at == 0 { &[] } else { &stalled[..] };
            let open = open_small(address, who, "main,flood", RECEIVE_BYTES)?;
            flood(address, &publisher)?;
            clock::rest(REST);
            let server = &side.server;
            let ours = || Ok(server.cpu()? + own_cpu()?);
            let attempt = || drive.run(server, PACE, settings.run);
            let (run, disturbed) = quietly(settings.quiet, ours, attempt)?;
            runs.push(run);
            others.push(disturbed);
            memory.push(server.memory()?);
            drop(open);
        }
    }
    let mut report = Report::new(format!(
        "{STALLED} readers that stop reading, beside {streams} that read: 10 events/s"
    ));
    let p99 = |run: &Outcome| run.latencies.percentile(0.99);
    let [alone, beside] = &runs;
    for (name, runs, memory) in
        [("none stalls", alone, &memory[0]), ("beside 100 that do", beside, &memory[1])]
    {
        let row = Row::new(name)
            .remark(remark(runs))
            .with("p50", of(runs, |run| run.latencies.percentile(0.5)), Unit::Seconds)
            .with("p99", of(runs, p99), Unit::Seconds)
            .with("max", of(runs, |run| run.latencies.max()), Unit::Seconds)
            .with("p99 of that of none", ratio(runs, alone, p99), Unit::Ratio)
            .with("server's core", of(runs, Outcome::server_core), Unit::Percent)
            .with("memory", first(memory), Unit::Bytes);
        report.push(row);
    }
    // Later rounds find what the first one has left.
    let more = first(&memory[1]) - first(&memory[0]);
    report.push(
        Row::new("what they cost").with("memory", more, Unit::Bytes).must("memory", MEMORY_MUST),
    );
    report.note(
        "Those that stall have a receive buffer of 4 KB and are given 8 MB on a channel of their own \
         before each run; the same is published when none is there. Memory is of the first round.",
    );
    report.note(quiet_note(&others));
    Ok(report)
}

fn first(memory: &[f64]) -> f64 {
    memory.first().copied().unwrap_or(0.0)
}

/// Publishes more than the sockets of those that do not read can hold.
fn flood(hub: SocketAddr, token: &str) -> anyhow::Result<()> {
    let text = "x".repeat(FLOOD_EVENT_BYTES);
    let event = format!(
        "{{\"eventType\":\"{RECENT}\",\"channel\":\"{FLOOD}\",\
         \"eventData\":{{\"id\":\"flood\",\"description\":\"{text}\"}}}}"
    );
    let body = format!("[{}]", vec![event; FLOOD_BATCH].join(","));
    let request = format!(
        "POST /api/sse/events HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {token}\r\n\
         content-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    );
    for _ in 0..FLOOD_EVENTS / FLOOD_BATCH {
        let mut socket = TcpStream::connect(hub)?;
        socket.write_all(request.as_bytes())?;
        let answer = read_until(&mut socket, b"\r\n\r\n")?;
        ensure!(answer.starts_with(b"HTTP/1.1 207"), "{}", String::from_utf8_lossy(&answer));
    }
    Ok(())
}
