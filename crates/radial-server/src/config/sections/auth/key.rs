//! `[[auth.keys]]`.

use super::{list, operator, tenants};
use crate::config::kind::{Kind, Text};
use crate::config::option::option;
use crate::config::records::{RecordList, Records};
use crate::config::settings::Key;

const ID: Kind<Key> = Kind::Text(Text {
    read: |text, r| {
        r.id = Some(text.parse()?);
        Ok(())
    },
    write: |r| r.id.as_ref().map(ToString::to_string).unwrap_or_default(),
    allowed: || "what stands in the key between rk_ and the next _".to_owned(),
});

const HASH: Kind<Key> = Kind::Text(Text {
    read: |text, r| {
        r.hash = Some(text.parse()?);
        Ok(())
    },
    write: |r| r.hash.as_ref().map(ToString::to_string).unwrap_or_default(),
    allowed: || "sha256: and 64 hexadecimal digits".to_owned(),
});

const NAME: Kind<Key> = Kind::Text(Text {
    read: |text, r| {
        text.clone_into(&mut r.name);
        Ok(())
    },
    write: |r| r.name.clone(),
    allowed: || "a text".to_owned(),
});

pub(super) const LIST: RecordList = RecordList {
    key: "auth.keys",
    doc: "API keys for servers, by their hashes. What is not named is not granted.",
    example: r#"[{"id": "backend", "hash": "sha256:0000000000000000000000000000000000000000000000000000000000000000", "tenants": ["*"], "publish": ["*"]}]"#,
    table: &Records {
        field: |c| &mut c.auth.keys,
        options: &[
            option("id", ID, "The id of the key, which is no secret.", r#"id = "backend""#)
                .required()
                .unique(),
            option("name", NAME, "What people call it.", r#"name = "the shop's server""#),
            option(
                "hash",
                HASH,
                "The SHA-256 of the text of the whole key.",
                r#"hash = "sha256:…""#,
            )
            .required(),
            option(
                "tenants",
                tenants!(Key, |r| r.tenants),
                "The tenants that it may be used for. Of several, each request names one.",
                r#"tenants = ["acme", "globex"]"#,
            )
            .required(),
            option(
                "roles",
                list!(|r| r.roles, "a list of names"),
                "The roles that it acts in.",
                r#"roles = ["service"]"#,
            ),
            option(
                "publish",
                list!(|r| r.publish, "a list of patterns"),
                "The event types that it may publish.",
                r#"publish = ["card.*"]"#,
            ),
            option(
                "subscribe",
                list!(|r| r.subscribe, "a list of patterns"),
                "The event types that it may receive.",
                r#"subscribe = ["*"]"#,
            ),
            option(
                "routes",
                list!(|r| r.routes, "a list of names"),
                "The sinks that it stands for: what the registry routes to one of them it may \
                 receive too, whoever it is for, also if it is not broadcast.",
                r#"routes = ["analytics"]"#,
            ),
            option(
                "channels",
                list!(|r| r.channels, "a list of patterns"),
                "The channels that it may publish to and receive from.",
                r#"channels = ["board:*"]"#,
            ),
            option(
                "history",
                Kind::Boolean(|r: &mut Key| &mut r.history),
                "Whether it may read the log.",
                "history = true",
            ),
            option(
                "act_as",
                Kind::Boolean(|r: &mut Key| &mut r.act_as),
                "Whether `userId` and `sessionId` of its requests choose whom they act for.",
                "act_as = true",
            ),
            option(
                "scrape",
                Kind::Boolean(|r: &mut Key| &mut r.scrape),
                "Whether it may read `/metrics`.",
                "scrape = true",
            ),
            option(
                "operator",
                operator!(|r| r.operator),
                "Whether it may operate its tenant, or the whole hub.",
                r#"operator = "hub""#,
            ),
        ],
        check: |_| Ok(()),
        most: 1_000,
    },
};
