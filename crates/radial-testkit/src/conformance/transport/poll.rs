//! A poller that always comes back: what it gets, one item after the other, as from a stream.

use std::collections::VecDeque;
use std::net::SocketAddr;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use super::{Item, Kind, OpenRequest, borrowed, query_text};
use crate::wire::{Answer, request};

/// Parameters that name a place; the cursor of the last answer takes their part.
const PLACES: [&str; 4] = ["cursor", "since", "lastEventId", "snapshot"];
/// How many empty answers are waited for before a test gives up on an event.
const EMPTY_MAX: usize = 10;

/// A poller between two polls.
pub(in super::super) struct Poller {
    address: SocketAddr,
    query: Vec<(String, String)>,
    headers: Vec<(String, String)>,
    ready: VecDeque<Item>,
}

impl Poller {
    /// The first poll, which does not wait; an answer that is no success is given back.
    pub(super) async fn open(
        address: SocketAddr,
        open: &OpenRequest,
    ) -> Result<Result<Self, Answer>> {
        let (query, headers) = (open.query.clone(), open.headers.clone());
        let mut poller = Self { address, query, headers, ready: VecDeque::new() };
        let answer = poller.poll("0s").await?;
        if answer.status != 200 {
            return Ok(Err(answer));
        }
        poller.take(&answer)?;
        poller.headers.retain(|(name, _)| !name.eq_ignore_ascii_case("last-event-id"));
        Ok(Ok(poller))
    }

    /// The next gap, part of a snapshot, or event.
    pub(super) async fn next(&mut self) -> Result<Item> {
        for _ in 0..EMPTY_MAX {
            if let Some(item) = self.ready.pop_front() {
                return Ok(item);
            }
            let answer = self.poll("1s").await?;
            ensure!(answer.status == 200, "a poll was answered {}", answer.status);
            self.take(&answer)?;
        }
        anyhow::bail!("{EMPTY_MAX} polls brought nothing")
    }

    async fn poll(&self, wait: &str) -> Result<Answer> {
        let mut query = self.query.clone();
        query.push(("wait".to_owned(), wait.to_owned()));
        let path = format!("/api/poll{}", query_text(&query));
        request(self.address, "GET", &path, &borrowed(&self.headers), b"").await
    }

    fn take(&mut self, answer: &Answer) -> Result<()> {
        let json = answer.json()?;
        let text = |value: &Value, member: &str| {
            value.get(member).and_then(Value::as_str).map(str::to_owned)
        };
        let cursor = text(&json, "cursor").context("an answer without a cursor")?;
        ensure!(answer.header("radial-cursor") == Some(&cursor), "Radial-Cursor differs");
        let list =
            |member: &str| json.get(member).and_then(Value::as_array).cloned().unwrap_or_default();
        if let Some(gap) = json.get("gap") {
            let id = text(gap, "to");
            self.ready.push_back(Item { kind: Kind::Gap, name: None, id, json: gap.clone() });
        }
        for part in list("snapshot") {
            let done = part.get("done").and_then(Value::as_bool) == Some(true);
            let id = done.then(|| cursor.clone());
            self.ready.push_back(Item { kind: Kind::Snapshot, name: None, id, json: part });
        }
        for json in list("redeliveries") {
            self.ready.push_back(Item { kind: Kind::Redelivery, name: None, id: None, json });
        }
        for event in list("events") {
            let id = text(&event, "cursor");
            self.ready.push_back(Item { kind: Kind::Event, name: None, id, json: event });
        }
        self.query.retain(|(name, _)| !PLACES.contains(&name.as_str()));
        self.query.push(("cursor".to_owned(), cursor));
        Ok(())
    }
}
