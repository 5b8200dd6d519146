//! A client with one cursor that never stays on one transport for long.

use anyhow::{Context as _, Result, bail, ensure};
use radial_testkit::Stream;
use radial_testkit::websocket::{Received, WebSocket};
use radial_testkit::wire::request;
use serde_json::{Value, json};

use super::hub::HubState;
use super::published::LAST;

/// What a client asks for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wish {
    pub(crate) channels: &'static [&'static str],
    pub(crate) types: &'static [&'static str],
}

/// A stretch that the hub said is missing: after `from`, up to `to`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Told {
    pub(crate) from: u64,
    pub(crate) to: u64,
    pub(crate) is_recent_only: bool,
    /// How many events the client had been given by then.
    pub(crate) after: usize,
}

/// A client, and all that it was given.
pub(crate) struct Client {
    pub(crate) wish: Wish,
    pub(crate) received: Vec<(u64, String)>,
    pub(crate) gaps: Vec<Told>,
    cursor: String,
    visits: [usize; 3],
    cuts: usize,
    rng: fastrand::Rng,
}

/// The offset of a cursor, which only a test may look at.
fn offset(cursor: &str) -> u64 {
    cursor.rsplit('.').next().and_then(|offset| offset.parse().ok()).unwrap_or_default()
}

impl Wish {
    pub(crate) fn admits(&self, channel: &str, event_type: &str) -> bool {
        let names = |list: &[&str], name| list.contains(&"*") || list.contains(&name);
        names(self.channels, channel) && names(self.types, event_type)
    }

    fn query(&self) -> String {
        format!("channels={}&types={}", self.channels.join(","), self.types.join(","))
    }
}

impl Client {
    pub(crate) fn new(wish: Wish, rng: fastrand::Rng) -> Self {
        let cursor = "earliest".to_owned();
        let (received, gaps) = (Vec::new(), Vec::new());
        Self { wish, received, gaps, cursor, visits: [0; 3], cuts: 0, rng }
    }

    /// The same, but beginning at this place.
    pub(crate) fn starting_at(self, cursor: &str) -> Self {
        Self { cursor: cursor.to_owned(), ..self }
    }

    /// Hops until it has been given the last event.
    pub(crate) async fn hop_to_the_end(mut self, mut hub: HubState) -> Self {
        while !self.has_all() {
            let starts = hub.up().await;
            if let Err(error) = self.visit(&hub).await {
                // Only a hub that goes may break anything off.
                assert!(!hub.is_still(starts), "{:?} at {}: {error:#}", self.wish, self.cursor);
                self.cuts += 1;
            }
        }
        self
    }

    /// Whether it has been given the last event.
    pub(crate) fn has_all(&self) -> bool {
        self.received.last().is_some_and(|(_, id)| id.starts_with(LAST))
    }

    /// Where it is.
    pub(crate) fn place(&self) -> u64 {
        offset(&self.cursor)
    }

    /// Comes to the hub for some events, by any transport.
    pub(crate) async fn visit(&mut self, hub: &HubState) -> Result<()> {
        let (transport, most) = (self.rng.usize(..3), self.rng.usize(1..80));
        self.visits[transport] += 1;
        match transport {
            0 => self.stream(hub, most).await,
            1 => self.socket(hub, most).await,
            _ => self.poll(hub, most).await,
        }
    }

    pub(crate) fn tally(&self) -> String {
        let [streams, sockets, polls] = self.visits;
        format!(
            "{} events, {} gaps by {streams} streams, {sockets} sockets, {polls} polls, {} cuts",
            self.received.len(),
            self.gaps.len(),
            self.cuts
        )
    }

    /// Takes an event in; whether that was the last one of this visit.
    fn take(&mut self, event: &Value, left: &mut usize) -> Result<bool> {
        let cursor = event["cursor"].as_str().context("an event without a cursor")?;
        let (offset, id) = (offset(cursor), event["eventId"].as_str().context("no eventId")?);
        let last = self.received.last().map_or(0, |(offset, _)| *offset);
        assert!(offset > last, "{:?}: {offset} came after {last}", self.wish);
        self.received.push((offset, id.to_owned()));
        cursor.clone_into(&mut self.cursor);
        *left -= 1;
        Ok(*left == 0 || id.starts_with(LAST))
    }

    fn take_gap(&mut self, gap: &Value) -> Result<()> {
        let to = gap["to"].as_str().context("a gap without an end")?;
        let from = gap["from"].as_str().map_or(0, offset);
        let is_recent_only = gap["scope"] == "recent";
        let after = self.received.len();
        self.gaps.push(Told { from, to: offset(to), is_recent_only, after });
        to.clone_into(&mut self.cursor);
        Ok(())
    }

    async fn stream(&mut self, hub: &HubState, mut left: usize) -> Result<()> {
        // A page in a browser has both: the first cursor in its URL, and the newer one.
        let path = format!("/api/sse/events?{}&cursor=earliest", self.wish.query());
        let cursor = self.cursor.clone();
        let resumed = [("last-event-id", cursor.as_str())];
        let headers = if cursor == "earliest" { &[][..] } else { &resumed };
        let mut stream = Stream::open(hub.address, &path, headers).await?;
        ensure!(stream.status == 200, "the stream is answered {}", stream.status);
        loop {
            let frame = stream.frame().await?;
            if frame.is_event() {
                if self.take(&frame.json()?, &mut left)? {
                    return Ok(());
                }
            } else if frame.is_control("gap") {
                self.take_gap(&frame.json()?)?;
            }
            if let Some(id) = frame.id {
                self.cursor = id;
            }
        }
    }

    async fn socket(&mut self, hub: &HubState, mut left: usize) -> Result<()> {
        let socket = WebSocket::open(hub.address, "/api/ws", &[]).await?;
        let Ok(mut socket) = socket else { bail!("the handshake is refused") };
        let Wish { channels, types } = self.wish;
        let subscribe = json!({"op": "subscribe", "id": 1, "channels": channels, "types": types,
            "cursor": self.cursor});
        socket.send(&subscribe).await?;
        loop {
            let message = match socket.next().await? {
                Received::Json(message) => message,
                other => bail!("{other:?} came"),
            };
            match message["op"].as_str() {
                None if self.take(&message, &mut left)? => return Ok(()),
                Some("gap") => self.take_gap(&message)?,
                Some("error") => bail!("{message}"),
                Some("live" | "heartbeat") => {
                    let cursor = message["cursor"].as_str().context("no cursor")?;
                    cursor.clone_into(&mut self.cursor);
                }
                _ => {}
            }
        }
    }

    async fn poll(&mut self, hub: &HubState, mut left: usize) -> Result<()> {
        for _ in 0..self.rng.usize(1..4) {
            let (query, cursor) = (self.wish.query(), &self.cursor);
            let path = format!("/api/poll?{query}&cursor={cursor}&wait=1s");
            let answer = request(hub.address, "GET", &path, &[], b"").await?;
            ensure!(answer.status == 200, "the poll is answered {}", answer.status);
            let page = answer.json()?;
            if let Some(gap) = page.get("gap") {
                self.take_gap(gap)?;
            }
            for event in page["events"].as_array().context("no events")? {
                if self.take(event, &mut left)? {
                    // It goes on in the middle of the page.
                    return Ok(());
                }
            }
            page["cursor"].as_str().context("no cursor")?.clone_into(&mut self.cursor);
        }
        Ok(())
    }
}
