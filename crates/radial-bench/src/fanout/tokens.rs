//! Credentials: an issuer that the hub believes, and tokens of many users.

use radial_auth::Algorithm;
use radial_auth::token::mint::SigningKey;
use serde_json::{Value, json};

use crate::clock;

/// What the issuer signs with; the hub is told of it in its configuration.
pub(crate) const SECRET: &str = "a secret that only benches use: 0123456789abcdef";
/// Longer than any bench takes.
const LIFE_SECONDS: u64 = 24 * 3_600;

/// Signs tokens.
pub(crate) struct Issuer(SigningKey);

impl Issuer {
    pub(crate) fn new() -> anyhow::Result<Self> {
        Ok(Self(SigningKey::new(Algorithm::Hs256, None, SECRET.as_bytes())?))
    }

    /// The token of a user, who may do everything in one tenant but operate it.
    pub(crate) fn token(&self, tenant: &str, user: &str) -> anyhow::Result<String> {
        let all = ["*"];
        let rights = json!({"publish": all, "subscribe": all, "channels": all});
        self.sign(tenant, user, &rights)
    }

    /// The token of who operates the hub, and may read its measurements.
    pub(crate) fn operator(&self, tenant: &str) -> anyhow::Result<String> {
        self.sign(tenant, "operator", &json!({"operator": "hub"}))
    }

    fn sign(&self, tenant: &str, user: &str, rights: &Value) -> anyhow::Result<String> {
        let claims = json!({
            "tenant": tenant,
            "sub": user,
            "exp": clock::wall().0 / 1_000 + LIFE_SECONDS,
            "radial": rights,
        });
        Ok(self.0.sign(&claims)?)
    }

    /// The tokens of so many users.
    pub(crate) fn tokens(&self, tenant: &str, users: usize) -> anyhow::Result<Vec<String>> {
        (0..users).map(|user| self.token(tenant, &format!("user-{user:06}"))).collect()
    }
}
