//! A stream over a WebSocket: the first subscription opens it.

use std::collections::VecDeque;

use anyhow::{Context as _, Result, bail};
use serde_json::{Map, Value, json};

use super::{Item, Kind, OpenRequest, borrowed};
use crate::server::TestServer;
use crate::websocket::{Received, WebSocket};
use crate::wire::Answer;

/// Opens a WebSocket and subscribes; what is refused is given back as an answer.
pub(super) async fn open(
    hub: &TestServer,
    open: &OpenRequest,
) -> Result<Result<WebSocket, Answer>> {
    let is_place = |name: &str| name.eq_ignore_ascii_case("last-event-id");
    let (place, headers): (Vec<_>, Vec<_>) =
        open.headers.iter().cloned().partition(|(name, _)| is_place(name));
    let client = open.query.iter().find(|(name, _)| name == "clientId");
    let path = client.map_or("/api/ws".to_owned(), |(_, id)| format!("/api/ws?clientId={id}"));
    let mut socket = match WebSocket::open(hub.address(), &path, &borrowed(&headers)).await? {
        Ok(socket) => socket,
        Err(answer) => return Ok(Err(answer)),
    };
    let mut operation = Map::from_iter([("op".to_owned(), json!("subscribe"))]);
    let fields = open.query.iter().filter(|(name, _)| name != "clientId").cloned();
    let places = place.into_iter().map(|(_, value)| ("lastEventId".to_owned(), value));
    operation.extend(fields.chain(places).map(|(name, value)| (name, Value::String(value))));
    operation.insert("id".to_owned(), json!("subscribe"));
    socket.send(&Value::Object(operation)).await?;
    Ok(Ok(socket))
}

/// The refusal of a subscription as if it were an answer.
pub(super) fn refusal(message: &Value) -> Option<Answer> {
    if message.get("op")? != "error" {
        return None;
    }
    let status = u16::try_from(message.get("status")?.as_u64()?).ok()?;
    let kind = ("content-type".to_owned(), "application/problem+json".to_owned());
    Some(Answer { status, headers: vec![kind], body: message.to_string().into_bytes() })
}

/// Acknowledges events. What comes before the answer is kept for later.
pub(super) async fn acknowledge(
    socket: &mut WebSocket,
    ready: &mut VecDeque<Item>,
    events: &Value,
) -> Result<Answer> {
    socket.send(&json!({"op": "ack", "id": "ack", "eventIds": events})).await?;
    loop {
        let message = socket.json().await?;
        if message.get("id") != Some(&json!("ack")) {
            ready.extend(item(message)?);
            continue;
        }
        if let Some(answer) = refusal(&message) {
            return Ok(answer);
        }
        let result = message.get("result").context("an acknowledgement without a result")?;
        return Ok(Answer {
            status: 200,
            headers: Vec::new(),
            body: result.to_string().into_bytes(),
        });
    }
}

/// The next thing that is no answer to an operation.
pub(super) async fn next(socket: &mut WebSocket) -> Result<Item> {
    loop {
        let json = match socket.next().await? {
            Received::Json(json) => json,
            Received::Close(..) | Received::Gone => {
                return Ok(Item { kind: Kind::End, name: None, id: None, json: Value::Null });
            }
            Received::Pong(_) => bail!("a pong that nobody asked for"),
        };
        if let Some(item) = item(json)? {
            return Ok(item);
        }
    }
}

pub(super) fn item(json: Value) -> Result<Option<Item>> {
    let kind = match json.get("op").map(|op| op.as_str().unwrap_or_default()) {
        Some("ok") => return Ok(None),
        Some("error") => bail!("the subscription was refused: {json}"),
        Some(name) => Kind::named(name).with_context(|| format!("an unknown op: {json}"))?,
        None => Kind::Event,
    };
    let place = match kind {
        Kind::Event | Kind::Heartbeat | Kind::Snapshot => "cursor",
        Kind::Gap => "to",
        Kind::Hello | Kind::Live | Kind::Redelivery | Kind::Token | Kind::Goodbye | Kind::End => "",
    };
    let id = json.get(place).and_then(Value::as_str).map(str::to_owned);
    Ok(Some(Item { kind, name: None, id, json }))
}
