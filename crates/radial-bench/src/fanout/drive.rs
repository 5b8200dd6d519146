//! One run: publishers at their pace, and all streams read, on one thread.

use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use anyhow::ensure;

use super::histogram::Histogram;
use super::publisher::{Form, Publisher, Topic};
use super::streams::{Reader, Stream};
use crate::clock;
use crate::epoll::{Epoll, PATIENCE};
use crate::figures::{float, rate};
use crate::machine::own_cpu;
use crate::process::Process;

/// Sockets of publishers are named from here on, streams from 0 on.
const PUBLISHERS: usize = 1 << 40;
/// A run whose publisher is so late is ended: the server does not keep up.
const LATE_MAX: Duration = Duration::from_secs(1);
/// A server keeps up that takes this share of what was to be published.
const KEPT_UP: f64 = 0.98;

/// How much is published.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    /// Events in one request.
    pub(crate) events: usize,
    /// The time between two requests of one topic.
    pub(crate) interval: Duration,
}

/// What a run came to.
#[derive(Clone, Debug)]
pub(crate) struct Outcome {
    pub(crate) deliveries: u64,
    pub(crate) bytes: u64,
    pub(crate) latencies: Histogram,
    pub(crate) took: Duration,
    /// Processor time of the server, and of this process, in seconds.
    pub(crate) server_cpu: f64,
    pub(crate) load_cpu: f64,
    /// Whether everything was published when it was due.
    pub(crate) kept_up: bool,
}

impl Outcome {
    pub(crate) fn deliveries_per_second(&self) -> f64 {
        rate(self.deliveries, self.took)
    }

    /// Processor time of the server for one delivery, in seconds.
    pub(crate) fn cpu_per_delivery(&self) -> f64 {
        self.server_cpu / float(self.deliveries.max(1))
    }

    /// Which share of its core the server used.
    pub(crate) fn server_core(&self) -> f64 {
        self.server_cpu / self.took.as_secs_f64()
    }

    /// Which share of its core this process used.
    pub(crate) fn load_core(&self) -> f64 {
        self.load_cpu / self.took.as_secs_f64()
    }

    pub(crate) fn bytes_per_delivery(&self) -> f64 {
        float(self.bytes) / float(self.deliveries.max(1))
    }
}

/// Streams and publishers of one server.
pub(crate) struct Drive {
    epoll: Epoll,
    streams: Vec<Stream>,
    publishers: Vec<Publisher>,
    topics: Vec<Topic>,
    began: Instant,
    /// Events that all streams together must have got.
    expected: u64,
    received: u64,
}

