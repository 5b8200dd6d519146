//! Opening many streams: SSE and WebSocket, each with its own credential.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, TcpStream};

use anyhow::{Context as _, ensure};
use rustix::net::sockopt::set_socket_recv_buffer_size;
use rustix::net::{AddressFamily, SocketType, bind, connect, socket};

use crate::epoll::PATIENCE;

/// The last control event before live ones, in both forms.
const SSE_LIVE: &[u8] = b"event: live";
const WEBSOCKET_LIVE: &[u8] = b"\"op\":\"live\"";
/// So many are opened at once: fewer than a backlog takes.
const AT_ONCE: usize = 200;
/// Connections come from so many addresses, so that ports do not get short.
const SOURCES: usize = 64;

/// How the events come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Transport {
    Sse,
    WebSocket,
}

/// Connects; `number` chooses the address that the connection comes from.
pub(crate) fn connection(server: SocketAddr, number: usize) -> anyhow::Result<TcpStream> {
    connection_with(server, number, None)
}

/// The same with a receive buffer of this many bytes.
pub(crate) fn connection_with(
    server: SocketAddr,
    number: usize,
    receive_bytes: Option<usize>,
) -> anyhow::Result<TcpStream> {
    let source = Ipv4Addr::new(127, 0, 0, u8::try_from(2 + number % SOURCES)?);
    let socket = socket(AddressFamily::INET, SocketType::STREAM, None)?;
    if let Some(bytes) = receive_bytes {
        set_socket_recv_buffer_size(&socket, bytes)?;
    }
    bind(&socket, &SocketAddrV4::new(source, 0)).context("no port can be had")?;
    connect(&socket, &server).context("the server takes no connection")?;
    let socket = TcpStream::from(socket);
    socket.set_nodelay(true)?;
    Ok(socket)
}

/// The request for a stream of these channels.
pub(crate) fn sse_request(token: &str, channels: &str) -> String {
    format!(
        "GET /api/sse/events?channels={channels} HTTP/1.1\r\nhost: localhost\r\n\
         accept: text/event-stream\r\nauthorization: Bearer {token}\r\n\r\n"
    )
}

/// Opens a stream for each token, and returns when all of them are live.
pub(crate) fn open(
    server: SocketAddr,
    transport: Transport,
    tokens: &[String],
) -> anyhow::Result<Vec<TcpStream>> {
    open_with(tokens, |number, token| {
        let mut socket = connection(server, number)?;
        match transport {
            Transport::Sse => socket.write_all(sse_request(token, "main").as_bytes())?,
            Transport::WebSocket => socket.write_all(handshake(token).as_bytes())?,
        }
        Ok((socket, transport))
    })
}

/// Opens streams with a little buffer, of a channel of their own besides the others'.
pub(crate) fn open_small(
    server: SocketAddr,
    tokens: &[String],
    channels: &str,
    receive_bytes: usize,
) -> anyhow::Result<Vec<TcpStream>> {
    open_with(tokens, |number, token| {
        let mut socket = connection_with(server, number, Some(receive_bytes))?;
        socket.write_all(sse_request(token, channels).as_bytes())?;
        Ok((socket, Transport::Sse))
    })
}

/// Opens streams in this coding; none if it is empty.
pub(crate) fn open_packed(
    server: SocketAddr,
    tokens: &[String],
    coding: &str,
) -> anyhow::Result<Vec<TcpStream>> {
    let header = format!("\r\naccept-encoding: {coding}\r\n\r\n");
    open_with(tokens, |number, token| {
        let mut socket = connection(server, number)?;
        let request = sse_request(token, "main").replace("\r\n\r\n", &header);
        socket.write_all(request.as_bytes())?;
        Ok((socket, Transport::Sse))
    })
}

fn open_with(
    tokens: &[String],
    ask: impl Fn(usize, &str) -> anyhow::Result<(TcpStream, Transport)>,
) -> anyhow::Result<Vec<TcpStream>> {
    let mut opened = Vec::with_capacity(tokens.len());
    for some in tokens.chunks(AT_ONCE) {
        let asked: anyhow::Result<Vec<_>> =
            some.iter().enumerate().map(|(at, token)| ask(opened.len() + at, token)).collect();
        for (mut socket, transport) in asked? {
            socket.set_read_timeout(Some(PATIENCE))?;
            if transport == Transport::WebSocket {
                read_until(&mut socket, b"\r\n\r\n")?;
                socket.write_all(&masked(br#"{"op":"subscribe","id":1}"#))?;
                read_until(&mut socket, WEBSOCKET_LIVE)?;
            } else {
                read_until(&mut socket, SSE_LIVE)?;
            }
            opened.push(socket);
        }
    }
    Ok(opened)
}

fn handshake(token: &str) -> String {
    format!(
        "GET /api/ws HTTP/1.1\r\nhost: localhost\r\nupgrade: websocket\r\nconnection: Upgrade\r\n\
         sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
         sec-websocket-protocol: radial.v1\r\nauthorization: Bearer {token}\r\n\r\n"
    )
}

/// A text frame of a client; a mask of zeros changes nothing.
fn masked(text: &[u8]) -> Vec<u8> {
    let length = u8::try_from(text.len()).unwrap_or(u8::MAX).min(125);
    let mut frame = vec![0x81, 0x80 | length, 0, 0, 0, 0];
    frame.extend_from_slice(text);
    frame
}

/// Reads until a pattern has come, and returns all that came.
pub(crate) fn read_until(socket: &mut impl Read, pattern: &[u8]) -> anyhow::Result<Vec<u8>> {
    let mut answer = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        let read = socket.read(&mut buffer).context("the answer does not come")?;
        ensure!(read > 0, "refused: {}", String::from_utf8_lossy(&answer));
        let from = answer.len().saturating_sub(pattern.len());
        answer.extend_from_slice(buffer.get(..read).unwrap_or_default());
        let news = answer.get(from..).unwrap_or_default();
        if news.windows(pattern.len()).any(|window| window == pattern) {
            return Ok(answer);
        }
        ensure!(
            !answer.starts_with(b"HTTP/1.1 4") && !answer.starts_with(b"HTTP/1.1 5"),
            "refused: {}",
            String::from_utf8_lossy(&answer)
        );
    }
}
