//! What became of the lines, in numbers, and the first that were refused.

use std::fmt;
use std::time::Duration;

use radial_client::ProblemDocument;
use radial_protocol::answer::Accepted;

/// So many refusals are shown.
const SHOWN: usize = 5;

/// The numbers of a run.
#[derive(Debug, Default)]
pub(super) struct Tally {
    published: usize,
    duplicates: usize,
    refused: usize,
    refusals: Vec<Refusal>,
}

/// Lines that were refused, and why.
#[derive(Debug)]
pub(super) struct Refusal {
    first: u64,
    last: u64,
    problem: String,
}

impl Tally {
    /// Counts an accepted event.
    pub(super) fn accept(&mut self, accepted: &Accepted) {
        if accepted.duplicate {
            self.duplicates += 1;
        } else {
            self.published += 1;
        }
    }

    /// Counts `count` refused events on the lines from `first` to `last`.
    pub(super) fn refuse(
        &mut self,
        first: u64,
        last: u64,
        count: usize,
        problem: &ProblemDocument,
    ) {
        self.refused += count;
        if self.refusals.len() < SHOWN {
            self.refusals.push(Refusal { first, last, problem: problem.to_string() });
        }
    }

    /// How many were refused.
    pub(super) fn refused(&self) -> usize {
        self.refused
    }

    /// The first refusals.
    pub(super) fn refusals(&self) -> &[Refusal] {
        &self.refusals
    }

    /// Everything on one line.
    pub(super) fn summary(&self, elapsed: Duration) -> String {
        let Self { published, duplicates, refused, .. } = self;
        let seconds = elapsed.as_secs_f64().max(0.001);
        #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
        let rate = (published + duplicates) as f64 / seconds;
        format!(
            "published {published}, duplicates {duplicates}, refused {refused} in {seconds:.2} s ({rate:.0}/s)"
        )
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { first, last, problem } = self;
        if first == last {
            write!(f, "line {first}: {problem}")
        } else {
            write!(f, "lines {first} to {last}: {problem}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_summary_counts_and_the_first_refusals_are_kept() {
        let mut tally = Tally::default();
        for duplicate in [false, false, true] {
            let json = format!(r#"{{"eventId":"e","duplicate":{duplicate},"persistence":"live"}}"#);
            tally.accept(&serde_json::from_str(&json).unwrap());
        }
        let problem = ProblemDocument {
            code: "unknown-event-type".into(),
            detail: "d".into(),
            ..ProblemDocument::default()
        };
        tally.refuse(2, 9, 8, &problem);
        (10..20).for_each(|line| tally.refuse(line, line, 1, &problem));
        assert_eq!(
            tally.summary(Duration::from_millis(1_500)),
            "published 2, duplicates 1, refused 18 in 1.50 s (2/s)"
        );
        let shown: Vec<String> = tally.refusals().iter().map(ToString::to_string).collect();
        assert_eq!(shown.len(), SHOWN);
        assert_eq!(shown[0], "lines 2 to 9: unknown-event-type: d");
        assert_eq!(shown[1], "line 10: unknown-event-type: d");
    }
}
