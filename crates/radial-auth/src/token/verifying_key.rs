//! A key that tells real signatures from others, bound to its one algorithm.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, PublicKeyUse};
use jsonwebtoken::{DecodingKey, Validation};

use super::algorithm::Algorithm;
use super::claims::Claims;
use crate::refused::Refused;

/// Shorter secrets can be found by trying (RFC 7518, section 3.2).
const SECRET_BYTES_MIN: usize = 32;
/// Shorter RSA keys are no longer thought safe (NIST SP 800-131A).
const RSA_BITS_MIN: usize = 2_048;
/// Longer ones make verifying a way to keep the hub busy.
const RSA_BITS_MAX: usize = 8_192;

/// A key, the one algorithm that it is for, and the `kid` by which tokens name it.
#[derive(Clone)]
pub struct VerifyingKey {
    /// The name of the key. A key without one is for tokens without one.
    pub kid: Option<String>,
    /// The only algorithm that it verifies.
    pub algorithm: Algorithm,
    key: DecodingKey,
}

/// Why something is no key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyFormatError {
    /// A secret that could be found by trying.
    #[error("a secret has at least {SECRET_BYTES_MIN} bytes; make one with `openssl rand -hex 32`")]
    ShortSecret,
    /// Not PEM, not a public key, or one of another kind than the algorithm's.
    #[error("it is not the public key of the algorithm in PEM (-----BEGIN PUBLIC KEY-----)")]
    NotPem,
    /// An RSA key of a length that is not taken.
    #[error("an RSA key has {RSA_BITS_MIN} to {RSA_BITS_MAX} bits")]
    RsaLength,
    /// An asymmetric algorithm with a secret, or the other way round.
    #[error("HS256, HS384 and HS512 take a secret, the other algorithms a public key")]
    WrongKind,
    /// A JSON Web Key that is not for checking signatures, or lacks something.
    #[error("it is not a public key for signatures")]
    NotAKey,
}

impl VerifyingKey {
    /// A secret that the signer shares.
    pub fn secret(
        algorithm: Algorithm,
        kid: Option<String>,
        secret: &[u8],
    ) -> Result<Self, KeyFormatError> {
        if !algorithm.is_shared_secret() {
            return Err(KeyFormatError::WrongKind);
        }
        if secret.len() < SECRET_BYTES_MIN {
            return Err(KeyFormatError::ShortSecret);
        }
        Ok(Self { kid, algorithm, key: DecodingKey::from_secret(secret) })
    }

    /// A public key in PEM.
    pub fn pem(
        algorithm: Algorithm,
        kid: Option<String>,
        pem: &[u8],
    ) -> Result<Self, KeyFormatError> {
        let key = match algorithm {
            Algorithm::Rs256 | Algorithm::Ps256 => DecodingKey::from_rsa_pem(pem),
            Algorithm::Es256 | Algorithm::Es384 => DecodingKey::from_ec_pem(pem),
            Algorithm::EdDsa => DecodingKey::from_ed_pem(pem),
            Algorithm::Hs256 | Algorithm::Hs384 | Algorithm::Hs512 => {
                return Err(KeyFormatError::WrongKind);
            }
        };
        let key = key.map_err(|_| KeyFormatError::NotPem)?;
        let parts = Jwk::from_decoding_key(&key, None).map_err(|_| KeyFormatError::NotPem)?;
        check(algorithm, &parts.algorithm)?;
        Ok(Self { kid, algorithm, key })
    }

    /// A key of a JSON Web Key Set. Without `alg` an RSA key is for RS256; a secret is never
    /// taken, since a set is public.
    pub(super) fn jwk(jwk: &Jwk) -> Result<Self, KeyFormatError> {
        if jwk.common.public_key_use.as_ref().is_some_and(|used| *used != PublicKeyUse::Signature) {
            return Err(KeyFormatError::NotAKey);
        }
        let kid = jwk.common.key_id.clone().ok_or(KeyFormatError::NotAKey)?;
        let algorithm = match (&jwk.common.key_algorithm, &jwk.algorithm) {
            (Some(named), _) => named.to_string().parse().map_err(|_| KeyFormatError::NotAKey)?,
            (None, AlgorithmParameters::RSA(_)) => Algorithm::Rs256,
            (None, AlgorithmParameters::EllipticCurve(ec)) if ec.curve == EllipticCurve::P256 => {
                Algorithm::Es256
            }
            (None, AlgorithmParameters::EllipticCurve(_)) => Algorithm::Es384,
            (None, _) => Algorithm::EdDsa,
        };
        check(algorithm, &jwk.algorithm)?;
        let key = DecodingKey::from_jwk(jwk).map_err(|_| KeyFormatError::NotAKey)?;
        Ok(Self { kid: Some(kid), algorithm, key })
    }

    /// The claims of a token that this key has signed. Nothing about them is checked yet.
    pub(super) fn claims(&self, token: &str) -> Result<Claims, Refused> {
        let mut signature_only = Validation::new(self.algorithm.of_the_library());
        // The library would read the clock; the claims are checked with the time that is given.
        signature_only.required_spec_claims.clear();
        signature_only.validate_exp = false;
        signature_only.validate_nbf = false;
        signature_only.validate_aud = false;
        let read = jsonwebtoken::decode(token, &self.key, &signature_only);
        read.map(|token| token.claims).map_err(|error| match error.kind() {
            jsonwebtoken::errors::ErrorKind::Json(_) => Refused::BadClaims,
            _ => Refused::WrongSignature,
        })
    }
}

/// Whether a key is of the algorithm's kind and strong enough for it.
fn check(algorithm: Algorithm, key: &AlgorithmParameters) -> Result<(), KeyFormatError> {
    let length = |text: &str| URL_SAFE_NO_PAD.decode(text).map_or(0, |bytes| bytes.len());
    match (algorithm, key) {
        (Algorithm::Rs256 | Algorithm::Ps256, AlgorithmParameters::RSA(rsa)) => {
            let modulus = URL_SAFE_NO_PAD.decode(&rsa.n).unwrap_or_default();
            let is_taken = (RSA_BITS_MIN..=RSA_BITS_MAX).contains(&bits(&modulus));
            if is_taken { Ok(()) } else { Err(KeyFormatError::RsaLength) }
        }
        (Algorithm::Es256, AlgorithmParameters::EllipticCurve(ec))
            if ec.curve == EllipticCurve::P256 && (length(&ec.x), length(&ec.y)) == (32, 32) =>
        {
            Ok(())
        }
        (Algorithm::Es384, AlgorithmParameters::EllipticCurve(ec))
            if ec.curve == EllipticCurve::P384 && (length(&ec.x), length(&ec.y)) == (48, 48) =>
        {
            Ok(())
        }
        (Algorithm::EdDsa, AlgorithmParameters::OctetKeyPair(pair))
            if pair.curve == EllipticCurve::Ed25519 && length(&pair.x) == 32 =>
        {
            Ok(())
        }
        _ => Err(KeyFormatError::NotAKey),
    }
}

/// The length of a number, without the zeros before it.
fn bits(number: &[u8]) -> usize {
    let Some(first) = number.iter().position(|byte| *byte != 0) else { return 0 };
    let digits = number.get(first..).unwrap_or_default();
    let zeros = digits.first().map_or(0, |byte| byte.leading_zeros());
    digits.len() * 8 - usize::try_from(zeros).expect("a byte has eight bits")
}

impl fmt::Debug for VerifyingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} key {:?}", self.algorithm, self.kid.as_deref().unwrap_or("without kid"))
    }
}
