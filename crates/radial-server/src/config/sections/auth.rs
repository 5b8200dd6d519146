//! `auth.*`.

mod forward;
mod issuer;
mod key;

use std::time::Duration;

use radial_auth::Tenants;
use radial_protocol::TenantId;
use radial_protocol::grants::Operator;

use super::Section;
use crate::config::kind::{Kind, Reason, Text, distinct, name_alphabet};
use crate::config::option::{duration, option, secs};

const TENANTS_MAX: usize = 10_000;
const PATTERNS_MAX: usize = 1_000;

pub(super) const SECTION: Section = Section {
    name: "auth",
    doc: "Whose credentials count, and for what. `radial serve` does not start without any; \
          `radial dev` asks for none, and does not start with one.",
    options: &[
        option(
            "auth.clock_skew",
            duration(|c| &mut c.auth.clock_skew, Duration::ZERO, secs(300)),
            "How far the clocks of who signs tokens and of the hub may be apart.",
            "5s",
        ),
        option(
            "auth.cookie",
            COOKIE,
            "The name of the HttpOnly cookie that may hold a token. Empty: cookies hold none.",
            "app_token",
        ),
        option(
            "auth.query_tokens",
            Kind::Boolean(|c| &mut c.auth.query_tokens),
            "Whether a token may stand in the URL, as `access_token`. URLs are kept in logs and \
             histories that the hub knows nothing of; tickets are the better way.",
            "true",
        ),
        option(
            "auth.jwks_grace",
            duration(|c| &mut c.auth.jwks_grace, secs(60), Duration::from_hours(30 * 24)),
            "How long the keys of a `jwks_url` count after it could last be read.",
            "1h",
        ),
    ],
    lists: &[issuer::LIST, key::LIST, forward::LIST],
};

const COOKIE: Kind = Kind::Text(Text {
    read: |text, c| {
        let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
        if !text.bytes().all(is_token) {
            return Err(Reason(None));
        }
        c.auth.cookie = Some(text.to_owned()).filter(|text| !text.is_empty());
        Ok(())
    },
    write: |c| c.auth.cookie.clone().unwrap_or_default(),
    allowed: || "a name of A-Z a-z 0-9 - . _, or empty".to_owned(),
});

/// The names of what an operator may operate.
const OPERATORS: &[(&str, Option<Operator>)] =
    &[("none", None), ("tenant", Some(Operator::Tenant)), ("hub", Some(Operator::Hub))];

fn read_tenants(texts: &[&str]) -> Result<Tenants, Reason> {
    if texts == ["*"] {
        return Ok(Tenants::All);
    }
    distinct(texts, 1, TENANTS_MAX, TenantId::new).map(Tenants::Only)
}

fn write_tenants(tenants: &Tenants) -> Vec<String> {
    match tenants {
        Tenants::All => vec!["*".to_owned()],
        Tenants::Only(tenants) => tenants.iter().map(ToString::to_string).collect(),
    }
}

/// A text that may not be there.
fn text<'a>(text: impl Into<Option<&'a String>>) -> String {
    text.into().cloned().unwrap_or_default()
}

fn allowed_tenants() -> String {
    format!("a list of tenants, each {}, or [\"*\"] for all", name_alphabet())
}

/// The kind of a list of tenants, of which `*` alone is all.
macro_rules! tenants {
    ($type:ty, |$record:ident| $field:expr) => {
        $crate::config::kind::Kind::Texts($crate::config::kind::Texts {
            read: |texts, $record: &mut $type| {
                $field = super::read_tenants(texts)?;
                Ok(())
            },
            write: |$record: &mut $type| super::write_tenants(&$field),
            allowed: super::allowed_tenants,
        })
    };
}

/// The kind of a list of texts that are each read and written by themselves.
macro_rules! list {
    (|$record:ident| $field:expr, $what:literal) => {
        $crate::config::kind::Kind::Texts($crate::config::kind::Texts {
            read: |texts, $record| {
                $field = $crate::config::kind::distinct(texts, 0, super::PATTERNS_MAX, |text| {
                    text.parse()
                })?;
                Ok(())
            },
            write: |$record| $field.iter().map(ToString::to_string).collect(),
            allowed: || $what.to_owned(),
        })
    };
}

/// The kind of a text that may be left out; empty is left out.
macro_rules! optional {
    (|$record:ident| $field:expr, $what:literal) => {
        $crate::config::kind::Kind::Text($crate::config::kind::Text {
            read: |text, $record| {
                $field = Some(text.to_owned()).filter(|text| !text.is_empty());
                Ok(())
            },
            write: |$record| $field.clone().unwrap_or_default(),
            allowed: || $what.to_owned(),
        })
    };
}

/// The kind of a name that is kept as a text.
macro_rules! name {
    ($type:ty, |$record:ident| $field:expr) => {
        $crate::config::kind::Kind::Text($crate::config::kind::Text {
            read: |text, $record: &mut $type| {
                $field = text.parse::<radial_protocol::Name>()?.to_string();
                Ok(())
            },
            write: |$record: &mut $type| $field.clone(),
            allowed: || format!("a name: {}", $crate::config::kind::name_alphabet()),
        })
    };
}

/// The kind of a URL; empty is none.
macro_rules! url {
    ($type:ty, |$record:ident| $field:expr) => {
        $crate::config::kind::Kind::Text($crate::config::kind::Text {
            read: |text, $record: &mut $type| {
                $crate::auth::check_url(text)?;
                $field = text.to_owned().into();
                Ok(())
            },
            write: |$record: &mut $type| super::text(&$field),
            allowed: || "a URL with http:// or https://".to_owned(),
        })
    };
}

/// The kind of what an operator may operate.
macro_rules! operator {
    (|$record:ident| $field:expr) => {
        $crate::config::kind::Kind::Text($crate::config::kind::Text {
            read: |text, $record| {
                $field = $crate::config::kind::named(text, super::OPERATORS)?;
                Ok(())
            },
            write: |$record| $crate::config::kind::name_of($field, super::OPERATORS),
            allowed: || $crate::config::kind::alternatives(super::OPERATORS),
        })
    };
}

use {list, name, operator, optional, tenants, url};
