//! HTTP/1.1 by hand: what goes over the socket is what the test says, well-formed or not.

use std::fmt::{Debug, Write as _};
use std::net::SocketAddr;

use anyhow::{Context as _, Result, bail};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::PATIENCE;

/// What a client speaks through: a socket, as it is or under TLS.
pub trait Io: AsyncRead + AsyncWrite + Debug + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Debug + Send + Unpin> Io for T {}

/// A whole answer.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The headers, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body, without its transfer coding.
    pub body: Vec<u8>,
}

impl Answer {
    /// The first header of this name, in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        find(&self.headers, name)
    }

    /// The body as JSON.
    pub fn json(&self) -> Result<serde_json::Value> {
        serde_json::from_slice(&self.body)
            .with_context(|| format!("no JSON: {:?}", String::from_utf8_lossy(&self.body)))
    }
}

fn find<'a>(headers: &'a [(String, String)], name: &str) -> Option<&'a str> {
    headers.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
}

/// Writes the head of a request. A `host` or `content-length` among the headers replaces the
/// usual one.
pub fn head(address: SocketAddr, method: &str, path: &str, headers: &[(&str, &str)]) -> String {
    let mut head = format!("{method} {path} HTTP/1.1\r\n");
    if !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("host")) {
        let _ = write!(head, "host: {address}\r\n");
    }
    for (name, value) in headers {
        let _ = write!(head, "{name}: {value}\r\n");
    }
    head
}

/// Opens the stream at this path on a connection, and reads until it follows.
pub async fn follow(socket: &mut impl Io, address: SocketAddr, path: &str) -> Result<()> {
    let request = head(address, "GET", path, &[]) + "\r\n";
    socket.write_all(request.as_bytes()).await?;
    socket.flush().await?;
    read_until(socket, "event: live").await?;
    Ok(())
}

/// Reads a stream to the end of the chunk that has this.
pub async fn read_until(socket: &mut impl Io, found: &str) -> Result<String> {
    let mut text = String::new();
    while !(text.contains(found) && text.ends_with("\n\n\r\n")) {
        let mut bytes = Vec::with_capacity(4_096);
        if timeout(PATIENCE, socket.read_buf(&mut bytes)).await?? == 0 {
            bail!("it ended before {found:?}: {text}");
        }
        text.push_str(std::str::from_utf8(&bytes)?);
    }
    Ok(text)
}

/// Sends one request on a connection of its own, and reads the answer.
pub async fn request(
    address: SocketAddr,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> Result<Answer> {
    let mut head = head(address, method, path, headers);
    head.push_str("connection: close\r\n");
    if !body.is_empty() || method == "POST" {
        let _ = write!(head, "content-length: {}\r\n", body.len());
    }
    head.push_str("\r\n");
    let mut bytes = head.into_bytes();
    bytes.extend_from_slice(body);
    exchange(address, &bytes).await
}

/// Sends these bytes on a connection of its own, and reads what comes back until it is closed.
pub async fn exchange(address: SocketAddr, bytes: &[u8]) -> Result<Answer> {
    let work = async {
        let mut socket = TcpStream::connect(address).await?;
        let (mut reading, mut writing) = socket.split();
        let mut answer = Vec::new();
        // Both at once: a refusal may come before the whole body has gone out.
        let (sent, read) = tokio::join!(writing.write_all(bytes), reading.read_to_end(&mut answer));
        match (sent, read) {
            (_, Ok(_)) => parse(&answer),
            (_, Err(error)) => bail!("no answer: {error}"),
        }
    };
    timeout(PATIENCE, work).await.context("no answer in time")?
}

/// Sends these bytes on a connection of its own and returns whatever comes back until the hub
/// closes it; with `half_close`, tells the hub that nothing more will come.
pub async fn converse(address: SocketAddr, bytes: &[u8], half_close: bool) -> Result<Vec<u8>> {
    let work = async {
        let mut socket = TcpStream::connect(address).await?;
        let (mut reading, mut writing) = socket.split();
        let mut answer = Vec::new();
        let write = async {
            // The hub may have closed its end before it has read everything.
            let _ = writing.write_all(bytes).await;
            if half_close {
                let _ = writing.shutdown().await;
            }
        };
        let ((), read) = tokio::join!(write, reading.read_to_end(&mut answer));
        // A reset after the answer is how a server closes on what it has not read.
        match read {
            Ok(_) => Ok(answer),
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => Ok(answer),
            Err(error) => bail!("no answer: {error}"),
        }
    };
    timeout(PATIENCE, work).await.context("the connection is not closed in time")?
}

/// Splits what came back on one connection into its answers.
pub fn parse_all(bytes: &[u8]) -> Result<Vec<Answer>> {
    let mut answers = Vec::new();
    let mut rest = bytes;
    while !rest.is_empty() {
        let (status, headers, start) = parse_head(rest)
            .with_context(|| format!("no HTTP: {:?}", String::from_utf8_lossy(rest)))?;
        let body = rest.get(start..).unwrap_or_default();
        let len = match find(&headers, "content-length") {
            Some(len) => len.parse()?,
            None => body.len(),
        };
        let (own, next) = body.split_at_checked(len).context("the body is cut off")?;
        answers.push(Answer { status, headers, body: own.to_vec() });
        rest = next;
    }
    Ok(answers)
}

/// The status, the headers, and where the body begins.
pub(crate) type Head = (u16, Vec<(String, String)>, usize);

/// Splits an answer's head from what follows it.
pub(crate) fn parse_head(bytes: &[u8]) -> Option<Head> {
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n")?;
    let text = String::from_utf8_lossy(bytes.get(..end)?).into_owned();
    let mut lines = text.split("\r\n");
    let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
    let headers = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    Some((status, headers, end + 4))
}

fn parse(bytes: &[u8]) -> Result<Answer> {
    let (status, headers, start) = parse_head(bytes)
        .with_context(|| format!("no HTTP: {:?}", String::from_utf8_lossy(bytes)))?;
    let rest = bytes.get(start..).unwrap_or_default();
    let body = if find(&headers, "transfer-encoding") == Some("chunked") {
        let mut chunks = Chunks::default();
        chunks.feed(rest)?
    } else {
        rest.to_vec()
    };
    Ok(Answer { status, headers, body })
}

/// Takes the chunked transfer coding off, however the bytes arrive.
#[derive(Debug, Default)]
pub(crate) struct Chunks {
    held: Vec<u8>,
    ended: bool,
}

impl Chunks {
    /// Adds bytes and returns what they complete.
    pub(crate) fn feed(&mut self, bytes: &[u8]) -> Result<Vec<u8>> {
        self.held.extend_from_slice(bytes);
        let mut out = Vec::new();
        while let Some(line_end) = self.held.windows(2).position(|window| window == b"\r\n") {
            let line = String::from_utf8_lossy(self.held.get(..line_end).unwrap_or_default());
            let size = usize::from_str_radix(line.trim(), 16)
                .with_context(|| format!("no chunk size: {line:?}"))?;
            let (start, end) = (line_end + 2, line_end + 2 + size);
            if self.held.len() < end + 2 {
                break;
            }
            if self.held.get(end..end + 2) != Some(b"\r\n") {
                bail!("a chunk does not end where it says");
            }
            out.extend_from_slice(self.held.get(start..end).unwrap_or_default());
            self.held.drain(..end + 2);
            if size == 0 {
                self.ended = true;
                break;
            }
        }
        Ok(out)
    }

    /// Whether the last chunk has come.
    pub(crate) fn ended(&self) -> bool {
        self.ended
    }
}
