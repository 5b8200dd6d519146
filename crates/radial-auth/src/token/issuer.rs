//! Who may sign tokens: the keys, what the tokens must say, and for whom they may speak.

use std::time::Duration;

use radial_protocol::grants::{CredentialKind, Operator};
use radial_protocol::{Grants, TimeMs};
use serde::Deserialize;

use super::TOKEN_BYTES_MAX;
use super::jwks::Jwks;
use super::verifying_key::VerifyingKey;
use crate::record::Tenants;
use crate::refused::Refused;

/// What somebody who issues credentials may give. A credential that claims more is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Authority {
    /// The tenants. If it is exactly one, a credential need not name it.
    pub tenants: Tenants,
    /// Whether `actAs` may be claimed.
    pub act_as: bool,
    /// The most that `operator` may claim.
    pub operator: Option<Operator>,
}

/// What a token must say of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expect {
    /// The claim `iss`, if it is checked.
    pub issuer: Option<String>,
    /// The claim `aud` must name one of these; empty: it is not checked.
    pub audience: Vec<String>,
    /// How far the clocks of signer and hub may be apart.
    pub skew: Duration,
}

/// Somebody who signs tokens.
#[derive(Clone, Debug)]
pub struct Issuer {
    /// Its keys.
    pub keys: Keys,
    /// What its tokens must say.
    pub expect: Expect,
    /// What its tokens may claim.
    pub authority: Authority,
}

/// Where an issuer's keys come from.
#[derive(Clone, Debug)]
pub enum Keys {
    /// The configuration.
    Fixed(Vec<VerifyingKey>),
    /// A URL that is asked now and then.
    Fetched(Jwks),
}

/// Everybody who signs tokens for this hub.
#[derive(Clone, Debug, Default)]
pub struct Tokens {
    issuers: Vec<Issuer>,
}

/// Why issuers cannot stand side by side.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokensError {
    /// Two keys of one name: a token could mean either.
    #[error("two keys have the kid {0:?}; each needs one of its own")]
    DuplicateKid(String),
    /// Two keys without a name: a token without `kid` could mean either.
    #[error("two keys have no kid; at most one may be without")]
    TwoWithoutKid,
    /// A key that nobody would sign with.
    #[error("an issuer has no keys")]
    NoKeys,
}

/// What a token's head says before anything is believed.
#[derive(Deserialize)]
struct Head {
    alg: String,
    kid: Option<String>,
    crit: Option<serde::de::IgnoredAny>,
}

impl Tokens {
    /// Puts the issuers together.
    ///
    /// # Errors
    /// Two configured keys have the same `kid`, or both none.
    pub fn new(issuers: Vec<Issuer>) -> Result<Self, TokensError> {
        let mut seen: Vec<Option<&str>> = Vec::new();
        for issuer in &issuers {
            let Keys::Fixed(keys) = &issuer.keys else { continue };
            if keys.is_empty() {
                return Err(TokensError::NoKeys);
            }
            for key in keys {
                let kid = key.kid.as_deref();
                if seen.contains(&kid) {
                    return Err(kid.map_or(TokensError::TwoWithoutKid, |kid| {
                        TokensError::DuplicateKid(kid.to_owned())
                    }));
                }
                seen.push(kid);
            }
        }
        Ok(Self { issuers })
    }

    /// Whether nobody signs tokens for this hub.
    pub fn is_empty(&self) -> bool {
        self.issuers.is_empty()
    }

    /// The sets of keys that are fetched, each with a number that names it.
    pub fn fetched(&mut self) -> impl Iterator<Item = (usize, &mut Jwks)> {
        self.issuers.iter_mut().enumerate().filter_map(|(index, issuer)| match &mut issuer.keys {
            Keys::Fixed(_) => None,
            Keys::Fetched(jwks) => Some((index, jwks)),
        })
    }

    /// What a token grants now.
    ///
    /// # Errors
    /// `unknown-key` may mean that a set of keys has to be fetched again: see [`Jwks::due`].
    pub fn verify(&self, token: &str, now: TimeMs) -> Result<Grants, Refused> {
        let head = head(token)?;
        let mut refused = Refused::UnknownKey;
        for issuer in &self.issuers {
            let key = match &issuer.keys {
                Keys::Fixed(keys) => keys.iter().find(|key| key.kid == head.kid),
                Keys::Fetched(jwks) => head.kid.as_deref().and_then(|kid| jwks.key(kid, now)),
            };
            let Some(key) = key else { continue };
            if key.algorithm.name() != head.alg {
                refused = Refused::WrongAlgorithm;
                continue;
            }
            match key.claims(token) {
                Ok(claims) => {
                    let Issuer { expect, authority, .. } = issuer;
                    if claims.exp.is_none() {
                        return Err(Refused::BadClaims);
                    }
                    return claims.grants(expect, authority, CredentialKind::Token, now);
                }
                // Two issuers with fetched keys may use one name; the signature tells them apart.
                Err(error) => refused = error,
            }
        }
        Err(refused)
    }
}

/// Reads the head. A token that asks for extensions (`crit`) asks for what the hub does not know.
fn head(token: &str) -> Result<Head, Refused> {
    use base64::Engine as _;
    if token.len() > TOKEN_BYTES_MAX {
        return Err(Refused::Malformed);
    }
    let mut parts = token.split('.');
    let (Some(head), Some(_), Some(_), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(Refused::Malformed);
    };
    let engine = base64::engine::general_purpose::URL_SAFE_NO_PAD;
    let json = engine.decode(head).map_err(|_| Refused::Malformed)?;
    let head: Head = serde_json::from_slice(&json).map_err(|_| Refused::Malformed)?;
    if head.crit.is_some() { Err(Refused::Malformed) } else { Ok(head) }
}
