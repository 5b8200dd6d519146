//! How a stream is written: with or without names, and compressed or not.
//!
//! A compressed stream is one gzip member (RFC 1952) that never ends: its trailer is left out, since
//! no connection keeps a checksum of what it was sent. What is short goes as stored blocks. An empty
//! one ends each piece: some decoders, that of Go's library among them, hold back what they have
//! until one comes.

use http::{HeaderMap, header};
use radial_protocol::control::Control;
use radial_protocol::{Event, sse};

use crate::transport::packing::{BLOCKS_END, packed};

/// What a member of gzip begins with: deflate, no name, no time, no system.
const GZIP_HEAD: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];
/// An empty stored block, on whole bytes.
const FLUSH: [u8; 5] = [0x00, 0x00, 0x00, 0xff, 0xff];
/// The longest stored block.
const STORED_BYTES_MAX: usize = u16::MAX as usize;

/// How a stream is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Form {
    /// Whether each event has an `event:` line with its type.
    pub(crate) named: bool,
    /// Whether it is compressed.
    pub(crate) gzip: bool,
}

impl Form {
    /// As it is for whoever asks for nothing.
    pub(crate) const PLAIN: Self = Self { named: false, gzip: false };
    /// All that there are.
    pub(super) const ALL: [Self; 4] = [
        Self::PLAIN,
        Self { named: true, gzip: false },
        Self { named: false, gzip: true },
        Self { named: true, gzip: true },
    ];

    /// What comes before everything else.
    pub(super) fn begin(self, out: &mut Vec<u8>) {
        if self.gzip {
            out.extend_from_slice(&GZIP_HEAD);
        }
    }

    /// Appends text that is written for one connection.
    pub(super) fn text(self, text: &[u8], out: &mut Vec<u8>) {
        self.part(text, out);
        self.flush(out);
    }

    pub(super) fn control(self, control: &Control, out: &mut Vec<u8>) {
        self.text(&sse::control_frame(control), out);
    }

    pub(super) fn event(self, event: &Event, out: &mut Vec<u8>) {
        if self.named {
            self.part(&sse::event_line(event), out);
        }
        let frame = event.sse_bytes();
        if let Some(packed) = self.gzip.then(|| packed(event)).flatten() {
            let after = sse::FRAME_END.len();
            let before = frame.len().saturating_sub(event.json_bytes().len() + after);
            self.part(frame.get(..before).unwrap_or_default(), out);
            out.extend_from_slice(packed);
            out.extend_from_slice(&BLOCKS_END);
            self.part(sse::FRAME_END.as_bytes(), out);
        } else {
            self.part(frame, out);
        }
        self.flush(out);
    }

    fn part(self, bytes: &[u8], out: &mut Vec<u8>) {
        if self.gzip {
            stored(bytes, out);
        } else {
            out.extend_from_slice(bytes);
        }
    }

    fn flush(self, out: &mut Vec<u8>) {
        if self.gzip {
            out.extend_from_slice(&FLUSH);
        }
    }
}

/// Appends bytes as they are, in blocks that say so.
fn stored(bytes: &[u8], out: &mut Vec<u8>) {
    for block in bytes.chunks(STORED_BYTES_MAX) {
        let len = u16::try_from(block.len()).unwrap_or(u16::MAX);
        out.push(0);
        out.extend_from_slice(&len.to_le_bytes());
        out.extend_from_slice(&(!len).to_le_bytes());
        out.extend_from_slice(block);
    }
}

/// Whether a client takes gzip (RFC 9110, section 12.5.3).
pub(crate) fn accepts_gzip(headers: &HeaderMap) -> bool {
    let values = headers.get_all(header::ACCEPT_ENCODING).iter();
    let codings = values.filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(','));
    codings.map(str::trim).any(|coding| {
        let mut parts = coding.split(';').map(str::trim);
        let is_gzip = parts.next().is_some_and(|name| name.eq_ignore_ascii_case("gzip"));
        let weight = parts.find_map(|part| part.strip_prefix("q=")).map(str::parse::<f32>);
        is_gzip && weight.is_none_or(|weight| weight.is_ok_and(|weight| weight > 0.0))
    })
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use flate2::read::GzDecoder;
    use http::HeaderValue;
    use radial_protocol::event::{Content, Draft, Head};
    use radial_protocol::names::{EventId, EventTypeName, TenantId};
    use radial_protocol::{Cursor, Epoch, Offset, TimeMs};

    use super::*;

    fn event(bytes: usize) -> Event {
        let event_type = EventTypeName::new("card.moved").unwrap();
        let head = Head::new(EventId::new("e-1").unwrap(), event_type);
        let (tenant, data) = (TenantId::new("acme").unwrap(), format!("\"{}\"", "x".repeat(bytes)));
        let content = Content::new(&tenant, &data);
        let place = Cursor { epoch: Epoch::new(1), offset: Offset::new(1).unwrap() };
        Draft::new(head, &content).place(Some(place), TimeMs(0), None)
    }

    #[test]
    fn what_is_compressed_is_read_as_what_is_not_and_each_part_at_once() {
        let (mut plain, mut packed) = (Vec::new(), Vec::new());
        Form { named: true, gzip: true }.begin(&mut packed);
        for bytes in [1, 5_000, 70_000, 1_023, 200_000, 0] {
            Form { named: true, gzip: false }.event(&event(bytes), &mut plain);
            let before = packed.len();
            Form { named: true, gzip: true }.event(&event(bytes), &mut packed);
            if bytes > 1_024 {
                assert!(packed.len() - before < bytes / 4, "{bytes} bytes are compressed");
            }
            assert!(packed.ends_with(&FLUSH), "no decoder has to hold it back");
            // Everything so far can be read, although the member has no end.
            let (mut decoder, mut read) = (GzDecoder::new(&packed[..]), vec![0; plain.len()]);
            decoder.read_exact(&mut read).unwrap();
            assert!(read == plain, "{bytes} bytes");
        }
        Form { named: true, gzip: true }.text(b": a word of the hub\n\n", &mut packed);
        assert!(packed.ends_with(&FLUSH), "the same for what is not an event");
    }

    #[test]
    fn only_who_takes_gzip_gets_it() {
        for (value, expected) in [
            ("gzip", true),
            ("gzip, deflate, br, zstd", true),
            ("br;q=1.0, GZIP;q=0.5", true),
            ("gzip;q=0", false),
            ("gzip;q=0.000", false),
            ("identity", false),
            ("x-gzip", false),
            ("", false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static(value));
            assert_eq!(accepts_gzip(&headers), expected, "{value}");
        }
        assert!(!accepts_gzip(&HeaderMap::new()));
    }
}
