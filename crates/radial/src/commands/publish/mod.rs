//! `radial publish`: one event from flags, or many from a file, in order and exactly once.

mod batch;
mod delivery;
mod input;
mod line;
mod tally;

use std::fs::File;
use std::io::{IsTerminal as _, Read};
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use radial_client::{Client, ProblemDocument};
use serde_json::value::RawValue;
use tokio::sync::mpsc;
use tokio::time::Instant;

use batch::{Batch, Batcher};
use delivery::Delivery;
use input::Input;
use tally::Tally;

use crate::cli::HubArgs;
use crate::commands::events::at_least_one;
use crate::failure::Failure;
use crate::output::Output;

/// A batch from a pipe waits no longer than this for more lines.
const LINGER: Duration = Duration::from_millis(20);

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
    match (args.event_type, args.data) {
        (Some(event_type), Some(data)) => {
            one(client, &event_type, &data, args.channel.as_deref(), args.json).await
        }
        _ => many(client, &args.file, args.batch, args.atomic, args.json).await,
    }
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
    let batch = Batch::of([line::Line { number: 1, end: 0, json: request }]);
    let mut delivery = Delivery::new(client, false, |text| eprintln!("{text}"));
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

async fn many(
    client: Client,
    file: &Path,
    batch_events: usize,
    atomic: bool,
    json: bool,
) -> Result<(), Failure> {
    let is_stdin = file == Path::new("-");
    let (source, len): (Box<dyn Read + Send>, _) = if is_stdin {
        if std::io::stdin().is_terminal() {
            eprintln!("reading events from the terminal, one JSON object a line; Ctrl-D ends");
        }
        (Box::new(std::io::stdin()), None)
    } else {
        let unreadable =
            |error| Failure::Unusable(format!("cannot read {}: {error}", file.display()));
        let open = File::open(file).map_err(unreadable)?;
        let len = open.metadata().map_err(unreadable)?.len();
        (Box::new(open), Some(len))
    };
    let bar = progress(len);
    let spoken = bar.clone();
    let delivery = Delivery::new(client, atomic, move |text| {
        spoken.suspend(|| eprintln!("{text}"));
    });
    let mut run = Run {
        delivery,
        atomic,
        tally: Tally::default(),
        output: json.then(Output::new),
        bar,
        began: Instant::now(),
    };
    // Only a pipe may be slow, and a batch that holds together is not to be cut by the clock.
    let linger = (is_stdin && !atomic).then_some(LINGER);
    let result = run.all(input::read(source), Batcher::new(batch_events), linger).await;
    run.bar.finish_and_clear();
    eprintln!("{}", run.tally.summary(run.began.elapsed()));
    for refusal in run.tally.refusals() {
        eprintln!("  {refusal}");
    }
    result?;
    match run.tally.refused() {
        0 => Ok(()),
        1 => Err(Failure::Failed("1 event was refused".to_owned())),
        refused => Err(Failure::Failed(format!("{refused} events were refused"))),
    }
}

/// The publishing of one file.
struct Run {
    delivery: Delivery,
    atomic: bool,
    tally: Tally,
    output: Option<Output>,
    bar: ProgressBar,
    began: Instant,
}

impl Run {
    async fn all(
        &mut self,
        mut input: mpsc::Receiver<Input>,
        mut batcher: Batcher,
        linger: Option<Duration>,
    ) -> Result<(), Failure> {
        loop {
            let next = match linger {
                Some(linger) if !batcher.is_empty() => {
                    let Ok(next) = tokio::time::timeout(linger, input.recv()).await else {
                        self.publish(batcher.take()).await?;
                        continue;
                    };
                    next
                }
                _ => input.recv().await,
            };
            match next {
                Some(Input::Line(line)) => self.publish(batcher.push(line)).await?,
                Some(Input::Refused(number, problem)) => {
                    self.tally.refuse(number, number, 1, &problem);
                    self.print(number, "problem", &*problem)?;
                }
                Some(Input::Broken(error)) => {
                    self.publish(batcher.take()).await?;
                    return Err(Failure::Failed(format!("cannot read on: {error}")));
                }
                None => return self.publish(batcher.take()).await,
            }
        }
    }

    async fn publish(&mut self, batch: Option<Batch>) -> Result<(), Failure> {
        let Some(batch) = batch else { return Ok(()) };
        let results = self.delivery.deliver(&batch).await.map_err(|error| {
            let (first, cause) = (batch.first_number(), Failure::from(error));
            let place = format!("stopped at line {first}");
            match cause {
                Failure::Failed(text) => Failure::Failed(format!("{place}: {text}")),
                Failure::Unusable(text) => Failure::Unusable(format!("{place}: {text}")),
                Failure::ReaderGone => Failure::ReaderGone,
            }
        })?;
        // An atomic batch is refused for one reason, told once.
        if self.atomic
            && let Some(Err(problem)) = results.first()
        {
            let (first, last) = (batch.first_number(), batch.last_number());
            self.tally.refuse(first, last, batch.lines().len(), problem);
        }
        for (line, result) in batch.lines().iter().zip(&results) {
            match result {
                Ok(accepted) => {
                    self.tally.accept(accepted);
                    self.print(line.number, "answer", accepted)?;
                }
                Err(problem) => {
                    if !self.atomic {
                        self.tally.refuse(line.number, line.number, 1, problem);
                    }
                    self.print(line.number, "problem", &**problem)?;
                }
            }
        }
        if let Some(output) = &mut self.output {
            output.flush()?;
        }
        self.bar.set_position(batch.end());
        self.bar.set_message(self.tally.summary(self.began.elapsed()));
        Ok(())
    }

    fn print(
        &mut self,
        number: u64,
        key: &str,
        value: &impl serde::Serialize,
    ) -> Result<(), Failure> {
        match &mut self.output {
            Some(output) => output.line(&format!(r#"{{"line":{number},"{key}":{}}}"#, text(value))),
            None => Ok(()),
        }
    }
}

/// The bar is drawn only if standard error is a terminal.
fn progress(len: Option<u64>) -> ProgressBar {
    let (bar, template) = match len {
        Some(len) => (ProgressBar::new(len), "[{bar:30}] {bytes}/{total_bytes}  {msg}"),
        None => (ProgressBar::no_length(), "{spinner} {bytes}  {msg}"),
    };
    let style = ProgressStyle::with_template(template).expect("the template is well-formed");
    bar.with_style(style)
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
