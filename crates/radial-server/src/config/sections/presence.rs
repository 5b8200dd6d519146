//! `presence.*`.

use std::time::Duration;

use super::Section;
use crate::config::kind::{Kind, Texts, distinct};
use crate::config::option::{count, duration, option, secs};

const PATTERNS_MAX: usize = 100;

const CHANNELS: Kind = Kind::Texts(Texts {
    read: |texts, c| {
        c.presence.channels = distinct(texts, 0, PATTERNS_MAX, str::parse)?;
        Ok(())
    },
    write: |c| c.presence.channels.iter().map(ToString::to_string).collect(),
    allowed: || format!("a list of at most {PATTERNS_MAX} patterns"),
});

pub(super) const SECTION: Section = Section {
    name: "presence",
    doc: "Who is on a channel, told to those who are granted it.",
    options: &[
        option(
            "presence.channels",
            CHANNELS,
            "The channels on which it is told who is there. Empty: presence is off. In a variable: \
             patterns with commas between them.",
            "board:*,main",
        ),
        option(
            "presence.grace",
            duration(|c| &mut c.presence.grace, Duration::ZERO, secs(600)),
            "How long somebody whose last connection has ended is still there, so that a reload is no event.",
            "30s",
        ),
        option(
            "presence.members_max",
            count(|c| &mut c.presence.members_max, 1, 10_000_000),
            "The most members of all channels of a tenant together. Who comes then is connected as ever and not counted.",
            "1000000",
        ),
    ],
    lists: &[],
};
