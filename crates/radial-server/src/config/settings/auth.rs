//! `auth.*`: whose credentials count, and for what.

use std::time::Duration;

use radial_auth::forward::Mapping;
use radial_auth::{Algorithm, KeyHash, KeyId, Tenants};
use radial_protocol::grants::Operator;
use radial_protocol::{Name, Pattern};

use crate::config::secret::Secret;

/// `auth.*`: whose credentials count (protocol §6).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Auth {
    /// How far the clocks of signer and hub may be apart. Default 30 s; 0 to 5 minutes.
    pub clock_skew: Duration,
    /// The cookie that may hold a token; none: cookies hold none. Default `radial_token`.
    pub cookie: Option<String>,
    /// Whether `?access_token=` counts. Default false.
    pub query_tokens: bool,
    /// How long fetched keys count while their URL fails. Default 24 h; 1 minute to 30 days.
    pub jwks_grace: Duration,
    /// `[[auth.issuers]]`: who signs tokens. Default none; at most 100.
    pub issuers: Vec<Issuer>,
    /// `[[auth.keys]]`: API keys. Default none; at most 1,000.
    pub keys: Vec<Key>,
    /// `[[auth.forward]]`: applications that know whose cookies a request has. Default none; at
    /// most 4.
    pub forward: Vec<Forward>,
}

/// `[[auth.issuers]]`: a key that tokens are signed with, and what they may claim.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Issuer {
    /// What the hub calls it in its log.
    pub name: String,
    /// The only algorithm of the key. Default HS256.
    pub algorithm: Algorithm,
    /// The name of the key in tokens. Default none.
    pub kid: Option<String>,
    /// The shared secret, for HS256, HS384 and HS512.
    pub secret: Option<Secret>,
    /// The public key in PEM, for the other algorithms.
    pub public_key: Option<Secret>,
    /// The URL of the keys, in the place of a key.
    pub jwks_url: Option<String>,
    /// What the claim `iss` must be. Default: it is not checked.
    pub issuer: Option<String>,
    /// The claim `aud` must name one of these. Default: it is not checked.
    pub audience: Vec<String>,
    /// The tenants that it may speak for.
    pub tenants: Tenants,
    /// Whether its tokens may claim `actAs`. Default false.
    pub act_as: bool,
    /// The most that its tokens may claim as `operator`. Default nothing.
    pub operator: Option<Operator>,
}

/// `[[auth.keys]]`: an API key, of which the hub knows the hash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    /// Its id: what stands between `rk_` and the next `_`.
    pub id: Option<KeyId>,
    /// What people call it. Default empty.
    pub name: String,
    /// The SHA-256 of the whole key.
    pub hash: Option<KeyHash>,
    /// The tenants that it may be used for.
    pub tenants: Tenants,
    /// The roles that it acts in. Default none.
    pub roles: Vec<Name>,
    /// Event types that it may publish. Default none.
    pub publish: Vec<Pattern>,
    /// Event types that it may receive. Default none.
    pub subscribe: Vec<Pattern>,
    /// The sinks that it stands for: what is routed to them it may receive. Default none.
    pub routes: Vec<Name>,
    /// Channels that it may publish to and receive from. Default all.
    pub channels: Vec<Pattern>,
    /// Whether it may read the log. Default false.
    pub history: bool,
    /// Whether its requests choose whom they act for. Default false.
    pub act_as: bool,
    /// Whether it may read the measurements of the whole hub. Default false.
    pub scrape: bool,
    /// Whether it may operate the hub, and how much of it. Default nothing.
    pub operator: Option<Operator>,
}

/// `[[auth.forward]]`: an application that says whose cookies a request has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Forward {
    /// What the hub calls it in its log.
    pub name: String,
    /// What is asked.
    pub url: String,
    /// The longest that an answer may take. Default 2 s; 10 ms to 10 s.
    pub timeout: Duration,
    /// How long an answer is believed. Default 60 s; 100 ms to 10 minutes.
    pub believed: Duration,
    /// The tenants that it may speak for.
    pub tenants: Tenants,
    /// Whether its answers may say `actAs`. Default false.
    pub act_as: bool,
    /// The most that its answers may say as `operator`. Default nothing.
    pub operator: Option<Operator>,
    /// Where in the answer things stand.
    pub mapping: Mapping,
}

impl Default for Forward {
    fn default() -> Self {
        Self {
            name: String::new(),
            url: String::new(),
            timeout: Duration::from_secs(2),
            believed: Duration::from_mins(1),
            tenants: Tenants::Only(Vec::new()),
            act_as: false,
            operator: None,
            mapping: Mapping::default(),
        }
    }
}

impl Default for Auth {
    fn default() -> Self {
        Self {
            clock_skew: Duration::from_secs(30),
            cookie: Some("radial_token".to_owned()),
            query_tokens: false,
            jwks_grace: Duration::from_hours(24),
            issuers: Vec::new(),
            keys: Vec::new(),
            forward: Vec::new(),
        }
    }
}

impl Default for Issuer {
    fn default() -> Self {
        Self {
            name: String::new(),
            algorithm: Algorithm::Hs256,
            kid: None,
            secret: None,
            public_key: None,
            jwks_url: None,
            issuer: None,
            audience: Vec::new(),
            tenants: Tenants::Only(Vec::new()),
            act_as: false,
            operator: None,
        }
    }
}

impl Default for Key {
    fn default() -> Self {
        Self {
            id: None,
            name: String::new(),
            hash: None,
            tenants: Tenants::Only(Vec::new()),
            roles: Vec::new(),
            publish: Vec::new(),
            subscribe: Vec::new(),
            routes: Vec::new(),
            channels: vec![Pattern::All],
            history: false,
            act_as: false,
            scrape: false,
            operator: None,
        }
    }
}
