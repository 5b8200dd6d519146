//! `stream.*`.

use std::time::Duration;

use super::Section;
use crate::config::kind::Kind;
use crate::config::option::{duration, option, secs};

pub(super) const SECTION: Section = Section {
    name: "stream",
    doc: "The life of one connection.",
    options: &[
        option(
            "stream.heartbeat",
            duration(|c| &mut c.stream.heartbeat, Duration::from_millis(100), secs(600)),
            "The time between two heartbeats. At most `stream.max_age`.",
            "15s",
        ),
        option(
            "stream.retry",
            duration(|c| &mut c.stream.retry, Duration::from_millis(10), secs(300)),
            "What clients are told to wait before they reconnect, randomised by ±50 %.",
            "5s",
        ),
        option(
            "stream.max_age",
            duration(|c| &mut c.stream.max_age, secs(1), Duration::from_hours(7 * 24)),
            "The longest life of a connection, randomised by ±20 %.",
            "30m",
        ),
        option(
            "stream.token_warning",
            duration(|c| &mut c.stream.token_warning, Duration::ZERO, Duration::from_hours(24)),
            "How long before the end of its credential a connection gets a `token` event.",
            "2m",
        ),
        option(
            "stream.slow_after",
            duration(|c| &mut c.stream.slow_after, secs(1), Duration::from_hours(1)),
            "A connection that takes nothing of what is sent to it for so long is closed. The client \
             of a stream comes back to where it was.",
            "20s",
        ),
        option(
            "stream.gzip",
            Kind::Boolean(|c| &mut c.stream.gzip),
            "Whether event streams are compressed for clients that take gzip. Each event is \
             compressed once, whatever the number of clients.",
            "false",
        ),
    ],
    lists: &[],
};
