//! Frames (RFC 6455, section 5.2): reading a head, and writing whole frames of the hub's side.

use bytes::{BufMut as _, Bytes, BytesMut};

use crate::close::CloseCode;
use crate::decoder::Violation;

/// The longest payload of a control frame.
pub(crate) const CONTROL_BYTES_MAX: usize = 125;
/// The longest reason in a close frame: the code takes two bytes.
const CLOSE_TEXT_BYTES_MAX: usize = CONTROL_BYTES_MAX - 2;

/// What a frame is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Opcode {
    /// More of the message that has begun.
    Continuation,
    /// A message of text begins.
    Text,
    /// A message of bytes begins.
    Binary,
    /// The connection ends.
    Close,
    /// Asks for a pong.
    Ping,
    /// Answers a ping.
    Pong,
}

impl Opcode {
    fn of(nibble: u8) -> Option<Self> {
        Some(match nibble {
            0x0 => Self::Continuation,
            0x1 => Self::Text,
            0x2 => Self::Binary,
            0x8 => Self::Close,
            0x9 => Self::Ping,
            0xa => Self::Pong,
            _ => return None,
        })
    }

    fn nibble(self) -> u8 {
        match self {
            Self::Continuation => 0x0,
            Self::Text => 0x1,
            Self::Binary => 0x2,
            Self::Close => 0x8,
            Self::Ping => 0x9,
            Self::Pong => 0xa,
        }
    }

    /// Whether it stands between the frames of a message without being part of it.
    pub(crate) fn is_control(self) -> bool {
        matches!(self, Self::Close | Self::Ping | Self::Pong)
    }
}

/// The head of a frame that a client sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameHead {
    /// Whether the message ends with it.
    pub fin: bool,
    /// Whether the message that begins with it is compressed.
    pub compressed: bool,
    /// What it is.
    pub opcode: Opcode,
    /// What its payload is masked with.
    pub mask: [u8; 4],
    /// How many bytes of payload follow.
    pub length: u64,
}

impl FrameHead {
    /// Reads a head from the first bytes of a frame, and says how many it took; `None` while there
    /// are too few.
    ///
    /// # Errors
    /// A frame that no client may send. Whether it may come now is the decoder's business.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Option<(Self, usize)>, Violation> {
        let &[first, second, ref rest @ ..] = bytes else { return Ok(None) };
        if first & 0b0011_0000 != 0 {
            return Err(Violation::Protocol("a reserved bit is set"));
        }
        let Some(opcode) = Opcode::of(first & 0x0f) else {
            return Err(Violation::Protocol("the opcode is reserved"));
        };
        if second & 0x80 == 0 {
            return Err(Violation::Protocol("a client's frame must be masked"));
        }
        let fin = first & 0x80 != 0;
        let short = second & 0x7f;
        if opcode.is_control() && (!fin || usize::from(short) > CONTROL_BYTES_MAX) {
            return Err(Violation::Protocol("a control frame is fragmented or too long"));
        }
        let (length, rest) = match short {
            126 => match rest.split_first_chunk() {
                Some((length, rest)) => (u64::from(u16::from_be_bytes(*length)), rest),
                None => return Ok(None),
            },
            127 => match rest.split_first_chunk() {
                Some((length, rest)) => (u64::from_be_bytes(*length), rest),
                None => return Ok(None),
            },
            short => (u64::from(short), rest),
        };
        let shortest = match short {
            126 => 126,
            127 => 1 << 16,
            _ => 0,
        };
        if length < shortest || length >> 63 != 0 {
            return Err(Violation::Protocol("the length is not written in its shortest form"));
        }
        let Some((mask, rest)) = rest.split_first_chunk() else { return Ok(None) };
        let compressed = first & 0x40 != 0;
        let head = Self { fin, compressed, opcode, mask: *mask, length };
        Ok(Some((head, bytes.len() - rest.len())))
    }
}

/// A whole message, or a control frame of at most 125 bytes, as one frame.
pub fn frame(opcode: Opcode, compressed: bool, payload: &[u8]) -> Bytes {
    let mut bytes = BytesMut::with_capacity(payload.len() + 10);
    bytes.put_u8(0x80 | if compressed { 0x40 } else { 0 } | opcode.nibble());
    let length = payload.len();
    if length <= CONTROL_BYTES_MAX {
        bytes.put_u8(u8::try_from(length).unwrap_or_default());
    } else if let Ok(length) = u16::try_from(length) {
        bytes.put_u8(126);
        bytes.put_u16(length);
    } else {
        bytes.put_u8(127);
        bytes.put_u64(length as u64);
    }
    bytes.put_slice(payload);
    bytes.freeze()
}

/// A close frame; a text that is too long is cut at a character.
pub fn close_frame(code: CloseCode, text: &str) -> Bytes {
    let mut payload = code.get().to_be_bytes().to_vec();
    let end = text.floor_char_boundary(CLOSE_TEXT_BYTES_MAX);
    payload.extend_from_slice(text.get(..end).unwrap_or_default().as_bytes());
    frame(Opcode::Close, false, &payload)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_are_read_in_all_lengths_and_only_when_they_are_whole() {
        for (bytes, length) in [
            (vec![0x81, 0x85, 1, 2, 3, 4], 5_u64),
            (vec![0x81, 0xfe, 0, 126, 1, 2, 3, 4], 126),
            (vec![0x81, 0xff, 0, 0, 0, 0, 0, 1, 0, 0, 1, 2, 3, 4], 65_536),
        ] {
            for cut in 0..bytes.len() {
                assert_eq!(FrameHead::parse(&bytes[..cut]), Ok(None), "{bytes:?} cut at {cut}");
            }
            let (head, taken) = FrameHead::parse(&bytes).unwrap().unwrap();
            assert_eq!((head.length, head.mask, taken), (length, [1, 2, 3, 4], bytes.len()));
        }
    }

    #[test]
    fn what_no_client_may_send_is_refused() {
        for (bytes, what) in [
            (&[0x91, 0x80, 0, 0, 0, 0][..], "reserved bit"),
            (&[0x83, 0x80, 0, 0, 0, 0], "opcode"),
            (&[0x81, 0x05], "unmasked"),
            (&[0x09, 0x80, 0, 0, 0, 0], "fragmented ping"),
            (&[0x89, 0xfe, 0, 126, 0, 0, 0, 0], "long ping"),
            (&[0x81, 0xfe, 0, 125, 0, 0, 0, 0], "length in a longer form"),
            (&[0x81, 0xff, 0xff, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], "length over 63 bits"),
        ] {
            assert!(matches!(FrameHead::parse(bytes), Err(Violation::Protocol(_))), "{what}");
        }
    }

    #[test]
    fn frames_are_written_with_the_shortest_length() {
        for (length, head) in [(0, 2), (125, 2), (126, 4), (65_535, 4), (65_536, 10)] {
            let bytes = frame(Opcode::Text, false, &vec![b'x'; length]);
            assert_eq!(bytes.len(), length + head, "{length}");
        }
        assert_eq!(frame(Opcode::Binary, true, b"ab")[..], [0xc2, 2, b'a', b'b']);
        let close = close_frame(CloseCode::PROTOCOL, &"ü".repeat(100));
        assert_eq!(close.len(), 2 + 2 + 122, "cut at a character");
    }
}
