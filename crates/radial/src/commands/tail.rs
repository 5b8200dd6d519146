//! `radial tail`: follows the log.

mod acks;

use acks::Acks;
use clap::Args;
use radial_client::{Acting, ClientError, Message, Start, SubscribeOptions, Subscription};
use radial_protocol::control::{Gap, GapReason, GapScope};

use crate::cli::HubArgs;
use crate::commands::events::at_least_one;
use crate::failure::Failure;
use crate::output::{self, Output};
use crate::show;

/// Follow the log: one line for each event, in order, each once, also when the hub restarts
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  radial tail\n  radial tail --channels 'board:*' --types 'card.*' --json\n  \
                  radial tail --cursor earliest --until-live | wc -l\n  \
                  radial tail --session s-1 --ack\n\n\
                  A line has the time at which the hub took the event, its type, its channel, its data.\n\
                  What is missing (a gap, dropped events) is told on standard error."
)]
pub(crate) struct TailArgs {
    /// Channel names and patterns
    #[arg(long, value_name = "A,B", value_delimiter = ',', default_value = "*")]
    channels: Vec<String>,
    /// Event type patterns [default: all]
    #[arg(long, value_name = "X,Y", value_delimiter = ',')]
    types: Vec<String>,
    /// Begin after this cursor, or with the earliest event that is kept
    #[arg(long, value_name = "earliest|CURSOR", conflicts_with = "since")]
    cursor: Option<String>,
    /// Begin with the first event received at this time or later, in milliseconds since 1970
    #[arg(long, value_name = "MS")]
    since: Option<u64>,
    /// Print the delivered JSON, one event a line
    #[arg(long)]
    json: bool,
    /// Acknowledge what must be, once it has been printed
    #[arg(long)]
    ack: bool,
    /// Whom to act for, where the credential allows it
    #[arg(long, value_name = "ID")]
    user: Option<String>,
    /// The session to act for, where the credential allows it
    #[arg(long, value_name = "ID")]
    session: Option<String>,
    /// End after so many events
    #[arg(long, value_name = "N", value_parser = at_least_one)]
    count: Option<usize>,
    /// End when the past has been printed and the present begins
    #[arg(long)]
    until_live: bool,
    #[command(flatten)]
    hub: HubArgs,
}

/// One run of the command.
struct Tail {
    output: Output,
    json: bool,
    left: Option<usize>,
    until_live: bool,
    acks: Option<Acks>,
    connected: bool,
    closed_by: Option<&'static str>,
}

enum Then {
    GoOn,
    End,
}

pub(crate) async fn run(args: TailArgs) -> Result<(), Failure> {
    let start = match (args.cursor, args.since) {
        (Some(cursor), _) if cursor == "earliest" => Start::Earliest,
        (Some(cursor), _) => Start::Cursor(cursor),
        (None, Some(ms)) => Start::Since(ms),
        (None, None) => Start::Live,
    };
    let acting = Acting { user_id: args.user, session_id: args.session };
    let options = SubscribeOptions {
        user_id: acting.user_id.clone(),
        session_id: acting.session_id.clone(),
        channels: args.channels,
        types: args.types,
        start,
        ..SubscribeOptions::default()
    };
    let client = args.hub.client()?;
    let subscription = client.subscribe(options);
    let mut tail = Tail {
        output: Output::new(),
        json: args.json,
        left: args.count,
        until_live: args.until_live,
        acks: args.ack.then(|| Acks::new(client, acting)),
        connected: false,
        closed_by: None,
    };
    let result = tail.follow(subscription).await;
    tail.flush().await?;
    result
}

impl Tail {
    async fn follow(&mut self, mut subscription: Subscription) -> Result<(), Failure> {
        let mut reader_gone = std::pin::pin!(output::reader_gone());
        loop {
            let message = tokio::select! {
                biased;
                message = subscription.next() => message,
                // Nothing has come yet: what was printed so far is to be seen now.
                () = std::future::ready(()), if !self.output.is_flushed() => {
                    self.flush().await?;
                    continue;
                }
                () = &mut reader_gone => return Err(Failure::ReaderGone),
            };
            match message {
                Some(Ok(message)) => match self.take(message)? {
                    Then::GoOn => {}
                    Then::End => return Ok(()),
                },
                Some(Err(error)) => return Err(error.into()),
                None => {
                    let reason = self.closed_by.unwrap_or("no reason given");
                    return Err(Failure::Failed(format!("the hub closed the stream: {reason}")));
                }
            }
        }
    }

