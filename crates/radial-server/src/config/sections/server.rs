//! `server.*`.

use std::time::Duration;

use super::Section;
use crate::config::kind::{Kind, Texts, distinct};
use crate::config::network::{Network, Origin};
use crate::config::option::{choice, count, duration, option, secs};
use crate::config::records::{RecordList, Records};
use crate::config::settings::{Certificate, ForwardedHeader, LogFormat, LogLevel};

/// The longest drain: a deployment waits that long for each node.
const DRAIN_MAX: Duration = Duration::from_secs(10);

const DAY: Duration = Duration::from_hours(24);
const HSTS_MAX: Duration = Duration::from_hours(2 * 365 * 24);
const PROXIES_MAX: usize = 100;
const ORIGINS_MAX: usize = 1_000;

const PROXIES: Kind = Kind::Texts(Texts {
    read: |texts, c| {
        c.server.trusted_proxies = distinct(texts, 0, PROXIES_MAX, str::parse::<Network>)?;
        Ok(())
    },
    write: |c| c.server.trusted_proxies.iter().map(ToString::to_string).collect(),
    allowed: || format!("a list of up to {PROXIES_MAX} addresses and networks"),
});

const ORIGINS: Kind = Kind::Texts(Texts {
    read: |texts, c| {
        c.server.allowed_origins = distinct(texts, 0, ORIGINS_MAX, str::parse::<Origin>)?;
        Ok(())
    },
    write: |c| c.server.allowed_origins.iter().map(ToString::to_string).collect(),
    allowed: || format!("a list of up to {ORIGINS_MAX} origins, each as https://app.example.org"),
});

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
            "The longest that the head of a request may take to arrive, also of the next one on a \
             connection that is kept.",
            "5s",
        ),
        option(
            "server.body_timeout",
            duration(|c| &mut c.server.body_timeout, Duration::from_millis(100), secs(600)),
            "The longest that the body of a request may take to arrive.",
            "10s",
        ),
        option(
            "server.max_connections",
            count(|c| &mut c.server.max_connections, 1, 1_000_000),
            "The most open connections. One more is refused.",
            "50000",
        ),
        option(
            "server.trusted_proxies",
            PROXIES,
            "The proxies in front of the hub: whose word about the client's address and scheme counts.",
            "10.0.0.0/8,127.0.0.1",
        ),
        option(
            "server.forwarded_header",
            choice!(ForwardedHeader, |c| c.server.forwarded_header),
            "The header in which they give it: `X-Forwarded-For` with `X-Forwarded-Proto`, or \
             `Forwarded`. The other one is not read.",
            "forwarded",
        ),
        option(
            "server.allowed_origins",
            ORIGINS,
            "The origins of other sites whose pages may use the hub, with cookies too.",
            "https://app.example.org,https://admin.example.org",
        ),
        option(
            "server.hsts_age",
            duration(|c| &mut c.server.hsts_age, Duration::ZERO, HSTS_MAX),
            "How long browsers that came by `https` are told to come by nothing else. 0 tells them \
             nothing.",
            "365d",
        ),
        option(
            "server.plain_http",
            Kind::Boolean(|c| &mut c.server.plain_http),
            "Whether addresses other than loopback may be served without TLS, because a proxy in \
             front encrypts.",
            "true",
        ),
        option(
            "server.certificate_check",
            duration(|c| &mut c.server.certificate_check, Duration::from_millis(100), DAY),
            "How often the files of certificates are looked at, to use new ones.",
            "1m",
        ),
    ],
    lists: &[RecordList {
        key: "server.certificates",
        doc: "The certificates of the hub. With one, the hub speaks TLS only. A client is shown the first \
              that is for the host that it asks for, else the first of all.",
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
