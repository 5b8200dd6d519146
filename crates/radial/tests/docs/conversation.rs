//! A WebSocket as the documents show it.
//!
//! The first line of a block is `GET` with the path. A line with `>` is what the client sends, one
//! with `<` what the hub sends, and `< close` a close frame with its code. Further lines of a
//! message are indented. What the hub sends between two lines of the client may come in any order,
//! but all of it must come, and nothing else.

use std::net::SocketAddr;

use anyhow::{Context as _, Result, bail, ensure};
use radial_testkit::websocket::{Received, WebSocket};

use crate::expected::check_json;

/// Speaks a block's part of the client and listens to the hub's; says how many messages there were.
pub(crate) async fn hold(block: &str, address: SocketAddr) -> Result<usize> {
    let lines = messages(block);
    let (first, messages) = lines.split_first().context("the block is empty")?;
    let path = first.strip_prefix("GET ").context("the block begins with GET and the path")?;
    let protocol = [("sec-websocket-protocol", "radial.v1")];
    let mut socket = match WebSocket::open(address, path, &protocol).await? {
        Ok(socket) => socket,
        Err(refused) => bail!("the handshake is refused with {}", refused.status),
    };
    let mut heard: Vec<&str> = Vec::new();
    for message in messages {
        if let Some(sent) = message.strip_prefix("> ") {
            listen(&mut socket, std::mem::take(&mut heard)).await?;
            let sent = serde_json::from_str(sent).with_context(|| format!("no JSON: {sent}"))?;
            socket.send(&sent).await?;
        } else {
            heard.push(message.strip_prefix("< ").context("a line begins with > or <")?);
        }
    }
    listen(&mut socket, heard).await?;
    Ok(messages.len())
}

/// The lines of a block, those of one message put together.
fn messages(block: &str) -> Vec<String> {
    let mut messages: Vec<String> = Vec::new();
    for line in block.lines() {
        match (line.strip_prefix("  "), messages.last_mut()) {
            (Some(rest), Some(message)) => message.push_str(rest.trim_start()),
            _ => messages.push(line.to_owned()),
        }
    }
    messages
}

async fn listen(socket: &mut WebSocket, mut expected: Vec<&str>) -> Result<()> {
    while !expected.is_empty() {
        let received = socket.next().await?;
        let fits = |expected: &&str| match &received {
            Received::Json(json) => check_json(expected, json).is_ok(),
            Received::Close(code, _) => **expected == format!("close {code}"),
            Received::Pong(_) | Received::Gone => false,
        };
        let found = expected.iter().position(fits);
        ensure!(found.is_some(), "{received:?} came, not any of {expected:?}");
        expected.remove(found.unwrap_or_default());
    }
    Ok(())
}

#[test]
fn a_message_may_take_several_lines() {
    let block = "GET /api/ws\n> {\"a\":1,\n   \"b\":2}\n< {…}\n";
    assert_eq!(messages(block), ["GET /api/ws", "> {\"a\":1,\"b\":2}", "< {…}"]);
}
