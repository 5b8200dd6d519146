//! The table of every option and every list, one file for each section, in the order in which
//! they are documented and printed.
//!
//! A row does not repeat its default: that is the field's value in `Config::default()`.

mod acks;
mod aliases;
mod auth;
mod hub;
mod limits;
mod log;
mod presence;
mod rates;
mod server;
mod stream;
mod tenants;
mod timeline;

use std::time::Duration;

use super::option::{ConfigOption, find_in};
use super::records::RecordList;
use super::secret::Via;
use super::settings::Config;

const KIB: usize = 1024;
const MIB: usize = 1024 * KIB;
const PIB: usize = 1024 * 1024 * 1024 * MIB;
const CENTURY: Duration = Duration::from_hours(100 * 365 * 24);

/// One section of the file.
pub(super) struct Section {
    pub(super) name: &'static str,
    pub(super) doc: &'static str,
    /// Their keys begin with the section's name and a dot.
    pub(super) options: &'static [ConfigOption],
    /// And so do these.
    pub(super) lists: &'static [RecordList],
}

/// The sections, in order.
pub(super) const SECTIONS: &[Section] = &[
    server::SECTION,
    hub::SECTION,
    auth::SECTION,
    limits::SECTION,
    rates::SECTION,
    log::SECTION,
    stream::SECTION,
    presence::SECTION,
    timeline::SECTION,
    acks::SECTION,
];

/// The lists that stand at the top of the file: `[[tenants]]`, not `[[hub.tenants]]`.
pub(super) const TOP_LISTS: &[RecordList] = &[tenants::LIST, aliases::LIST];

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
    Order {
        lower: "acks.redeliver_after",
        upper: "acks.redeliver_at_most",
        holds: |c| c.acks.redeliver_after <= c.acks.redeliver_at_most,
    },
];

/// Every option, in order.
pub(super) fn options() -> impl Iterator<Item = &'static ConfigOption> {
    SECTIONS.iter().flat_map(|section| section.options)
}

/// Every list, in order.
pub(super) fn lists() -> impl Iterator<Item = &'static RecordList> {
    SECTIONS.iter().flat_map(|section| section.lists).chain(TOP_LISTS)
}

/// The option that a key names, and how.
pub(super) fn find(key: &str) -> Option<(&'static ConfigOption, Via)> {
    find_in(options(), key)
}

/// The list of this key.
pub(super) fn find_list(key: &str) -> Option<&'static RecordList> {
    lists().find(|list| list.key == key)
}
