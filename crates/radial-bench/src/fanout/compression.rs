//! What compression costs the server's core, and what it saves on the wire.
//!
//! An event is published when all streams have got the one before. Streams that take gzip are not
//! unpacked: what comes before an event's JSON stands in them as it is, and is counted.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use anyhow::ensure;

use super::Bench;
use super::opening::open_packed;
use super::pair::{Side, settle};
use super::tokens::Issuer;
use crate::clock;
use crate::epoll::PATIENCE;
use crate::figures::{float, median};
use crate::hub::RECENT;
use crate::load::is_complete;
use crate::machine::{own_cpu, quiet_note, quietly};
use crate::report::{Report, Row, Unit};

const STREAMS: usize = 200;
/// How long the text of an event is, in bytes.
const TEXT_LEN: usize = 4_000;
/// What stands in a stream once for each event.
const MARK: &[u8] = b"\ndata: ";
/// Events have so many texts, in turns.
const TEXTS: usize = 50;
const SEED: u64 = 5;

/// Measures streams that take gzip and streams that do not, in turns: one, and many.
pub(crate) fn run(bench: &Bench<'_>) -> anyhow::Result<Report> {
    let scratch = bench.settings.scratch()?;
    let streams = bench.streams(STREAMS);
    let side = Side::hub(bench, scratch.path(), streams)?;
    let requests = requests(&Issuer::new()?.token(super::served::TENANT, "publisher")?);
    let kinds = [(1, ""), (1, "gzip"), (streams, ""), (streams, "gzip")];
    let mut runs = vec![Vec::new(); kinds.len()];
    let mut others = Vec::new();
    for _ in 0..bench.settings.rounds {
        for ((count, coding), runs) in kinds.iter().zip(&mut runs) {
            let tokens = side.tokens.get(..*count).unwrap_or_default();
            let sockets = open_packed(side.server.address(), tokens, coding)?;
            let mut load = Load::new(&side, sockets, &requests)?;
            load.run(bench.settings.run / 4)?;
            settle(&side.server)?;
            let ours = || Ok(side.server.cpu()? + own_cpu()?);
            let (run, used) = quietly(bench.settings.quiet, ours, || load.run(bench.settings.run))?;
            runs.push(run);
            others.push(used);
        }
    }
    let mut report = Report::new(format!("Compression: events with {TEXT_LEN} bytes of text"));
    for ((count, coding), runs) in kinds.iter().zip(&runs) {
        let of = |figure: fn(&Run) -> f64| median(runs.iter().map(figure).collect());
        let coding = if coding.is_empty() { "plain" } else { coding };
        let name = format!("{count} {}, {coding}", if *count == 1 { "stream" } else { "streams" });
        report.push(
            Row::new(name)
                .with("CPU an event", of(|run| run.cpu / float(run.events)), Unit::Seconds)
                .with("CPU a delivery", of(|run| run.cpu / float(run.deliveries)), Unit::Seconds)
                .with("bytes a delivery", of(Run::bytes_a_delivery), Unit::Bytes),
        );
    }
    report.note("User and system time of the server's process; publishing is in it.");
    report
        .note("An event's text is words in a random order; it is compressed once for all streams.");
    report.note(quiet_note(&others));
    Ok(report)
}

