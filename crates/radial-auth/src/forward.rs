//! The answer of an application about who sent a request: forward-auth.
//!
//! The hub shows the application the request's own cookies; the application answers with JSON that
//! says who it is. Where in the JSON each thing stands is configurable; the default is what a
//! session of Better Auth looks like, together with the claims of a token:
//!
//! ```json
//! {"session": {"id": "s1", "userId": "u1", "expiresAt": "2026-01-31T12:00:00.000Z"},
//!  "user": {"id": "u1", "role": "admin,editor"},
//!  "tenant": "acme", "radial": {"publish": ["card.*"]}}
//! ```

use std::time::Duration;

use radial_protocol::grants::CredentialKind;
use radial_protocol::{Grants, Name, TimeMs};
use serde_json::Value;

use crate::moment;
use crate::refused::Refused;
use crate::token::{Authority, Claims, Expect};

/// The largest answer, in bytes.
pub const ANSWER_BYTES_MAX: usize = 64 * 1024;

/// Where in the answer things stand: JSON pointers (RFC 6901), of which the first that leads
/// somewhere counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mapping {
    /// The tenant. Without it, the only tenant that the URL may speak for.
    pub tenant: Vec<String>,
    /// The user. Without it nobody is signed in.
    pub user: Vec<String>,
    /// The session. Without it, the user.
    pub session: Vec<String>,
    /// The roles: a list of names, or a text with commas between them.
    pub roles: Vec<String>,
    /// When the session ends: RFC 3339, or a number of seconds or milliseconds.
    pub expires: Vec<String>,
    /// When the session began, in the same forms: a revocation ends the sessions from before it, and
    /// without this all that ever come.
    pub issued: Vec<String>,
    /// The same object as the claim `radial` of a token.
    pub radial: Vec<String>,
}

impl Default for Mapping {
    fn default() -> Self {
        let list = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
        Self {
            tenant: list(&["/tenant", "/session/tenant", "/user/tenant"]),
            user: list(&["/user/id", "/session/userId", "/sub"]),
            session: list(&["/session/id", "/sid"]),
            roles: list(&["/user/roles", "/user/role", "/roles"]),
            expires: list(&["/session/expiresAt", "/exp"]),
            issued: list(&["/session/createdAt", "/iat"]),
            radial: list(&["/radial", "/user/radial"]),
        }
    }
}

impl Mapping {
    /// What the answer grants now.
    ///
    /// # Errors
    /// `malformed`: no JSON, or nobody is signed in. `bad-claims`: something in it is not what it
    /// should be. `beyond-authority`: more than the URL may give.
    pub fn grants(
        &self,
        answer: &[u8],
        authority: &Authority,
        now: TimeMs,
    ) -> Result<Grants, Refused> {
        if answer.len() > ANSWER_BYTES_MAX {
            return Err(Refused::Malformed);
        }
        let answer: Value = serde_json::from_slice(answer).map_err(|_| Refused::Malformed)?;
        let user = find(&answer, &self.user).and_then(text).ok_or(Refused::Malformed)?;
        let claims = Claims {
            tenant: find(&answer, &self.tenant).map(parse).transpose()?,
            sub: Some(user.parse().map_err(|_| Refused::BadClaims)?),
            sid: find(&answer, &self.session).map(parse).transpose()?,
            roles: find(&answer, &self.roles).map(roles).transpose()?.unwrap_or_default(),
            exp: None,
            radial: find(&answer, &self.radial).map(object).transpose()?.unwrap_or_default(),
            ..Claims::default()
        };
        let moment = |pointers| match find(&answer, pointers) {
            Some(moment) => moment::read(moment).map(Some).ok_or(Refused::BadClaims),
            None => Ok(None),
        };
        let (expires, issued) = (moment(&self.expires)?, moment(&self.issued)?);
        if expires.is_some_and(|expires| expires <= now) {
            return Err(Refused::Expired);
        }
        // The application has just checked the session by its own clock.
        let expect = Expect { issuer: None, audience: Vec::new(), skew: Duration::ZERO };
        let mut grants = claims.grants(&expect, authority, CredentialKind::Forward, now)?;
        grants.credential.expires = expires;
        grants.credential.issued = issued;
        Ok(grants)
    }
}

/// What the first pointer that leads somewhere leads to; `null` is nothing.
fn find<'a>(answer: &'a Value, pointers: &[String]) -> Option<&'a Value> {
    let mut found = pointers.iter().filter_map(|pointer| answer.pointer(pointer));
    found.find(|value| !value.is_null())
}

/// Ids are texts, or numbers as some tables have them.
fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

fn parse<T: std::str::FromStr>(value: &Value) -> Result<T, Refused> {
    text(value).and_then(|text| text.parse().ok()).ok_or(Refused::BadClaims)
}

