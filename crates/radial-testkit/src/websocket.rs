//! A WebSocket client by hand: it masks what it sends, takes nothing that a server may not send,
//! and knows nothing of the hub's own codec.

use std::net::SocketAddr;

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::PATIENCE;
use crate::wire::{Answer, Io, head, request};

/// The key of the RFC's own example, and its answer.
const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
const PROOF: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";
const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

/// What came.
#[derive(Clone, Debug, PartialEq)]
pub enum Received {
    /// A message of text, as JSON.
    Json(Value),
    /// A pong with its payload.
    Pong(Vec<u8>),
    /// A close frame: its code and its text.
    Close(u16, String),
    /// The socket was closed without one.
    Gone,
}

/// An open WebSocket.
#[derive(Debug)]
pub struct WebSocket {
    socket: Box<dyn Io>,
    /// The headers of the answer, names in lower case.
    pub headers: Vec<(String, String)>,
    buffer: Vec<u8>,
}

impl WebSocket {
    /// Opens one; an answer other than 101 is given back.
    pub async fn open(
        address: SocketAddr,
        path: &str,
        headers: &[(&str, &str)],
    ) -> Result<Result<Self, Answer>> {
        let socket = TcpStream::connect(address).await?;
        socket.set_nodelay(true)?;
        Self::open_on(socket, address, path, headers).await
    }

    /// The same on a connection that is open.
    pub async fn open_on(
        socket: impl Io + 'static,
        address: SocketAddr,
        path: &str,
        headers: &[(&str, &str)],
    ) -> Result<Result<Self, Answer>> {
        let mut socket: Box<dyn Io> = Box::new(socket);
        let upgrade = [
            ("upgrade", "websocket"),
            ("connection", "Upgrade"),
            ("sec-websocket-version", "13"),
            ("sec-websocket-key", KEY),
        ];
        let all: Vec<(&str, &str)> = upgrade.iter().chain(headers).copied().collect();
        let text = head(address, "GET", path, &all) + "\r\n";
        socket.write_all(text.as_bytes()).await?;
        socket.flush().await?;
        let mut buffer = Vec::new();
        let end = loop {
            if let Some(end) = buffer.windows(4).position(|window| window == b"\r\n\r\n") {
                break end;
            }
            let read = timeout(PATIENCE, socket.read_buf(&mut buffer)).await??;
            ensure!(read > 0, "the hub closed the connection: {buffer:?}");
        };
        let answer = String::from_utf8(buffer.drain(..end + 4).collect())?;
        let mut lines = answer.lines();
        let status = lines.next().unwrap_or_default().to_owned();
        if !status.starts_with("HTTP/1.1 101 ") {
            // Asked again for the whole answer: a refused handshake changes nothing.
            return Ok(Err(request(address, "GET", path, &all, b"").await?));
        }
        let headers: Vec<(String, String)> = lines
            .filter_map(|line| line.split_once(": "))
            .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
            .collect();
        let proof = headers.iter().find(|(name, _)| name == "sec-websocket-accept");
        ensure!(proof.is_some_and(|(_, proof)| proof == PROOF), "the proof is wrong: {headers:?}");
        Ok(Ok(Self { socket, headers, buffer }))
    }

    /// Sends an operation.
    pub async fn send(&mut self, operation: &Value) -> Result<()> {
        self.send_frame(0x81, operation.to_string().as_bytes()).await
    }

    /// Sends a masked frame with this first byte.
    pub async fn send_frame(&mut self, first: u8, payload: &[u8]) -> Result<()> {
        let mut frame = vec![first];
        match u16::try_from(payload.len()) {
            Ok(short @ 0..=125) => frame.push(0x80 | u8::try_from(short)?),
            Ok(long) => {
                frame.push(0xfe);
                frame.extend(long.to_be_bytes());
            }
            Err(_) => {
                frame.push(0xff);
                frame.extend((payload.len() as u64).to_be_bytes());
            }
        }
        frame.extend(MASK);
        frame.extend(payload.iter().zip(MASK.iter().cycle()).map(|(byte, mask)| byte ^ mask));
        self.send_bytes(&frame).await
    }

    /// Sends these bytes, whatever they are.
    pub async fn send_bytes(&mut self, bytes: &[u8]) -> Result<()> {
        self.socket.write_all(bytes).await?;
        Ok(self.socket.flush().await?)
    }

    /// The next frame.
    pub async fn next(&mut self) -> Result<Received> {
        timeout(PATIENCE, self.next_frame()).await.context("nothing came in time")?
    }

    /// The next message, which must be JSON.
    pub async fn json(&mut self) -> Result<Value> {
        match self.next().await? {
            Received::Json(json) => Ok(json),
            other => bail!("not a message: {other:?}"),
        }
    }

    async fn next_frame(&mut self) -> Result<Received> {
        let Some(first) = self.take(2).await? else { return Ok(Received::Gone) };
        let [first, second] = first[..] else { bail!("two bytes were asked for") };
        ensure!(first & 0b0111_0000 == 0, "the frame is fragmented, compressed or reserved");
        ensure!(first & 0x80 != 0 && second & 0x80 == 0, "fragmented or masked: {first} {second}");
        let length = match second {
            126 => u64::from(u16::from_be_bytes(self.must_take(2).await?[..].try_into()?)),
            127 => u64::from_be_bytes(self.must_take(8).await?[..].try_into()?),
            short => u64::from(short),
        };
        let payload = self.must_take(usize::try_from(length)?).await?;
        Ok(match first & 0x0f {
            0x1 => Received::Json(serde_json::from_slice(&payload)?),
            0x8 => {
                let (code, text) = payload.split_at_checked(2).context("no close code")?;
                let code = u16::from_be_bytes(code.try_into()?);
                Received::Close(code, String::from_utf8(text.to_vec())?)
            }
            0xa => Received::Pong(payload),
            other => bail!("a frame of kind {other}"),
        })
    }

    async fn must_take(&mut self, length: usize) -> Result<Vec<u8>> {
        self.take(length).await?.context("the socket was closed in the middle of a frame")
    }

    async fn take(&mut self, length: usize) -> Result<Option<Vec<u8>>> {
        while self.buffer.len() < length {
            match self.socket.read_buf(&mut self.buffer).await {
                Ok(0) if self.buffer.is_empty() => return Ok(None),
                Ok(0) => bail!("the socket was closed in the middle of a frame"),
                Ok(_) => {}
                Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => {
                    return Ok(None);
                }
                Err(error) => return Err(error.into()),
            }
        }
        Ok(Some(self.buffer.drain(..length).collect()))
    }
}
