//! What a token says, and what that grants (protocol §6).

use std::sync::Arc;

use radial_protocol::grants::{Credential, CredentialKind, Operator, Rights};
use radial_protocol::names::{Id, SessionId, UserId};
use radial_protocol::{Grants, Name, Pattern, TenantId, TimeMs};
use serde::Deserialize;

use super::issuer::{Authority, Expect};
use crate::refused::Refused;

/// The claims that the hub reads. Others are left alone: they belong to other parties.
#[derive(Clone, Debug, Default, Deserialize)]
pub(crate) struct Claims {
    pub(crate) iss: Option<String>,
    pub(crate) aud: Option<OneOrMany>,
    pub(crate) exp: Option<f64>,
    pub(crate) nbf: Option<f64>,
    pub(crate) iat: Option<f64>,
    pub(crate) jti: Option<Id>,
    pub(crate) tenant: Option<TenantId>,
    pub(crate) sub: Option<UserId>,
    pub(crate) sid: Option<SessionId>,
    #[serde(default)]
    pub(crate) roles: Vec<Name>,
    #[serde(default)]
    pub(crate) radial: RadialClaims,
}

/// The claim `radial`. It belongs to the hub alone: an unknown member is an error, so that a
/// misspelt right is not silently another one.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub(crate) struct RadialClaims {
    pub(crate) publish: Vec<Pattern>,
    pub(crate) subscribe: Vec<Pattern>,
    pub(crate) channels: Vec<Pattern>,
    pub(crate) history: bool,
    pub(crate) act_as: bool,
    pub(crate) operator: Option<Operator>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub(crate) enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

/// What somebody who is signed in may do unless the credential says more: receive, on the channel
/// `main`, what roles and audiences admit. Other channels are often somebody's own
/// (`conversation:7`), and publishing is a right to be given.
impl Default for RadialClaims {
    fn default() -> Self {
        Self {
            publish: Vec::new(),
            subscribe: vec![Pattern::All],
            channels: vec![Pattern::new("main").expect("it keeps to the alphabet")],
            history: false,
            act_as: false,
            operator: None,
        }
    }
}

impl Claims {
    /// What the claims grant now, by somebody of this authority.
    pub(crate) fn grants(
        self,
        expect: &Expect,
        authority: &Authority,
        kind: CredentialKind,
        now: TimeMs,
    ) -> Result<Grants, Refused> {
        let skew_ms = u64::try_from(expect.skew.as_millis()).unwrap_or(u64::MAX);
        self.check_parties(expect)?;
        let expires = time(self.exp)?.map(|expires| {
            // The skew lets in a token whose time has just ended here; it does not lengthen a
            // stream that was opened in time.
            if now < expires { expires } else { expires.plus_ms(skew_ms) }
        });
        if expires.is_some_and(|expires| expires <= now) {
            return Err(Refused::Expired);
        }
        let issued = time(self.iat)?;
        let begins = [time(self.nbf)?, issued].into_iter().flatten().max();
        if begins.is_some_and(|begins| begins > now.plus_ms(skew_ms)) {
            return Err(Refused::NotYet);
        }
        let credential =
            Credential { kind, id: self.jti.clone(), issued, expires, ..Credential::LOCAL };
        self.within(authority, credential)
    }

    fn check_parties(&self, expect: &Expect) -> Result<(), Refused> {
        let is_issuer = expect.issuer.as_ref().is_none_or(|iss| self.iss.as_ref() == Some(iss));
        let is_for_us = expect.audience.is_empty()
            || match &self.aud {
                None => false,
                Some(OneOrMany::One(aud)) => expect.audience.contains(aud),
                Some(OneOrMany::Many(many)) => many.iter().any(|a| expect.audience.contains(a)),
            };
        if is_issuer && is_for_us { Ok(()) } else { Err(Refused::WrongIssuer) }
    }

    fn within(self, authority: &Authority, mut credential: Credential) -> Result<Grants, Refused> {
        let tenant = match self.tenant {
            Some(tenant) => tenant,
            None => authority.tenants.single().cloned().ok_or(Refused::BadClaims)?,
        };
        let RadialClaims { publish, subscribe, channels, history, act_as, operator } = self.radial;
        if !authority.tenants.contains(&tenant)
            || (act_as && !authority.act_as)
            || operator > authority.operator
        {
            return Err(Refused::BeyondAuthority);
        }
        let session = match (self.sid, &self.sub) {
            (Some(session), _) => Some(session),
            (None, Some(user)) => Some(SessionId::from(user)),
            (None, None) => None,
        };
        credential.user.clone_from(&self.sub);
        credential.session.clone_from(&session);
        Ok(Grants {
            tenant,
            user: self.sub,
            session,
            rights: Arc::new(Rights {
                roles: self.roles,
                publish,
                subscribe,
                routes: Vec::new(),
                channels,
                history,
                act_as,
                sees_all: false,
                scrape: operator == Some(Operator::Hub),
                operator,
            }),
            credential,
        })
    }
}

/// Seconds since 1970, perhaps with a fraction (RFC 7519, `NumericDate`).
fn time(seconds: Option<f64>) -> Result<Option<TimeMs>, Refused> {
    // Beyond 2^43 seconds milliseconds lose their last digit; nobody means such a year.
    const SECONDS_MAX: f64 = 8_796_093_022_208.0;
    let Some(seconds) = seconds else { return Ok(None) };
    if !(0.0..SECONDS_MAX).contains(&seconds) {
        return Err(Refused::BadClaims);
    }
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked above")]
    Ok(Some(TimeMs((seconds * 1000.0) as u64)))
}
