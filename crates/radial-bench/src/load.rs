//! The load: publishers on connections of their own, each with one request under way.
//!
//! All of them live on one thread, without a runtime and without allocating per request, so that
//! the hub is the limit and not its clients.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};

use crate::clock;
use crate::epoll::Epoll;
use crate::figures::Latencies;
use crate::requests::{Request, Shape};

/// When a run is over.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Until {
    Requests(u64),
    Passed(Duration),
}

/// What a run came to.
#[derive(Clone, Debug)]
pub(crate) struct Run {
    pub(crate) requests: u64,
    pub(crate) latencies: Latencies,
    pub(crate) took: Duration,
}

/// Publishers of one shape.
pub(crate) struct Load {
    epoll: Epoll,
    publishers: Vec<Publisher>,
    buffer: Vec<u8>,
}

impl Load {
    /// Connects a publisher for each of these tokens.
    pub(crate) fn connect(
        hub: SocketAddr,
        tokens: &[String],
        shape: Shape,
    ) -> anyhow::Result<Self> {
        let epoll = Epoll::new()?;
        let mut connected = Vec::with_capacity(tokens.len());
        for (name, token) in tokens.iter().enumerate() {
            let socket = TcpStream::connect(hub).context("the hub takes no connection")?;
            socket.set_nodelay(true)?;
            socket.set_nonblocking(true)?;
            epoll.add(&socket, name)?;
            let (request, began) = (Request::new(shape, token), clock::now());
            connected.push(Publisher { socket, request, sent: None, answer: Vec::new(), began });
        }
        Ok(Self { epoll, publishers: connected, buffer: vec![0; 256 * 1024] })
    }

    /// Never sleeps while an answer is due: its core's waking up is not in the latencies.
    pub(crate) fn stay_awake(mut self) -> Self {
        self.epoll.stay_awake();
        self
    }

    /// Every publisher sends its next request as soon as the last one is answered. Ids are
    /// numbered on from `next_id`.
    pub(crate) fn run(&mut self, until: Until, next_id: &mut u64) -> anyhow::Result<Run> {
        let began = clock::now();
        let mut run = Run { requests: 0, latencies: Latencies::default(), took: Duration::ZERO };
        let mut under_way = 0_u64;
        for publisher in &mut self.publishers {
            publisher.begin(began, next_id)?;
            under_way += 1;
        }
        let mut names = Vec::new();
        while under_way > 0 {
            self.epoll.wait(&mut names)?;
            for name in &names {
                let Some(publisher) = self.publishers.get_mut(*name) else { continue };
                if !publisher.go_on(&mut self.buffer)? {
                    continue;
                }
                let now = clock::now();
                run.latencies.add(now - publisher.began);
                run.requests += 1;
                let over = match until {
                    Until::Requests(requests) => run.requests + under_way > requests,
                    Until::Passed(duration) => now - began >= duration,
                };
                if over {
                    under_way -= 1;
                } else {
                    publisher.begin(now, next_id)?;
                }
            }
        }
        run.took = began.elapsed();
        Ok(run)
    }
}

#[derive(Debug)]
struct Publisher {
    socket: TcpStream,
    request: Request,
    /// How much of the request the socket has taken, while one is under way.
    sent: Option<usize>,
    answer: Vec<u8>,
    began: Instant,
}

impl Publisher {
    fn begin(&mut self, now: Instant, next_id: &mut u64) -> anyhow::Result<()> {
        self.request.renew(next_id);
        self.answer.clear();
        self.sent = Some(0);
        self.began = now;
        self.send()
    }

    fn send(&mut self) -> anyhow::Result<()> {
        while let Some(rest) = self.sent.and_then(|sent| self.request.bytes().get(sent..))
            && !rest.is_empty()
        {
            match self.socket.write(rest) {
                Ok(taken) => self.sent = self.sent.map(|sent| sent + taken),
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => return Err(error).context("the hub closed a connection"),
            }
        }
        Ok(())
    }

    /// Sends and reads what the socket takes and gives; says whether the answer is complete.
    fn go_on(&mut self, buffer: &mut [u8]) -> anyhow::Result<bool> {
        if self.sent.is_none() {
            return Ok(false);
        }
        self.send()?;
        loop {
            match self.socket.read(buffer) {
                Ok(0) => bail!("the hub closed a connection"),
                Ok(read) => self.answer.extend_from_slice(buffer.get(..read).unwrap_or_default()),
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => return Err(error).context("the hub closed a connection"),
            }
            // A read that did not fill the buffer has emptied the socket.
            if self.answer.len() < buffer.len() {
                break;
            }
        }
        let complete = is_complete(&self.answer)?;
        if complete {
            self.sent = None;
        }
        Ok(complete)
    }
}

const LENGTH: &[u8] = b"\r\ncontent-length: ";

/// Whether an answer is there as a whole; anything but success ends the bench.
pub(crate) fn is_complete(answer: &[u8]) -> anyhow::Result<bool> {
    let Some(head_len) = position(answer, b"\r\n\r\n") else { return Ok(false) };
    let head = answer.get(..head_len).unwrap_or_default();
    let status = head.get(9..12).unwrap_or_default();
    ensure!(
        status == b"201" || status == b"207",
        "the hub refused: {}",
        String::from_utf8_lossy(answer)
    );
    let at = position(head, LENGTH).context("the answer has no length")? + LENGTH.len();
    let digits = head.get(at..).unwrap_or_default().iter().take_while(|byte| byte.is_ascii_digit());
    let body_len = digits.fold(0, |len, digit| len * 10 + usize::from(digit - b'0'));
    Ok(answer.len() >= head_len + 4 + body_len)
}

fn position(bytes: &[u8], pattern: &[u8]) -> Option<usize> {
    bytes.windows(pattern.len()).position(|window| window == pattern)
}
