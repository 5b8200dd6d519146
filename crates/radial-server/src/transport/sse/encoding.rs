//! What of a stream its worker writes: events and signs of life, each as one chunk of HTTP/1.1.

use std::io::Write as _;
use std::sync::{Arc, LazyLock};

use radial_fanout::Encoding;
use radial_protocol::control::Control;
use radial_protocol::{Cursor, Event, TimeMs, sse};

/// What ends a body that came in chunks.
pub(super) const LAST_CHUNK: &[u8] = b"0\r\n\r\n";

static PLAIN: LazyLock<Arc<dyn Encoding>> = LazyLock::new(|| Arc::new(Sse { named: false }));
static NAMED: LazyLock<Arc<dyn Encoding>> = LazyLock::new(|| Arc::new(Sse { named: true }));

/// The encoding of a stream, shared by all that are alike.
pub(super) fn encoding(named: bool) -> Arc<dyn Encoding> {
    Arc::clone(if named { &NAMED } else { &PLAIN })
}

struct Sse {
    /// Whether each event has an `event:` line with its type.
    named: bool,
}

impl Encoding for Sse {
    fn events(&self, events: &[&Arc<Event>], out: &mut Vec<u8>) {
        if self.named {
            let mut frames = Vec::new();
            for event in events {
                frames.extend_from_slice(&sse::event_line(event));
                frames.extend_from_slice(event.sse_bytes());
            }
            chunk(&frames, out);
            return;
        }
        begin_chunk(events.iter().map(|event| event.sse_bytes().len()).sum(), out);
        for event in events {
            out.extend_from_slice(event.sse_bytes());
        }
        end_chunk(out);
    }

    fn heartbeat(&self, now: TimeMs, cursor: Cursor, out: &mut Vec<u8>) {
        chunk(&sse::control_frame(&Control::Heartbeat { now, cursor }), out);
    }
}

/// Appends these bytes as one chunk; nothing if there are none, since that would end the body.
pub(super) fn chunk(bytes: &[u8], out: &mut Vec<u8>) {
    if !bytes.is_empty() {
        begin_chunk(bytes.len(), out);
        out.extend_from_slice(bytes);
        end_chunk(out);
    }
}

fn begin_chunk(len: usize, out: &mut Vec<u8>) {
    // Writing to a Vec cannot fail.
    let _ = write!(out, "{len:x}\r\n");
}

fn end_chunk(out: &mut Vec<u8>) {
    out.extend_from_slice(b"\r\n");
}
