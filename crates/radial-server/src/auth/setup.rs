//! From the configuration to who may speak to the hub.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use http::Uri;
use radial_auth::token::{Expect, Issuer, Jwks, KeyFormatError, Keys, TokensError, VerifyingKey};
use radial_auth::{Authority, KeyRecord, Tenants, Tokens};
use radial_hub::Hub;
use radial_protocol::{TenantId, TimeMs};

use super::application::Application;
use super::authenticator::{Auth, Known};
use super::client::{self, Client, UrlError};
use super::forward::Forward;
use super::refresh::Remote;
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
    /// A URL that cannot be asked.
    #[error("{whose}: {source}")]
    Url {
        /// The record.
        whose: String,
        /// What is wrong.
        #[source]
        source: UrlError,
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

/// Whether the configuration has no credential.
fn names_nobody(config: &Config) -> bool {
    let auth = &config.auth;
    auth.issuers.is_empty() && auth.keys.is_empty() && auth.forward.is_empty()
}

impl Auth {
    /// Whether anybody could show a credential, now that the stored keys are known. There is no
    /// state in between: a hub that nobody could use does not start.
    ///
    /// # Errors
    /// Nobody could.
    pub(crate) fn check(&self, config: &Config, mode: Mode, hub: &Hub) -> Result<(), AuthError> {
        let is_empty = names_nobody(config) && !self.asks_application();
        if mode == Mode::Serve && is_empty && hub.keys().is_empty() {
            return Err(AuthError::None);
        }
        Ok(())
    }

    /// Everybody that the configuration names.
    ///
    /// # Errors
    /// Somebody is named and the mode asks for no credentials, or a key is not usable; or nobody
    /// is named, and there is no data folder that could hold keys: see [`Self::check`].
    pub(crate) fn new(
        config: &Config,
        mode: Mode,
        application: Option<Application>,
    ) -> Result<Self, AuthError> {
        let auth = &config.auth;
        let is_empty = names_nobody(config) && application.is_none();
        match mode {
            Mode::Serve if is_empty && !config.server.data.is_dir() => {
                return Err(AuthError::None);
            }
            Mode::Dev if !is_empty => return Err(AuthError::Developer),
            Mode::Serve | Mode::Dev => {}
        }
        let known: HashSet<TenantId> = config.hub.tenants.iter().cloned().collect();
        for issuer in &auth.issuers {
            check(&known, &issuer.tenants, || format!("[[auth.issuers]] {}", issuer.name))?;
        }
        for forward in &auth.forward {
            check(&known, &forward.tenants, || format!("[[auth.forward]] {}", forward.name))?;
        }
        let issuers = auth.issuers.iter().map(|record| issuer(auth, record));
        let tokens = Tokens::new(issuers.collect::<Result<_, _>>()?)?;
        let mut keys = HashMap::new();
        for key in &auth.keys {
            let Some(record) = record(key) else { continue };
            check(&known, &key.tenants, || format!("[[auth.keys]] {}", record.id))?;
            keys.insert(record.id.clone(), Arc::new(record));
        }
        let remotes = auth.issuers.iter().enumerate().filter_map(remote);
        let remotes: Vec<Remote> = remotes.collect::<Result<_, _>>()?;
        let forward = auth.forward.iter().map(asked).collect::<Result<Vec<_>, _>>()?;
        let urls = remotes.iter().map(|remote| &remote.url);
        let urls: Vec<&Uri> = urls.chain(forward.iter().map(|forward| &forward.url)).collect();
        let client = Client::new(&urls);
        Ok(Self::of(Known {
            tokens,
            remotes,
            client,
            forward,
            keys,
            tenants: known,
            application,
            cookie: auth.cookie.clone(),
            query_tokens: auth.query_tokens,
        }))
    }
}

fn remote((number, record): (usize, &config::Issuer)) -> Option<Result<Remote, AuthError>> {
    let text = record.jwks_url.as_ref()?;
    let name = record.name.clone();
    Some(match client::url(text) {
        Ok(url) => Ok(Remote::new(name, url, number)),
        Err(source) => Err(AuthError::Url { whose: format!("[[auth.issuers]] {name}"), source }),
    })
}

fn asked(record: &config::Forward) -> Result<Forward, AuthError> {
    let name = record.name.clone();
    let url = client::url(&record.url);
    let url =
        url.map_err(|source| AuthError::Url { whose: format!("[[auth.forward]] {name}"), source })?;
    let authority = Authority {
        tenants: record.tenants.clone(),
        act_as: record.act_as,
        operator: record.operator,
    };
    Ok(Forward::new(name, url, authority, record.mapping.clone(), record.timeout, record.believed))
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
    let algorithm = record.algorithm;
    let key = match (&record.secret, &record.public_key) {
        (Some(secret), _) => VerifyingKey::secret(algorithm, kid, secret.expose().as_bytes()),
        (None, Some(pem)) => VerifyingKey::pem(algorithm, kid, pem.expose().as_bytes()),
        (None, None) => Err(KeyFormatError::WrongKind),
    };
    let keys = match (&record.jwks_url, key) {
        (Some(_), _) => Keys::Fetched(Jwks::new(auth.jwks_grace)),
        (None, Ok(key)) => Keys::Fixed(vec![key]),
        (None, Err(source)) => return Err(AuthError::Key { name: record.name.clone(), source }),
    };
    Ok(Issuer {
        keys,
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
    let config::Key {
        id, name, hash, tenants, roles, publish, subscribe, routes, channels, ..
    } = key.clone();
    Some(KeyRecord {
        id: id?,
        name,
        hash: hash?,
        previous: None,
        tenants,
        roles,
        publish,
        subscribe,
        routes,
        channels,
        history: key.history,
        act_as: key.act_as,
        scrape: key.scrape,
        operator: key.operator,
        created: TimeMs(0),
        expires: None,
    })
}
