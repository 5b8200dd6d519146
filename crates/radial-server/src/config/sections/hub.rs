//! `hub.*`.

use std::time::Duration;

use radial_protocol::TenantId;

use super::{CENTURY, MIB, Section};
use crate::config::kind::{Kind, Texts, distinct, name_alphabet};
use crate::config::option::{bytes, count, duration, option};

pub(super) const TENANTS_MAX: usize = 10_000;

const TENANTS: Kind = Kind::Texts(Texts {
    read: |texts, c| {
        c.hub.tenants = distinct(texts, 1, TENANTS_MAX, TenantId::new)?;
        Ok(())
    },
    write: |c| c.hub.tenants.iter().map(ToString::to_string).collect(),
    allowed: || format!("a list of 1 to {TENANTS_MAX} names, each {}", name_alphabet()),
});

pub(super) const SECTION: Section = Section {
    name: "hub",
    doc: "Tenants and event types.",
    options: &[
        option(
            "hub.disabled",
            Kind::Boolean(|c| &mut c.hub.disabled),
            "Whether the hub starts switched off. `RADIAL_DISABLED` is another name for its variable.",
            "true",
        ),
        option(
            "hub.memory_bytes",
            bytes(|c| &mut c.hub.memory_bytes, 8 * MIB, 1024 * 1024 * MIB),
            "How much memory is for hot state and recent events: a quarter for pages of the store, the \
             rest for the timelines of all tenants together. What connections and requests take comes on top.",
            "1GiB",
        ),
        option(
            "hub.memory_pressure",
            count(|c| &mut c.hub.memory_pressure, 0, 100),
            "From how many per cent of the memory that the process may use on it is short: timelines give \
             up their older events, and clients that are behind get durable events only, until it is 5 \
             below. The limit is that of the control group, else the machine's. 0 means never.",
            "80",
        ),
        option(
            "hub.tenants",
            TENANTS,
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
            "hub.token_age_max",
            duration(|c| &mut c.hub.token_age_max, Duration::ZERO, CENTURY),
            "The oldest that a token may be, by its `iat`; older ones, and those without, count no more. \
             Revocations of users, sessions and tokens are forgotten when they are older than this. \
             `0s` means no limit, and then revocations are remembered for ever.",
            "24h",
        ),
    ],
    lists: &[],
};
