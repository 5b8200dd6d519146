//! Where a stream begins, and what became of a resume.

use radial_log::Bounds;
use radial_protocol::control::{Gap, GapReason, GapScope, Resumed};
use radial_protocol::{Cursor, Offset, TimeMs};

/// Where a subscriber wants to begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// With what comes from now on.
    Now,
    /// With the oldest event that is kept.
    Earliest,
    /// After this place.
    After(Cursor),
    /// With the first event received at this time or later.
    Since(TimeMs),
    /// After a place that is no cursor of any hub: the client has something, nobody knows what.
    Unknown,
}

/// Where a stream begins, and what is said of the resume.
pub(crate) struct Beginning {
    pub(crate) place: Offset,
    pub(crate) resumed: Resumed,
    /// The gap that the stream begins with.
    pub(crate) gap: Option<Gap>,
    /// Whether the client has no place to go on from.
    pub(crate) wants_snapshot: bool,
    /// Stretches that were missing up to here before the client came are no gap to it: it asked
    /// for what is kept.
    pub(crate) kept_from: Offset,
}

impl Beginning {
    fn fresh(place: Offset, wants_snapshot: bool) -> Self {
        let resumed = Resumed { from: None, complete: true };
        Self { place, resumed, gap: None, wants_snapshot, kept_from: place }
    }

    fn of_what_is_kept(place: Offset, bounds: &Bounds) -> Self {
        Self { kept_from: bounds.head, ..Self::fresh(place, false) }
    }

    fn broken(from: Option<Cursor>, reason: GapReason, bounds: &Bounds) -> Self {
        let to = Cursor { epoch: bounds.epoch, offset: bounds.head };
        let gap = Some(Gap { reason, scope: GapScope::All, from, to });
        let resumed = Resumed { from, complete: false };
        let (place, kept_from) = (bounds.head, bounds.head);
        Self { place, resumed, gap, wants_snapshot: true, kept_from }
    }

    /// A snapshot is true at this place: the stream goes on from there, and a gap reaches so far.
    pub(crate) fn go_on_from(&mut self, cursor: Cursor) {
        self.place = cursor.offset;
        if let Some(gap) = &mut self.gap {
            gap.to = cursor;
        }
    }
}

/// Decides where a stream begins.
///
/// A stretch that is missing inside the log is found while reading. A cursor of another history,
/// or from beyond the head, says nothing about this one: the stream goes on from the head.
pub(crate) fn begin(
    start: Start,
    since: Option<Offset>,
    bounds: &Bounds,
    snapshot: bool,
) -> Beginning {
    let oldest = bounds.first.previous();
    match start {
        Start::Now => Beginning::fresh(bounds.head, true),
        Start::Earliest => Beginning::of_what_is_kept(oldest, bounds),
        Start::Since(_) => Beginning::of_what_is_kept(since.unwrap_or(oldest).max(oldest), bounds),
        Start::Unknown => Beginning::broken(None, GapReason::Epoch, bounds),
        Start::After(cursor) if cursor.epoch != bounds.epoch => {
            Beginning::broken(Some(cursor), GapReason::Epoch, bounds)
        }
        Start::After(cursor) if cursor.offset > bounds.head => {
            Beginning::broken(Some(cursor), GapReason::Ahead, bounds)
        }
        // Where the state comes instead, the events that are left of the stretch are no use.
        Start::After(cursor) if cursor.offset < oldest && snapshot => {
            Beginning::broken(Some(cursor), GapReason::Retention, bounds)
        }
        Start::After(cursor) => {
            let complete = cursor.offset >= oldest
                && cursor.offset >= bounds.recent_gone
                && !bounds.lost.iter().any(|lost| lost.to > cursor.offset);
            let resumed = Resumed { from: Some(cursor), complete };
            let (place, kept_from) = (cursor.offset, cursor.offset);
            Beginning { place, resumed, gap: None, wants_snapshot: false, kept_from }
        }
    }
}

#[cfg(test)]
mod tests {
    use radial_protocol::Epoch;

    use super::*;

    #[test]
    fn a_resume_before_recent_events_that_went_is_not_complete() {
        let offset = |value| Offset::new(value).unwrap();
        let epoch = Epoch::new(1);
        let bounds = Bounds {
            epoch,
            first: offset(1),
            head: offset(9),
            recent_gone: offset(4),
            lost: Vec::new(),
        };
        for (place, complete) in [(0, false), (3, false), (4, true), (9, true)] {
            let start = Start::After(Cursor { epoch, offset: offset(place) });
            let beginning = begin(start, None, &bounds, false);
            assert_eq!(beginning.resumed.complete, complete, "from {place}");
        }
    }
}
