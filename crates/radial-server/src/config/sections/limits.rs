//! `limits.*`.

use super::{MIB, Section};
use crate::config::option::{bytes, count, option};

/// The log takes no record above 64 MiB, and an atomic batch is one record.
const BODY_BYTES_MAX: usize = 32 * MIB;

pub(super) const SECTION: Section = Section {
    name: "limits",
    doc: "The sizes at which input is refused.",
    options: &[
        option(
            "limits.event_bytes",
            bytes(|c| &mut c.limits.event_bytes, 64, 16 * MIB),
            "The largest `eventData`, white space taken out. At most `limits.body_bytes`.",
            "64KiB",
        ),
        option(
            "limits.body_bytes",
            bytes(|c| &mut c.limits.body_bytes, 256, BODY_BYTES_MAX),
            "The largest request body, after decoding.",
            "8MiB",
        ),
        option(
            "limits.batch_events",
            count(|c| &mut c.limits.batch_events, 1, 100_000),
            "The most events in one batch.",
            "500",
        ),
        option(
            "limits.nesting",
            count(|c| &mut c.limits.nesting, 1, radial_registry::DATA_DEPTH_MAX),
            "The deepest nesting of `eventData`.",
            "32",
        ),
        option(
            "limits.filters",
            count(|c| &mut c.limits.filters, 1, 10_000),
            "The most patterns that one connection may name.",
            "200",
        ),
        option(
            "limits.audience",
            count(|c| &mut c.limits.audience, 1, 100_000),
            "The most users, sessions and roles that one audience may name together.",
            "100",
        ),
    ],
    lists: &[],
};
