//! Signing tokens: for trying things out, and for tests. Applications sign their own.

use jsonwebtoken::{EncodingKey, Header};
use serde::Serialize;

use super::algorithm::Algorithm;
use super::verifying_key::KeyFormatError;

/// What to sign with.
pub struct SigningKey {
    algorithm: Algorithm,
    kid: Option<String>,
    key: EncodingKey,
}

impl SigningKey {
    /// A secret for HS256, HS384 or HS512, or a private key in PEM for the others.
    pub fn new(
        algorithm: Algorithm,
        kid: Option<String>,
        secret_or_pem: &[u8],
    ) -> Result<Self, KeyFormatError> {
        let key = match algorithm {
            Algorithm::Hs256 | Algorithm::Hs384 | Algorithm::Hs512 => {
                Ok(EncodingKey::from_secret(secret_or_pem))
            }
            Algorithm::Rs256 | Algorithm::Ps256 => EncodingKey::from_rsa_pem(secret_or_pem),
            Algorithm::Es256 | Algorithm::Es384 => EncodingKey::from_ec_pem(secret_or_pem),
            Algorithm::EdDsa => EncodingKey::from_ed_pem(secret_or_pem),
        };
        Ok(Self { algorithm, kid, key: key.map_err(|_| KeyFormatError::NotPem)? })
    }

    /// A token with these claims.
    pub fn sign(&self, claims: &impl Serialize) -> Result<String, KeyFormatError> {
        let mut header = Header::new(self.algorithm.of_the_library());
        header.kid.clone_from(&self.kid);
        jsonwebtoken::encode(&header, claims, &self.key).map_err(|_| KeyFormatError::WrongKind)
    }
}
