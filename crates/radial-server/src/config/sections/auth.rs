//! `auth.*`.

mod issuer;
mod key;

use std::time::Duration;

use radial_auth::Tenants;
use radial_protocol::TenantId;
use radial_protocol::grants::Operator;

use super::Section;
use crate::config::kind::{Reason, distinct, name_alphabet};
use crate::config::option::{duration, option, secs};

const TENANTS_MAX: usize = 10_000;
const PATTERNS_MAX: usize = 1_000;

pub(super) const SECTION: Section = Section {
    name: "auth",
    doc: "Whose credentials count, and for what. `radial serve` does not start without any; \
          `radial dev` asks for none, and does not start with one.",
    options: &[option(
        "auth.clock_skew",
        duration(|c| &mut c.auth.clock_skew, Duration::ZERO, secs(300)),
        "How far the clocks of who signs tokens and of the hub may be apart.",
        "5s",
    )],
    lists: &[issuer::LIST, key::LIST],
};

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

use {list, operator, optional, tenants};
