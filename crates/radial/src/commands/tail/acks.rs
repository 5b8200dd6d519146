//! What `radial tail --ack` acknowledges: what must be, after it has been printed.

use radial_client::{Acting, Client};
use radial_protocol::Cursor;
use serde::Deserialize;

/// The most ids in one request.
const BATCH: usize = 1_000;

/// What was printed and is not acknowledged yet.
pub(super) struct Acks {
    client: Client,
    acting: Acting,
    waiting: Vec<String>,
    /// Where this run began: what comes after has been printed, or will be in its turn.
    began: Option<Cursor>,
}

#[derive(Deserialize)]
struct Event {
    #[serde(rename = "eventId")]
    id: String,
    #[serde(default)]
    ack: bool,
    cursor: Option<Cursor>,
}

impl Acks {
    pub(super) fn new(client: Client, acting: Acting) -> Self {
        Self { client, acting, waiting: Vec::new(), began: None }
    }

    /// Notes where the first connection began.
    pub(super) fn began(&mut self, cursor: Cursor) {
        self.began.get_or_insert(cursor);
    }

    /// Whether an event that comes again is printed in this run anyway.
    pub(super) fn is_printed(&self, json: &str) -> bool {
        let cursor = serde_json::from_str::<Event>(json).ok().and_then(|event| event.cursor);
        self.began.zip(cursor).is_some_and(|(began, cursor)| {
            cursor.epoch == began.epoch && cursor.offset > began.offset
        })
    }

    /// Notes an event, if it must be acknowledged.
    pub(super) fn printed(&mut self, json: &str) {
        if let Ok(Event { id, ack: true, .. }) = serde_json::from_str(json) {
            self.waiting.push(id);
        }
    }

    /// Acknowledges what waits. What fails comes again from the hub, and is not kept here.
    pub(super) async fn say(&mut self) {
        for ids in std::mem::take(&mut self.waiting).chunks(BATCH) {
            if let Err(error) = self.client.acknowledge(ids, &self.acting).await {
                eprintln!("not acknowledged: {error}");
            }
        }
    }
}
