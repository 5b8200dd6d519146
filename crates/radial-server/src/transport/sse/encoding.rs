//! What of a stream its worker writes: events and signs of life, each as one chunk of HTTP/1.1.

use std::io::Write as _;
use std::sync::{Arc, LazyLock};

use radial_fanout::Encoding;
use radial_protocol::control::Control;
use radial_protocol::{Cursor, Event, TimeMs};

use super::form::Form;

/// What ends a body that came in chunks.
pub(super) const LAST_CHUNK: &[u8] = b"0\r\n\r\n";

static ENCODINGS: LazyLock<[Arc<dyn Encoding>; 4]> =
    LazyLock::new(|| Form::ALL.map(|form| Arc::new(Sse(form)) as Arc<dyn Encoding>));

/// The encoding of a stream, shared by all that are alike.
pub(super) fn encoding(form: Form) -> Arc<dyn Encoding> {
    let mut encodings = Form::ALL.iter().zip(&*ENCODINGS);
    let found = encodings.find(|(other, _)| **other == form);
    Arc::clone(found.expect("all forms are there").1)
}

struct Sse(Form);

impl Encoding for Sse {
    fn events(&self, events: &[&Arc<Event>], out: &mut Vec<u8>) {
        if self.0 != Form::PLAIN {
            let mut written = Vec::new();
            for event in events {
                self.0.event(event, &mut written);
            }
            return chunk(&written, out);
        }
        begin_chunk(events.iter().map(|event| event.sse_bytes().len()).sum(), out);
        for event in events {
            out.extend_from_slice(event.sse_bytes());
        }
        end_chunk(out);
    }

    fn heartbeat(&self, now: TimeMs, cursor: Cursor, out: &mut Vec<u8>) {
        let mut written = Vec::new();
        self.0.control(&Control::Heartbeat { now, cursor }, &mut written);
        chunk(&written, out);
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
