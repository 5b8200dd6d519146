//! From the configuration to who may speak to the hub.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use radial_auth::token::{Expect, Issuer, KeyFormatError, Keys, TokensError, VerifyingKey};
use radial_auth::{Authority, KeyRecord, Tenants, Tokens};
use radial_protocol::{TenantId, TimeMs};

use super::authenticator::Auth;
use crate::app::Mode;
use crate::config::{self, Config};

/// Why nobody could be told from anybody else.
#[derive(Debug, thiserror::Error)]
pub enum AuthError {
    /// `radial serve` without any credential.
    #[error(
        "no credential is configured, so nobody could use the hub. Add one to the configuration:\n\
         \n\
         \x20 [[auth.issuers]]            # tokens that your application signs (HS256)\n\
         \x20 name = \"app\"\n\
         \x20 secret_env = \"APP_SECRET\"   # openssl rand -hex 32\n\
         \x20 tenants = [\"dev\"]\n\
         \n\
         or [[auth.keys]] for servers; docs/operations.md explains both. To try things out, \
         `radial dev` asks for no credential"
    )]
    None,
    /// `radial dev` with credentials.
    #[error(
        "auth.* is configured, but `radial dev` asks nobody for a credential; use `radial serve`, \
         or take the settings away"
    )]
    Developer,
    /// A key that cannot be used.
    #[error("[[auth.issuers]] {name}: {source}")]
    Key {
        /// The issuer.
        name: String,
        /// What is wrong.
        #[source]
        source: KeyFormatError,
    },
    /// Keys that cannot stand side by side.
    #[error("[[auth.issuers]]: {0}")]
    Tokens(#[from] TokensError),
    /// A tenant that the hub does not have.
    #[error("{whose} names the tenant {tenant}, which is not in hub.tenants")]
    UnknownTenant {
        /// The record.
        whose: String,
        /// The tenant.
        tenant: TenantId,
    },
}

impl Auth {
    /// Everybody that the configuration names.
    ///
    /// # Errors
    /// Nobody is named and the mode asks for credentials, or the other way round; or a key is not
    /// usable. There is no state in between.
    pub(crate) fn new(config: &Config, mode: Mode) -> Result<Self, AuthError> {
        let auth = &config.auth;
        let is_empty = auth.issuers.is_empty() && auth.keys.is_empty();
        match mode {
            Mode::Serve if is_empty => return Err(AuthError::None),
            Mode::Dev if !is_empty => return Err(AuthError::Developer),
            Mode::Serve | Mode::Dev => {}
        }
        let known: HashSet<TenantId> = config.hub.tenants.iter().cloned().collect();
        for issuer in &auth.issuers {
            check(&known, &issuer.tenants, || format!("[[auth.issuers]] {}", issuer.name))?;
        }
        let issuers = auth.issuers.iter().map(|record| issuer(auth, record));
        let tokens = Tokens::new(issuers.collect::<Result<_, _>>()?)?;
        let mut keys = HashMap::new();
        for key in &auth.keys {
            let Some(record) = record(key) else { continue };
            check(&known, &key.tenants, || format!("[[auth.keys]] {}", record.id))?;
            keys.insert(record.id.clone(), Arc::new(record));
        }
        Ok(Self::of(tokens, keys, known))
    }
}

fn check(
    known: &HashSet<TenantId>,
    tenants: &Tenants,
    whose: impl Fn() -> String,
) -> Result<(), AuthError> {
    let Tenants::Only(tenants) = tenants else { return Ok(()) };
    match tenants.iter().find(|tenant| !known.contains(*tenant)) {
        Some(tenant) => Err(AuthError::UnknownTenant { whose: whose(), tenant: tenant.clone() }),
        None => Ok(()),
    }
}

fn issuer(auth: &config::Auth, record: &config::Issuer) -> Result<Issuer, AuthError> {
    let kid = record.kid.clone();
    let key = match (&record.secret, &record.public_key) {
        (Some(secret), _) => {
            VerifyingKey::secret(record.algorithm, kid, secret.expose().as_bytes())
        }
        (None, Some(pem)) => VerifyingKey::pem(record.algorithm, kid, pem.expose().as_bytes()),
        (None, None) => Err(KeyFormatError::WrongKind),
    };
    let key = key.map_err(|source| AuthError::Key { name: record.name.clone(), source })?;
    Ok(Issuer {
        keys: Keys::Fixed(vec![key]),
        expect: Expect {
            issuer: record.issuer.clone(),
            audience: record.audience.clone(),
            skew: auth.clock_skew,
        },
        authority: Authority {
            tenants: record.tenants.clone(),
            act_as: record.act_as,
            operator: record.operator,
        },
    })
}

/// The configuration refuses a key without id or hash, so none is passed over.
fn record(key: &config::Key) -> Option<KeyRecord> {
    let config::Key { id, name, hash, tenants, roles, publish, subscribe, channels, .. } =
        key.clone();
    Some(KeyRecord {
        id: id?,
        name,
        hash: hash?,
        previous: None,
        tenants,
        roles,
        publish,
        subscribe,
        channels,
        history: key.history,
        act_as: key.act_as,
        scrape: key.scrape,
        operator: key.operator,
        created: TimeMs(0),
        expires: None,
    })
}
