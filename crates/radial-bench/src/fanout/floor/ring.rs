//! The newest events, encoded once, for all streams.

use crate::fanout::stamp::DATA_LEN;

/// How many events are kept for streams that are behind.
const EVENTS: usize = 1 << 16;
/// What stands around the data in an event of the hub, with the framing of HTTP/1.1: values of
/// the same length.
const BEFORE: &str = "id: AAAAAAAAAAA.1000\ndata: {\"cursor\":\"AAAAAAAAAAA.1000\",\
    \"offset\":1000,\"eventId\":\"01990000-0000-7000-8000-000000000000\",\
    \"eventType\":\"bench.recent\",\"eventData\":";
const AFTER: &str = ",\"version\":\"1\",\"tenantId\":\"bench\",\"channel\":\"main\",\
    \"sessionId\":\"publisher\",\"userId\":\"publisher\",\"receivedAt\":1766000000000}\n\n";

/// A row of frames of one length; a place in it is a count of bytes since the beginning.
pub(super) struct Ring {
    bytes: Vec<u8>,
    frame: Vec<u8>,
    data_at: usize,
    head: u64,
    one_by_one: bool,
}

impl Ring {
    /// An empty one, of which streams are given one event at a time, or all they have not got.
    pub(super) fn new(one_by_one: bool) -> Self {
        let data = "x".repeat(DATA_LEN);
        let event = format!("{BEFORE}{data}{AFTER}");
        let head = format!("{:x}\r\n", event.len());
        let data_at = head.len() + BEFORE.len();
        let frame = format!("{head}{event}\r\n").into_bytes();
        Self { bytes: vec![0; frame.len() * EVENTS], frame, data_at, head: 0, one_by_one }
    }

    /// Where the next event will be.
    pub(super) fn head(&self) -> u64 {
        self.head
    }

    /// Adds an event with this data.
    pub(super) fn push(&mut self, data: &[u8]) {
        if let Some(place) = self.frame.get_mut(self.data_at..self.data_at + DATA_LEN) {
            place.copy_from_slice(data);
        }
        let at = self.index(self.head);
        if let Some(place) = self.bytes.get_mut(at..at + self.frame.len()) {
            place.copy_from_slice(&self.frame);
        }
        self.head += self.frame.len() as u64;
    }

    /// What comes next at a place, for one write; nothing if the place was overwritten.
    pub(super) fn next(&self, at: u64) -> Option<&[u8]> {
        let behind = usize::try_from(self.head - at).ok()?;
        if behind > self.bytes.len() {
            return None;
        }
        let index = self.index(at);
        let frame_len = self.frame.len();
        let most = if self.one_by_one { frame_len - index % frame_len } else { behind };
        self.bytes.get(index..self.bytes.len().min(index + most))
    }

    fn index(&self, at: u64) -> usize {
        usize::try_from(at % self.bytes.len() as u64).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_is_given_every_byte_once_also_around_the_end() {
        for one_by_one in [true, false] {
            let mut ring = Ring::new(one_by_one);
            ring.bytes.truncate(ring.frame.len() * 4);
            let (mut at, mut got) = (0, Vec::new());
            for number in 0..10 {
                ring.push(&[b'0' + number; DATA_LEN]);
                while number % 3 == 2 && at < ring.head() {
                    let next = ring.next(at).unwrap();
                    assert!(!one_by_one || next.len() <= ring.frame.len());
                    let taken = next.len().min(300);
                    got.extend_from_slice(&next[..taken]);
                    at += taken as u64;
                }
            }
            assert_eq!(got.len(), ring.frame.len() * 9);
            let text = String::from_utf8(got).unwrap();
            assert!((0..9).all(|number| text.contains(&number.to_string().repeat(DATA_LEN))));
            for _ in 0..5 {
                ring.push(&[b'x'; DATA_LEN]);
            }
            assert!(ring.next(at).is_none());
        }
    }
}
