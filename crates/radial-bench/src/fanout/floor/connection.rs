//! One connection of the floor: a publisher, or a stream that takes what it has not got.

use std::io::{Error, ErrorKind, Read as _, Result, Write as _};
use std::net::TcpStream;

use super::ring::Ring;

const END_OF_HEAD: &[u8] = b"\r\n\r\n";
const LENGTH: &[u8] = b"content-length: ";
const STREAM: &str = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\
    cache-control: no-store\r\ntransfer-encoding: chunked\r\n\r\n";
/// One chunk with what the hub's streams begin with.
const OPENING: &str = "retry: 2000\nevent: hello\ndata: {}\n\nevent: live\ndata: {}\n\n";
const PUBLISHED: &[u8] = b"HTTP/1.1 201 Created\r\ncontent-length: 0\r\n\r\n";

/// What became of what was read.
pub(super) enum Asked {
    Nothing,
    /// The client has closed its end.
    End,
}

/// An accepted socket.
pub(super) struct Connection {
    socket: TcpStream,
    request: Vec<u8>,
    /// The place of a stream in the ring.
    at: Option<u64>,
}

impl Connection {
    pub(super) fn new(socket: TcpStream) -> Self {
        Self { socket, request: Vec::new(), at: None }
    }

    /// Reads what came, begins a stream if that is asked for, and hands over what is published.
    pub(super) fn go_on(
        &mut self,
        buffer: &mut [u8],
        head: u64,
        publish: &mut dyn FnMut(&[u8]),
    ) -> Result<Asked> {
        loop {
            let read = match self.socket.read(buffer) {
                Ok(0) => return Ok(Asked::End),
                Ok(read) => read,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(Asked::Nothing),
                Err(error) => return Err(error),
            };
            self.request.extend_from_slice(buffer.get(..read).unwrap_or_default());
            while let Some((head_len, body_len)) = whole(&self.request) {
                if self.request.starts_with(b"GET") {
                    let text = format!("{STREAM}{:x}\r\n{OPENING}\r\n", OPENING.len());
                    self.socket.write_all(text.as_bytes())?;
                    self.at = Some(head);
                } else {
                    self.socket.write_all(PUBLISHED)?;
                    publish(self.request.get(head_len..head_len + body_len).unwrap_or_default());
                }
                self.request.drain(..head_len + body_len);
            }
            if self.at.is_some() {
                // It says nothing more.
                self.request = Vec::new();
            }
        }
    }

    /// Writes what the stream has not got, until its socket takes no more.
    pub(super) fn deliver(&mut self, ring: &Ring) -> Result<()> {
        let Some(at) = &mut self.at else { return Ok(()) };
        while *at < ring.head() {
            let next = ring.next(*at).ok_or_else(|| Error::from(ErrorKind::TimedOut))?;
            match self.socket.write(next) {
                Ok(taken) => *at += taken as u64,
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

/// The lengths of the head and the body of a request that is there as a whole.
fn whole(request: &[u8]) -> Option<(usize, usize)> {
    let find =
        |bytes: &[u8], what: &[u8]| bytes.windows(what.len()).position(|window| window == what);
    let head_len = find(request, END_OF_HEAD)? + END_OF_HEAD.len();
    let head = request.get(..head_len)?;
    let body_len = find(head, LENGTH).map_or(0, |at| {
        let digits = head.iter().skip(at + LENGTH.len()).take_while(|byte| byte.is_ascii_digit());
        digits.fold(0, |length, digit| length * 10 + usize::from(digit - b'0'))
    });
    (request.len() >= head_len + body_len).then_some((head_len, body_len))
}