fn object<T: serde::de::DeserializeOwned>(value: &Value) -> Result<T, Refused> {
    serde_json::from_value(value.clone()).map_err(|_| Refused::BadClaims)
}

fn roles(value: &Value) -> Result<Vec<Name>, Refused> {
    match value {
        Value::String(roles) => roles
            .split(',')
            .map(str::trim)
            .filter(|role| !role.is_empty())
            .map(|role| role.parse().map_err(|_| Refused::BadClaims))
            .collect(),
        Value::Array(roles) => roles.iter().map(parse).collect(),
        _ => Err(Refused::BadClaims),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Tenants;
    use radial_protocol::{Pattern, TenantId};

    const NOW: TimeMs = TimeMs(1_795_276_800_000);

    fn read(answer: &str, tenants: &[&str]) -> Result<Grants, Refused> {
        let tenants = tenants.iter().map(|name| TenantId::new(name).unwrap()).collect();
        let authority =
            Authority { tenants: Tenants::Only(tenants), act_as: false, operator: None };
        Mapping::default().grants(answer.as_bytes(), &authority, NOW)
    }

    #[test]
    fn a_session_of_better_auth_is_read() {
        let answer = r#"{
            "session": {"id": "s1", "userId": "u1", "expiresAt": "2026-11-21T17:00:00.000Z",
                        "createdAt": "2026-11-21T15:00:00.000Z", "token": "secret", "ipAddress": "", "userAgent": "x"},
            "user": {"id": "u1", "email": "a@b.c", "name": "A", "role": "admin,editor",
                     "image": null, "banned": null}}"#;
        let grants = read(answer, &["acme"]).unwrap();
        assert_eq!(grants.tenant.as_str(), "acme");
        assert_eq!(grants.user.unwrap().as_str(), "u1");
        assert_eq!(grants.session.unwrap().as_str(), "s1");
        assert_eq!(
            grants.rights.roles.iter().map(Name::as_str).collect::<Vec<_>>(),
            ["admin", "editor"]
        );
        assert_eq!(grants.credential.kind, CredentialKind::Forward);
        assert_eq!(grants.credential.expires, Some(NOW.plus_ms(3_600_000)));
        assert_eq!(grants.credential.issued, Some(TimeMs(NOW.0 - 3_600_000)));
        assert_eq!(grants.rights.channels, [Pattern::new("main").unwrap()]);
        assert!(
            grants.rights.publish.is_empty() && !grants.rights.act_as && !grants.rights.history
        );
    }

    #[test]
    fn the_claims_of_a_token_are_read_too() {
        let answer = r#"{"tenant":"globex","sub":"u1","roles":["bot"],"radial":{"publish":["*"]}}"#;
        let grants = read(answer, &["acme", "globex"]).unwrap();
        assert_eq!(grants.tenant.as_str(), "globex");
        assert_eq!(grants.rights.publish, [Pattern::All]);
        assert_eq!(grants.session.unwrap().as_str(), "u1");
    }

    #[test]
    fn nobody_and_too_much_are_refused() {
        for (answer, expected) in [
            ("null", Refused::Malformed),
            ("", Refused::Malformed),
            ("{}", Refused::Malformed),
            (r#"{"user":null,"session":null}"#, Refused::Malformed),
            (r#"{"user":{"id":"u\u0000"}}"#, Refused::BadClaims),
            (r#"{"user":{"id":"u1","role":"a b"}}"#, Refused::BadClaims),
            (r#"{"user":{"id":"u1"},"tenant":"globex"}"#, Refused::BeyondAuthority),
            (r#"{"user":{"id":"u1"},"radial":{"actAs":true}}"#, Refused::BeyondAuthority),
            (r#"{"user":{"id":"u1"},"radial":{"operator":"hub"}}"#, Refused::BeyondAuthority),
            (r#"{"user":{"id":"u1"},"radial":{"opertor":"hub"}}"#, Refused::BadClaims),
            (r#"{"user":{"id":"u1"},"session":{"expiresAt":"soon"}}"#, Refused::BadClaims),
            (r#"{"user":{"id":"u1"},"session":{"expiresAt":1}}"#, Refused::Expired),
        ] {
            assert_eq!(read(answer, &["acme"]), Err(expected), "{answer}");
        }
        assert_eq!(read(r#"{"user":{"id":"u1"}}"#, &["acme", "globex"]), Err(Refused::BadClaims));
        let large = format!(r#"{{"user":{{"id":"u1"}},"x":"{}"}}"#, "x".repeat(ANSWER_BYTES_MAX));
        assert_eq!(read(&large, &["acme"]), Err(Refused::Malformed));
    }
}
