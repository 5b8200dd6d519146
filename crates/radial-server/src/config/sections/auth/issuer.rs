//! `[[auth.issuers]]`.

use radial_auth::Algorithm;

use super::{list, name, operator, optional, tenants, url};
use crate::config::kind::{Kind, Text};
use crate::config::option::option;
use crate::config::records::{RecordList, Records};
use crate::config::settings::Issuer;

const ALGORITHM: Kind<Issuer> = Kind::Text(Text {
    read: |text, r| {
        r.algorithm = text.parse()?;
        Ok(())
    },
    write: |r| r.algorithm.to_string(),
    allowed: || {
        let names = Algorithm::ALL.map(Algorithm::name);
        format!("one of {}", names.join(", "))
    },
});

pub(super) const LIST: RecordList = RecordList {
    key: "auth.issuers",
    doc: "The keys that tokens (JWT) are signed with. Several may count at once, which is how a key \
          is changed: add the new one with its own `kid`, sign with it, take the old one away.",
    example: r#"[{"name": "app", "kid": "2026-01", "secret_file": "/etc/radial/app.secret", "tenants": ["acme"]}]"#,
    table: &Records {
        field: |c| &mut c.auth.issuers,
        options: &[
            option(
                "name",
                name!(Issuer, |r| r.name),
                "What the log of the hub calls it.",
                r#"name = "app""#,
            )
            .required()
            .unique(),
            option(
                "algorithm",
                ALGORITHM,
                "The only algorithm of the key. A token that is signed otherwise is refused.",
                r#"algorithm = "ES256""#,
            ),
            option(
                "kid",
                optional!(|r| r.kid, "a text"),
                "The name of the key, as tokens say it in their header. One key at most may be \
                 without; it is for tokens without.",
                r#"kid = "2026-01""#,
            ),
            option(
                "secret",
                Kind::Secret(|r: &mut Issuer| &mut r.secret),
                "For HS256, HS384 and HS512: the secret that the application shares, of at least \
                 32 bytes.",
                r#"secret_file = "/etc/radial/app.secret""#,
            ),
            option(
                "public_key",
                Kind::Secret(|r: &mut Issuer| &mut r.public_key),
                "For the other algorithms: the public key in PEM.",
                r#"public_key_file = "/etc/radial/app.pem""#,
            ),
            option(
                "jwks_url",
                url!(Issuer, |r| r.jwks_url),
                "In the place of a key: where the issuer publishes its keys (JWKS). They are \
                 fetched every 10 minutes, and sooner for a `kid` that is unknown.",
                r#"jwks_url = "https://app.example.org/api/auth/jwks""#,
            ),
            option(
                "issuer",
                optional!(|r| r.issuer, "a text"),
                "What the claim `iss` must be. Empty: it is not checked.",
                r#"issuer = "https://app.example.org""#,
            ),
            option(
                "audience",
                list!(|r| r.audience, "a list of texts"),
                "The claim `aud` must name one of these. Empty: it is not checked.",
                r#"audience = ["radial"]"#,
            ),
            option(
                "tenants",
                tenants!(Issuer, |r| r.tenants),
                "The tenants that its tokens may speak for. If it is one, tokens need not name it.",
                r#"tenants = ["acme"]"#,
            )
            .required(),
            option(
                "act_as",
                Kind::Boolean(|r: &mut Issuer| &mut r.act_as),
                "Whether its tokens may claim `actAs`.",
                "act_as = true",
            ),
            option(
                "operator",
                operator!(|r| r.operator),
                "The most that its tokens may claim as `operator`.",
                r#"operator = "tenant""#,
            ),
        ],
        check: |issuer| {
            let shared = issuer.algorithm.is_shared_secret();
            match (&issuer.secret, &issuer.public_key, &issuer.jwks_url) {
                (None, None, Some(_)) if issuer.kid.is_some() => {
                    Err("needs no kid: each fetched key has its own".to_owned())
                }
                (None, None, Some(_)) if issuer.issuer.is_none() && issuer.audience.is_empty() => {
                    let why = "or every token counts that those keys have signed for anybody";
                    Err(format!("needs issuer or audience beside jwks_url, {why}"))
                }
                (None, None, Some(_)) => Ok(()),
                (Some(_), None, None) if shared => Ok(()),
                (None, Some(_), None) if !shared => Ok(()),
                _ if shared => {
                    Err(format!("needs secret for {}, or jwks_url alone", issuer.algorithm))
                }
                _ => Err(format!("needs public_key for {}, or jwks_url alone", issuer.algorithm)),
            }
        },
        most: 100,
    },
};
