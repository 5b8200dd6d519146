//! `[[tenants]]`: how single tenants are kept.

use std::time::Duration;

use super::hub::TENANTS_MAX;
use super::{CENTURY, MIB, PIB};
use crate::config::kind::{Bounds, Kind};
use crate::config::option::{option, secs};
use crate::config::records::{RecordList, Records};
use crate::config::settings::TenantRecord;

const fn age(least: Duration) -> Bounds<Duration> {
    Bounds { least, most: CENTURY }
}

pub(super) const LIST: RecordList = RecordList {
    key: "tenants",
    doc: "Tenants of `hub.tenants` that are kept in another way than `log` says. What a record does not name is as there.",
    example: r#"[{"name": "dev", "keep_age": "7d", "quota_bytes": "1GiB"}]"#,
    table: &Records {
        field: |c| &mut c.tenants,
        options: &[
            option(
                "name",
                Kind::Name(|r: &mut TenantRecord| &mut r.name),
                "The tenant.",
                r#""acme""#,
            )
            .required()
            .unique(),
            option(
                "keep_age",
                Kind::OptionalDuration(|r| &mut r.keep_age, age(secs(60))),
                "Its own `log.keep_age`.",
                r#""7d""#,
            ),
            option(
                "keep_events",
                Kind::OptionalCount(
                    |r| &mut r.keep_events,
                    Bounds { least: 0, most: 1_000_000_000_000 },
                ),
                "Its own `log.keep_events`.",
                "1000000",
            ),
            option(
                "keep_bytes",
                Kind::OptionalBytes(|r| &mut r.keep_bytes, Bounds { least: MIB, most: PIB }),
                "Its own `log.keep_bytes`.",
                r#""1GiB""#,
            ),
            option(
                "recent_age",
                Kind::OptionalDuration(|r| &mut r.recent_age, age(secs(1))),
                "Its own `log.recent_age`.",
                r#""10m""#,
            ),
            option(
                "recent_events",
                Kind::OptionalCount(
                    |r| &mut r.recent_events,
                    Bounds { least: 1, most: 1_000_000_000 },
                ),
                "Its own `log.recent_events`.",
                "100000",
            ),
            option(
                "keep_tombstones",
                Kind::OptionalDuration(|r| &mut r.keep_tombstones, age(secs(1))),
                "Its own `log.keep_tombstones`.",
                r#""7d""#,
            ),
            option(
                "quota_bytes",
                Kind::OptionalBytes(|r| &mut r.quota_bytes, Bounds { least: 1, most: PIB }),
                "The most bytes that its events and entities may take; beyond, its publishes alone are \
                 answered 507. Without it only `log.quota_bytes` holds.",
                r#""1GiB""#,
            ),
        ],
        check: |_| Ok(()),
        most: TENANTS_MAX,
    },
};
