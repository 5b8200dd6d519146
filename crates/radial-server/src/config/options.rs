//! The table of every option, in the order in which it is documented and printed.
//!
//! A row does not repeat its default: that is the field's value in `Config::default()`.

use std::time::Duration;

use super::kind::{Field, Kind, Span};
use super::settings::Config;

/// What every variable of this table begins with.
pub(super) const VARIABLE_PREFIX: &str = "RADIAL__";

const KIB: usize = 1024;
const MIB: usize = 1024 * KIB;
const PIB: usize = 1024 * 1024 * 1024 * MIB;
const CENTURY: Duration = Duration::from_hours(100 * 365 * 24);

/// The longest drain: a deployment waits that long for each node.
const DRAIN_MAX: Duration = Duration::from_secs(10);
/// The log takes no record above 64 MiB, and an atomic batch is one record.
const BODY_BYTES_MAX: usize = 32 * MIB;

/// One option.
pub(super) struct ConfigOption {
    /// `section.key`.
    pub(super) key: &'static str,
    /// Its type, its bounds and its field.
    pub(super) kind: Kind,
    /// What it does, in one or two sentences of Markdown.
    pub(super) doc: &'static str,
    /// A value as it is written in a variable or a flag.
    pub(super) example: &'static str,
    /// Whether its value is never shown.
    pub(super) secret: bool,
}

/// One section of the file.
pub(super) struct Section {
    pub(super) name: &'static str,
    pub(super) doc: &'static str,
}

/// The sections, in order.
pub(super) const SECTIONS: &[Section] = &[
    Section { name: "server", doc: "The process and its sockets." },
    Section { name: "hub", doc: "Tenants and event types." },
    Section { name: "limits", doc: "The sizes at which input is refused." },
    Section { name: "log", doc: "How events are kept, per tenant where nothing else is said." },
    Section { name: "stream", doc: "The life of one connection." },
    Section { name: "timeline", doc: "How much of each tenant stays in memory." },
];

/// The options, in order.
pub(super) const OPTIONS: &[ConfigOption] = &[
    option(
        "server.listen",
        Kind::Address(|c| &mut c.server.listen),
        "The address and port to listen on. Port 0 lets the system choose one.",
        "0.0.0.0:7070",
    ),
    option(
        "server.data",
        Kind::Folder(|c| &mut c.server.data),
        "The data folder, relative to the working directory. It is made if it is missing.",
        "/var/lib/radial",
    ),
    option(
        "server.node",
        Kind::Name(|c| &mut c.server.node),
        "The name of this node, shown to clients in `hello`.",
        "node-2",
    ),
    option(
        "server.log_format",
        Kind::LogFormat(|c| &mut c.server.log_format),
        "How log lines are written: for people, or one JSON object a line.",
        "json",
    ),
    option(
        "server.log_level",
        Kind::LogLevel(|c| &mut c.server.log_level),
        "The least severe level that is logged.",
        "debug",
    ),
    option(
        "server.drain_timeout",
        duration(|c| &mut c.server.drain_timeout, Duration::ZERO, DRAIN_MAX),
        "The longest that a clean stop waits for open connections.",
        "5s",
    ),
    option(
        "server.header_timeout",
        duration(|c| &mut c.server.header_timeout, Duration::from_millis(100), secs(60)),
        "The longest that the head of a request may take to arrive.",
        "5s",
    ),
    option(
        "server.max_connections",
        count(|c| &mut c.server.max_connections, 1, 1_000_000),
        "The most open connections. One more is refused.",
        "50000",
    ),
    option(
        "hub.disabled",
        Kind::Boolean(|c| &mut c.hub.disabled),
        "Whether the hub starts switched off. `RADIAL_DISABLED` is another name for its variable.",
        "true",
    ),
    option(
        "hub.tenants",
        Kind::Tenants { field: |c| &mut c.hub.tenants, most: 10_000 },
        "The tenants. In a variable or a flag: names with commas between them.",
        "acme,globex",
    ),
    option(
        "hub.registry",
        Kind::OptionalFolder(|c| &mut c.hub.registry),
        "The folder of event types, relative to the working directory. Empty means none.",
        "/etc/radial/registry",
    ),
    option(
        "hub.builtin_types",
        Kind::Boolean(|c| &mut c.hub.builtin_types),
        "Whether the built-in event types are registered.",
        "false",
    ),
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
    option(
        "log.durability",
        Kind::Durability(|c| &mut c.log.durability),
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
        count(|c| &mut c.log.keep_events, 1, 1_000_000_000_000),
        "How many of the newest events are kept.",
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
        "log.quota_bytes",
        bytes(|c| &mut c.log.quota_bytes, 0, PIB),
        "The most bytes that the events of all tenants may take; beyond, publishes are answered 507. \
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
];

/// Two options of which the first may not be above the second.
pub(super) struct Order {
    pub(super) lower: &'static str,
    pub(super) upper: &'static str,
    pub(super) holds: fn(&Config) -> bool,
}

/// The orders, checked once every value is in its place.
pub(super) const ORDERS: &[Order] = &[
    Order {
        lower: "limits.event_bytes",
        upper: "limits.body_bytes",
        holds: |c| c.limits.event_bytes <= c.limits.body_bytes,
    },
    Order {
        lower: "stream.heartbeat",
        upper: "stream.max_age",
        holds: |c| c.stream.heartbeat <= c.stream.max_age,
    },
];

impl ConfigOption {
    /// The part of the key before the dot.
    pub(super) fn section(&self) -> &'static str {
        self.key.split_once('.').map_or("", |(section, _)| section)
    }

    /// The part of the key after the dot.
    pub(super) fn name(&self) -> &'static str {
        self.key.split_once('.').map_or(self.key, |(_, name)| name)
    }

    /// The variable that sets it.
    pub(super) fn variable(&self) -> String {
        format!("{VARIABLE_PREFIX}{}", self.key.replace('.', "__").to_uppercase())
    }
}

/// The option of this key.
pub(super) fn find(key: &str) -> Option<&'static ConfigOption> {
    OPTIONS.iter().find(|option| option.key == key)
}

const fn option(
    key: &'static str,
    kind: Kind,
    doc: &'static str,
    example: &'static str,
) -> ConfigOption {
    ConfigOption { key, kind, doc, example, secret: false }
}

const fn duration(field: Field<Duration>, least: Duration, most: Duration) -> Kind {
    Kind::Duration(Span { field, least, most })
}

const fn count(field: Field<usize>, least: usize, most: usize) -> Kind {
    Kind::Count(Span { field, least, most })
}

const fn bytes(field: Field<usize>, least: usize, most: usize) -> Kind {
    Kind::Bytes(Span { field, least, most })
}

const fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}
