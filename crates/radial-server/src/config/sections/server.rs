//! `server.*`.

use std::time::Duration;

use super::Section;
use crate::config::kind::Kind;
use crate::config::option::{choice, count, duration, option, secs};
use crate::config::records::{RecordList, Records};
use crate::config::settings::{Certificate, LogFormat, LogLevel};

/// The longest drain: a deployment waits that long for each node.
const DRAIN_MAX: Duration = Duration::from_secs(10);

pub(super) const SECTION: Section = Section {
    name: "server",
    doc: "The process and its sockets.",
    options: &[
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
            choice!(LogFormat, |c| c.server.log_format),
            "How log lines are written: for people, or one JSON object a line.",
            "json",
        ),
        option(
            "server.log_level",
            choice!(LogLevel, |c| c.server.log_level),
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
    ],
    lists: &[RecordList {
        key: "server.certificates",
        doc: "The certificates of the hub, for TLS. It is not served yet: with one the hub does not \
              start. The first one answers clients that name no host, \
              or one that no certificate is for.",
        example: r#"[{"certificate": "/etc/radial/cert.pem", "key_file": "/etc/radial/key.pem"}]"#,
        table: &Records {
            field: |c| &mut c.server.certificates,
            options: &[
                option(
                    "certificate",
                    Kind::File(|r: &mut Certificate| &mut r.certificate),
                    "The PEM file of the certificate and of those that lead from it to a root, in \
                     this order.",
                    r#"certificate = "/etc/radial/cert.pem""#,
                )
                .required()
                .unique(),
                option(
                    "key",
                    Kind::Secret(|r: &mut Certificate| &mut r.key),
                    "The private key of the certificate, in PEM.",
                    r#"key_file = "/etc/radial/key.pem""#,
                )
                .required(),
            ],
            check: |_| Ok(()),
            most: 100,
        },
    }],
};
