//! The parser itself: lines, then fields, then frames.

use std::collections::VecDeque;
use std::time::Duration;

/// The most bytes that one frame may have; its unfinished line counts too.
pub const FRAME_BYTES_MAX: usize = 8 * 1024 * 1024;

const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

/// What a stream holds, in its order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Item {
    /// An event.
    Frame {
        /// The `event:` field; empty for a message.
        event: String,
        /// The lines of data, joined by line feeds.
        data: String,
        /// The frame's own `id:`. Where it is absent, the id of the stream stays what it was.
        id: Option<String>,
    },
    /// A frame without data: only the id of the stream moves.
    Id(String),
    /// A `retry:` field: how long to wait before coming back.
    Retry(Duration),
}

/// A frame over [`FRAME_BYTES_MAX`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a frame of the stream has more than {FRAME_BYTES_MAX} bytes")]
pub struct FrameTooLarge;

/// The state between two pieces of a stream.
#[derive(Debug, Default)]
pub struct Parser {
    line: Vec<u8>,
    /// The last byte was a carriage return that ended a line: a line feed right after it belongs
    /// to the same line end.
    after_carriage_return: bool,
    begun: bool,
    event: String,
    data: String,
    id: Option<String>,
}

impl Parser {
    /// A parser at the beginning of a stream.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the next bytes, and appends what they complete to `items`.
    ///
    /// # Errors
    /// [`FrameTooLarge`]; the parser is of no further use then.
    pub fn push(
        &mut self,
        mut bytes: &[u8],
        items: &mut VecDeque<Item>,
    ) -> Result<(), FrameTooLarge> {
        if self.after_carriage_return
            && let Some((first, rest)) = bytes.split_first()
        {
            self.after_carriage_return = false;
            if *first == b'\n' {
                bytes = rest;
            }
        }
        while let Some(end) = bytes.iter().position(|byte| matches!(byte, b'\r' | b'\n')) {
            let (head, tail) = bytes.split_at(end);
            self.extend_line(head)?;
            self.end_line(items);
            bytes = match tail {
                [b'\r', b'\n', rest @ ..] | [_, rest @ ..] => rest,
                [] => &[],
            };
            self.after_carriage_return = tail == b"\r";
        }
        self.extend_line(bytes)
    }

    fn extend_line(&mut self, bytes: &[u8]) -> Result<(), FrameTooLarge> {
        let id_len = self.id.as_ref().map_or(0, String::len);
        let held = self.line.len() + self.data.len() + self.event.len() + id_len;
        if held.saturating_add(bytes.len()) > FRAME_BYTES_MAX {
            return Err(FrameTooLarge);
        }
        self.line.extend_from_slice(bytes);
        Ok(())
    }

    fn end_line(&mut self, items: &mut VecDeque<Item>) {
        let mut line = std::mem::take(&mut self.line);
        let text = match line.strip_prefix(BYTE_ORDER_MARK) {
            Some(rest) if !self.begun => rest,
            _ => &line,
        };
        self.begun = true;
        if text.is_empty() {
            self.dispatch(items);
        } else {
            let text = String::from_utf8_lossy(text);
            let (name, value) = text.split_once(':').unwrap_or((&text, ""));
            let value = value.strip_prefix(' ').unwrap_or(value);
            // A line that begins with a colon is a comment: a field without a name.
            self.field(name, value, items);
        }
        // The allocation serves the next line.
        line.clear();
        self.line = line;
    }

    fn field(&mut self, name: &str, value: &str, items: &mut VecDeque<Item>) {
        match name {
            "event" => value.clone_into(&mut self.event),
            "data" => {
                self.data.push_str(value);
                self.data.push('\n');
            }
            "id" if !value.contains('\0') => self.id = Some(value.to_owned()),
            "retry" if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) => {
                // More digits than fit mean "very long", not "ignore it".
                let retry_ms = value.parse().unwrap_or(u64::MAX);
                items.push_back(Item::Retry(Duration::from_millis(retry_ms)));
            }
            _ => {}
        }
    }

    fn dispatch(&mut self, items: &mut VecDeque<Item>) {
        let event = std::mem::take(&mut self.event);
        let mut data = std::mem::take(&mut self.data);
        let id = self.id.take();
        // Every line of data left a line feed, so an empty buffer means that there was none.
        if data.pop().is_some() {
            items.push_back(Item::Frame { event, data, id });
        } else if let Some(id) = id {
            items.push_back(Item::Id(id));
        }
    }
}
