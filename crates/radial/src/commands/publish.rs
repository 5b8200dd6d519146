//! `radial publish`: one event from flags, or many from a file, in order and exactly once.

mod batch;
mod delivery;
mod file;
mod input;
mod line;
mod tally;

use std::path::PathBuf;

use clap::Args;
use radial_client::{Client, ProblemDocument};
use serde_json::value::RawValue;

use batch::Batch;
use delivery::Delivery;
use line::Line;

use crate::cli::HubArgs;
use crate::commands::events::at_least_one;
use crate::failure::Failure;
use crate::output::Output;

/// How often one event is sent: somebody waits at a prompt.
const ATTEMPTS_OF_ONE: usize = 3;
/// How often a batch of a file is sent: about a minute, in which a hub can be restarted.
const ATTEMPTS_OF_MANY: usize = 10;

/// Publish events: one, or a file of them with a publish request as JSON on each line
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  radial publish --type card.moved --data '{\"cardId\":\"c1\",\"zone\":\"done\"}' --channel board:1\n  \
                  radial publish events.ndjson\n  jq -c '.[]' export.json | radial publish -\n\n\
                  Events are published in the order of their lines. One without an eventId is given one,\n\
                  so that what is sent again after a broken connection is not published twice."
)]
pub(crate) struct PublishArgs {
    /// The file to publish; - is standard input
    #[arg(value_name = "FILE", default_value = "-", conflicts_with = "event_type")]
    file: PathBuf,
    /// Publish one event of this type
    #[arg(long = "type", value_name = "TYPE", requires = "data")]
    event_type: Option<String>,
    /// The event's data, as JSON
    #[arg(long, value_name = "JSON", requires = "event_type")]
    data: Option<String>,
    /// The event's channel [default: main]
    #[arg(long, requires = "event_type")]
    channel: Option<String>,
    /// The most events of a file that are sent at once
    #[arg(long, value_name = "N", default_value_t = 500, value_parser = at_least_one)]
    batch: usize,
    /// Accept or refuse each batch as a whole
    #[arg(long, conflicts_with = "event_type")]
    atomic: bool,
    /// Print the answer to each line as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    hub: HubArgs,
}

pub(crate) async fn run(args: PublishArgs) -> Result<(), Failure> {
    let client = args.hub.client()?;
    if let (Some(event_type), Some(data)) = (args.event_type, args.data) {
        return one(client, &event_type, &data, args.channel.as_deref(), args.json).await;
    }
    let options =
        file::Options { batch_events: args.batch, atomic: args.atomic, answers: args.json };
    file::publish(client, &args.file, &options).await
}

async fn one(
    client: Client,
    event_type: &str,
    data: &str,
    channel: Option<&str>,
    json: bool,
) -> Result<(), Failure> {
    let data: &RawValue = serde_json::from_str(data)
        .map_err(|error| Failure::Unusable(format!("--data is not JSON: {error}")))?;
    let request = line::request(event_type, data, channel);
    let batch = Batch::of([Line { number: 1, end: 0, json: request }]);
    let mut delivery = Delivery::new(client, false, ATTEMPTS_OF_ONE, |text| eprintln!("{text}"));
    let results = delivery.deliver(&batch).await?;
    let mut output = Output::new();
    match results.into_iter().next() {
        Some(Ok(accepted)) => output.line(&text(&accepted))?,
        Some(Err(problem)) => {
            if json {
                output.line(&text(&problem))?;
                output.flush()?;
            }
            return Err(Failure::Failed(format!("refused: {problem}")));
        }
        None => return Err(Failure::Unusable("the hub did not answer the event".to_owned())),
    }
    output.flush()
}

fn text(value: &impl serde::Serialize) -> String {
    serde_json::to_string(value).expect("answers have string keys only")
}

/// A refusal that the hub need not be asked for.
fn refusal(code: &str, detail: String) -> Box<ProblemDocument> {
    Box::new(ProblemDocument {
        code: code.to_owned(),
        title: "The line was not sent".to_owned(),
        detail,
        ..ProblemDocument::default()
    })
}
