//! No text is a credential unless it was signed, and none ends the process.

#![no_main]

use std::sync::LazyLock;
use std::time::Duration;

use libfuzzer_sys::fuzz_target;
use radial_auth::forward::Mapping;
use radial_auth::token::{Expect, Issuer, Jwks, Keys, VerifyingKey};
use radial_auth::{Algorithm, ApiKey, Authority, KeyHash, Tenants, Tokens};
use radial_protocol::TimeMs;

const NOW: TimeMs = TimeMs(1_795_276_800_000);

static TOKENS: LazyLock<Tokens> = LazyLock::new(|| {
    let key = |kid: Option<String>| VerifyingKey::secret(Algorithm::Hs256, kid, &[7; 32]).unwrap();
    let issuer = Issuer {
        keys: Keys::Fixed(vec![key(None), key(Some("a".to_owned()))]),
        expect: Expect { issuer: None, audience: Vec::new(), skew: Duration::from_secs(30) },
        authority: authority(),
    };
    Tokens::new(vec![issuer]).unwrap()
});

fn authority() -> Authority {
    Authority { tenants: Tenants::All, act_as: false, operator: None }
}

fuzz_target!(|bytes: &[u8]| {
    let _ = Jwks::new(Duration::from_secs(60)).fetched(bytes, 0, NOW);
    if let Ok(grants) = Mapping::default().grants(bytes, &authority(), NOW) {
        assert!(
            !grants.rights.act_as && grants.rights.operator.is_none(),
            "more than the authority has"
        );
    }
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    assert!(TOKENS.verify(text, NOW).is_err(), "nobody signed this");
    let _ = text.parse::<KeyHash>();
    if let Ok(key) = ApiKey::parse(text) {
        assert_eq!(key.reveal(), text, "a key has one text");
    }
});
