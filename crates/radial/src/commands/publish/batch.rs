//! Lines to batches: as full as allowed, in order.

use super::line::Line;

/// The most bytes of a body. The hub takes 4 MiB unless it is told otherwise.
pub(super) const BODY_BYTES_MAX: usize = 3 * 1024 * 1024;

/// The brackets around a batch.
const BRACKETS: usize = 2;

/// Lines that are sent together; never none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Batch {
    lines: Vec<Line>,
}

impl Batch {
    /// A batch of these.
    pub(super) fn of(lines: impl IntoIterator<Item = Line>) -> Self {
        Self { lines: lines.into_iter().collect() }
    }

    /// The lines, in order.
    pub(super) fn lines(&self) -> &[Line] {
        &self.lines
    }

    /// The number of the first line.
    pub(super) fn first_number(&self) -> u64 {
        self.lines.first().map_or(0, |line| line.number)
    }

    /// The number of the last line.
    pub(super) fn last_number(&self) -> u64 {
        self.lines.last().map_or(0, |line| line.number)
    }

    /// Where its last line ends in the input.
    pub(super) fn end(&self) -> u64 {
        self.lines.last().map_or(0, |line| line.end)
    }
}

/// The body of a request with these lines.
pub(super) fn body<'a>(lines: impl IntoIterator<Item = &'a Line>) -> String {
    let mut body = String::from("[");
    for line in lines {
        if body.len() > 1 {
            body.push(',');
        }
        body.push_str(&line.json);
    }
    body.push(']');
    body
}

/// Collects lines until there are enough for a batch.
#[derive(Debug)]
pub(super) struct Batcher {
    events_max: usize,
    open: Batch,
    /// The length of the body that the open batch would make.
    body_bytes: usize,
}

impl Batcher {
    /// A batcher of batches of at most so many events, and [`BODY_BYTES_MAX`].
    pub(super) fn new(events_max: usize) -> Self {
        Self { events_max, open: Batch::default(), body_bytes: BRACKETS }
    }

    /// Whether no line waits.
    pub(super) fn is_empty(&self) -> bool {
        self.open.lines.is_empty()
    }

    /// Adds a line; returns the batch that is full because of it.
    ///
    /// A line that is too long by itself makes a batch by itself: the reader refused those over
    /// the limit.
    pub(super) fn push(&mut self, line: Line) -> Option<Batch> {
        let line_bytes = line.json.len() + 1;
        let has_room = self.body_bytes + line_bytes <= BODY_BYTES_MAX;
        let full = if has_room { None } else { self.take() };
        self.body_bytes += line_bytes;
        self.open.lines.push(line);
        if full.is_none() && self.open.lines.len() >= self.events_max {
            return self.take();
        }
        full
    }

    /// What waits, if anything does.
    pub(super) fn take(&mut self) -> Option<Batch> {
        self.body_bytes = BRACKETS;
        let batch = std::mem::take(&mut self.open);
        (!batch.lines.is_empty()).then_some(batch)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn line(number: u64, len: usize) -> Line {
        Line { number, end: number * 10, json: "x".repeat(len) }
    }

    fn sizes(events_max: usize, lengths: &[usize]) -> Vec<usize> {
        batches(events_max, lengths).iter().map(|batch| batch.lines().len()).collect()
    }

    fn batches(events_max: usize, lengths: &[usize]) -> Vec<Batch> {
        let mut batcher = Batcher::new(events_max);
        let lines = lengths.iter().zip(1..).map(|(len, number)| line(number, *len));
        let mut full: Vec<Batch> = lines.filter_map(|line| batcher.push(line)).collect();
        full.extend(batcher.take());
        assert!(batcher.is_empty() && batcher.take().is_none());
        full
    }

    #[test]
    fn a_batch_is_full_at_its_number_of_events() {
        assert_eq!(sizes(3, &[5; 7]), [3, 3, 1]);
        assert_eq!(sizes(1, &[5; 3]), [1, 1, 1]);
        assert_eq!(sizes(3, &[]), [0; 0]);
    }

    #[test]
    fn a_batch_is_full_at_its_bytes() {
        let mib = 1024 * 1024;
        assert_eq!(sizes(500, &[mib, mib, mib, mib]), [2, 2]);
        assert_eq!(sizes(500, &[BODY_BYTES_MAX - 3, 1, 1]), [1, 2]);
        assert_eq!(sizes(500, &[1, BODY_BYTES_MAX - 3, 1]), [1, 1, 1]);
    }

    #[test]
    fn the_body_is_the_lines_as_an_array() {
        assert_eq!(body(&[]), "[]");
        assert_eq!(body(&[line(1, 2), line(2, 1)]), "[xx,x]");
    }

    proptest! {
        #[test]
        fn all_lines_are_kept_in_order_and_no_limit_is_passed(
            events_max in 1_usize..9,
            lengths in prop::collection::vec(
                prop_oneof![1_usize..50, (BODY_BYTES_MAX / 3)..(BODY_BYTES_MAX - 2)], 0..12),
        ) {
            let batches = batches(events_max, &lengths);
            let numbers: Vec<u64> =
                batches.iter().flat_map(Batch::lines).map(|line| line.number).collect();
            prop_assert_eq!(numbers, (1..=lengths.len() as u64).collect::<Vec<_>>());
            for batch in &batches {
                prop_assert!((1..=events_max).contains(&batch.lines().len()));
                prop_assert!(body(batch.lines()).len() <= BODY_BYTES_MAX);
            }
        }
    }
}
