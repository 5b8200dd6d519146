//! Compression of single messages (RFC 7692, section 7.2): each by itself, in both directions.

use bytes::{Bytes, BytesMut};
use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress, Status};

use crate::decoder::Violation;

/// What every compressed message ends with, and is sent without.
const TAIL: [u8; 4] = [0x00, 0x00, 0xff, 0xff];
/// How much is unpacked at a time.
const STEP_BYTES: usize = 16 * 1024;

/// An unpacked message that is over its limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the message is longer than {0} bytes when it is unpacked")]
pub struct TooLong(pub usize);

/// Compresses a message. The bytes may be sent to every connection with a full window.
pub fn deflate(message: &[u8]) -> Bytes {
    compress(message, message.len().max(1))
}

/// Compresses a message for a window of 2^`window_bits` bytes: nothing in it refers further back,
/// because the compressor forgets everything after so many bytes.
pub fn deflate_within(message: &[u8], window_bits: u8) -> Bytes {
    compress(message, 1 << window_bits.clamp(8, 15))
}

fn compress(message: &[u8], stretch: usize) -> Bytes {
    let mut compressor = Compress::new(Compression::fast(), false);
    let mut packed = Vec::with_capacity(message.len() / 2 + 64);
    let mut stretches = message.chunks(stretch).peekable();
    if stretches.peek().is_none() {
        // An empty message is one empty stored block (RFC 7692, section 7.2.3.6).
        return Bytes::from_static(&[0x00]);
    }
    while let Some(stretch) = stretches.next() {
        let last = stretches.peek().is_none();
        let flush = if last { FlushCompress::Sync } else { FlushCompress::Full };
        let before = compressor.total_in();
        loop {
            packed.reserve(stretch.len() / 2 + 64);
            let taken = usize::try_from(compressor.total_in() - before).unwrap_or(usize::MAX);
            let rest = stretch.get(taken..).unwrap_or_default();
            // A compressor in memory has no other error than a wrong order of calls.
            if compressor.compress_vec(rest, &mut packed, flush).is_err() {
                break;
            }
            // Room that is left over says that the flush is complete.
            if packed.len() < packed.capacity() {
                break;
            }
        }
    }
    if packed.ends_with(&TAIL) {
        packed.truncate(packed.len() - TAIL.len());
    }
    Bytes::from(packed)
}

/// Unpacks one message as its frames arrive.
#[derive(Debug)]
pub(crate) struct Unpacker {
    decompressor: Decompress,
    max: usize,
}

impl Unpacker {
    pub(crate) fn new(max: usize) -> Self {
        Self { decompressor: Decompress::new(false), max }
    }

    /// Unpacks more of the message and appends it.
    pub(crate) fn unpack(&mut self, packed: &[u8], to: &mut BytesMut) -> Result<(), Violation> {
        let mut step = vec![0; STEP_BYTES];
        let mut rest = packed;
        loop {
            let (before_in, before_out) =
                (self.decompressor.total_in(), self.decompressor.total_out());
            let status = self
                .decompressor
                .decompress(rest, &mut step, FlushDecompress::Sync)
                .map_err(|_| Violation::NotDeflate)?;
            let taken = usize::try_from(self.decompressor.total_in() - before_in).unwrap_or(0);
            let made = usize::try_from(self.decompressor.total_out() - before_out).unwrap_or(0);
            to.extend_from_slice(step.get(..made).unwrap_or_default());
            if to.len() > self.max {
                return Err(Violation::TooLarge(self.max));
            }
            rest = rest.get(taken..).unwrap_or_default();
            match status {
                // A block that calls itself the last one: another may follow all the same
                // (RFC 7692, section 7.2.3.4).
                Status::StreamEnd => self.decompressor.reset(false),
                Status::Ok | Status::BufError if rest.is_empty() && made < step.len() => {
                    return Ok(());
                }
                Status::Ok => {}
                Status::BufError if made > 0 || taken > 0 => {}
                Status::BufError => return Err(Violation::NotDeflate),
            }
        }
    }

    /// Unpacks what the sender left out at the end.
    pub(crate) fn finish(mut self, to: &mut BytesMut) -> Result<(), Violation> {
        self.unpack(&TAIL, to)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unpacked(packed: &[u8], max: usize) -> Result<BytesMut, Violation> {
        let mut to = BytesMut::new();
        let mut unpacker = Unpacker::new(max);
        unpacker.unpack(packed, &mut to)?;
        unpacker.finish(&mut to)?;
        Ok(to)
    }

    #[test]
    fn what_is_compressed_comes_back_in_every_window() {
        let seed = fastrand::u64(..);
        let mut random = fastrand::Rng::with_seed(seed);
        for length in [0, 1, 5, 511, 512, 4_096, 70_000, 300_000] {
            let message: Vec<u8> = (0..length).map(|_| random.u8(b'a'..b'e')).collect();
            assert_eq!(unpacked(&deflate(&message), length).unwrap(), message, "seed {seed}");
            for bits in 8..=15 {
                let packed = deflate_within(&message, bits);
                assert_eq!(unpacked(&packed, length).unwrap(), message, "{bits} bits, seed {seed}");
            }
        }
    }

    #[test]
    fn nothing_is_compressed_that_does_not_shrink_in_a_small_window() {
        // Two equal halves further apart than the window: only a larger window can use that.
        let seed = fastrand::u64(..);
        let mut random = fastrand::Rng::with_seed(seed);
        let half: Vec<u8> = (0..4_096).map(|_| random.u8(..)).collect();
        let message = [half.clone(), half].concat();
        let full = deflate(&message).len();
        let small = deflate_within(&message, 9).len();
        assert!(full < 4_700 && small > 8_000, "{full} and {small}, seed {seed}");
    }

    #[test]
    fn a_bomb_ends_at_the_limit() {
        let packed = deflate(&vec![0; 10_000_000]);
        assert!(packed.len() < 60_000, "{}", packed.len());
        assert_eq!(unpacked(&packed, 100_000), Err(Violation::TooLarge(100_000)));
    }

    #[test]
    fn what_is_no_deflate_is_refused() {
        assert_eq!(unpacked(&[0xff; 64], 1_000), Err(Violation::NotDeflate));
    }
}
