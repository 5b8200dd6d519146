//! From a client's bytes to messages: fragments, control frames between them, masks, compression
//! and UTF-8, each checked as its bytes arrive (RFC 6455, sections 5 and 8).

use bytes::{Buf as _, Bytes, BytesMut};

use crate::close::{CloseCode, CloseReason};
use crate::deflate::Unpacker;
use crate::frame::{CONTROL_BYTES_MAX, FrameHead, Opcode};

/// What a client sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// Text, which is UTF-8.
    Text(Bytes),
    /// Bytes.
    Binary(Bytes),
    /// To be answered by a pong with the same bytes, at most 125.
    Ping(Bytes),
    /// An answer to a ping, asked for or not.
    Pong(Bytes),
    /// The client ends the connection. Whatever follows is to be ignored.
    Close(Option<CloseReason>),
}

/// What a client did that ends its connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Violation {
    /// A frame that may not come, or not now.
    #[error("{0}")]
    Protocol(&'static str),
    /// Text, or the reason of a close frame, that is not UTF-8.
    #[error("the text is not UTF-8")]
    NotUtf8,
    /// A message of more than so many bytes, after unpacking.
    #[error("a message may have at most {0} bytes")]
    TooLarge(usize),
    /// A compressed message that cannot be unpacked.
    #[error("the compressed message cannot be unpacked")]
    NotDeflate,
}

impl Violation {
    /// The code with which the connection is closed (RFC 6455, section 7.4.1).
    pub fn close_code(self) -> CloseCode {
        match self {
            Self::Protocol(_) => CloseCode::PROTOCOL,
            // RFC 7692 names no code; 1007 is for data that is not what its message says.
            Self::NotUtf8 | Self::NotDeflate => CloseCode::NOT_UTF8,
            Self::TooLarge(_) => CloseCode::TOO_LARGE,
        }
    }
}

/// Puts messages together. After an error or a close message nothing more may be read.
#[derive(Debug)]
pub struct Decoder {
    message_bytes_max: usize,
    deflate: bool,
    frame: Option<Frame>,
    message: Option<Assembly>,
    control: BytesMut,
}

/// The frame whose payload is arriving.
#[derive(Debug)]
struct Frame {
    head: FrameHead,
    received: u64,
}

/// The message whose frames are arriving.
#[derive(Debug)]
struct Assembly {
    is_text: bool,
    unpacker: Option<Unpacker>,
    bytes: BytesMut,
    /// How much of `bytes` is known to be UTF-8.
    valid: usize,
}

impl Decoder {
    /// A decoder for messages of at most so many bytes, with or without permessage-deflate.
    pub fn new(message_bytes_max: usize, deflate: bool) -> Self {
        Self { message_bytes_max, deflate, frame: None, message: None, control: BytesMut::new() }
    }

    /// Whether nothing of a frame or message has arrived, so that nothing is held.
    pub fn is_idle(&self) -> bool {
        self.frame.is_none() && self.message.is_none()
    }

    /// Takes bytes from the front of the buffer until a message is complete; `None` once the
    /// buffer has nothing more to give.
    ///
    /// # Errors
    /// What the client did; the connection is to be closed with [`Violation::close_code`].
    pub fn next(&mut self, buffer: &mut BytesMut) -> Result<Option<Message>, Violation> {
        loop {
            if self.frame.is_none() {
                let Some((head, length)) = FrameHead::parse(buffer)? else { return Ok(None) };
                buffer.advance(length);
                self.begin(head)?;
            }
            let Some(mut frame) = self.frame.take() else { return Ok(None) };
            self.take_payload(&mut frame, buffer)?;
            if frame.received < frame.head.length {
                self.frame = Some(frame);
                return Ok(None);
            }
            if let Some(message) = self.end(frame.head)? {
                return Ok(Some(message));
            }
        }
    }

    /// A frame begins: may it come now?
    fn begin(&mut self, head: FrameHead) -> Result<(), Violation> {
        let begins_message = matches!(head.opcode, Opcode::Text | Opcode::Binary);
        if head.compressed && !(self.deflate && begins_message) {
            return Err(Violation::Protocol("RSV1 is set where it has no meaning"));
        }
        if begins_message {
            if self.message.is_some() {
                return Err(Violation::Protocol("a message begins inside another one"));
            }
            self.message = Some(Assembly {
                is_text: head.opcode == Opcode::Text,
                unpacker: head.compressed.then(|| Unpacker::new(self.message_bytes_max)),
                bytes: BytesMut::new(),
                valid: 0,
            });
        } else if head.opcode == Opcode::Continuation && self.message.is_none() {
            return Err(Violation::Protocol("a continuation of nothing"));
        }
        if let Some(message) = self.message.as_ref().filter(|_| !head.opcode.is_control()) {
            // Refused before it is taken: what is announced need not be waited for.
            let length = usize::try_from(head.length).unwrap_or(usize::MAX);
            let room = self.message_bytes_max.saturating_sub(message.bytes.len());
            if message.unpacker.is_none() && length > room {
                return Err(Violation::TooLarge(self.message_bytes_max));
            }
        }
        self.frame = Some(Frame { head, received: 0 });
        Ok(())
    }

