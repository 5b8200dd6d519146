//! Resuming over HTTP: from connecting with a random cursor to the first event.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context as _, ensure};
use radial_protocol::{Cursor, Offset};

use crate::Settings;
use crate::clock;
use crate::epoll::PATIENCE;
use crate::figures::{Latencies, median};
use crate::fill::fill_and_kill;
use crate::hub::{Hub, binary};
use crate::machine::{self, LOAD_CORE, own_cpu, quiet_note, quietly};
use crate::million::{ADDED, OPEN_MUST, RESUME_MUST};
use crate::report::{Report, Row, Unit};

/// How many clients resume in a run.
const RESUMES: usize = 300;
/// How long the hub is left alone between two clients, so that each finds it idle.
const REST: Duration = Duration::from_millis(2);

/// Measures resuming.
pub(crate) fn run(settings: &Settings) -> anyhow::Result<Report> {
    let binary = binary(settings)?;
    let scratch = settings.scratch()?;
    let (mut killed, mut clean) = (Vec::new(), Vec::new());
    let (mut runs, mut others) = (Vec::new(), Vec::new());
    for round in 0..settings.rounds as u64 {
        let added = (ADDED * round).min(settings.events);
        fill_and_kill(scratch.path(), settings.events + added)?;
        let hub = Hub::start(settings, &binary, scratch.path())?;
        killed.push(hub.started_in().as_secs_f64());
        hub.stop()?;
        let hub = Hub::start(settings, &binary, scratch.path())?;
        clean.push(hub.started_in().as_secs_f64());
        let before_pin = settings.pinned.then(|| machine::pin(LOAD_CORE)).transpose()?;
        let ours = || Ok(hub.cpu()? + own_cpu()?);
        let (run, disturbed) = quietly(settings.quiet, ours, || resumes(hub.address()))?;
        runs.push(run);
        others.push(disturbed);
        before_pin.map_or(Ok(()), |before| machine::release(&before))?;
        hub.stop()?;
    }
    let mut report =
        Report::new(format!("Resuming over HTTP in a log of {} events", settings.events));
    for (name, starts) in [("after a kill", killed), ("after a clean stop", clean)] {
        report.push(
            Row::new(format!("start of the hub {name}"))
                .with("p50", median(starts), Unit::Seconds)
                .must("p50", OPEN_MUST),
        );
    }
    let of = |share| median(runs.iter().map(|run: &Latencies| run.percentile(share)).collect());
    report.push(
        Row::new("connect with a random cursor, to the first event")
            .with("p50", of(0.5), Unit::Seconds)
            .with("p99", of(0.99), Unit::Seconds)
            .must("p99", RESUME_MUST),
    );
    report.note("The limit is the processor: a page of up to 1,000 events is read and encoded.");
    report.note(quiet_note(&others));
    Ok(report)
}

fn resumes(hub: SocketAddr) -> anyhow::Result<Latencies> {
    let head = head(hub)?;
    let mut latencies = Latencies::default();
    let mut buffer = vec![0; 64 * 1024];
    for _ in 0..RESUMES {
        let offset = Offset::ZERO.plus(fastrand::u64(0..head.offset.get()));
        let cursor = Cursor { offset, ..head };
        let first = format!("id: {}\n", Cursor { offset: offset.next(), ..head });
        latencies.time(|| first_event(hub, Some(cursor), first.as_bytes(), &mut buffer))?;
        clock::rest(REST);
    }
    Ok(latencies)
}

/// Connects, and reads until `expected` has come.
fn first_event(
    hub: SocketAddr,
    cursor: Option<Cursor>,
    expected: &[u8],
    buffer: &mut [u8],
) -> anyhow::Result<String> {
    let mut socket = TcpStream::connect(hub).context("the hub takes no connection")?;
    socket.set_nodelay(true)?;
    socket.set_read_timeout(Some(PATIENCE))?;
    let last = cursor.map(|cursor| format!("last-event-id: {cursor}\r\n")).unwrap_or_default();
    let request = format!(
        "GET /api/sse/events?channels=* HTTP/1.1\r\nhost: localhost\r\n\
         accept: text/event-stream\r\n{last}\r\n"
    );
    socket.write_all(request.as_bytes())?;
    let mut answer: Vec<u8> = Vec::new();
    loop {
        // The pattern may begin at the end of what came before.
        let from = answer.len().saturating_sub(expected.len());
        let read = socket.read(buffer).context("no event came")?;
        ensure!(read > 0, "the stream ended: {}", String::from_utf8_lossy(&answer));
        answer.extend_from_slice(buffer.get(..read).unwrap_or_default());
        let news = answer.get(from..).unwrap_or_default();
        if news.windows(expected.len()).any(|window| window == expected) {
            return Ok(String::from_utf8_lossy(&answer).into_owned());
        }
    }
}

/// The newest place, from the `hello` of a stream that begins now.
fn head(hub: SocketAddr) -> anyhow::Result<Cursor> {
    let opening = first_event(hub, None, b"event: live", &mut vec![0; 4096])?;
    let (_, rest) = opening.split_once("\"cursor\":\"").context("hello has a cursor")?;
    let (cursor, _) = rest.split_once('"').context("hello has a cursor")?;
    cursor.parse().context("hello's cursor is none")
}
