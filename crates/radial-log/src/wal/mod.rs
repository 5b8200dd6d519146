//! The write-ahead file: one physical file for all tenants, so that one fsync commits all.
//!
//! A segment is a file of zeros, made ahead, with a header and records one after the other:
//!
//! ```text
//! header   "RADIALW1"  first seq (u64)  crc32 of both (u32)
//! record   length (u32)  crc32 of the rest (u32)  seq (u64)  durable (u64)  payload
//! ```
//!
//! All numbers are little-endian. `seq` counts records without a hole. `durable` is the newest
//! seq that was on stable storage when the record was written: a broken record that a later one
//! calls durable is damage, not an unfinished write, and opening is refused.

mod recovery;
mod segment;

pub(crate) use recovery::{
    WalError, forget_failure, has_failed, recover, remove_all_segments, remove_segments_below,
};
pub(crate) use segment::{Wal, prepare_spare};

/// The first bytes of a segment, with the format's version.
const MAGIC: &[u8; 8] = b"RADIALW1";
/// Magic, first seq, checksum.
const HEADER_BYTES: usize = 8 + 8 + 4;
/// Length, checksum, seq, durable.
const RECORD_HEAD_BYTES: usize = 4 + 4 + 8 + 8;
/// The size at which a new segment is begun.
pub(crate) const SEGMENT_BYTES: u64 = 16 * 1024 * 1024;
/// A record is at most one request body with its overhead; anything longer is damage.
const RECORD_BYTES_MAX: usize = 64 * 1024 * 1024;
