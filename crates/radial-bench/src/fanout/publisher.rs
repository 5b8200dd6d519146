//! A publisher at a given pace, on one connection that is kept, with one request under way.
//!
//! An event carries the moment at which it was due, not the one at which it was sent: what a slow
//! server makes wait counts as its latency.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};

use super::stamp::{self, STAMP_LEN, stamped_data};
use crate::hub::RECENT;
use crate::load::is_complete;

/// Whom events are published to, and in which form.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Form<'a> {
    /// To a hub, with a credential.
    Hub(&'a str),
    /// To the floor, which takes event data and nothing else.
    Floor,
}

/// A row of numbered events: those of one tenant.
#[derive(Debug)]
pub(crate) struct Topic {
    request: Vec<u8>,
    stamps: Vec<usize>,
    /// The number of the event that is published next.
    pub(crate) next: u32,
    /// How many streams get its events.
    pub(crate) streams: u64,
}

impl Topic {
    /// One whose requests hold so many events.
    pub(crate) fn new(form: Form<'_>, events: usize) -> Self {
        let mut topic = Self { request: Vec::new(), stamps: Vec::new(), next: 0, streams: 0 };
        topic.encode(form, events);
        topic
    }

    /// Makes later requests hold so many events.
    pub(crate) fn encode(&mut self, form: Form<'_>, events: usize) {
        let (data, stamp_at) = stamped_data();
        let (mut body, mut stamps) = (String::new(), Vec::new());
        let is_batch = events > 1 && matches!(form, Form::Hub(_));
        for index in 0..events {
            if is_batch {
                body.push(if index == 0 { '[' } else { ',' });
            }
            let end = match form {
                Form::Floor => "",
                Form::Hub(_) => {
                    body.push_str("{\"eventType\":\"");
                    body.push_str(RECENT);
                    body.push_str("\",\"eventData\":");
                    "}"
                }
            };
            stamps.push(body.len() + stamp_at);
            body.push_str(&data);
            body.push_str(end);
        }
        if is_batch {
            body.push(']');
        }
        let credential = match form {
            Form::Hub(token) => format!("authorization: Bearer {token}\r\n"),
            Form::Floor => String::new(),
        };
        let head = format!(
            "POST /api/sse/events HTTP/1.1\r\nhost: localhost\r\n{credential}\
             content-type: application/json\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        self.stamps = stamps.into_iter().map(|at| at + head.len()).collect();
        self.request = (head + &body).into_bytes();
    }

    fn renew(&mut self, due_ns: u64) {
        for at in &self.stamps {
            if let Some(place) = self.request.get_mut(*at..*at + STAMP_LEN) {
                stamp::write(place, self.next, due_ns);
            }
            self.next += 1;
        }
    }
}

/// A connection that publishes to some of the topics, in turns.
#[derive(Debug)]
pub(crate) struct Publisher {
    socket: TcpStream,
    topics: Vec<usize>,
    turn: usize,
    interval: Duration,
    due: Instant,
    /// The topic whose request is under way, and how much of it the socket has taken.
    under_way: Option<(usize, usize)>,
    answer: Vec<u8>,
}

impl Publisher {
    /// One of these topics, which are numbers.
    pub(crate) fn new(socket: TcpStream, topics: Vec<usize>, now: Instant) -> anyhow::Result<Self> {
        socket.set_nonblocking(true)?;
        let interval = Duration::MAX;
        Ok(Self { socket, topics, turn: 0, interval, due: now, under_way: None, answer: vec![] })
    }

    /// Sends a request to each topic every `interval`, from `first` on.
    pub(crate) fn pace(&mut self, first: Instant, interval: Duration) {
        self.due = first;
        self.interval = interval / u32::try_from(self.topics.len().max(1)).unwrap_or(u32::MAX);
    }

    /// When it sends next, unless a request is under way.
    pub(crate) fn next_at(&self) -> Option<Instant> {
        self.under_way.is_none().then_some(self.due)
    }

    pub(crate) fn is_idle(&self) -> bool {
        self.under_way.is_none()
    }

    /// How late it is.
    pub(crate) fn late(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.due)
    }

    /// Sends the next request; how many deliveries it must lead to.
    pub(crate) fn send(&mut self, topics: &mut [Topic], began: Instant) -> anyhow::Result<u64> {
        let number = self.topics.get(self.turn).copied().unwrap_or(0);
        self.turn = (self.turn + 1) % self.topics.len().max(1);
        let mut deliveries = 0;
        if let Some(topic) = topics.get_mut(number) {
            topic.renew(stamp::since(began, self.due));
            deliveries = topic.stamps.len() as u64 * topic.streams;
        }
        self.due += self.interval;
        self.answer.clear();
        self.under_way = Some((number, 0));
        self.write(topics)?;
        Ok(deliveries)
    }

    /// Sends and reads what the socket takes and gives.
    pub(crate) fn go_on(&mut self, topics: &[Topic]) -> anyhow::Result<()> {
        self.write(topics)?;
        let mut buffer = [0; 16 * 1024];
        loop {
            match self.socket.read(&mut buffer) {
                Ok(0) => bail!("the server closed a publisher's connection"),
                Ok(read) => self.answer.extend_from_slice(buffer.get(..read).unwrap_or_default()),
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => return Err(error).context("a publisher's connection broke"),
            }
        }
        if self.under_way.is_some() && is_complete(&self.answer)? {
            self.under_way = None;
        }
        Ok(())
    }

    fn write(&mut self, topics: &[Topic]) -> anyhow::Result<()> {
        let Some((number, sent)) = &mut self.under_way else { return Ok(()) };
        let request = topics.get(*number).map_or(&[][..], |topic| &topic.request);
        while let Some(rest) = request.get(*sent..)
            && !rest.is_empty()
        {
            match self.socket.write(rest) {
                Ok(taken) => *sent += taken,
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => return Err(error).context("a publisher's connection broke"),
            }
        }
        Ok(())
    }
}
