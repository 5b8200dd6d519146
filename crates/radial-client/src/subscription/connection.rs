//! One open stream: its bytes, its parser, its watchdog.

use std::collections::VecDeque;
use std::pin::Pin;
use std::time::Duration;

use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use tokio::time::{Instant, Sleep};

use crate::error::ClientError;
use crate::sse::{Item, Parser};

/// How long a connection may be silent before its `hello` said how often heartbeats come.
const SILENCE_DEFAULT: Duration = Duration::from_secs(75);
/// The shortest heartbeat that is believed: a hub that names less must not cause a reconnect storm.
const HEARTBEAT_MIN: Duration = Duration::from_millis(100);
/// A connection that was open for this long has proved itself.
const PROOF: Duration = Duration::from_secs(10);

#[derive(Debug)]
pub(super) struct Connection {
    body: Incoming,
    parser: Parser,
    items: VecDeque<Item>,
    silence: Duration,
    watchdog: Pin<Box<Sleep>>,
    opened: Instant,
    /// What ends the stream once the items before it are given.
    end: Option<ClientError>,
}

impl Connection {
    pub(super) fn new(body: Incoming) -> Self {
        Self {
            body,
            parser: Parser::new(),
            items: VecDeque::new(),
            silence: SILENCE_DEFAULT,
            watchdog: Box::pin(tokio::time::sleep(SILENCE_DEFAULT)),
            opened: Instant::now(),
            end: None,
        }
    }

    /// Counts 2.5 heartbeats without a byte as a cut from now on.
    pub(super) fn expect_heartbeats(&mut self, heartbeat: Duration) {
        self.silence = heartbeat.max(HEARTBEAT_MIN).saturating_mul(5) / 2;
        self.rearm();
    }

    pub(super) fn has_lasted(&self) -> bool {
        self.opened.elapsed() >= PROOF
    }

    /// The next item. What was complete before a cut is given before the error.
    ///
    /// Cancel safe: bytes go into the parser, and items out of the queue, without a wait between.
    pub(super) async fn next(&mut self) -> Result<Item, ClientError> {
        loop {
            if let Some(item) = self.items.pop_front() {
                return Ok(item);
            }
            if let Some(error) = self.end.take() {
                return Err(error);
            }
            let frame = tokio::select! {
                biased;
                frame = self.body.frame() => frame,
                () = self.watchdog.as_mut() => return Err(self.silent()),
            };
            let bytes = match frame {
                None => return Err(broken("the hub closed the stream", "the stream ended")),
                Some(Err(error)) => return Err(broken("the stream broke", error)),
                Some(Ok(frame)) => frame.into_data().unwrap_or_default(),
            };
            self.rearm();
            if let Err(error) = self.parser.push(&bytes, &mut self.items) {
                self.end = Some(ClientError::Protocol(error.to_string()));
            }
        }
    }

    fn rearm(&mut self) {
        let now = Instant::now();
        let deadline = now.checked_add(self.silence).unwrap_or(now + SILENCE_DEFAULT);
        self.watchdog.as_mut().reset(deadline);
    }

    fn silent(&self) -> ClientError {
        let seconds = self.silence.as_secs_f32();
        broken("the stream is silent", format!("not a byte for {seconds} s"))
    }
}

fn broken(
    context: &'static str,
    source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
) -> ClientError {
    ClientError::Network { context, maybe_sent: true, source: source.into() }
}
