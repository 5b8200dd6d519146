//! What of a stream its worker writes: events and signs of life. In HTTP/1.1 each write is a chunk;
//! HTTP/2 has frames of its own.

use std::io::Write as _;
use std::sync::{Arc, LazyLock};

use radial_fanout::Encoding;
use radial_protocol::control::Control;
use radial_protocol::{Cursor, Event, TimeMs};

use super::form::Form;

/// What ends a body that came in chunks.
const LAST_CHUNK: &[u8] = b"0\r\n\r\n";

/// How a body is put into the answer that it is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Framing {
    /// As it is.
    Bare,
    /// In chunks (RFC 9112, section 7.1).
    Chunks,
}

impl Framing {
    /// Appends these bytes of the body.
    pub(super) fn put(self, bytes: &[u8], out: &mut Vec<u8>) {
        match self {
            Self::Bare => out.extend_from_slice(bytes),
            Self::Chunks => chunk(bytes, out),
        }
    }

    /// Appends what ends the body.
    pub(super) fn end(self, out: &mut Vec<u8>) {
        match self {
            Self::Bare => {}
            Self::Chunks => out.extend_from_slice(LAST_CHUNK),
        }
    }
}

type Encodings = [Arc<dyn Encoding>; 4];

static BARE: LazyLock<Encodings> = LazyLock::new(|| encodings(Framing::Bare));
static CHUNKS: LazyLock<Encodings> = LazyLock::new(|| encodings(Framing::Chunks));

fn encodings(framing: Framing) -> Encodings {
    Form::ALL.map(|form| Arc::new(Sse(form, framing)) as Arc<dyn Encoding>)
}

/// The encoding of a stream, shared by all that are alike.
pub(super) fn encoding(form: Form, framing: Framing) -> Arc<dyn Encoding> {
    let encodings = match framing {
        Framing::Bare => &*BARE,
        Framing::Chunks => &*CHUNKS,
    };
    let mut encodings = Form::ALL.iter().zip(encodings);
    let found = encodings.find(|(other, _)| **other == form);
    Arc::clone(found.expect("all forms are there").1)
}

struct Sse(Form, Framing);

impl Encoding for Sse {
    fn events(&self, events: &[&Arc<Event>], out: &mut Vec<u8>) {
        if self.0 != Form::PLAIN {
            let mut written = Vec::new();
            for event in events {
                self.0.event(event, &mut written);
            }
            return self.1.put(&written, out);
        }
        if self.1 == Framing::Chunks {
            begin_chunk(events.iter().map(|event| event.sse_bytes().len()).sum(), out);
        }
        for event in events {
            out.extend_from_slice(event.sse_bytes());
        }
        if self.1 == Framing::Chunks {
            end_chunk(out);
        }
    }

    fn heartbeat(&self, now: TimeMs, cursor: Cursor, out: &mut Vec<u8>) {
        let mut written = Vec::new();
        self.0.control(&Control::Heartbeat { now, cursor }, &mut written);
        self.1.put(&written, out);
    }
}

/// Appends these bytes as one chunk; nothing if there are none, since that would end the body.
fn chunk(bytes: &[u8], out: &mut Vec<u8>) {
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
