//! Which HTTP a connection begins with.
//!
//! Under TLS the handshake says so. Without, the first bytes do: no request of HTTP/1 begins with
//! `PRI`, and a client of HTTP/2 must (RFC 9113, section 3.4).

use std::future::poll_fn;
use std::io::ErrorKind;
use std::mem::MaybeUninit;
use std::sync::Arc;
use std::task::{Poll, ready};

use rustls::ServerConfig;
use socket2::SockRef;
use tokio::io::{Interest, ReadBuf};
use tokio::net::TcpStream;

use super::early::{self, Early};
use super::lane;
use crate::app::App;
use crate::socket::Socket;

/// The path of the event stream; aliases of it are streams too.
const STREAM: &str = "/api/sse/events";
/// How HTTP/2 begins, and no request of HTTP/1.
const HTTP2: &[u8] = b"PRI";

/// What a connection begins with.
pub(super) enum First {
    Http1,
    Http2,
    /// A publish of HTTP/1.1.
    Publish,
    /// The request of a stream, in HTTP/1.1.
    Stream(Box<Early>),
}

/// An encrypted socket, and what was agreed on.
pub(super) async fn shake_hands(
    stream: TcpStream,
    tls: Arc<ServerConfig>,
) -> std::io::Result<(Socket, First)> {
    let socket = Socket::accept(stream, tls).await?;
    let first = if socket.speaks_http2() { First::Http2 } else { First::Http1 };
    Ok((socket, first))
}

/// A plain socket, and what its first bytes say. They stay where they are.
pub(super) async fn first_bytes(stream: TcpStream, app: &App) -> std::io::Result<(Socket, First)> {
    let mut may_wait = true;
    let first = loop {
        let first = poll_fn(|context| {
            let mut bytes = [MaybeUninit::uninit(); early::BYTES_MAX];
            let mut bytes = ReadBuf::uninit(&mut bytes);
            ready!(stream.poll_peek(context, &mut bytes))?;
            let is_decided = !may_wait || !is_undecided(bytes.filled());
            Poll::Ready(std::io::Result::Ok(is_decided.then(|| First::of(bytes.filled(), app))))
        });
        if let Some(first) = first.await? {
            break first;
        }
        wait_for_more(&stream).await?;
        may_wait = false;
    };
    Ok((Socket::plain(stream), first))
}

/// Whether so few bytes do not say yet which HTTP it is.
fn is_undecided(bytes: &[u8]) -> bool {
    !bytes.is_empty() && bytes.len() < HTTP2.len() && HTTP2.starts_with(bytes)
}

/// Waits until enough bytes are there to say which HTTP it is, or no more will come.
///
/// What is looked at and left where it is would be found again at once. So the socket is told that
/// there was nothing to read, and then says when something comes.
async fn wait_for_more(stream: &TcpStream) -> std::io::Result<()> {
    while !stream.ready(Interest::READABLE).await?.is_read_closed() {
        let is_there = stream.try_io(Interest::READABLE, || {
            let mut bytes = [MaybeUninit::uninit(); HTTP2.len()];
            let len = SockRef::from(stream).peek(&mut bytes)?;
            if len == bytes.len() { Ok(()) } else { Err(ErrorKind::WouldBlock.into()) }
        });
        match is_there {
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            is_there => return is_there,
        }
    }
    Ok(())
}

impl First {
    fn of(bytes: &[u8], app: &App) -> Self {
        if bytes.starts_with(HTTP2) {
            return Self::Http2;
        }
        if bytes.starts_with(lane::BEGINNING) {
            return Self::Publish;
        }
        let early = early::read(bytes, |path| is_stream(app, path));
        early.map_or(Self::Http1, |early| Self::Stream(Box::new(early)))
    }
}

/// Whether there is an event stream on a path.
fn is_stream(app: &App, path: &str) -> bool {
    let alias = app.aliases.iter().find(|alias| alias.path == path);
    alias.map_or(path, |alias| alias.route) == STREAM
}
