//! Reading many streams on one thread: every event is counted, in its order, with its latency.
//!
//! The stamp of an event is all that is looked at. Events of a bench have one length, so the next
//! stamp is nearly always found at the first look.

use std::io::{ErrorKind, Read as _};
use std::net::TcpStream;
use std::time::Instant;

use anyhow::{Context as _, bail, ensure};

use super::histogram::Histogram;
use super::stamp::{self, MARK, STAMP_LEN};
use crate::clock;

/// Room in front of what is read, for the first part of a stamp that was cut.
const ROOM: usize = STAMP_LEN;
const BUFFER_LEN: usize = 512 * 1024;

/// An open stream.
#[derive(Debug)]
pub(crate) struct Stream {
    socket: TcpStream,
    /// Whose events it gets: the number of a [`super::publisher::Topic`].
    pub(crate) topic: usize,
    /// The number of the event that must come next.
    next: u32,
    /// The first part of a stamp, while its rest has not come.
    cut: [u8; ROOM],
    cut_len: usize,
}

impl Stream {
    /// A stream that is live, and that has got nothing yet of what is numbered from `next`.
    pub(crate) fn new(socket: TcpStream, topic: usize, next: u32) -> anyhow::Result<Self> {
        socket.set_nonblocking(true)?;
        Ok(Self { socket, topic, next, cut: [0; ROOM], cut_len: 0 })
    }

    pub(crate) fn socket(&self) -> &TcpStream {
        &self.socket
    }

    /// How many events it has got.
    pub(crate) fn next(&self) -> u32 {
        self.next
    }
}

/// Reads streams, one after the other.
pub(crate) struct Reader {
    buffer: Box<[u8]>,
    began: Instant,
    /// How far apart the last two stamps were, and how far from the first byte the first one was.
    apart: usize,
    ahead: usize,
    /// Of all streams.
    pub(crate) latencies: Histogram,
    pub(crate) bytes: u64,
}

impl Reader {
    /// Moments of stamps count from `began`.
    pub(crate) fn new(began: Instant) -> Self {
        let buffer = vec![0; ROOM + BUFFER_LEN].into_boxed_slice();
        Self { buffer, began, apart: 0, ahead: 0, latencies: Histogram::default(), bytes: 0 }
    }

    /// Takes everything that has come on a stream.
    ///
    /// # Errors
    /// An event came twice, out of order, or not at all; or the stream ended.
    pub(crate) fn read(&mut self, stream: &mut Stream) -> anyhow::Result<()> {
        loop {
            let (room, news) = self.buffer.split_at_mut(ROOM);
            let read = match stream.socket.read(news) {
                Ok(0) => bail!("the server ended a stream after {} events", stream.next),
                Ok(read) => read,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error).context("a stream broke"),
            };
            let begin = ROOM - stream.cut_len;
            if let (Some(room), Some(cut)) =
                (room.get_mut(begin..), stream.cut.get(..stream.cut_len))
            {
                room.copy_from_slice(cut);
            }
            self.bytes += read as u64;
            let now_ns = stamp::since(self.began, clock::now());
            self.scan(begin, ROOM + read, stream, now_ns)?;
            // A read that did not fill the buffer has emptied the socket.
            if read < BUFFER_LEN {
                return Ok(());
            }
        }
    }

    fn scan(
        &mut self,
        begin: usize,
        end: usize,
        stream: &mut Stream,
        now_ns: u64,
    ) -> anyhow::Result<()> {
        let bytes = self.buffer.get(begin..end).unwrap_or_default();
        let (mut from, mut guess) = (0, self.ahead);
        stream.cut_len = 0;
        loop {
            let Some(at) = find(bytes, from, guess) else { return Ok(()) };
            let rest = bytes.get(at..).unwrap_or_default();
            let Some(stamp) = rest.first_chunk::<STAMP_LEN>() else {
                stream.cut_len = rest.len();
                if let Some(cut) = stream.cut.get_mut(..rest.len()) {
                    cut.copy_from_slice(rest);
                }
                return Ok(());
            };
            let number = stamp::number(stamp);
            ensure!(
                number == stream.next,
                "a stream got event {number} where {} was due",
                stream.next
            );
            stream.next += 1;
            self.latencies.add(now_ns.saturating_sub(stamp::moment_ns(stamp)));
            if from == 0 {
                self.ahead = at;
            } else {
                self.apart = at + STAMP_LEN - from;
            }
            from = at + STAMP_LEN;
            guess = at + self.apart;
        }
    }
}

/// Where the next mark is: where it is thought to be, or else wherever it stands.
fn find(bytes: &[u8], from: usize, guess: usize) -> Option<usize> {
    if guess >= from && bytes.get(guess) == Some(&MARK) {
        return Some(guess);
    }
    bytes.get(from..)?.iter().position(|byte| *byte == MARK).map(|at| from + at)
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::net::TcpListener;

    use super::super::stamp::stamped_data;
    use super::*;

    /// What a stream says that is given these numbers in pieces of this length, and how many it
    /// has got then.
    fn check(numbers: &[u32], piece_len: usize) -> (anyhow::Result<()>, u32) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut writer = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let mut stream = Stream::new(listener.accept().unwrap().0, 0, 0).unwrap();
        stream.socket.set_nonblocking(false).unwrap();
        stream.socket.set_read_timeout(Some(crate::epoll::PATIENCE)).unwrap();
        let (data, at) = stamped_data();
        let mut all = Vec::new();
        for (index, number) in numbers.iter().enumerate() {
            let mut data = data.clone().into_bytes();
            stamp::write(&mut data[at..at + STAMP_LEN], *number, 1_000);
            all.extend(data);
            all.extend(std::iter::repeat_n(b'.', index));
        }
        let mut reader = Reader::new(clock::now());
        for piece in all.chunks(piece_len) {
            writer.write_all(piece).unwrap();
            if let Err(error) = reader.read(&mut stream) {
                return (Err(error), stream.next);
            }
        }
        (Ok(()), stream.next)
    }

    #[test]
    fn every_event_is_found_however_the_bytes_are_cut() {
        for piece_len in [1, 7, 20, 21, 199, 200, 201, 500, 10_000] {
            let (read, got) = check(&[0, 1, 2, 3, 4], piece_len);
            read.unwrap();
            assert_eq!(got, 5, "in pieces of {piece_len}");
        }
    }

    #[test]
    fn a_lost_a_doubled_and_a_late_event_are_errors() {
        for numbers in [[0, 1, 3], [0, 1, 1], [0, 2, 1]] {
            assert!(check(&numbers, 10_000).0.is_err(), "{numbers:?}");
        }
    }
}
