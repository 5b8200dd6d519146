//! Bytes of one WebSocket: frames that wait to be written, and messages that have arrived.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use radial_websocket::{CloseCode, Decoder, Deflate, Message, Opcode, close_frame, frame};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::outgoing;

/// What one read takes at most.
const READ_BYTES: usize = 4 * 1024;
/// A socket that takes nothing for so long is closed (protocol §5).
const SLOW: Duration = Duration::from_mins(1);
/// How long the other side may take to say goodbye too.
const CLOSING: Duration = Duration::from_secs(1);

/// Why nothing more can be written or read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Broken {
    /// The other side has gone.
    Gone,
    /// It takes nothing.
    Slow,
}

/// The socket and what is on its way through it.
pub(super) struct Wire {
    io: TokioIo<Upgraded>,
    deflate: Option<Deflate>,
    decoder: Decoder,
    arrived: BytesMut,
    leaving: Vec<Bytes>,
}

impl Wire {
    pub(super) fn new(io: Upgraded, deflate: Option<Deflate>, message_bytes_max: usize) -> Self {
        Self {
            io: TokioIo::new(io),
            deflate,
            decoder: Decoder::new(message_bytes_max, deflate.is_some()),
            arrived: BytesMut::new(),
            leaving: Vec::new(),
        }
    }

    /// The next message that has arrived whole.
    ///
    /// # Errors
    /// What the client did; its connection is to be closed.
    pub(super) fn message(&mut self) -> Result<Option<Message>, radial_websocket::Violation> {
        let message = self.decoder.next(&mut self.arrived)?;
        if message.is_none() && self.arrived.is_empty() && self.decoder.is_idle() {
            // An idle connection holds no buffer.
            self.arrived = BytesMut::new();
        }
        Ok(message)
    }

    /// Waits for bytes. Cancel safe.
    pub(super) async fn read(&mut self) -> Result<(), Broken> {
        self.arrived.reserve(READ_BYTES);
        match self.io.read_buf(&mut self.arrived).await {
            Ok(0) | Err(_) => Err(Broken::Gone),
            Ok(_) => Ok(()),
        }
    }

    /// Puts a message of text behind what waits to be written.
    pub(super) fn put_text(&mut self, json: &[u8]) {
        self.leaving.push(outgoing::text(json, self.deflate));
    }

    /// Puts a pong there.
    pub(super) fn put_pong(&mut self, payload: &[u8]) {
        self.leaving.push(frame(Opcode::Pong, false, payload));
    }

    /// Writes everything that waits. Not cancel safe: a frame may have gone out in part.
    pub(super) async fn flush(&mut self) -> Result<(), Broken> {
        if self.leaving.is_empty() {
            return Ok(());
        }
        let bytes = match &mut self.leaving[..] {
            [one] => std::mem::take(one),
            many => Bytes::from(many.concat()),
        };
        self.leaving.clear();
        let mut rest = bytes;
        while !rest.is_empty() {
            match tokio::time::timeout(SLOW, self.io.write_buf(&mut rest)).await {
                Ok(Ok(written)) if written > 0 => {}
                Ok(_) => return Err(Broken::Gone),
                Err(_) => return Err(Broken::Slow),
            }
        }
        Ok(())
    }

    /// Says why the connection ends, and waits a little for the other side to agree (RFC 6455,
    /// section 7.1.1).
    pub(super) async fn close(mut self, code: CloseCode, text: &str) {
        self.leaving.push(close_frame(code, text));
        let goodbye = async {
            self.flush().await?;
            // Whatever was on its way is read and forgotten, so that no reset overtakes the frame.
            loop {
                self.arrived.clear();
                self.read().await?;
            }
        };
        let _: Result<Result<(), Broken>, _> = tokio::time::timeout(CLOSING, goodbye).await;
        let _ = self.io.shutdown().await;
    }
}
