//! The earlier events of an addition to a filter, as one object: `{id, gaps, events, done}`.

use radial_hub::Frame;

/// A page of them. `id` is JSON already. Events are their delivered bytes, put together without
/// parsing them again.
pub(super) fn page(id: Option<&str>, frames: &[Frame], done: bool) -> String {
    let (mut events, mut gaps) = (Vec::new(), Vec::new());
    for frame in frames {
        match frame {
            Frame::Event(event) => {
                events.push(String::from_utf8_lossy(&event.json()).into_owned());
            }
            Frame::Control(control) => gaps.push(control.json()),
        }
    }
    let id = id.map_or(String::new(), |id| format!("\"id\":{id},"));
    let gaps = match &gaps[..] {
        [] => String::new(),
        gaps => format!("\"gaps\":[{}],", gaps.join(",")),
    };
    format!("{{{id}{gaps}\"events\":[{}],\"done\":{done}}}", events.join(","))
}
