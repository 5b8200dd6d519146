//! Forged and damaged tokens: none of them counts.

use proptest::prelude::*;
use radial_auth::token::TOKEN_BYTES_MAX;
use radial_auth::token::mint::SigningKey;
use radial_auth::{Algorithm, Refused};
use serde_json::{Value, json};

use crate::support::{NOW, PAIRS, Pair, claims, claims_with, encode, tokens};

/// A head and claims, with a signature of the choosing.
fn token(head: &Value, claims: &Value, signature: &str) -> String {
    let part = |json: &Value| encode(json.to_string().as_bytes());
    format!("{}.{}.{signature}", part(head), part(claims))
}

#[test]
fn nobody_signs_with_none() {
    let signature = Pair::of(Algorithm::Hs256).sign(&claims());
    let signature = signature.rsplit('.').next().unwrap();
    for alg in ["none", "None", "NONE", "", "nOnE", "HS1", "RS512", "ES512"] {
        for kid in ["HS256", "RS256", "EdDSA"] {
            for signature in ["", signature] {
                let forged = token(&json!({"alg": alg, "kid": kid}), &claims(), signature);
                assert!(tokens().verify(&forged, NOW).is_err(), "{forged}");
            }
        }
    }
}

#[test]
fn a_key_is_of_one_algorithm_whatever_the_token_says() {
    for named in PAIRS.iter() {
        for used in PAIRS.iter().filter(|used| used.algorithm != named.algorithm) {
            let kid = Some(named.algorithm.name().to_owned());
            let key = SigningKey::new(used.algorithm, kid, &used.private).unwrap();
            let forged = key.sign(&claims()).unwrap();
            let found = tokens().verify(&forged, NOW);
            assert_eq!(
                found,
                Err(Refused::WrongAlgorithm),
                "{} {}",
                named.algorithm,
                used.algorithm
            );
        }
    }
}

#[test]
fn a_public_key_is_no_secret() {
    for public in PAIRS.iter().filter(|pair| !pair.algorithm.is_shared_secret()) {
        for kid in [public.algorithm.name(), "HS256"] {
            let key = SigningKey::new(Algorithm::Hs256, Some(kid.to_owned()), &public.public);
            let forged = key.unwrap().sign(&claims()).unwrap();
            assert!(tokens().verify(&forged, NOW).is_err(), "{}", public.algorithm);
        }
    }
}

#[test]
fn keys_that_a_token_brings_along_count_for_nothing() {
    let good = Pair::of(Algorithm::EdDsa).sign(&claims());
    let signature = good.rsplit('.').next().unwrap();
    for extra in [
        json!({"crit": ["exp"]}),
        json!({"crit": null, "b64": false, "kid": "EdDSA2"}),
        json!({"jwk": {"kty": "oct", "k": "c2VjcmV0"}, "kid": "x"}),
        json!({"jku": "https://evil.example/keys", "kid": "y"}),
        json!({"kid": null}),
        json!({"kid": 5}),
        json!({"kid": ["EdDSA"]}),
    ] {
        let mut head = json!({"alg": "EdDSA", "kid": "EdDSA"});
        head.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        let forged = token(&head, &claims(), signature);
        assert!(tokens().verify(&forged, NOW).is_err(), "{head}");
    }
}

#[test]
fn other_claims_under_a_real_signature_do_not_count() {
    for pair in PAIRS.iter() {
        let good = pair.sign(&claims());
        let parts: Vec<&str> = good.split('.').collect();
        let other = encode(claims_with(&json!({"sub": "admin"})).to_string().as_bytes());
        let forged = format!("{}.{other}.{}", parts[0], parts[2]);
        assert_eq!(tokens().verify(&forged, NOW), Err(Refused::WrongSignature));
    }
}

/// Every character of a token replaced, taken away and doubled: hundreds of tokens an algorithm.
#[test]
fn a_token_that_was_changed_anywhere_is_refused() {
    let mut count = 0;
    for algorithm in [Algorithm::Hs256, Algorithm::EdDsa, Algorithm::Es256] {
        let good = Pair::of(algorithm).sign(&claims());
        let tokens = tokens();
        assert!(tokens.verify(&good, NOW).is_ok());
        for at in 0..good.len() {
            let replacement = if good.as_bytes()[at] == b'A' { "B" } else { "A" };
            for with in [replacement, "", "=", ".", "..", "\u{0}", "é"] {
                let changed = format!("{}{with}{}", &good[..at], &good[at + 1..]);
                assert!(changed == good || tokens.verify(&changed, NOW).is_err(), "{changed}");
                count += 1;
            }
            assert!(tokens.verify(&good[..at], NOW).is_err(), "{}", &good[..at]);
        }
        for around in [format!(" {good}"), format!("{good} "), format!("{good}="), good.repeat(2)] {
            assert!(tokens.verify(&around, NOW).is_err(), "{around}");
        }
    }
    assert!(count > 1_000, "{count}");
}

#[test]
fn a_long_token_is_not_even_looked_at() {
    let long = claims_with(&json!({"note": "x".repeat(TOKEN_BYTES_MAX)}));
    let good = Pair::of(Algorithm::Hs256).sign(&long);
    assert_eq!(tokens().verify(&good, NOW), Err(Refused::Malformed));
}

#[test]
fn a_claim_that_stands_twice_is_refused() {
    let pair = Pair::of(Algorithm::Hs256);
    let good = pair.sign(&claims());
    let head = good.split('.').next().unwrap();
    let twice = r#"{"tenant":"acme","tenant":"globex","sub":"u","exp":9999999999}"#;
    let message = format!("{head}.{}", encode(twice.as_bytes()));
    let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, &pair.private);
    let signature = encode(aws_lc_rs::hmac::sign(&key, message.as_bytes()).as_ref());
    let found = tokens().verify(&format!("{message}.{signature}"), NOW);
    assert_eq!(found, Err(Refused::BadClaims));
}

proptest! {
    #[test]
    fn no_text_is_a_token(text in ".*", head in ".*", claims in ".*") {
        prop_assert!(tokens().verify(&text, NOW).is_err());
        let parts = format!("{}.{}.{text}", encode(head.as_bytes()), encode(claims.as_bytes()));
        prop_assert!(tokens().verify(&parts, NOW).is_err());
    }
}
