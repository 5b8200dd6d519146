//! `radial events`: reads the log by pages.

use clap::Args;
use radial_client::EventsQuery;

use crate::cli::HubArgs;
use crate::failure::Failure;
use crate::output::Output;
use crate::show;

/// The most events that are asked for at once.
const PAGE_EVENTS: usize = 1_000;

/// Read the log, oldest event first
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  radial events --types 'card.*' --limit 20\n  radial events --all --json > log.ndjson\n  \
                  radial events --since 1766000000000 --channels 'board:*'\n\n\
                  A line has the time at which the hub took the event, its type, its channel, its data."
)]
pub(crate) struct EventsArgs {
    /// Channel names and patterns [default: all]
    #[arg(long, value_name = "A,B", value_delimiter = ',')]
    channels: Vec<String>,
    /// Event type patterns [default: all]
    #[arg(long, value_name = "X,Y", value_delimiter = ',')]
    types: Vec<String>,
    /// Where to begin: milliseconds since 1970, or a cursor
    #[arg(long, value_name = "MS|CURSOR")]
    since: Option<String>,
    /// Only events received before this, in milliseconds since 1970
    #[arg(long, value_name = "MS")]
    until: Option<u64>,
    /// Only events of this correlation
    #[arg(long, value_name = "ID")]
    correlation_id: Option<String>,
    /// Only events of this user
    #[arg(long, value_name = "ID")]
    user_id: Option<String>,
    /// Only events of this session
    #[arg(long, value_name = "ID")]
    session_id: Option<String>,
    /// Print at most so many events
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = at_least_one)]
    limit: usize,
    /// Print everything up to the end of the log
    #[arg(long, conflicts_with = "limit")]
    all: bool,
    /// Print the delivered JSON, one event a line
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    hub: HubArgs,
}

pub(crate) async fn run(args: EventsArgs) -> Result<(), Failure> {
    let client = args.hub.client()?;
    let mut left = if args.all { usize::MAX } else { args.limit };
    let mut query = EventsQuery {
        channels: args.channels,
        types: args.types,
        since: args.since,
        until: args.until,
        limit: None,
        correlation_id: args.correlation_id,
        user_id: args.user_id,
        session_id: args.session_id,
    };
    let mut output = Output::new();
    loop {
        query.limit = Some(left.min(PAGE_EVENTS));
        let page = client.events(&query).await?;
        for event in &page.events {
            let json = event.get();
            output
                .line(if args.json { json.to_owned() } else { show::human_line(json) }.as_str())?;
        }
        output.flush()?;
        if let Some(gap) = &page.gap {
            eprintln!("{}", super::tail::gap_line(gap));
        }
        left = left.saturating_sub(page.events.len());
        let cursor = page.cursor.to_string();
        if page.complete {
            return Ok(());
        }
        if left == 0 {
            eprintln!("there may be more: --since {cursor}");
            return Ok(());
        }
        if query.since.as_ref() == Some(&cursor) {
            return Err(Failure::Unusable("the hub gives the same page again".to_owned()));
        }
        query.since = Some(cursor);
    }
}

/// A count that is not zero.
pub(crate) fn at_least_one(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(0) => Err("must be at least 1".to_owned()),
        Ok(count) => Ok(count),
        Err(_) => Err("is not a count".to_owned()),
    }
}
