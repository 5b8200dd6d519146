//! `log.*`.

use std::time::Duration;

use super::{CENTURY, MIB, PIB, Section};
use crate::config::option::{bytes, choice, count, duration, option, secs};
use crate::config::settings::DurabilityMode;

pub(super) const SECTION: Section = Section {
    name: "log",
    doc: "How events are kept, per tenant where nothing else is said.",
    options: &[
        option(
            "log.durability",
            choice!(DurabilityMode, |c| c.log.durability),
            "Whether a `durable` event is answered after stable storage, or sooner and at risk.",
            "relaxed",
        ),
        option(
            "log.relaxed_window",
            duration(|c| &mut c.log.relaxed_window, Duration::from_millis(1), secs(10)),
            "With relaxed durability, what a power loss may take back.",
            "1s",
        ),
        option(
            "log.keep_age",
            duration(|c| &mut c.log.keep_age, secs(60), CENTURY),
            "How long events are kept.",
            "7d",
        ),
        option(
            "log.keep_events",
            count(|c| &mut c.log.keep_events, 0, 1_000_000_000_000),
            "How many of the newest events are kept. 0 means no limit.",
            "1000000",
        ),
        option(
            "log.keep_bytes",
            bytes(|c| &mut c.log.keep_bytes, MIB, PIB),
            "How many bytes of the newest events are kept.",
            "1GiB",
        ),
        option(
            "log.recent_age",
            duration(|c| &mut c.log.recent_age, secs(1), CENTURY),
            "How long events of class `recent` are kept.",
            "10m",
        ),
        option(
            "log.recent_events",
            count(|c| &mut c.log.recent_events, 1, 1_000_000_000),
            "How many of the newest events of class `recent` are kept.",
            "100000",
        ),
        option(
            "log.keep_tombstones",
            duration(|c| &mut c.log.keep_tombstones, secs(1), CENTURY),
            "How long it is known that a deleted entity was there, and its last version; never shorter \
             than the event that deleted it is kept.",
            "7d",
        ),
        option(
            "log.quota_bytes",
            bytes(|c| &mut c.log.quota_bytes, 0, PIB),
            "The most bytes that the events and entities of all tenants may take; beyond, publishes are \
             answered 507. \
             0 means no limit.",
            "50GiB",
        ),
        option(
            "log.reserve_bytes",
            bytes(|c| &mut c.log.reserve_bytes, 0, 1024 * 1024 * MIB),
            "While the disk has less than this left, publishes are answered 507.",
            "1GiB",
        ),
        option(
            "log.waiting_events",
            count(|c| &mut c.log.waiting_events, 10, 100_000_000),
            "How many events may wait for the disk. Of priority `low` events are refused at a half of it, \
             of `normal` at three quarters, of `high` at nine tenths, and of `critical` beyond it (503 \
             `overloaded`).",
            "20000",
        ),
        option(
            "log.waiting_bytes",
            bytes(|c| &mut c.log.waiting_bytes, MIB, 1024 * 1024 * MIB),
            "The same in bytes of memory.",
            "256MiB",
        ),
    ],
    lists: &[],
};
