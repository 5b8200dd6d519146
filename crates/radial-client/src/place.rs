//! Where a subscription stands: what to resume from, and what it has given already.
//!
//! Pure. The last id is a text that goes back to the hub unchanged; the mark is the cursor inside
//! it, and is what keeps an event from being given twice.

use radial_protocol::Cursor;

/// The place of one subscription.
#[derive(Clone, Debug, Default)]
pub(crate) struct Place {
    last_id: Option<String>,
    mark: Option<Cursor>,
}

impl Place {
    /// Begins at a cursor, if the text is one.
    pub(crate) fn at(text: &str) -> Self {
        Self { last_id: None, mark: text.parse().ok() }
    }

    /// The id to resume from; `None` before the stream named one, or after it took it back.
    pub(crate) fn last_id(&self) -> Option<&str> {
        self.last_id.as_deref()
    }

    /// Remembers the id of a frame.
    pub(crate) fn remember(&mut self, id: &str) {
        self.last_id = (!id.is_empty()).then(|| id.to_owned());
    }

    /// Whether an event at this place is new; if so, it counts as given from now on.
    pub(crate) fn give(&mut self, cursor: Cursor) -> bool {
        let is_given = self
            .mark
            .is_some_and(|mark| mark.epoch == cursor.epoch && cursor.offset <= mark.offset);
        if !is_given {
            self.mark = Some(cursor);
        }
        !is_given
    }

    /// Goes on from the far side of a gap, even where that is behind: history was taken back.
    pub(crate) fn go_on_from(&mut self, cursor: Cursor) {
        self.mark = Some(cursor);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use radial_protocol::{Epoch, Offset};

    fn cursor(epoch: u64, offset: u64) -> Cursor {
        Cursor { epoch: Epoch::new(epoch), offset: Offset::new(offset).unwrap() }
    }

    #[test]
    fn each_event_of_an_epoch_is_given_once() {
        let mut place = Place::default();
        for (epoch, offset, is_new) in [
            (1, 5, true),
            (1, 6, true),
            (1, 6, false),
            (1, 5, false),
            (1, 9, true),
            (2, 3, true),
            (2, 3, false),
            (2, 4, true),
        ] {
            assert_eq!(place.give(cursor(epoch, offset)), is_new, "{epoch}.{offset}");
        }
    }

    #[test]
    fn a_gap_may_lead_back() {
        let mut place = Place::at(&cursor(1, 100).to_string());
        assert!(!place.give(cursor(1, 100)));
        place.go_on_from(cursor(1, 40));
        assert!(!place.give(cursor(1, 40)));
        assert!(place.give(cursor(1, 41)));
    }

    #[test]
    fn an_empty_id_takes_the_place_back() {
        let mut place = Place::default();
        place.remember("a.1");
        assert_eq!(place.last_id(), Some("a.1"));
        place.remember("");
        assert_eq!(place.last_id(), None);
    }
}
