//! Idle SSE streams of HTTP/2, many on one connection; the few frames of it that this takes are
//! written by hand (RFC 9113, RFC 7541).

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use anyhow::{Context as _, bail, ensure};

use super::{HTTP2_CONNECTIONS, REST};
use crate::clock;
use crate::epoll::PATIENCE;
use crate::fanout::Bench;
use crate::fanout::opening::connection;
use crate::fanout::served::{self, TENANT, Wish};
use crate::fanout::tokens::Issuer;
use crate::figures::float;

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const DATA: u8 = 0;
const HEADERS: u8 = 1;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const WINDOW_UPDATE: u8 = 8;
/// What all streams of a connection may be sent together before more is allowed.
const WINDOW_BYTES: u32 = 1 << 30;
const ACK: u8 = 1;
const END_STREAM_AND_HEADERS: u8 = 5;
const FRAME_HEAD_LEN: usize = 9;
const LIVE: &[u8] = b"event: live";

/// The growth of a hub for each further stream on a connection that has one.
pub(super) fn measure(bench: &Bench<'_>, streams: usize) -> anyhow::Result<f64> {
    let scratch = bench.settings.scratch()?;
    let hub = served::hub(bench.settings, bench.binary, scratch.path(), &Wish::default())?;
    let issuer = Issuer::new()?;
    let mut connections = (0..HTTP2_CONNECTIONS)
        .map(|number| Connection::open(connection(hub.address(), number)?))
        .collect::<anyhow::Result<Vec<_>>>()?;
    for (number, connection) in connections.iter_mut().enumerate() {
        connection.ask(&issuer.token(TENANT, &format!("user-{number}"))?)?;
    }
    clock::rest(REST);
    let before = hub.memory()?;
    let further = (streams / HTTP2_CONNECTIONS).max(2) - 1;
    for (number, connection) in connections.iter_mut().enumerate() {
        for one in 0..further {
            connection.ask(&issuer.token(TENANT, &format!("user-{number}-{one}"))?)?;
        }
    }
    clock::rest(REST);
    Ok((hub.memory()? - before) / float((further * HTTP2_CONNECTIONS) as u64))
}

struct Connection {
    socket: TcpStream,
    next_stream: u32,
}

impl Connection {
    fn open(mut socket: TcpStream) -> anyhow::Result<Self> {
        socket.set_read_timeout(Some(PATIENCE))?;
        socket.write_all(PREFACE)?;
        socket.write_all(&frame(SETTINGS, 0, 0, &[]))?;
        socket.write_all(&frame(WINDOW_UPDATE, 0, 0, &WINDOW_BYTES.to_be_bytes()))?;
        Ok(Self { socket, next_stream: 1 })
    }

    /// Opens a stream, and reads until it is live.
    fn ask(&mut self, token: &str) -> anyhow::Result<()> {
        let stream = self.next_stream;
        self.next_stream += 2;
        let headers = frame(HEADERS, END_STREAM_AND_HEADERS, stream, &header_block(token));
        self.socket.write_all(&headers)?;
        let mut text = Vec::new();
        while !text.windows(LIVE.len()).any(|window| window == LIVE) {
            let (kind, flags, of, payload) = self.next()?;
            match kind {
                SETTINGS if flags & ACK == 0 => {
                    self.socket.write_all(&frame(SETTINGS, ACK, 0, &[]))?;
                }
                PING if flags & ACK == 0 => {
                    self.socket.write_all(&frame(PING, ACK, 0, &payload))?;
                }
                DATA if of == stream => text.extend(payload),
                HEADERS | SETTINGS | PING | DATA | WINDOW_UPDATE => {}
                _ => bail!("the hub sent a frame of type {kind}"),
            }
            ensure!(!text.starts_with(b"{"), "refused: {}", String::from_utf8_lossy(&text));
        }
        Ok(())
    }

    fn next(&mut self) -> anyhow::Result<(u8, u8, u32, Vec<u8>)> {
        let mut head = [0; FRAME_HEAD_LEN];
        self.socket.read_exact(&mut head).context("the hub closed a connection of HTTP/2")?;
        let [a, b, c, kind, flags, stream @ ..] = head;
        let mut payload = vec![0; usize::try_from(u32::from_be_bytes([0, a, b, c]))?];
        self.socket.read_exact(&mut payload)?;
        Ok((kind, flags, u32::from_be_bytes(stream), payload))
    }
}

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let [_, a, b, c] = u32::try_from(payload.len()).unwrap_or(u32::MAX).to_be_bytes();
    let mut frame = vec![a, b, c, kind, flags];
    frame.extend(stream.to_be_bytes());
    frame.extend_from_slice(payload);
    frame
}

/// `:method` GET and `:scheme` http by their index, the others as literals that are not indexed.
fn header_block(token: &str) -> Vec<u8> {
    let mut block = vec![0x82, 0x86];
    for (name, value) in [
        (&[0x04][..], "/api/sse/events?channels=main"),
        (&[0x01], "localhost"),
        (&[0x0f, 0x08], &format!("Bearer {token}")),
    ] {
        block.extend_from_slice(name);
        let mut length = value.len();
        if length < 127 {
            block.push(u8::try_from(length).unwrap_or(0));
        } else {
            block.push(127);
            length -= 127;
            while length >= 128 {
                block.push(u8::try_from(length % 128).unwrap_or(0) | 128);
                length /= 128;
            }
            block.push(u8::try_from(length).unwrap_or(0));
        }
        block.extend_from_slice(value.as_bytes());
    }
    block
}