    /// What was printed is to be seen now; then it is acknowledged.
    async fn flush(&mut self) -> Result<(), Failure> {
        self.output.flush()?;
        if let Some(acks) = &mut self.acks {
            acks.say().await;
        }
        Ok(())
    }

    fn print(&mut self, json: String) -> Result<Then, Failure> {
        if let Some(acks) = &mut self.acks {
            acks.printed(&json);
        }
        let line = if self.json { json } else { show::human_line(&json) };
        self.output.line(&line)?;
        if let Some(left) = &mut self.left {
            *left -= 1;
            if *left == 0 {
                return Ok(Then::End);
            }
        }
        Ok(Then::GoOn)
    }

    fn take(&mut self, message: Message) -> Result<Then, Failure> {
        match message {
            Message::Event { json, .. } => return self.print(json),
            Message::Redelivery { attempt, json } => match &mut self.acks {
                // Printed in this run: only its acknowledgement got lost.
                Some(acks) if acks.is_printed(&json) => acks.printed(&json),
                Some(_) => return self.print(json),
                None => eprintln!("not acknowledged ({attempt}): {}", show::human_line(&json)),
            },
            Message::Live { .. } if self.until_live => return Ok(Then::End),
            Message::Hello(hello) => {
                if let Some(acks) = &mut self.acks {
                    acks.began(hello.cursor);
                }
                if std::mem::replace(&mut self.connected, true) {
                    eprintln!("connected again");
                }
            }
            Message::Gap(gap) => eprintln!("{}", gap_line(&gap)),
            Message::Dropped { count, types, reason } => {
                eprintln!("dropped {count} events of {} ({reason})", types.join(", "));
            }
            Message::Goodbye { reason, .. } => {
                self.closed_by = Some(reason.as_str());
                eprintln!("the hub says goodbye: {}", reason.as_str());
            }
            Message::Disconnected { cause: cause @ ClientError::Network { .. }, .. }
                if !self.connected =>
            {
                return Err(cause.into());
            }
            Message::Disconnected { cause, retry_in } => {
                eprintln!("{cause}; trying again in {:.1} s", retry_in.as_secs_f32());
            }
            Message::Token { expires_in_ms } => {
                eprintln!("the credential ends in {} s", expires_in_ms / 1_000);
            }
            Message::Other { name, json } => eprintln!("{name}: {json}"),
            Message::Live { .. } | Message::Heartbeat { .. } => {}
        }
        Ok(Then::GoOn)
    }
}

/// A gap as a sentence.
pub(crate) fn gap_line(gap: &Gap) -> String {
    let what = match gap.scope {
        GapScope::All => "events",
        GapScope::Recent => "events that are not durable",
    };
    let why = match gap.reason {
        GapReason::Retention => "they are no longer kept",
        GapReason::Restart => "the hub lost them when it crashed",
        GapReason::Overflow => "the hub does not hold so many",
        GapReason::Epoch => "the cursor is of another history of this log",
        GapReason::Ahead => "the cursor is beyond the end of the log",
    };
    let from = gap.from.map_or_else(|| "somewhere".to_owned(), |from| from.to_string());
    format!("gap: {what} between {from} and {} may be missing: {why}", gap.to)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gap_is_told_with_its_ends_and_its_reason() {
        let gap =
            r#"{"reason":"retention","scope":"all","from":"AAAAAAAAAAA.1","to":"AAAAAAAAAAA.9"}"#;
        let gap = serde_json::from_str(gap).unwrap();
        assert_eq!(
            gap_line(&gap),
            "gap: events between AAAAAAAAAAA.1 and AAAAAAAAAAA.9 may be missing: they are no longer kept"
        );
    }
}