impl Drive {
    /// One without streams, for the topics of these publishers' credentials.
    pub(crate) fn new(
        server: SocketAddr,
        forms: &[Form<'_>],
        connections: usize,
    ) -> anyhow::Result<Self> {
        let (epoll, began) = (Epoll::new()?, clock::now());
        let mut publishers = Vec::with_capacity(connections);
        for number in 0..connections {
            let socket = TcpStream::connect(server)?;
            socket.set_nodelay(true)?;
            let topics = (number..forms.len()).step_by(connections).collect();
            epoll.add(&socket, PUBLISHERS + number)?;
            publishers.push(Publisher::new(socket, topics, began)?);
        }
        let topics = forms.iter().map(|form| Topic::new(*form, 1)).collect();
        let streams = Vec::new();
        Ok(Self { epoll, streams, publishers, topics, began, expected: 0, received: 0 })
    }

    /// Adds streams that are live and get the events of one topic.
    pub(crate) fn add(&mut self, sockets: Vec<TcpStream>, topic: usize) -> anyhow::Result<()> {
        let next = self.topics.get(topic).map_or(0, |topic| topic.next);
        for socket in sockets {
            let stream = Stream::new(socket, topic, next)?;
            if let Some(topic) = self.topics.get_mut(topic) {
                topic.streams += 1;
            }
            self.epoll.add(stream.socket(), self.streams.len())?;
            self.streams.push(stream);
        }
        Ok(())
    }

    /// Makes the requests of all topics hold so many events.
    pub(crate) fn encode(&mut self, forms: &[Form<'_>], events: usize) {
        for (topic, form) in self.topics.iter_mut().zip(forms) {
            topic.encode(*form, events);
        }
    }

    /// Publishes for so long at this pace, in the requests that were encoded, and reads on until
    /// every stream has got everything.
    ///
    /// # Errors
    /// A stream did not get every event exactly once and in order, or the server broke.
    pub(crate) fn run(
        &mut self,
        server: &Process,
        pace: Pace,
        run: Duration,
    ) -> anyhow::Result<Outcome> {
        let (server_cpu, load_cpu, start) = (server.cpu()?, own_cpu()?, clock::now());
        let (end, received) = (start + run, self.received);
        let published = self.published();
        let connections = u32::try_from(self.publishers.len().max(1))?;
        for (number, publisher) in (0..).zip(&mut self.publishers) {
            // What is published at once by several connections begins at different moments.
            publisher.pace(start + pace.interval * number / connections, pace.interval);
        }
        let mut reader = Reader::new(self.began);
        let kept_up = self.publish_until(end, &mut reader)?;
        self.read_on(&mut reader)?;
        for stream in &self.streams {
            let published = self.topics.get(stream.topic).map_or(0, |topic| topic.next);
            ensure!(
                stream.next() == published,
                "a stream got {} events of {published}",
                stream.next()
            );
        }
        let took = start.elapsed();
        let requests_due = run.as_secs_f64() / pace.interval.as_secs_f64();
        let due = requests_due * float((self.topics.len() * pace.events) as u64);
        let published = float(self.published() - published);
        Ok(Outcome {
            deliveries: self.received - received,
            bytes: reader.bytes,
            latencies: reader.latencies,
            took,
            server_cpu: server.cpu()? - server_cpu,
            load_cpu: own_cpu()? - load_cpu,
            kept_up: kept_up && published >= due * KEPT_UP - float(pace.events as u64),
        })
    }

    fn published(&self) -> u64 {
        self.topics.iter().map(|topic| u64::from(topic.next)).sum()
    }

    /// Publishes and reads until `end`; says whether the publishers were in time.
    fn publish_until(&mut self, end: Instant, reader: &mut Reader) -> anyhow::Result<bool> {
        let mut names = Vec::new();
        loop {
            let now = clock::now();
            if now >= end {
                return Ok(true);
            }
            let mut next_at = end;
            for publisher in &mut self.publishers {
                if publisher.late(now) > LATE_MAX {
                    return Ok(false);
                }
                if publisher.next_at().is_some_and(|due| due <= now) {
                    self.expected += publisher.send(&mut self.topics, self.began)?;
                }
                next_at = next_at.min(publisher.next_at().unwrap_or(end));
            }
            self.epoll.wait_until(&mut names, Some(next_at))?;
            self.go_on(&names, reader)?;
        }
    }

    /// Reads until every stream has got everything that was published.
    fn read_on(&mut self, reader: &mut Reader) -> anyhow::Result<()> {
        let mut names = Vec::new();
        let mut news_at = clock::now();
        while self.received < self.expected || self.publishers.iter().any(|one| !one.is_idle()) {
            self.epoll.wait_until(&mut names, Some(news_at + PATIENCE))?;
            if !names.is_empty() {
                news_at = clock::now();
            }
            ensure!(
                news_at.elapsed() < PATIENCE,
                "{} of {} deliveries never came",
                self.expected - self.received,
                self.expected
            );
            self.go_on(&names, reader)?;
        }
        Ok(())
    }

    fn go_on(&mut self, names: &[usize], reader: &mut Reader) -> anyhow::Result<()> {
        for name in names {
            if let Some(publisher) = name.checked_sub(PUBLISHERS) {
                if let Some(publisher) = self.publishers.get_mut(publisher) {
                    publisher.go_on(&self.topics)?;
                }
            } else if let Some(stream) = self.streams.get_mut(*name) {
                let before = stream.next();
                reader.read(stream)?;
                self.received += u64::from(stream.next() - before);
            }
        }
        Ok(())
    }
}
