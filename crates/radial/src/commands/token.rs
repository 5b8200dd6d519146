//! `radial token`: signs a token, for trying things out.

use std::fs;
use std::io;
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use radial_registry::duration;
use radial_server::mint::{Algorithm, SigningKey};
use serde_json::{Map, Value, json};

use crate::failure::Failure;
use crate::{moment, output};

/// Sign a token to try things out with
///
/// An application signs its own tokens, with a library of its language; the claims are explained in
/// docs/protocol.md. This signs one with the same secret or private key.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  radial token --secret-file app.secret --tenant acme --user u1 --publish 'card.*'\n  \
                  export RADIAL_TOKEN=$(APP_SECRET=… radial token --secret-env APP_SECRET --user u1)\n  \
                  radial token --algorithm ES256 --kid 2026-01 --private-key app.pem --user u1 --role editor"
)]
pub(crate) struct TokenArgs {
    /// The file with the secret that the hub shares, for HS256, HS384 and HS512
    #[arg(long, value_name = "FILE", group = "key")]
    secret_file: Option<PathBuf>,
    /// The variable with that secret
    #[arg(long, value_name = "NAME", group = "key")]
    secret_env: Option<String>,
    /// The file with the private key in PEM, for the other algorithms
    #[arg(long, value_name = "FILE", group = "key")]
    private_key: Option<PathBuf>,
    /// How to sign: HS256, HS384, HS512, RS256, PS256, ES256, ES384 or EdDSA
    #[arg(long, default_value = "HS256")]
    algorithm: Algorithm,
    /// The name of the key
    #[arg(long)]
    kid: Option<String>,
    #[command(flatten)]
    claims: Claims,
}

/// What the token says.
#[derive(Debug, Args)]
#[command(next_help_heading = "Claims")]
struct Claims {
    /// The tenant; not needed where the key is for one alone
    #[arg(long)]
    tenant: Option<String>,
    /// The user (`sub`)
    #[arg(long)]
    user: Option<String>,
    /// The session (`sid`)
    #[arg(long)]
    session: Option<String>,
    /// A role; may be given several times
    #[arg(long = "role", value_name = "ROLE")]
    roles: Vec<String>,
    /// Event types that may be published: a pattern; may be given several times
    #[arg(long, value_name = "PATTERN")]
    publish: Vec<String>,
    /// Event types that may be received; all if it is not given
    #[arg(long, value_name = "PATTERN")]
    subscribe: Vec<String>,
    /// Channels, for both; `main` if it is not given
    #[arg(long, value_name = "PATTERN")]
    channels: Vec<String>,
    /// Whether the log may be read
    #[arg(long)]
    history: bool,
    /// Whether requests choose whom they act for
    #[arg(long)]
    act_as: bool,
    /// What may be operated
    #[arg(long)]
    operator: Option<Operator>,
    /// Who signs (`iss`)
    #[arg(long)]
    issuer: Option<String>,
    /// For whom it is (`aud`)
    #[arg(long)]
    audience: Option<String>,
    /// From now until when it counts
    #[arg(long, default_value = "1h", value_name = "DURATION", value_parser = duration::parse)]
    expires: std::time::Duration,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Operator {
    Tenant,
    Hub,
}

pub(crate) fn run(args: &TokenArgs) -> Result<(), Failure> {
    let unusable = |text: String| Failure::Unusable(text);
    let key = args.key()?;
    let key = SigningKey::new(args.algorithm, args.kid.clone(), key.as_bytes())
        .map_err(|error| unusable(format!("the private key: {error}")))?;
    let claims = args.claims.json(moment::now_ms() / 1000);
    let token = key.sign(&claims).map_err(|error| unusable(error.to_string()))?;
    output::print(&format!("{token}\n"))
}

impl TokenArgs {
    /// The secret or the private key. What is wrong with it is said without it.
    fn key(&self) -> Result<String, Failure> {
        let shared = self.algorithm.is_shared_secret();
        let (place, found) = match (&self.secret_file, &self.secret_env, &self.private_key) {
            (Some(file), None, None) if shared => (file.display().to_string(), read(file)),
            (None, Some(name), None) if shared => (name.clone(), variable(name)),
            (None, None, Some(file)) if !shared => (file.display().to_string(), read(file)),
            _ => {
                let needed = if shared { "--secret-file or --secret-env" } else { "--private-key" };
                let text = format!("{} needs {needed}", self.algorithm);
                return Err(Failure::Unusable(text));
            }
        };
        let text = found.map_err(|error| Failure::Unusable(format!("{place}: {error}")))?;
        // As the hub reads its secrets.
        let text = text.trim_end_matches(['\r', '\n']).to_owned();
        if text.is_empty() {
            Err(Failure::Unusable(format!("{place}: it is empty")))
        } else {
            Ok(text)
        }
    }
}

fn read(file: &PathBuf) -> io::Result<String> {
    fs::read_to_string(file)
}

#[expect(clippy::disallowed_methods, reason = "a command reads the variable that it is told")]
fn variable(name: &str) -> io::Result<String> {
    std::env::var(name).map_err(|_| io::Error::other("the variable is not set, or not UTF-8"))
}

impl Claims {
    fn json(&self, now: u64) -> Value {
        let mut claims = Map::new();
        let mut radial = Map::new();
        let mut text = |name: &str, value: &Option<String>| {
            if let Some(value) = value {
                claims.insert(name.to_owned(), json!(value));
            }
        };
        text("tenant", &self.tenant);
        text("sub", &self.user);
        text("sid", &self.session);
        text("iss", &self.issuer);
        text("aud", &self.audience);
        if !self.roles.is_empty() {
            claims.insert("roles".to_owned(), json!(self.roles));
        }
        for (name, patterns) in [
            ("publish", &self.publish),
            ("subscribe", &self.subscribe),
            ("channels", &self.channels),
        ] {
            if !patterns.is_empty() {
                radial.insert(name.to_owned(), json!(patterns));
            }
        }
        for (name, is_set) in [("history", self.history), ("actAs", self.act_as)] {
            if is_set {
                radial.insert(name.to_owned(), json!(true));
            }
        }
        if let Some(operator) = self.operator {
            let name = match operator {
                Operator::Tenant => "tenant",
                Operator::Hub => "hub",
            };
            radial.insert("operator".to_owned(), json!(name));
        }
        if !radial.is_empty() {
            claims.insert("radial".to_owned(), Value::Object(radial));
        }
        claims.insert("iat".to_owned(), json!(now));
        claims.insert("exp".to_owned(), json!(now.saturating_add(self.expires.as_secs())));
        Value::Object(claims)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Only {
        #[command(flatten)]
        args: TokenArgs,
    }

    fn claims(flags: &str) -> Value {
        let words = ["token", "--secret-env", "X"].into_iter().chain(flags.split_whitespace());
        Only::parse_from(words).args.claims.json(1_000)
    }

    #[test]
    fn the_flags_become_claims() {
        assert_eq!(claims(""), json!({"iat": 1_000, "exp": 4_600}));
        let flags = "--tenant acme --user u1 --session s1 --role a --role b --publish card.* \
                     --channels * --history --operator tenant --issuer me --audience hub --expires 5m";
        let expected = json!({
            "tenant": "acme", "sub": "u1", "sid": "s1", "roles": ["a", "b"], "iss": "me", "aud": "hub",
            "radial": {"publish": ["card.*"], "channels": ["*"], "history": true, "operator": "tenant"},
            "iat": 1_000, "exp": 1_300,
        });
        assert_eq!(claims(flags), expected);
    }
}
