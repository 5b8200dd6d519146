//! Acknowledgements: 10,000 sessions that owe, in memory, on the disk, and after a kill of the hub.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, ensure};

use super::Bench;
use super::opening::{connection, read_until, sse_request};
use super::served::{self, TENANT, Wish};
use super::tokens::Issuer;
use crate::clock;
use crate::epoll::PATIENCE;
use crate::figures::{Latencies, float};
use crate::hub::{ACKED, RECENT};
use crate::process::Process;
use crate::report::{Report, Row, Unit};

const SESSIONS: usize = 10_000;
/// So many events are owed besides the first one, and so many of them go out at a time.
const MORE: usize = 100;
const BATCH: usize = 20;
/// So many streams are opened at once.
const AT_ONCE: usize = 200;
const ASKED: usize = 50;
/// How long the hub is left alone before its memory is read.
const REST: Duration = Duration::from_secs(3);

/// A stream of a session, and what was read of it and not looked for yet.
struct Follower {
    socket: TcpStream,
    read: Vec<u8>,
}

/// A hub with an event type that must be acknowledged.
fn acked_hub(bench: &Bench<'_>, folder: &Path) -> anyhow::Result<Process> {
    let wish = Wish { acked: true, ..Wish::default() };
    served::hub(bench.settings, bench.binary, folder, &wish)
}

/// Measures it once: most of it is memory and bytes, which are the same each time.
pub(crate) fn run(bench: &Bench<'_>) -> anyhow::Result<Report> {
    let sessions = bench.streams(SESSIONS);
    let issuer = Issuer::new()?;
    let tokens = issuer.tokens(TENANT, sessions)?;
    let each = |bytes: f64| bytes / float(sessions as u64);
    let alone = streams_alone(bench, &issuer, &tokens)?;
    let scratch = bench.settings.scratch()?;
    let folder = scratch.path();
    let hub = acked_hub(bench, folder)?;
    let before = hub.memory()?;
    let mut followers = open(hub.address(), &tokens, "main")?;
    publish(hub.address(), &issuer, ACKED, "owed", 1)?;
    hear(&mut followers, "owed-0")?;
    let owing = rested(&hub)? - before;
    let journal = journal_bytes(folder)?;
    let asked = asked(hub.address(), &issuer)?;
    let place = newest_place(hub.address(), &tokens)?;
    // Without a farewell.
    drop((hub, followers));
    let hub = acked_hub(bench, folder)?;
    let began = clock::now();
    let mut followers = open(hub.address(), &tokens, &format!("main&cursor={place}"))?;
    let back = began.elapsed();
    for follower in &mut followers {
        follower.until(b"event: redelivery")?;
    }
    let reminded = began.elapsed();
    let one = rested(&hub)?;
    for batch in 0..MORE / BATCH {
        publish(hub.address(), &issuer, ACKED, &format!("more-{batch}"), BATCH)?;
        hear(&mut followers, &format!("more-{batch}-{}", BATCH - 1))?;
    }
    let more = rested(&hub)? - one;
    let used = hub.cpu()?;
    clock::rest(bench.settings.run);
    let core = (hub.cpu()? - used) / bench.settings.run.as_secs_f64();
    let (memory, took) = ("memory a session", "took");
    let mut report = Report::new(format!("{sessions} sessions that owe acknowledgements"));
    report.push(Row::new("that it owes one").with(memory, each(owing - alone), Unit::Bytes));
    report.push(
        Row::new(format!("that it owes {MORE} more")).with(memory, each(more), Unit::Bytes).with(
            "server's core at rest",
            core,
            Unit::Percent,
        ),
    );
    report.push(Row::new("its row in the journal").with("on disk", each(journal), Unit::Bytes));
    report.push(
        Row::new("GET /api/admin/acks, 1,000 of them")
            .with("p50", asked.percentile(0.5), Unit::Seconds)
            .with("max", asked.percentile(1.0), Unit::Seconds),
    );
    report.push(Row::new("start after a kill").with(
        took,
        hub.started_in.as_secs_f64(),
        Unit::Seconds,
    ));
    report.push(Row::new("until all are back").with(took, back.as_secs_f64(), Unit::Seconds));
    report.push(Row::new("until all have it again").with(
        took,
        reminded.as_secs_f64(),
        Unit::Seconds,
    ));
    report
        .note("Each session has one stream, whose own memory is left out; each has its own user.");
    Ok(report)
}

/// What as many streams take that get an event which need not be acknowledged, and ask for no other.
fn streams_alone(bench: &Bench<'_>, issuer: &Issuer, tokens: &[String]) -> anyhow::Result<f64> {
    let scratch = bench.settings.scratch()?;
    let hub = acked_hub(bench, scratch.path())?;
    let before = hub.memory()?;
    let mut followers = open(hub.address(), tokens, &format!("main&types={RECENT}"))?;
    publish(hub.address(), issuer, RECENT, "plain", 1)?;
    hear(&mut followers, "plain-0")?;
    let grown = rested(&hub)? - before;
    drop(followers);
    Ok(grown)
}

