//! An event stream, read frame by frame by a small, strict reader of its own.

use std::collections::VecDeque;
use std::net::SocketAddr;

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::PATIENCE;
use crate::wire::{Chunks, Io, head, parse_head};

/// One frame as it stood on the wire.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Frame {
    /// The `id:` line.
    pub id: Option<String>,
    /// The `event:` line.
    pub event: Option<String>,
    /// The `retry:` line.
    pub retry: Option<u64>,
    /// The `data:` line.
    pub data: Option<String>,
}

impl Frame {
    /// The data as JSON.
    pub fn json(&self) -> Result<Value> {
        let data = self.data.as_deref().context("the frame has no data")?;
        serde_json::from_str(data).with_context(|| format!("no JSON: {data}"))
    }

    /// A delivered event: a frame without a name.
    pub fn is_event(&self) -> bool {
        self.event.is_none() && self.data.is_some()
    }

    /// A control event of this name.
    pub fn is_control(&self, name: &str) -> bool {
        self.event.as_deref() == Some(name)
    }
}

/// An open stream.
pub struct Stream {
    /// The answer's status.
    pub status: u16,
    /// The answer's headers, names in lower case.
    pub headers: Vec<(String, String)>,
    socket: Box<dyn Io>,
    chunks: Chunks,
    text: Vec<u8>,
    frames: VecDeque<Frame>,
}

impl Stream {
    /// Opens a stream and reads the head of the answer.
    pub async fn open(address: SocketAddr, path: &str, headers: &[(&str, &str)]) -> Result<Self> {
        Self::open_on(TcpStream::connect(address).await?, address, path, headers).await
    }

    /// The same on a connection that is open.
    pub async fn open_on(
        socket: impl Io + 'static,
        address: SocketAddr,
        path: &str,
        headers: &[(&str, &str)],
    ) -> Result<Self> {
        let mut socket: Box<dyn Io> = Box::new(socket);
        let mut request = head(address, "GET", path, headers);
        request.push_str("accept: text/event-stream\r\n\r\n");
        socket.write_all(request.as_bytes()).await?;
        socket.flush().await?;
        let mut bytes = Vec::new();
        let (status, headers, start) = loop {
            if let Some(head) = parse_head(&bytes) {
                break head;
            }
            let read = timeout(PATIENCE, socket.read_buf(&mut bytes)).await;
            ensure!(read.context("no answer in time")?? > 0, "closed before the head had come");
        };
        let mut stream = Self {
            status,
            headers,
            socket,
            chunks: Chunks::default(),
            text: Vec::new(),
            frames: VecDeque::new(),
        };
        stream.take(bytes.get(start..).unwrap_or_default())?;
        Ok(stream)
    }

    /// The next frame; `None` once the hub has ended the stream.
    pub async fn next(&mut self) -> Result<Option<Frame>> {
        loop {
            if let Some(frame) = self.frames.pop_front() {
                return Ok(Some(frame));
            }
            if self.chunks.ended() {
                return Ok(None);
            }
            let mut bytes = Vec::with_capacity(64 * 1024);
            let read = timeout(PATIENCE, self.socket.read_buf(&mut bytes)).await;
            match read.context("no frame in time")? {
                Ok(0) | Err(_) => return Ok(None),
                Ok(_) => self.take(&bytes)?,
            }
        }
    }

    /// The next frame that is there; the stream must not end.
    pub async fn frame(&mut self) -> Result<Frame> {
        self.next().await?.context("the stream ended")
    }

    /// Reads until a frame fits, and returns it with those before it.
    pub async fn until(&mut self, fits: impl Fn(&Frame) -> bool) -> Result<Vec<Frame>> {
        let mut frames = Vec::new();
        loop {
            let frame = self.frame().await?;
            let found = fits(&frame);
            frames.push(frame);
            if found {
                return Ok(frames);
            }
        }
    }

    /// The next so many delivered events, as JSON.
    pub async fn events(&mut self, count: usize) -> Result<Vec<Value>> {
        let mut events = Vec::new();
        while events.len() < count {
            let frame = self.frame().await?;
            if frame.is_event() {
                events.push(frame.json()?);
            }
        }
        Ok(events)
    }

    fn take(&mut self, bytes: &[u8]) -> Result<()> {
        let text = self.chunks.feed(bytes)?;
        self.text.extend_from_slice(&text);
        while let Some(end) = self.text.windows(2).position(|window| window == b"\n\n") {
            let frame: Vec<u8> = self.text.drain(..end + 2).collect();
            self.frames
                .push_back(parse_frame(std::str::from_utf8(&frame)?.trim_end_matches('\n'))?);
        }
        Ok(())
    }
}

/// Strict: the hub writes each field at most once, with one space, and nothing else.
fn parse_frame(text: &str) -> Result<Frame> {
    let mut frame = Frame::default();
    for line in text.split('\n') {
        let (field, value) =
            line.split_once(": ").with_context(|| format!("no field: {line:?}"))?;
        ensure!(!value.contains('\r'), "a carriage return in {line:?}");
        let slot = match field {
            "id" => &mut frame.id,
            "event" => &mut frame.event,
            "data" => &mut frame.data,
            "retry" => {
                ensure!(frame.retry.is_none(), "two retry lines in {text:?}");
                frame.retry = Some(value.parse()?);
                continue;
            }
            _ => bail!("an unknown field: {line:?}"),
        };
        ensure!(slot.is_none(), "two {field} lines in {text:?}");
        *slot = Some(value.to_owned());
    }
    Ok(frame)
}
