//! `timeline.*`.

use super::{KIB, MIB, Section};
use crate::config::option::{bytes, count, option};

pub(super) const SECTION: Section = Section {
    name: "timeline",
    doc: "How much of each tenant stays in memory.",
    options: &[
        option(
            "timeline.events",
            count(|c| &mut c.timeline.events, 1, 10_000_000),
            "The most events that each tenant keeps in memory. Older ones are read from the log.",
            "50000",
        ),
        option(
            "timeline.bytes",
            bytes(|c| &mut c.timeline.bytes, KIB, 1024 * MIB),
            "The most bytes of events that each tenant keeps in memory.",
            "32MiB",
        ),
    ],
    lists: &[],
};