/// Requests whose events differ.
fn requests(token: &str) -> Vec<Vec<u8>> {
    const WORDS: &[&str] = &[
        "the", "card", "was", "moved", "to", "review", "because", "tests", "of", "checkout",
        "failed", "again", "and", "nobody", "had", "looked", "at", "their", "output", "since",
        "Monday",
    ];
    let mut random = fastrand::Rng::with_seed(SEED);
    let mut request = || {
        let mut text = String::with_capacity(TEXT_LEN + 16);
        while text.len() < TEXT_LEN {
            text.push_str(WORDS.get(random.usize(..WORDS.len())).copied().unwrap_or_default());
            text.push(' ');
        }
        let body = format!(
            "{{\"eventType\":\"{RECENT}\",\"eventData\":{{\"id\":\"a\",\"description\":\"{text}\"}}}}"
        );
        let head = format!(
            "POST /api/sse/events HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {token}\r\n\
             content-type: application/json\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        (head + &body).into_bytes()
    };
    (0..TEXTS).map(|_| request()).collect()
}

/// What a run came to.
#[derive(Clone, Debug)]
struct Run {
    events: u64,
    deliveries: u64,
    bytes: u64,
    /// Processor time of the server, in seconds.
    cpu: f64,
}

impl Run {
    fn bytes_a_delivery(&self) -> f64 {
        float(self.bytes) / float(self.deliveries)
    }
}

/// Open streams, and who publishes to them.
struct Load<'a> {
    side: &'a Side,
    publisher: TcpStream,
    sockets: Vec<TcpStream>,
    requests: &'a [Vec<u8>],
    buffer: Vec<u8>,
}

impl<'a> Load<'a> {
    fn new(
        side: &'a Side,
        sockets: Vec<TcpStream>,
        requests: &'a [Vec<u8>],
    ) -> anyhow::Result<Self> {
        let publisher = TcpStream::connect(side.server.address())?;
        publisher.set_nodelay(true)?;
        publisher.set_read_timeout(Some(PATIENCE))?;
        Ok(Self { side, publisher, sockets, requests, buffer: vec![0; 64 * 1024] })
    }

    /// # Errors
    /// A stream did not get each event once.
    fn run(&mut self, time: Duration) -> anyhow::Result<Run> {
        let (start, cpu) = (clock::now(), self.side.server.cpu()?);
        let (mut events, mut bytes) = (0, 0);
        for request in self.requests.iter().cycle() {
            if start.elapsed() >= time {
                break;
            }
            self.publish(request)?;
            for socket in &mut self.sockets {
                bytes += read_event(socket, &mut self.buffer)?;
            }
            events += 1;
        }
        let deliveries = events * self.sockets.len() as u64;
        Ok(Run { events, deliveries, bytes, cpu: self.side.server.cpu()? - cpu })
    }

    fn publish(&mut self, request: &[u8]) -> anyhow::Result<()> {
        self.publisher.write_all(request)?;
        let mut answer = Vec::new();
        while !is_complete(&answer)? {
            let read = self.publisher.read(&mut self.buffer)?;
            ensure!(read > 0, "the server closed the publisher's connection");
            answer.extend_from_slice(self.buffer.get(..read).unwrap_or_default());
        }
        Ok(())
    }
}

/// Reads one event, which is one chunk, and tells how many bytes it took.
fn read_event(socket: &mut TcpStream, buffer: &mut [u8]) -> anyhow::Result<u64> {
    let mut len = 0;
    loop {
        let read = socket.read(buffer.get_mut(len..).unwrap_or_default())?;
        ensure!(read > 0, "the server ended a stream, or an event is too long");
        len += read;
        let come = buffer.get(..len).unwrap_or_default();
        if let Some(whole) = chunk_len(come)
            && len >= whole
        {
            let marks = come.windows(MARK.len()).filter(|window| *window == MARK).count();
            ensure!(len == whole && marks == 1, "{marks} events came where one was published");
            return Ok(len as u64);
        }
    }
}

/// How long a chunk is with what is around it, once that is known.
fn chunk_len(bytes: &[u8]) -> Option<usize> {
    let line = bytes.windows(2).position(|window| window == b"\r\n")?;
    let digits = std::str::from_utf8(bytes.get(..line)?).ok()?;
    Some(line + 2 + usize::from_str_radix(digits, 16).ok()? + 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chunk_is_as_long_as_its_first_line_says() {
        assert_eq!(chunk_len(b"a\r\n0123456789\r\n"), Some(15));
        assert_eq!(chunk_len(b"1f"), None);
    }

    #[test]
    fn requests_are_the_same_each_time_and_have_a_text_as_long_as_it_is_said() {
        let requests = requests("t");
        assert_eq!(requests, super::requests("t"));
        assert!(requests.iter().all(|request| request.len() > TEXT_LEN));
    }
}