fn rested(hub: &Process) -> anyhow::Result<f64> {
    clock::rest(REST);
    hub.memory()
}

fn journal_bytes(folder: &Path) -> anyhow::Result<f64> {
    let file = folder.join("data").join("acks.journal");
    Ok(float(std::fs::metadata(file).context("the journal cannot be read")?.len()))
}

/// Opens a stream for each token, and returns when all are live.
fn open(hub: SocketAddr, tokens: &[String], channels: &str) -> anyhow::Result<Vec<Follower>> {
    let mut opened = Vec::with_capacity(tokens.len());
    for some in tokens.chunks(AT_ONCE) {
        let from = opened.len();
        for token in some {
            let mut socket = connection(hub, opened.len())?;
            socket.set_read_timeout(Some(PATIENCE))?;
            socket.write_all(sse_request(token, channels).as_bytes())?;
            opened.push(Follower { socket, read: Vec::new() });
        }
        for follower in opened.iter_mut().skip(from) {
            follower.until(b"event: live")?;
        }
    }
    Ok(opened)
}

/// Waits until every stream has had an event.
fn hear(followers: &mut [Follower], id: &str) -> anyhow::Result<()> {
    let pattern = format!("\"eventId\":\"{id}\"");
    followers.iter_mut().try_for_each(|follower| follower.until(pattern.as_bytes()))
}

impl Follower {
    /// Reads until a pattern has come, and forgets what was before it.
    fn until(&mut self, pattern: &[u8]) -> anyhow::Result<()> {
        let mut buffer = [0; 16 * 1024];
        loop {
            if let Some(at) = self.read.windows(pattern.len()).position(|part| part == pattern) {
                self.read.drain(..at + pattern.len());
                return Ok(());
            }
            let read = self.socket.read(&mut buffer).context("what is waited for does not come")?;
            let what = String::from_utf8_lossy(pattern);
            ensure!(read > 0, "{what} is waited for: {}", String::from_utf8_lossy(&self.read));
            self.read.extend_from_slice(buffer.get(..read).unwrap_or_default());
        }
    }
}

/// Publishes so many events of a type.
fn publish(
    hub: SocketAddr,
    issuer: &Issuer,
    event_type: &str,
    id: &str,
    count: usize,
) -> anyhow::Result<()> {
    let event = |number: usize| {
        format!(
            "{{\"eventType\":\"{event_type}\",\"eventId\":\"{id}-{number}\",\
             \"eventData\":{{\"id\":\"x\",\"description\":\"to be read by everybody\"}}}}"
        )
    };
    let body = format!("[{}]", (0..count).map(event).collect::<Vec<_>>().join(","));
    let length = format!("content-type: application/json\r\ncontent-length: {}\r\n", body.len());
    let answer =
        ask(hub, &issuer.token(TENANT, "publisher")?, "POST /api/sse/events", &length, &body)?;
    ensure!(answer.starts_with("HTTP/1.1 207"), "{answer}");
    Ok(())
}

/// How long an operator waits for who has acknowledged an event and who has not.
fn asked(hub: SocketAddr, issuer: &Issuer) -> anyhow::Result<Latencies> {
    let token = issuer.operator(TENANT)?;
    let mut latencies = Latencies::default();
    for _ in 0..ASKED {
        let what = "GET /api/admin/acks?eventId=owed-0&limit=1000";
        let answer = latencies.time(|| ask(hub, &token, what, "", ""))?;
        ensure!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    }
    Ok(latencies)
}

/// The cursor at the end of the log.
fn newest_place(hub: SocketAddr, tokens: &[String]) -> anyhow::Result<String> {
    let token = tokens.first().context("there is a session")?;
    let mut socket = connection(hub, 0)?;
    socket.write_all(sse_request(token, "main").as_bytes())?;
    let opening = String::from_utf8(read_until(&mut socket, b"event: live")?)?;
    let (_, rest) = opening.split_once("\"cursor\":\"").context("hello has a cursor")?;
    let (cursor, _) = rest.split_once('"').context("hello has a cursor")?;
    Ok(cursor.to_owned())
}

fn ask(
    hub: SocketAddr,
    token: &str,
    what: &str,
    headers: &str,
    body: &str,
) -> anyhow::Result<String> {
    let mut socket = connection(hub, 0)?;
    let head = format!(
        "{what} HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {token}\r\n{headers}\
         connection: close\r\n\r\n"
    );
    socket.write_all((head + body).as_bytes())?;
    let mut answer = String::new();
    socket.read_to_string(&mut answer)?;
    Ok(answer)
}