    fn take_payload(&mut self, frame: &mut Frame, buffer: &mut BytesMut) -> Result<(), Violation> {
        let left = usize::try_from(frame.head.length - frame.received).unwrap_or(usize::MAX);
        let mut payload = buffer.split_to(left.min(buffer.len()));
        unmask(&mut payload, frame.head.mask, frame.received);
        frame.received += payload.len() as u64;
        if frame.head.opcode.is_control() {
            debug_assert!(self.control.len() + payload.len() <= CONTROL_BYTES_MAX);
            self.control.extend_from_slice(&payload);
            return Ok(());
        }
        match &mut self.message {
            Some(message) => message.add(&payload),
            None => Ok(()),
        }
    }

    /// A frame is complete: is there something to hand on?
    fn end(&mut self, head: FrameHead) -> Result<Option<Message>, Violation> {
        if head.opcode.is_control() {
            let payload = std::mem::take(&mut self.control);
            return Ok(Some(match head.opcode {
                Opcode::Ping => Message::Ping(payload.freeze()),
                Opcode::Pong => Message::Pong(payload.freeze()),
                _ => Message::Close(close_reason(&payload)?),
            }));
        }
        if !head.fin {
            return Ok(None);
        }
        self.message.take().map(Assembly::complete).transpose()
    }
}

impl Assembly {
    fn add(&mut self, payload: &[u8]) -> Result<(), Violation> {
        match &mut self.unpacker {
            Some(unpacker) => unpacker.unpack(payload, &mut self.bytes)?,
            None => self.bytes.extend_from_slice(payload),
        }
        self.check_utf8(false)
    }

    fn complete(mut self) -> Result<Message, Violation> {
        if let Some(unpacker) = self.unpacker.take() {
            unpacker.finish(&mut self.bytes)?;
        }
        self.check_utf8(true)?;
        let bytes = self.bytes.freeze();
        Ok(if self.is_text { Message::Text(bytes) } else { Message::Binary(bytes) })
    }

    /// Checks what has come since the last check; a character may be cut by the end of it.
    fn check_utf8(&mut self, is_whole: bool) -> Result<(), Violation> {
        if !self.is_text {
            return Ok(());
        }
        match std::str::from_utf8(self.bytes.get(self.valid..).unwrap_or_default()) {
            Ok(text) => self.valid += text.len(),
            Err(error) if error.error_len().is_none() && !is_whole => {
                self.valid += error.valid_up_to();
            }
            Err(_) => return Err(Violation::NotUtf8),
        }
        Ok(())
    }
}

/// Takes the mask off; `from` is where in the frame's payload these bytes begin.
fn unmask(payload: &mut [u8], mask: [u8; 4], from: u64) {
    let shift = usize::try_from(from % 4).unwrap_or(0);
    let mut turned = mask;
    turned.rotate_left(shift);
    let word = u64::from_ne_bytes([
        turned[0], turned[1], turned[2], turned[3], turned[0], turned[1], turned[2], turned[3],
    ]);
    let mut words = payload.chunks_exact_mut(8);
    for bytes in &mut words {
        if let Ok(masked) = <[u8; 8]>::try_from(&*bytes) {
            bytes.copy_from_slice(&(u64::from_ne_bytes(masked) ^ word).to_ne_bytes());
        }
    }
    for (byte, mask) in words.into_remainder().iter_mut().zip(turned.iter().cycle()) {
        *byte ^= mask;
    }
}

fn close_reason(payload: &[u8]) -> Result<Option<CloseReason>, Violation> {
    let &[high, low, ref text @ ..] = payload else {
        return match payload {
            [] => Ok(None),
            _ => Err(Violation::Protocol("a close code has two bytes")),
        };
    };
    let code = CloseCode::received(u16::from_be_bytes([high, low]))
        .ok_or(Violation::Protocol("the close code may not be sent"))?;
    let text = std::str::from_utf8(text).map_err(|_| Violation::NotUtf8)?.to_owned();
    Ok(Some(CloseReason { code, text }))
}

#[cfg(test)]
mod tests;
