//! Who is let in while more is published than the log can store: the more waits for its commit, the
//! fewer. It decides before an event has a place; the order inside the log is nobody's to change.

use radial_log::Backlog;
use radial_protocol::event::{Persistence, Priority};
use radial_protocol::{Code, Problem};

use crate::hub::Hub;

/// From how many hundredths of what may wait events of a priority are refused. A critical one is
/// refused where nothing more fits.
const fn refused_from(priority: Priority) -> usize {
    match priority {
        Priority::Low => 50,
        Priority::Normal => 75,
        Priority::High => 90,
        Priority::Critical => 100,
    }
}

impl Hub {
    /// What waits for its commit, and how much may.
    pub fn backlog(&self) -> Backlog {
        self.log.backlog()
    }

    /// Refuses an event of a priority for which too much is waiting. One of class `live` waits for
    /// no commit.
    ///
    /// # Errors
    /// `overloaded`.
    pub(crate) fn check_load(
        &self,
        backlog: &Backlog,
        persistence: Persistence,
        priority: Priority,
    ) -> Result<(), Problem> {
        let most = refused_from(priority);
        if persistence == Persistence::Live || !backlog.has_reached(most) {
            return Ok(());
        }
        self.stats.overload(priority);
        let detail = format!(
            "{most} % of what may wait for the disk is waiting, and events of this priority are \
             refused from there on; try again"
        );
        Err(Problem::new(Code::Overloaded, detail))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fuller_it_is_the_higher_the_priority_must_be_whichever_limit_is_near() {
        let priorities = [Priority::Low, Priority::Normal, Priority::High, Priority::Critical];
        let admitted = |events: usize, bytes: usize| {
            let backlog = Backlog { events, events_max: 200, bytes, bytes_max: 1_000 };
            priorities.map(|priority| !backlog.has_reached(refused_from(priority)))
        };
        for (waiting, expected) in [
            (0, [true; 4]),
            (99, [true; 4]),
            (100, [false, true, true, true]),
            (149, [false, true, true, true]),
            (150, [false, false, true, true]),
            (180, [false, false, false, true]),
            (199, [false, false, false, true]),
            (200, [false; 4]),
            (usize::MAX, [false; 4]),
        ] {
            assert_eq!(admitted(waiting, 0), expected, "{waiting} events");
            assert_eq!(admitted(0, waiting.saturating_mul(5)), expected, "{waiting} times 5 bytes");
        }
    }
}
