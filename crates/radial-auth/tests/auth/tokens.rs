//! What good tokens grant, and which claims are not believed.

use std::time::Duration;

use radial_auth::token::{Expect, Issuer, KeyFormatError, Keys, TokensError, VerifyingKey};
use radial_auth::{Algorithm, Authority, Refused, Tenants, Tokens};
use radial_protocol::grants::{CredentialKind, Operator};
use radial_protocol::{Grants, Name, Pattern, TimeMs};
use serde_json::{Value, json};

use crate::support::{
    NOW, NOW_SECONDS, PAIRS, Pair, SECRET, authority, claims, claims_with, expect, issuer, pem,
    rsa, tenant, tokens,
};

fn verify(tokens: &Tokens, changes: &Value) -> Result<Grants, Refused> {
    tokens.verify(&Pair::of(Algorithm::Hs256).sign(&claims_with(changes)), NOW)
}

#[test]
fn a_token_of_every_algorithm_is_taken() {
    for pair in PAIRS.iter() {
        let grants = tokens().verify(&pair.sign(&claims()), NOW);
        assert_eq!(grants.unwrap().tenant, tenant("acme"), "{}", pair.algorithm);
    }
}

#[test]
fn the_claims_become_grants() {
    let full = json!({
        "sid": "s1", "jti": "t1", "iat": NOW_SECONDS - 5, "roles": ["editor", "ops"],
        "radial": {"publish": ["card.*"], "subscribe": ["*"], "channels": ["board:*"], "history": true},
        "email": "somebody@else.org", "nested": {"a": [1, 2]},
    });
    let grants = verify(&tokens(), &full).unwrap();
    assert_eq!(grants.user.unwrap().as_str(), "u1");
    assert_eq!(grants.session.unwrap().as_str(), "s1");
    assert_eq!(grants.rights.roles.iter().map(Name::as_str).collect::<Vec<_>>(), ["editor", "ops"]);
    assert_eq!(grants.rights.publish, [Pattern::new("card.*").unwrap()]);
    assert_eq!(grants.rights.channels, [Pattern::new("board:*").unwrap()]);
    assert!(
        grants.rights.history
            && !grants.rights.act_as
            && !grants.rights.sees_all
            && !grants.rights.scrape
    );
    let credential = grants.credential;
    assert_eq!(credential.kind, CredentialKind::Token);
    assert_eq!(credential.id.unwrap().as_str(), "t1");
    assert_eq!(credential.issued, Some(TimeMs((NOW_SECONDS - 5) * 1000)));
    assert_eq!(credential.expires, Some(TimeMs((NOW_SECONDS + 60) * 1000)));
}

#[test]
fn a_token_that_says_nothing_of_rights_may_receive_on_main() {
    let bare = verify(&tokens(), &json!({})).unwrap();
    assert_eq!(
        (bare.rights.subscribe.clone(), bare.rights.publish.clone()),
        (vec![Pattern::All], vec![])
    );
    assert_eq!(bare.rights.channels, [Pattern::new("main").unwrap()]);
    assert!(!bare.rights.history && !bare.rights.act_as && bare.rights.operator.is_none());
    assert_eq!(bare.session.unwrap().as_str(), "u1", "the session is sub without sid");
    let partly = verify(&tokens(), &json!({"radial": {"publish": ["*"]}})).unwrap();
    assert_eq!(
        partly.rights.channels,
        [Pattern::new("main").unwrap()],
        "each right has its own default"
    );
    let nobody = verify(&tokens(), &json!({"sub": null})).unwrap();
    assert_eq!((nobody.user, nobody.session), (None, None));
}

#[test]
fn time_decides_with_the_skew_of_both_clocks() {
    let now = NOW_SECONDS;
    for (changes, expected) in [
        (json!({"exp": now + 1}), Ok(now + 1)),
        (json!({"exp": now}), Ok(now + 30)),
        (json!({"exp": now - 29}), Ok(now + 1)),
        (json!({"exp": now - 30}), Err(Refused::Expired)),
        (json!({"exp": 0}), Err(Refused::Expired)),
        (json!({"nbf": now + 30}), Ok(now + 60)),
        (json!({"nbf": now + 31}), Err(Refused::NotYet)),
        (json!({"iat": now + 31}), Err(Refused::NotYet)),
        (json!({"exp": null}), Err(Refused::BadClaims)),
        (json!({"exp": "never"}), Err(Refused::BadClaims)),
        (json!({"exp": -1}), Err(Refused::BadClaims)),
        (json!({"exp": 1e300}), Err(Refused::BadClaims)),
        (json!({"nbf": -5}), Err(Refused::BadClaims)),
    ] {
        let found = verify(&tokens(), &changes).map(|grants| grants.credential.expires.unwrap());
        assert_eq!(found, expected.map(|seconds| TimeMs(seconds * 1000)), "{changes}");
    }
}

#[test]
fn claims_that_cannot_be_are_refused() {
    for changes in [
        json!({"tenant": "a b"}),
        json!({"tenant": "$control"}),
        json!({"tenant": null}),
        json!({"tenant": ["acme"]}),
        json!({"sub": ""}),
        json!({"sub": "a\nb"}),
        json!({"sid": 7}),
        json!({"roles": "editor"}),
        json!({"roles": ["a b"]}),
        json!({"radial": {"publish": ["a*b"]}}),
        json!({"radial": {"subscibe": ["*"]}}),
        json!({"radial": {"operator": "all"}}),
        json!({"radial": "*"}),
    ] {
        assert_eq!(verify(&tokens(), &changes), Err(Refused::BadClaims), "{changes}");
    }
}

