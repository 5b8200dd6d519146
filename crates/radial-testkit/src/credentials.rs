//! Credentials for tests: issuers that a hub is started with, and tokens that they sign.

use std::time::{SystemTime, UNIX_EPOCH};

use radial_auth::token::mint::SigningKey;
use radial_auth::{Algorithm, ApiKey, KeyId};
use serde_json::{Value, json};

/// What the test issuers sign with.
pub const SECRET: &str = "a secret that is only for tests: 0123456789abcdef";

/// The issuers, as `auth.issuers` takes them: one that may speak for every tenant and grant
/// everything, whose tokens have no `kid`; and `limited`, for the tenant `dev`, which may not.
pub fn issuers() -> String {
    json!([
        {"name": "test", "secret": SECRET, "tenants": ["*"], "act_as": true, "operator": "hub"},
        {"name": "limited", "kid": "limited", "secret": SECRET, "tenants": ["dev"]},
    ])
    .to_string()
}

/// A token with these claims; without `tenant` and `exp` it is for `dev`, and counts for an hour.
pub fn token(claims: &Value) -> String {
    sign(None, claims)
}

/// The same by the issuer that may grant nothing out of the ordinary.
pub fn limited_token(claims: &Value) -> String {
    sign(Some("limited".to_owned()), claims)
}

fn sign(kid: Option<String>, claims: &Value) -> String {
    let mut all = json!({"tenant": "dev", "exp": now_seconds() + 3_600});
    if let (Some(all), Some(claims)) = (all.as_object_mut(), claims.as_object()) {
        all.extend(claims.clone());
    }
    let key = SigningKey::new(Algorithm::Hs256, kid, SECRET.as_bytes());
    key.and_then(|key| key.sign(&all)).expect("HS256 takes any secret and any claims")
}

/// The time in seconds, as tokens have it.
#[expect(clippy::disallowed_methods, reason = "the hub under test has the system's clock too")]
pub fn now_seconds() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

/// An API key whose secret is this number, and what `auth.keys` takes for it: `grants` besides
/// its id and its hash.
pub fn api_key(number: u8, grants: &Value) -> (String, Value) {
    let key = ApiKey::generate(KeyId::from_random([number; 8]), [number; 32]);
    let mut record = json!({"id": key.id().as_str(), "hash": key.hash().to_string()});
    if let (Some(record), Some(grants)) = (record.as_object_mut(), grants.as_object()) {
        record.extend(grants.clone());
    }
    (key.reveal().to_owned(), record)
}
