//! Keys that are fetched: when, how often, and what of them is taken.

use std::time::Duration;

use base64::Engine as _;
use proptest::prelude::*;
use radial_auth::token::{Fetch, Issuer, Jwks, JwksError, Keys};
use radial_auth::{Algorithm, Refused, Tokens};
use radial_protocol::TimeMs;
use serde_json::{Value, json};

use crate::support::{NOW, Pair, authority, claims, encode, expect};

const GRACE: Duration = Duration::from_hours(1);

fn at(seconds: u64) -> TimeMs {
    NOW.plus_ms(seconds * 1000)
}

/// The public key of the Ed25519 pair as a JSON Web Key.
fn ed(kid: &str) -> Value {
    let pem = String::from_utf8(Pair::of(Algorithm::EdDsa).public.clone()).unwrap();
    let body: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
    let der = base64::engine::general_purpose::STANDARD.decode(body).unwrap();
    json!({"kty": "OKP", "crv": "Ed25519", "x": encode(&der[der.len() - 32..]), "kid": kid})
}

fn set(keys: &[Value]) -> Vec<u8> {
    json!({ "keys": keys }).to_string().into_bytes()
}

fn fetched(keys: &[Value]) -> Jwks {
    let mut jwks = Jwks::new(GRACE);
    assert_eq!(jwks.due(false, at(0)), Fetch::Now);
    jwks.begin(at(0));
    jwks.fetched(&set(keys), 0, at(0)).unwrap();
    jwks
}

#[test]
fn a_token_of_a_fetched_key_is_taken_until_the_grace_ends() {
    let keys = Keys::Fetched(fetched(&[ed("EdDSA")]));
    let issuer = Issuer { keys, expect: expect(), authority: authority(&["acme"]) };
    let tokens = Tokens::new(vec![issuer]).unwrap();
    let token = Pair::of(Algorithm::EdDsa).sign(&claims());
    assert!(tokens.verify(&token, at(1)).is_ok());
    let mut late = claims();
    late["exp"] = json!(9_999_999_999_u64);
    let late = Pair::of(Algorithm::EdDsa).sign(&late);
    assert!(tokens.verify(&late, at(3_599)).is_ok());
    assert_eq!(tokens.verify(&late, at(3_600)), Err(Refused::UnknownKey));
}

#[test]
fn the_same_kid_in_two_sets_is_told_apart_by_the_signature() {
    let other = json!({"kty": "OKP", "crv": "Ed25519", "x": encode(&[9; 32]), "kid": "EdDSA"});
    let issuer = |key: Value, name: &str| Issuer {
        keys: Keys::Fetched(fetched(&[key])),
        expect: expect(),
        authority: authority(&[name]),
    };
    let issuers = vec![issuer(other, "globex"), issuer(ed("EdDSA"), "acme")];
    let tokens = Tokens::new(issuers).unwrap();
    let grants = tokens.verify(&Pair::of(Algorithm::EdDsa).sign(&claims()), at(1)).unwrap();
    assert_eq!(grants.tenant.as_str(), "acme");
}

#[test]
fn unknown_keys_make_it_fetch_but_not_more_than_every_30_seconds() {
    let mut jwks = fetched(&[ed("a")]);
    assert_eq!(jwks.due(true, at(1)), Fetch::NotBefore(at(30)));
    assert_eq!(jwks.due(true, at(30)), Fetch::Now);
    jwks.begin(at(30));
    assert_eq!(jwks.due(true, at(30)), Fetch::Underway);
    jwks.fetched(&set(&[ed("b")]), 0, at(31)).unwrap();
    assert!(jwks.key("a", at(31)).is_none() && jwks.key("b", at(31)).is_some());
    assert_eq!(jwks.due(true, at(59)), Fetch::NotBefore(at(60)));
}

#[test]
fn an_unknown_key_does_not_put_off_what_is_due_anyway() {
    let mut jwks = Jwks::new(GRACE);
    jwks.begin(at(0));
    jwks.failed(500, at(0));
    assert_eq!(jwks.due(false, at(0)), Fetch::NotBefore(at(1)));
    assert_eq!(jwks.due(true, at(0)), Fetch::NotBefore(at(1)));
}

#[test]
fn a_set_grows_old() {
    let jwks = fetched(&[ed("a")]);
    assert_eq!(jwks.due(false, at(599)), Fetch::NotBefore(at(600)));
    assert_eq!(jwks.due(false, at(600)), Fetch::Now);
}

#[test]
fn after_failures_it_waits_longer_each_time_and_keeps_its_keys() {
    let mut jwks = fetched(&[ed("a")]);
    let mut now = at(600);
    let mut waits = Vec::new();
    for _ in 0..8 {
        assert_eq!(jwks.due(false, now), Fetch::Now);
        jwks.begin(now);
        jwks.failed(500, now);
        let Fetch::NotBefore(next) = jwks.due(false, now) else { panic!("it does not wait") };
        waits.push((next.0 - now.0) / 1000);
        now = next;
    }
    assert_eq!(waits, [1, 1, 2, 4, 8, 16, 30, 30]);
    assert!(jwks.key("a", now).is_some());
    assert_eq!(jwks.fetched(b"<html>", 0, now), Err(JwksError::NotASet));
    assert!(jwks.key("a", now).is_some(), "an answer that is no set changes nothing");
}

#[test]
fn of_a_set_only_keys_for_signatures_are_taken() {
    let usable = ed("a");
    let mut encrypts = ed("enc");
    encrypts["use"] = json!("enc");
    let mut other = ed("other");
    other["alg"] = json!("HS256");
    let mut nameless = ed("x");
    nameless.as_object_mut().unwrap().remove("kid");
    let short = json!({"kty": "RSA", "kid": "rsa", "n": encode(&[0xff; 128]), "e": "AQAB"});
    let padded = [vec![0; 200], vec![0xff; 128]].concat();
    let padded = json!({"kty": "RSA", "kid": "rsa2", "n": encode(&padded), "e": "AQAB"});
    let secret = json!({"kty": "oct", "kid": "HS256", "alg": "HS256", "k": encode(&[7; 64])});
    let future = json!({"kty": "AKP", "kid": "pq", "alg": "ML-DSA-44", "pub": "x"});
    let unusable = [encrypts, other, nameless, short, padded, secret, future, json!(5)];
    let mut jwks = Jwks::new(GRACE);
    assert_eq!(jwks.fetched(&set(&unusable), 0, at(0)), Err(JwksError::NoKeys));
    let mixed = [&unusable[..], std::slice::from_ref(&usable)].concat();
    jwks.fetched(&set(&mixed), 0, at(0)).unwrap();
    assert_eq!(jwks.key("a", at(0)).unwrap().algorithm, Algorithm::EdDsa);
    for kid in ["enc", "other", "rsa", "rsa2", "HS256", "pq"] {
        assert!(jwks.key(kid, at(0)).is_none(), "{kid}");
    }
    let twice = jwks.fetched(&set(&[usable.clone(), usable]), 0, at(0));
    assert_eq!(twice, Err(JwksError::DuplicateKid));
    assert_eq!(jwks.fetched(&vec![b' '; 300_000], 0, at(0)), Err(JwksError::NotASet));
}

proptest! {
    #[test]
    fn no_answer_panics(bytes: Vec<u8>, jitter: u64, now: u64) {
        let mut jwks = Jwks::new(GRACE);
        prop_assert!(jwks.fetched(&bytes, jitter, TimeMs(now)).is_err());
        let _ = jwks.due(true, TimeMs(now));
    }
}
