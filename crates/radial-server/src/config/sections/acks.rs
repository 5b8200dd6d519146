//! `acks.*`.

use std::time::Duration;

use super::Section;
use crate::config::option::{count, duration, option, secs};

pub(super) const SECTION: Section = Section {
    name: "acks",
    doc: "Events of types with `ack = true`, and who has acknowledged them.",
    options: &[
        option(
            "acks.redeliver_after",
            duration(|c| &mut c.acks.redeliver_after, Duration::from_millis(100), secs(3_600)),
            "How long an acknowledgement may take before its event comes again. Each further time \
             it may take twice as long. At most `acks.redeliver_at_most`.",
            "10s",
        ),
        option(
            "acks.redeliver_at_most",
            duration(
                |c| &mut c.acks.redeliver_at_most,
                Duration::from_millis(100),
                Duration::from_hours(24),
            ),
            "The longest time between two redeliveries of an event to a session.",
            "1h",
        ),
        option(
            "acks.sessions",
            count(|c| &mut c.acks.sessions, 1, 1_000_000),
            "The most sessions of a tenant of which is known what they have acknowledged. Beyond, \
             the one that has been away for longest is forgotten.",
            "50000",
        ),
    ],
    lists: &[],
};
