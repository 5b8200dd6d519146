//! Compression of events: each by itself, once, whatever the number of connections.
//!
//! What is compressed are self-contained blocks of deflate (RFC 1951). Nothing refers to another
//! event, so that the same bytes serve every connection, no idle connection holds a compressor, and
//! no text of one user ever shares one with another's secret.

use radial_protocol::Event;
use radial_websocket::deflate;

/// Shorter texts are not worth a compressor's time.
pub(super) const PACKED_BYTES_MIN: usize = 1_024;

/// The delivered JSON as blocks, without the empty one that ends them on a whole byte
/// ([`BLOCKS_END`]); nothing if it is too short to be worth it.
pub(super) fn packed(event: &Event) -> Option<&[u8]> {
    let is_worth_it = event.json_bytes().len() >= PACKED_BYTES_MIN;
    is_worth_it.then(|| &event.packed(deflate)[..])
}

/// The empty stored block after compressed ones.
pub(super) const BLOCKS_END: [u8; 4] = [0x00, 0x00, 0xff, 0xff];
