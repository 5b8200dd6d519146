//! `[[streams]]`.

use crate::config::kind::{Kind, Reason, Text, Texts, distinct};
use crate::config::option::{choice, option};
use crate::config::records::{RecordList, Records};
use crate::config::settings::{AliasTransport, StreamAlias};
use crate::http::aliases::{PATH_BYTES_MAX, check_path};

/// The most patterns of either kind, so that both together are within `limits.filters`.
const PATTERNS_MAX: usize = 50;

const PATH: Kind<StreamAlias> = Kind::Text(Text {
    read: |text, r| {
        check_path(text).map_err(|why| Reason(Some(why)))?;
        text.clone_into(&mut r.path);
        Ok(())
    },
    write: |r| r.path.clone(),
    allowed: || {
        format!(
            "a path of at most {PATH_BYTES_MAX} bytes: / and A-Z a-z 0-9 . _ ~ - between slashes"
        )
    },
});

const TYPES: Kind<StreamAlias> = Kind::Texts(Texts {
    read: |texts, r| {
        r.types = distinct(texts, 1, PATTERNS_MAX, str::parse)?;
        Ok(())
    },
    write: |r| r.types.iter().map(ToString::to_string).collect(),
    allowed: || format!("a list of 1 to {PATTERNS_MAX} patterns"),
});

const CHANNELS: Kind<StreamAlias> = Kind::Texts(Texts {
    read: |texts, r| {
        r.channels = distinct(texts, 0, PATTERNS_MAX, str::parse)?;
        Ok(())
    },
    write: |r| r.channels.iter().map(ToString::to_string).collect(),
    allowed: || format!("a list of at most {PATTERNS_MAX} patterns"),
});

pub(super) const LIST: RecordList = RecordList {
    key: "streams",
    doc: "Further paths of event streams and WebSockets, each with a filter of its own. What a \
          request asks for is narrowed to it; what may be seen at all, the credential says as \
          everywhere.",
    example: r#"[{"path": "/api/activity/stream", "types": ["activity:*", "notification:*"], "channels": ["*"]}]"#,
    table: &Records {
        field: |c| &mut c.streams,
        options: &[
            option("path", PATH, "Where it is. None of the hub's own paths.", r#""/ws/realtime""#)
                .required()
                .unique(),
            option(
                "transport",
                choice!(AliasTransport, |r| r.transport),
                "What is opened there.",
                r#""websocket""#,
            ),
            option(
                "types",
                TYPES,
                "The event types that there are on it.",
                r#"["activity:*", "notification:*"]"#,
            ),
            option(
                "channels",
                CHANNELS,
                "The channels that there are on it; a request that names none gets all of them. \
                 Empty: what the request names, or `main`.",
                r#"["board:*"]"#,
            ),
        ],
        check: |_| Ok(()),
        most: 100,
    },
};
