//! Issuers with fresh keys of every algorithm.

use std::sync::LazyLock;
use std::time::Duration;

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der, PublicKeyX509Der};
use aws_lc_rs::rsa::{KeyPair as RsaKeyPair, KeySize};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair,
    KeyPair as _,
};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use radial_auth::token::mint::SigningKey;
use radial_auth::token::{Expect, Issuer, Keys, VerifyingKey};
use radial_auth::{Algorithm, Authority, Tenants, Tokens};
use radial_protocol::{TenantId, TimeMs};
use serde_json::{Value, json};

pub(crate) const NOW_SECONDS: u64 = 1_795_276_800;
pub(crate) const NOW: TimeMs = TimeMs(NOW_SECONDS * 1000);
pub(crate) const SECRET: &[u8] =
    b"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

/// A private key and its public one, both in PEM; of a shared secret, the secret twice.
pub(crate) struct Pair {
    pub(crate) algorithm: Algorithm,
    pub(crate) private: Vec<u8>,
    pub(crate) public: Vec<u8>,
}

pub(crate) fn pem(label: &str, der: &[u8]) -> Vec<u8> {
    let body = STANDARD.encode(der);
    let lines: Vec<&str> =
        body.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n")).into_bytes()
}

pub(crate) fn rsa(size: KeySize) -> (Vec<u8>, Vec<u8>) {
    let pair = RsaKeyPair::generate(size).unwrap();
    let private = AsDer::<Pkcs8V1Der>::as_der(&pair).unwrap();
    let public = AsDer::<PublicKeyX509Der>::as_der(pair.public_key()).unwrap();
    (pem("PRIVATE KEY", private.as_ref()), pem("PUBLIC KEY", public.as_ref()))
}

fn ec(algorithm: &'static aws_lc_rs::signature::EcdsaSigningAlgorithm) -> (Vec<u8>, Vec<u8>) {
    let pair = EcdsaKeyPair::generate(algorithm).unwrap();
    let private = pair.to_pkcs8v1().unwrap();
    let public = AsDer::<PublicKeyX509Der>::as_der(pair.public_key()).unwrap();
    (pem("PRIVATE KEY", private.as_ref()), pem("PUBLIC KEY", public.as_ref()))
}

fn ed() -> (Vec<u8>, Vec<u8>) {
    let pair = Ed25519KeyPair::generate().unwrap();
    let public = AsDer::<PublicKeyX509Der>::as_der(pair.public_key()).unwrap();
    (pem("PRIVATE KEY", pair.to_pkcs8v1().unwrap().as_ref()), pem("PUBLIC KEY", public.as_ref()))
}

/// One pair of each algorithm, made once.
pub(crate) static PAIRS: LazyLock<Vec<Pair>> = LazyLock::new(|| {
    let (rsa_private, rsa_public) = rsa(KeySize::Rsa2048);
    let pair = |algorithm| {
        let (private, public) = match algorithm {
            Algorithm::Hs256 | Algorithm::Hs384 | Algorithm::Hs512 => {
                (SECRET.to_vec(), SECRET.to_vec())
            }
            Algorithm::Rs256 | Algorithm::Ps256 => (rsa_private.clone(), rsa_public.clone()),
            Algorithm::Es256 => ec(&ECDSA_P256_SHA256_FIXED_SIGNING),
            Algorithm::Es384 => ec(&ECDSA_P384_SHA384_FIXED_SIGNING),
            Algorithm::EdDsa => ed(),
        };
        Pair { algorithm, private, public }
    };
    Algorithm::ALL.into_iter().map(pair).collect()
});

impl Pair {
    pub(crate) fn of(algorithm: Algorithm) -> &'static Self {
        PAIRS.iter().find(|pair| pair.algorithm == algorithm).unwrap()
    }

    pub(crate) fn verifying(&self) -> VerifyingKey {
        let kid = Some(self.algorithm.name().to_owned());
        if self.algorithm.is_shared_secret() {
            VerifyingKey::secret(self.algorithm, kid, &self.public).unwrap()
        } else {
            VerifyingKey::pem(self.algorithm, kid, &self.public).unwrap()
        }
    }

    pub(crate) fn sign(&self, claims: &Value) -> String {
        let kid = Some(self.algorithm.name().to_owned());
        SigningKey::new(self.algorithm, kid, &self.private).unwrap().sign(claims).unwrap()
    }
}

pub(crate) fn tenant(name: &str) -> TenantId {
    TenantId::new(name).unwrap()
}

pub(crate) fn authority(tenants: &[&str]) -> Authority {
    let tenants = Tenants::Only(tenants.iter().map(|name| tenant(name)).collect());
    Authority { tenants, act_as: false, operator: None }
}

pub(crate) fn expect() -> Expect {
    Expect { issuer: None, audience: Vec::new(), skew: Duration::from_secs(30) }
}

/// An issuer with a key of every algorithm, named after it.
pub(crate) fn issuer() -> Issuer {
    let keys = PAIRS.iter().map(Pair::verifying).collect();
    Issuer { keys: Keys::Fixed(keys), expect: expect(), authority: authority(&["acme", "globex"]) }
}

pub(crate) fn tokens() -> Tokens {
    Tokens::new(vec![issuer()]).unwrap()
}

pub(crate) fn claims() -> Value {
    json!({"tenant": "acme", "sub": "u1", "exp": NOW_SECONDS + 60})
}

/// The claims with some of them changed; `null` takes one away.
pub(crate) fn claims_with(changes: &Value) -> Value {
    let mut claims = claims();
    for (name, value) in changes.as_object().unwrap() {
        match value {
            Value::Null => drop(claims.as_object_mut().unwrap().remove(name)),
            value => claims[name] = value.clone(),
        }
    }
    claims
}

pub(crate) fn encode(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}
