//! `rates.*`.

use super::Section;
use crate::config::option::{count, option};

const MOST: usize = 1_000_000_000;

pub(super) const SECTION: Section = Section {
    name: "rates",
    doc: "How much each client, user, tenant and address may do. 0 means no limit. Without a \
          credential, in `radial dev`, only `rates.connections` holds.",
    options: &[
        option(
            "rates.publish_client",
            count(|c| &mut c.rates.publish_client, 0, MOST),
            "Publishes a minute of one client: of a session, else of a user or a token. A batch is one.",
            "60",
        ),
        option(
            "rates.events_client",
            count(|c| &mut c.rates.events_client, 0, MOST),
            "Events a minute of one client, in batches or not.",
            "10000",
        ),
        option(
            "rates.publish_user",
            count(|c| &mut c.rates.publish_user, 0, MOST),
            "Publishes a minute of one user, in all sessions.",
            "600",
        ),
        option(
            "rates.publish_address",
            count(|c| &mut c.rates.publish_address, 0, MOST),
            "Publishes a minute from one address, other than with a server's key. Of IPv6, 64 bits are one address.",
            "10000",
        ),
        option(
            "rates.publish_key",
            count(|c| &mut c.rates.publish_key, 0, MOST),
            "Publishes a minute with one server's key.",
            "60000",
        ),
        option(
            "rates.events_key",
            count(|c| &mut c.rates.events_key, 0, MOST),
            "Events a minute with one server's key.",
            "600000",
        ),
        option(
            "rates.publish_tenant",
            count(|c| &mut c.rates.publish_tenant, 0, MOST),
            "Publishes a minute of one tenant.",
            "100000",
        ),
        option(
            "rates.bad_credentials",
            count(|c| &mut c.rates.bad_credentials, 0, MOST),
            "Bad credentials a minute from one address. Beyond, none from there is looked at.",
            "10",
        ),
        option(
            "rates.connections_user",
            count(|c| &mut c.rates.connections_user, 0, MOST),
            "Open streams of one user.",
            "20",
        ),
        option(
            "rates.connections_address",
            count(|c| &mut c.rates.connections_address, 0, MOST),
            "Open streams from one address, other than with a server's key.",
            "500",
        ),
        option(
            "rates.connections_tenant",
            count(|c| &mut c.rates.connections_tenant, 0, MOST),
            "Open streams of one tenant.",
            "10000",
        ),
        option(
            "rates.connections",
            count(|c| &mut c.rates.connections, 0, MOST),
            "Open streams of all.",
            "20000",
        ),
        option(
            "rates.buckets",
            count(|c| &mut c.rates.buckets, 64, 1 << 24),
            "How many of those who did something in the last minute are remembered, in 16 bytes each. \
             Beyond, those who did least are forgotten.",
            "1048576",
        ),
    ],
    lists: &[],
};
