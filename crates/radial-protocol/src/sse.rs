//! Server-Sent Events: data frames, control frames, and the `retry:` line (protocol §5).
//!
//! A data event has no `event:` line, so that it reaches `onmessage`. JSON holds no raw line
//! break, and ids and names hold no control character, so nothing from an event can break a
//! frame.

use bytes::Bytes;

use crate::control::Control;
use crate::event::Event;

/// What ends every frame.
pub const FRAME_END: &str = "\n\n";

/// Begins the frame of a delivered event; the JSON and [`FRAME_END`] follow.
pub(crate) fn begin_data(frame: &mut String, cursor: Option<&str>) {
    if let Some(cursor) = cursor {
        frame.push_str("id: ");
        frame.push_str(cursor);
        frame.push('\n');
    }
    frame.push_str("data: ");
}

/// The line that goes before a frame of a stream opened with `named`.
pub fn event_line(event: &Event) -> Bytes {
    Bytes::from(format!("event: {}\n", event.head.event_type))
}

/// Writes a control event: its name, its `id:` where it has one, its JSON.
pub fn control_frame(control: &Control) -> Bytes {
    use std::fmt::Write as _;
    let mut frame = String::with_capacity(160);
    if let Some(cursor) = control.id() {
        // Writing to a String cannot fail.
        let _ = writeln!(frame, "id: {cursor}");
    }
    let _ = write!(frame, "event: {}\ndata: {}{FRAME_END}", control.name(), control.json());
    Bytes::from(frame)
}

/// Writes a frame without `id:` whose JSON is written already, on one line.
pub fn named_frame(name: &str, json: &str) -> Bytes {
    Bytes::from(format!("event: {name}\ndata: {json}{FRAME_END}"))
}

/// The line that tells `EventSource` how long to wait before it comes back, in milliseconds. It
/// belongs to the frame that follows: by itself, some clients take it for an event without data.
pub fn retry_line(retry_ms: u64) -> Bytes {
    Bytes::from(format!("retry: {retry_ms}\n"))
}
