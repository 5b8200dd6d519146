//! `radial admin`: operates a hub that runs.

use clap::{Args, Subcommand};
use radial_client::{AcksQuery, Acting, AdminRequest};
use serde_json::{Map, Value, json};

use crate::cli::HubArgs;
use crate::failure::Failure;
use crate::show;

/// Operate a hub.
#[derive(Debug, Subcommand)]
pub(crate) enum AdminCommand {
    /// Show the state of the hub
    #[command(after_help = "Example:\n  radial admin status --json | jq .ready")]
    Status(Plain),
    /// Switch the hub off: publishing and subscribing are refused, and streams end
    #[command(after_help = "Example:\n  radial admin disable --reason 'a broken release'")]
    Disable(DisableArgs),
    /// Switch the hub on
    #[command(after_help = "Example:\n  radial admin enable")]
    Enable(Plain),
    /// Take credentials back: what was issued until now counts no more
    #[command(
        after_help = "Examples:\n  radial admin revoke --user ada --reason 'left the company'\n  \
                            radial admin revoke --token-id 7f3a\n  radial admin revoke --all"
    )]
    Revoke(RevokeArgs),
    /// Show who has acknowledged an event, and who has not
    #[command(after_help = "Examples:\n  radial admin acks --event 0198c0de\n  \
                            radial admin acks --event 0198c0de --state owed --json")]
    Acks(AcksArgs),
    /// List who is connected, or end a connection
    #[command(after_help = "Examples:\n  radial admin connections\n  \
                            radial admin connections --end 00f1e2d3c4b5a697")]
    Connections(ConnectionsArgs),
}

/// A command without arguments of its own.
#[derive(Debug, Args)]
pub(crate) struct Plain {
    /// Print the answer as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    hub: HubArgs,
}

#[derive(Debug, Args)]
pub(crate) struct DisableArgs {
    /// Why, for whoever looks later
    #[arg(long)]
    reason: Option<String>,
    #[command(flatten)]
    plain: Plain,
}

#[derive(Debug, Args)]
pub(crate) struct RevokeArgs {
    #[command(flatten)]
    subject: SubjectArgs,
    /// Why, for whoever looks later
    #[arg(long)]
    reason: Option<String>,
    #[command(flatten)]
    plain: Plain,
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct SubjectArgs {
    /// The user
    #[arg(long, value_name = "ID")]
    user: Option<String>,
    /// The session
    #[arg(long, value_name = "ID")]
    session: Option<String>,
    /// The token, by its jti
    #[arg(long, value_name = "ID")]
    token_id: Option<String>,
    /// Everything of the tenant
    #[arg(long)]
    all: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ConnectionsArgs {
    /// End this connection instead
    #[arg(long, value_name = "ID")]
    end: Option<String>,
    /// List at most so many
    #[arg(long, value_name = "N", default_value_t = 100)]
    limit: usize,
    #[command(flatten)]
    plain: Plain,
}

#[derive(Debug, Args)]
pub(crate) struct AcksArgs {
    /// The event, by its eventId
    #[arg(long, value_name = "ID")]
    event: String,
    /// Only sessions in this state
    #[arg(long, value_parser = ["acknowledged", "owed", "ended", "unknown"])]
    state: Option<String>,
    /// Only sessions after the one of this user, for the next page
    #[arg(long, value_name = "ID")]
    after_user: Option<String>,
    /// Only sessions after this one, for the next page
    #[arg(long, value_name = "ID")]
    after_session: Option<String>,
    /// List at most so many
    #[arg(long, value_name = "N", default_value_t = 100)]
    limit: usize,
    #[command(flatten)]
    plain: Plain,
}

impl Plain {
    async fn ask(self, path: &str, request: AdminRequest) -> Result<(), Failure> {
        let answer = self.hub.client()?.admin(path, request).await?;
        show::answer(&answer, self.json)
    }
}

pub(crate) async fn run(command: AdminCommand) -> Result<(), Failure> {
    match command {
        AdminCommand::Status(plain) => plain.ask("status", AdminRequest::Get).await,
        AdminCommand::Disable(DisableArgs { reason, plain }) => {
            plain.ask("disable", AdminRequest::Post(json!({"reason": reason}))).await
        }
        AdminCommand::Enable(plain) => plain.ask("enable", AdminRequest::Post(json!({}))).await,
        AdminCommand::Revoke(args) => revoke(args).await,
        AdminCommand::Acks(args) => acks(args).await,
        AdminCommand::Connections(ConnectionsArgs { end: Some(id), plain, .. }) => {
            if !id.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
                return Err(Failure::Unusable(format!("{id:?} is not the id of a connection")));
            }
            plain.ask(&format!("connections/{id}"), AdminRequest::Delete).await
        }
        AdminCommand::Connections(ConnectionsArgs { limit, plain, .. }) => {
            plain.ask(&format!("connections?limit={limit}"), AdminRequest::Get).await
        }
    }
}

async fn acks(args: AcksArgs) -> Result<(), Failure> {
    let AcksArgs { event, state, after_user, after_session, limit, plain } = args;
    let after = Acting { user_id: after_user, session_id: after_session };
    let query = AcksQuery { state, after, limit: Some(limit) };
    let answer = plain.hub.client()?.acks_of(&event, &query).await?;
    show::answer(&answer, plain.json)
}

async fn revoke(args: RevokeArgs) -> Result<(), Failure> {
    let SubjectArgs { user, session, token_id, all } = args.subject;
    let mut body = Map::new();
    let named =
        [("userId", user), ("sessionId", session), ("tokenId", token_id), ("reason", args.reason)];
    for (name, value) in named {
        if let Some(value) = value {
            body.insert(name.to_owned(), value.into());
        }
    }
    if all {
        body.insert("all".to_owned(), true.into());
    }
    args.plain.ask("revocations", AdminRequest::Post(Value::Object(body))).await
}