#[test]
fn issuer_and_audience_are_checked_where_they_are_configured() {
    let mut strict = issuer();
    strict.expect = Expect {
        issuer: Some("https://a.example".to_owned()),
        audience: vec!["radial".to_owned(), "hub".to_owned()],
        skew: Duration::ZERO,
    };
    let tokens = Tokens::new(vec![strict]).unwrap();
    let right = json!({"iss": "https://a.example", "aud": "hub"});
    assert!(verify(&tokens, &right).is_ok());
    assert!(verify(&tokens, &json!({"iss": "https://a.example", "aud": ["x", "radial"]})).is_ok());
    for wrong in [
        json!({"aud": "hub"}),
        json!({"iss": "https://a.example"}),
        json!({"iss": "https://a.example/", "aud": "hub"}),
        json!({"iss": "https://a.example", "aud": []}),
        json!({"iss": "https://a.example", "aud": ["x"]}),
    ] {
        assert_eq!(verify(&tokens, &wrong), Err(Refused::WrongIssuer), "{wrong}");
    }
}

#[test]
fn nobody_grants_more_than_they_may() {
    for claimed in [
        json!({"tenant": "initech"}),
        json!({"radial": {"actAs": true}}),
        json!({"radial": {"operator": "tenant"}}),
        json!({"radial": {"operator": "hub"}}),
    ] {
        assert_eq!(verify(&tokens(), &claimed), Err(Refused::BeyondAuthority), "{claimed}");
    }
    let mut trusted = issuer();
    let operator = Some(Operator::Tenant);
    trusted.authority = Authority { tenants: Tenants::All, act_as: true, operator };
    let tokens = Tokens::new(vec![trusted]).unwrap();
    let more = json!({"tenant": "initech", "radial": {"actAs": true, "operator": "tenant"}});
    assert!(verify(&tokens, &more).unwrap().rights.act_as);
    let most = json!({"radial": {"operator": "hub"}});
    assert_eq!(verify(&tokens, &most), Err(Refused::BeyondAuthority));
}

#[test]
fn an_issuer_of_one_tenant_need_not_name_it() {
    let mut single = issuer();
    single.authority = authority(&["globex"]);
    let tokens = Tokens::new(vec![single]).unwrap();
    let grants = verify(&tokens, &json!({"tenant": null})).unwrap();
    assert_eq!(grants.tenant, tenant("globex"));
    assert_eq!(verify(&tokens, &json!({})), Err(Refused::BeyondAuthority));
}

#[test]
fn two_keys_of_one_name_are_an_error_of_the_configuration() {
    let key = |kid: Option<&str>| {
        VerifyingKey::secret(Algorithm::Hs256, kid.map(str::to_owned), SECRET).unwrap()
    };
    let of = |keys: Vec<VerifyingKey>| Issuer {
        keys: Keys::Fixed(keys),
        expect: expect(),
        authority: authority(&["acme"]),
    };
    let twice = Tokens::new(vec![of(vec![key(Some("a"))]), of(vec![key(Some("a"))])]);
    assert_eq!(twice.unwrap_err(), TokensError::DuplicateKid("a".to_owned()));
    let without = Tokens::new(vec![of(vec![key(None), key(None)])]);
    assert_eq!(without.unwrap_err(), TokensError::TwoWithoutKid);
    assert_eq!(Tokens::new(vec![of(vec![])]).unwrap_err(), TokensError::NoKeys);
    assert!(Tokens::new(vec![of(vec![key(None), key(Some("a"))])]).is_ok());
}

#[test]
fn weak_and_mistaken_keys_are_refused() {
    use aws_lc_rs::rsa::KeySize;
    let secret =
        |algorithm, bytes: &[u8]| VerifyingKey::secret(algorithm, None, bytes).unwrap_err();
    assert_eq!(secret(Algorithm::Hs256, &[7; 31]), KeyFormatError::ShortSecret);
    assert_eq!(secret(Algorithm::Rs256, SECRET), KeyFormatError::WrongKind);
    let read = |algorithm, bytes: &[u8]| VerifyingKey::pem(algorithm, None, bytes).map(drop);
    let public = |algorithm| Pair::of(algorithm).public.clone();
    assert_eq!(read(Algorithm::Hs256, &public(Algorithm::Rs256)), Err(KeyFormatError::WrongKind));
    assert_eq!(read(Algorithm::Es256, &public(Algorithm::Es384)), Err(KeyFormatError::NotAKey));
    assert_eq!(read(Algorithm::Es384, &public(Algorithm::Es256)), Err(KeyFormatError::NotAKey));
    for (algorithm, key) in [
        (Algorithm::Rs256, public(Algorithm::Es256)),
        (Algorithm::EdDsa, public(Algorithm::Rs256)),
        (Algorithm::Es256, Pair::of(Algorithm::Es256).private.clone()),
        (Algorithm::Rs256, Pair::of(Algorithm::Rs256).private.clone()),
        (Algorithm::Rs256, b"ssh-rsa AAAA".to_vec()),
        (Algorithm::Rs256, pem("PUBLIC KEY", b"\x30\x03\x02\x01\x00")),
        (Algorithm::Rs256, Vec::new()),
    ] {
        assert!(read(algorithm, &key).is_err(), "{algorithm} {}", String::from_utf8_lossy(&key));
    }
    assert_eq!(read(Algorithm::Rs256, &rsa(KeySize::Rsa4096).1), Ok(()));
    let short = include_bytes!("rsa-1024.pem");
    assert_eq!(read(Algorithm::Rs256, short), Err(KeyFormatError::RsaLength));
}
