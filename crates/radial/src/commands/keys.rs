//! `radial keys`: API keys for servers.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand};
use radial_client::AdminRequest;
use radial_server::keys::{NewKey, create_in};
use serde_json::{Value, json};

use crate::cli::HubArgs;
use crate::failure::Failure;
use crate::{moment, show};

/// Work on API keys.
#[derive(Debug, Subcommand)]
pub(crate) enum KeysCommand {
    /// Make a key and print it: nobody can print it again
    #[command(
        after_help = "Examples:\n  radial keys create --name backend --publish '*' --act-as\n  \
                            radial keys create --name root --operator hub --tenants '*' --data ./radial-data\n  \
                            radial keys create --name ci --publish 'card.*' --expires-in 90d --json | jq -r .key"
    )]
    Create(Box<CreateArgs>),
    /// List the keys, without their secrets
    #[command(after_help = "Example:\n  radial keys list --json | jq '.keys[].name'")]
    List(Plain),
    /// Give a key a new secret; the old one counts for a while
    #[command(after_help = "Example:\n  radial keys rotate 0w3ge1r70w3ge --grace 1h")]
    Rotate(RotateArgs),
    /// Take a key back; what it opened ends
    #[command(after_help = "Example:\n  radial keys revoke 0w3ge1r70w3ge")]
    Revoke(RevokeArgs),
}

/// Which hub, and how to print.
#[derive(Debug, Args)]
pub(crate) struct Plain {
    /// Print the answer as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    hub: HubArgs,
}

#[derive(Debug, Args)]
pub(crate) struct CreateArgs {
    /// What people call it
    #[arg(long)]
    name: String,
    /// The tenants that it may be used for, or *; without them the operator's own
    #[arg(long, value_name = "A,B", value_delimiter = ',')]
    tenants: Vec<String>,
    /// Patterns of event types that may be published
    #[arg(long, value_name = "X,Y", value_delimiter = ',')]
    publish: Vec<String>,
    /// Patterns of event types that may be received
    #[arg(long, value_name = "X,Y", value_delimiter = ',')]
    subscribe: Vec<String>,
    /// Sinks that it stands for: it may receive what the registry routes to them
    #[arg(long, value_name = "A,B", value_delimiter = ',')]
    routes: Vec<String>,
    /// Patterns of channels [default: all]
    #[arg(long, value_name = "A,B", value_delimiter = ',')]
    channels: Vec<String>,
    /// The roles that it acts in
    #[arg(long, value_name = "A,B", value_delimiter = ',')]
    roles: Vec<String>,
    /// It may read the log
    #[arg(long)]
    history: bool,
    /// It may act for users
    #[arg(long)]
    act_as: bool,
    /// It may read /metrics
    #[arg(long)]
    scrape: bool,
    /// It may operate its tenant, or the hub
    #[arg(long, value_parser = ["tenant", "hub"])]
    operator: Option<String>,
    /// How long it counts, such as 90d [default: for ever]
    #[arg(long, value_name = "TIME", value_parser = span)]
    expires_in: Option<Duration>,
    /// Make it in the data folder of a hub that is stopped, which asks nobody for a credential
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    #[command(flatten)]
    plain: Plain,
}

#[derive(Debug, Args)]
pub(crate) struct RotateArgs {
    /// The id of the key
    #[arg(value_parser = key_id)]
    id: String,
    /// How long the old secret still counts
    #[arg(long, value_name = "TIME", default_value = "24h")]
    grace: String,
    #[command(flatten)]
    plain: Plain,
}

#[derive(Debug, Args)]
pub(crate) struct RevokeArgs {
    /// The id of the key
    #[arg(value_parser = key_id)]
    id: String,
    #[command(flatten)]
    plain: Plain,
}

fn span(text: &str) -> Result<Duration, String> {
    radial_registry::duration::parse(text).map_err(|error| error.to_string())
}

fn key_id(text: &str) -> Result<String, String> {
    let is_id = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    if !text.is_empty() && text.bytes().all(is_id) {
        Ok(text.to_owned())
    } else {
        Err("the id of a key is of a-z and 0-9: the part between rk_ and the next _".to_owned())
    }
}

impl Plain {
    async fn ask(self, path: &str, request: AdminRequest) -> Result<(), Failure> {
        let answer = self.hub.client()?.admin(path, request).await?;
        show::answer(&answer, self.json)
    }
}

pub(crate) async fn run(command: KeysCommand) -> Result<(), Failure> {
    match command {
        KeysCommand::Create(args) => create(*args).await,
        KeysCommand::List(plain) => plain.ask("keys", AdminRequest::Get).await,
        KeysCommand::Rotate(RotateArgs { id, grace, plain }) => {
            let body = AdminRequest::Post(json!({"grace": grace}));
            plain.ask(&format!("keys/{id}/rotate"), body).await
        }
        KeysCommand::Revoke(RevokeArgs { id, plain }) => {
            plain.ask(&format!("keys/{id}"), AdminRequest::Delete).await
        }
    }
}

async fn create(args: CreateArgs) -> Result<(), Failure> {
    let body = args.body();
    let Some(folder) = args.data else {
        return args.plain.ask("keys", AdminRequest::Post(body)).await;
    };
    if !folder.join("store.redb").exists() {
        let text = format!(
            "{} is not the data folder of a hub; a hub makes it at its first start",
            folder.display()
        );
        return Err(Failure::Unusable(text));
    }
    let new: NewKey =
        serde_json::from_value(body).map_err(|error| Failure::Unusable(error.to_string()))?;
    let made = create_in(&folder, new).await.map_err(|error| Failure::Failed(error.to_string()))?;
    show::answer(&made, args.plain.json)
}

impl CreateArgs {
    /// The request, as the hub takes it.
    fn body(&self) -> Value {
        let mut body = json!({
            "name": self.name, "roles": self.roles, "publish": self.publish,
            "subscribe": self.subscribe, "history": self.history, "actAs": self.act_as,
            "scrape": self.scrape,
        });
        let tenants = match &self.tenants[..] {
            [] => None,
            [all] if all == "*" => Some(json!("*")),
            tenants => Some(json!(tenants)),
        };
        let routes = Some(&self.routes).filter(|routes| !routes.is_empty());
        let channels = Some(&self.channels).filter(|channels| !channels.is_empty());
        let expires = self.expires_in.map(|span| {
            moment::now_ms().saturating_add(u64::try_from(span.as_millis()).unwrap_or(u64::MAX))
        });
        if let Some(members) = body.as_object_mut() {
            let some = [
                ("tenants", tenants),
                ("routes", routes.map(|routes| json!(routes))),
                ("channels", channels.map(|channels| json!(channels))),
                ("operator", self.operator.as_ref().map(|operator| json!(operator))),
                ("expires", expires.map(|expires| json!(expires))),
            ];
            for (name, value) in some {
                if let Some(value) = value {
                    members.insert(name.to_owned(), value);
                }
            }
        }
        body
    }
}
