//! Credentials for tests: issuers that a hub is started with, and tokens that they sign.

use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
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
    sign(&shared(None), claims)
}

/// The same by the issuer that may grant nothing out of the ordinary.
pub fn limited_token(claims: &Value) -> String {
    sign(&shared(Some("limited".to_owned())), claims)
}

fn shared(kid: Option<String>) -> SigningKey {
    SigningKey::new(Algorithm::Hs256, kid, SECRET.as_bytes()).expect("HS256 takes any secret")
}

fn sign(key: &SigningKey, claims: &Value) -> String {
    let mut all = json!({"tenant": "dev", "exp": now_seconds() + 3_600});
    if let (Some(all), Some(claims)) = (all.as_object_mut(), claims.as_object()) {
        all.extend(claims.clone());
    }
    key.sign(&all).expect("any claims can be signed")
}

/// The time in seconds, as tokens have it.
pub fn now_seconds() -> u64 {
    now_ms() / 1_000
}

/// The time in milliseconds, as the hub has it.
#[expect(clippy::disallowed_methods, reason = "the hub under test has the system's clock too")]
pub fn now_ms() -> u64 {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since_epoch.as_millis()).unwrap_or(u64::MAX)
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

/// A signer with a fresh Ed25519 key of this name, and the key as a JSON Web Key.
pub fn verifying_pair(kid: &str) -> (impl Fn(&Value) -> String, Value) {
    use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
    let pair = Ed25519KeyPair::generate().expect("the system has random bits");
    let document = pair.to_pkcs8v1().expect("a fresh key can be written");
    let pem = format!(
        "-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n",
        STANDARD.encode(document.as_ref())
    );
    let key = SigningKey::new(Algorithm::EdDsa, Some(kid.to_owned()), pem.as_bytes())
        .expect("what was written can be read");
    let x = URL_SAFE_NO_PAD.encode(pair.public_key().as_ref());
    let jwk = json!({"kty": "OKP", "crv": "Ed25519", "kid": kid, "x": x, "use": "sig"});
    (move |claims: &Value| sign(&key, claims), jwk)
}
