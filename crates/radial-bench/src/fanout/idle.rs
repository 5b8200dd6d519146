//! What an idle stream costs: memory of the hub's process, and bytes on the wire.

mod http2;
mod tls;

use std::io::Read as _;
use std::net::SocketAddr;
use std::time::Duration;

use anyhow::ensure;

use super::Bench;
use super::opening::{Transport, open};
use super::served::{self, TENANT, Wish};
use super::tokens::Issuer;
use crate::clock;
use crate::figures::{float, median};
use crate::process::Process;
use crate::report::{Must, Report, Row, Unit};

/// Open before the first measurement, so that what the hub makes once is made.
const WARM: usize = 500;
const PLAIN: usize = 10_000;
const TLS: usize = 2_000;
const HTTP2_CONNECTIONS: usize = 10;
const HTTP2_STREAMS: usize = 200;
/// How long the hub is left alone before its memory is read.
const REST: Duration = Duration::from_secs(1);
const HEARTBEATS: usize = 4;
const KB: f64 = 1_024.0;

/// A kind of stream, and what one may cost.
struct Kind {
    name: &'static str,
    streams: usize,
    measure: fn(&Bench<'_>, usize) -> anyhow::Result<f64>,
    must: Option<f64>,
}

const KINDS: [Kind; 5] = [
    Kind { name: "SSE, HTTP/1.1", streams: PLAIN, measure: sse, must: Some(KB) },
    Kind { name: "WebSocket", streams: PLAIN, measure: websocket, must: Some(2.0 * KB) },
    Kind { name: "SSE, TLS", streams: TLS, measure: tls::measure, must: Some(20.0 * KB) },
    Kind {
        name: "SSE, HTTP/2, further ones on a connection",
        streams: HTTP2_CONNECTIONS * HTTP2_STREAMS,
        measure: http2::measure,
        must: Some(1.2 * KB),
    },
    Kind { name: "SSE at the floor", streams: PLAIN, measure: floor, must: None },
];

/// Measures each kind with a hub of its own.
pub(crate) fn run(bench: &Bench<'_>) -> anyhow::Result<Report> {
    let mut report = Report::new("Memory of the server's process for one idle stream");
    let mut found = KINDS.map(|_| Vec::new());
    for _ in 0..bench.settings.rounds {
        for (kind, found) in KINDS.iter().zip(&mut found) {
            found.push((kind.measure)(bench, bench.streams(kind.streams))?);
        }
    }
    for (kind, found) in KINDS.iter().zip(found) {
        let row = Row::new(kind.name)
            .with("streams", float(bench.streams(kind.streams) as u64), Unit::PerSecond)
            .with("memory a stream", median(found), Unit::Bytes);
        report.push(match kind.must {
            Some(must) => row.must("memory a stream", Must::AtMost(must)),
            None => row,
        });
    }
    report.note(
        "Growth of the resident set while so many streams open, each of a user of its own, beside \
         500 that were open before (HTTP/2: one on each of 10 connections). Nothing is published.",
    );
    Ok(report)
}

fn sse(bench: &Bench<'_>, streams: usize) -> anyhow::Result<f64> {
    hub_growth(bench, Transport::Sse, streams)
}

fn websocket(bench: &Bench<'_>, streams: usize) -> anyhow::Result<f64> {
    hub_growth(bench, Transport::WebSocket, streams)
}

fn hub_growth(bench: &Bench<'_>, transport: Transport, streams: usize) -> anyhow::Result<f64> {
    let scratch = bench.settings.scratch()?;
    let hub = served::hub(bench.settings, bench.binary, scratch.path(), &Wish::default())?;
    growth(&hub, streams, |address, tokens| open(address, transport, tokens))
}

fn floor(bench: &Bench<'_>, streams: usize) -> anyhow::Result<f64> {
    let scratch = bench.settings.scratch()?;
    let floor = served::floor(bench.settings, scratch.path(), None)?;
    growth(&floor, streams, |address, tokens| open(address, Transport::Sse, tokens))
}

/// By how many bytes a server grows for each stream, some being open already.
fn growth<S>(
    server: &Process,
    streams: usize,
    open: impl Fn(SocketAddr, &[String]) -> anyhow::Result<Vec<S>>,
) -> anyhow::Result<f64> {
    let issuer = Issuer::new()?;
    let tokens = issuer.tokens(TENANT, WARM.min(streams) + streams)?;
    let (warm, counted) = tokens.split_at(WARM.min(streams));
    let open_before = open(server.address(), warm)?;
    clock::rest(REST);
    let before = server.memory()?;
    let opened = open(server.address(), counted)?;
    clock::rest(REST);
    let grown = server.memory()? - before;
    drop((open_before, opened));
    Ok(grown / float(counted.len() as u64))
}

/// How many bytes a stream gets from one heartbeat to the next while nothing is published.
pub(crate) fn idle_bytes(hub: &Process, issuer: &Issuer) -> anyhow::Result<f64> {
    let tokens = issuer.tokens(TENANT, 1)?;
    let mut sockets = open(hub.address(), Transport::Sse, &tokens)?;
    let (mut bytes, mut heartbeats) = (0, 0);
    let mut buffer = [0; 4096];
    while let Some(socket) = sockets.first_mut()
        && heartbeats <= HEARTBEATS
    {
        let read = socket.read(&mut buffer)?;
        ensure!(read > 0, "the hub ended an idle stream");
        let text = String::from_utf8_lossy(buffer.get(..read).unwrap_or_default()).into_owned();
        // The first one may come with the end of the opening.
        if heartbeats > 0 {
            bytes += read;
        }
        heartbeats += text.matches("event: heartbeat").count();
    }
    Ok(float(bytes as u64) / float(HEARTBEATS as u64))
}
