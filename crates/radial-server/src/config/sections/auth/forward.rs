//! `[[auth.forward]]`.

use std::time::Duration;

use super::{list, name, operator, tenants, url};
use crate::config::kind::Kind;
use crate::config::option::{ConfigOption, duration, option, secs};
use crate::config::records::{RecordList, Records};
use crate::config::settings::Forward;

pub(super) const LIST: RecordList = RecordList {
    key: "auth.forward",
    doc: "Applications that say whose cookies a request has (forward-auth). The hub asks the URL with \
          the request's cookies and believes the answer for a while. Where in the answer things stand is \
          told by JSON pointers, of which the first that leads somewhere counts; the defaults fit \
          Better Auth.",
    example: r#"[{"name": "app", "url": "http://127.0.0.1:3000/api/auth/get-session", "tenants": ["acme"]}]"#,
    table: &Records {
        field: |c| &mut c.auth.forward,
        options: OPTIONS,
        check: |_| Ok(()),
        most: 4,
    },
};

const OPTIONS: &[ConfigOption<Forward>] = &[
    option(
        "name",
        name!(Forward, |r| r.name),
        "What the log of the hub calls it.",
        r#"name = "app""#,
    )
    .required()
    .unique(),
    option(
        "url",
        url!(Forward, |r| r.url),
        "What is asked, with GET.",
        r#"url = "http://127.0.0.1:3000/api/auth/get-session""#,
    )
    .required(),
    option(
        "timeout",
        duration(|r: &mut Forward| &mut r.timeout, Duration::from_millis(10), secs(10)),
        "The longest that an answer may take.",
        r#"timeout = "500ms""#,
    ),
    option(
        "believed",
        duration(|r: &mut Forward| &mut r.believed, Duration::from_millis(100), secs(600)),
        "How long an answer is believed. For streams that stay open, it is asked for again.",
        r#"believed = "30s""#,
    ),
    option(
        "tenants",
        tenants!(Forward, |r| r.tenants),
        "The tenants that it may speak for. If it is one, answers need not name it.",
        r#"tenants = ["acme"]"#,
    )
    .required(),
    option(
        "act_as",
        Kind::Boolean(|r: &mut Forward| &mut r.act_as),
        "Whether its answers may say `actAs`.",
        "act_as = true",
    ),
    option(
        "operator",
        operator!(|r| r.operator),
        "The most that its answers may say as `operator`.",
        r#"operator = "tenant""#,
    ),
    option(
        "tenant_at",
        list!(|r| r.mapping.tenant, "a list of JSON pointers"),
        "Where the tenant stands.",
        r#"tenant_at = ["/session/activeOrganizationId"]"#,
    ),
    option(
        "user_at",
        list!(|r| r.mapping.user, "a list of JSON pointers"),
        "Where the user stands. Without one nobody is signed in.",
        r#"user_at = ["/id"]"#,
    ),
    option(
        "session_at",
        list!(|r| r.mapping.session, "a list of JSON pointers"),
        "Where the session stands. Without one it is the user.",
        r#"session_at = ["/sessionId"]"#,
    ),
    option(
        "roles_at",
        list!(|r| r.mapping.roles, "a list of JSON pointers"),
        "Where the roles stand: a list of names, or a text with commas.",
        r#"roles_at = ["/groups"]"#,
    ),
    option(
        "expires_at",
        list!(|r| r.mapping.expires, "a list of JSON pointers"),
        "Where the end of the session stands: RFC 3339, or seconds or milliseconds since 1970.",
        r#"expires_at = ["/expires"]"#,
    ),
    option(
        "issued_at",
        list!(|r| r.mapping.issued, "a list of JSON pointers"),
        "Where the beginning of the session stands, in the same forms. A revocation ends the \
         sessions from before it; without this, all that ever come.",
        r#"issued_at = ["/started"]"#,
    ),
    option(
        "radial_at",
        list!(|r| r.mapping.radial, "a list of JSON pointers"),
        "Where an object like the claim `radial` of a token stands.",
        r#"radial_at = ["/permissions/radial"]"#,
    ),
];
