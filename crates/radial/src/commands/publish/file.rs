//! Publishing a file: lines in, batches out, answers on the record.

use std::fs::File;
use std::io::{IsTerminal as _, Read};
use std::path::Path;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use radial_client::{Client, ProblemDocument};
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::batch::{Batch, Batcher};
use super::delivery::{Delivery, LineResult};
use super::input::{self, Input};
use super::tally::Tally;
use super::{ATTEMPTS_OF_MANY, text};
use crate::failure::Failure;
use crate::output::Output;

/// A batch from a pipe waits no longer than this for another line.
const LINGER: Duration = Duration::from_millis(20);
/// So many lines that were refused here wait at most for the answers to those before them.
const HELD_MAX: usize = 1_000;

/// How a file is published.
#[derive(Debug)]
pub(super) struct Options {
    /// The most events of a batch.
    pub(super) batch_events: usize,
    /// Whether a batch holds together.
    pub(super) atomic: bool,
    /// Whether every answer is printed.
    pub(super) answers: bool,
}

/// A file, or a pipe whose end nobody knows.
struct Source {
    read: Box<dyn Read + Send>,
    len: Option<u64>,
}

/// Publishes a file, and tells on standard error what became of it.
pub(super) async fn publish(client: Client, path: &Path, options: &Options) -> Result<(), Failure> {
    let source = Source::open(path)?;
    let bar = progress(source.len);
    let spoken = bar.clone();
    let speak = move |text: &str| spoken.suspend(|| eprintln!("{text}"));
    let mut run = Run {
        delivery: Delivery::new(client, options.atomic, ATTEMPTS_OF_MANY, speak),
        atomic: options.atomic,
        held: Vec::new(),
        tally: Tally::default(),
        output: options.answers.then(Output::new),
        bar,
        began: Instant::now(),
    };
    // Only a pipe may be slow, and a batch that holds together is not to be cut by the clock.
    let linger = (source.len.is_none() && !options.atomic).then_some(LINGER);
    let batcher = Batcher::new(options.batch_events);
    let result = run.all(input::read(source.read), batcher, linger).await;
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

impl Source {
    fn open(path: &Path) -> Result<Self, Failure> {
        if path == Path::new("-") {
            if std::io::stdin().is_terminal() {
                eprintln!("reading events from the terminal, one JSON object a line; Ctrl-D ends");
            }
            return Ok(Self { read: Box::new(std::io::stdin()), len: None });
        }
        let unreadable =
            |error| Failure::Unusable(format!("cannot read {}: {error}", path.display()));
        let file = File::open(path).map_err(unreadable)?;
        let metadata = file.metadata().map_err(unreadable)?;
        let len = metadata.is_file().then_some(metadata.len());
        Ok(Self { read: Box::new(file), len })
    }
}

/// The publishing of one file.
struct Run {
    delivery: Delivery,
    atomic: bool,
    /// Lines that were refused here, until those before them have their answers.
    held: Vec<(u64, Box<ProblemDocument>)>,
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
                        self.release(u64::MAX)?;
                        self.flush()?;
                        continue;
                    };
                    next
                }
                _ => input.recv().await,
            };
            match next {
                Some(Input::Line(line)) => self.publish(batcher.push(line)).await?,
                Some(Input::Refused(number, problem)) => {
                    self.held.push((number, problem));
                    if batcher.is_empty() || self.held.len() >= HELD_MAX {
                        self.release(u64::MAX)?;
                    }
                }
                Some(Input::Broken(error)) => {
                    self.publish(batcher.take()).await?;
                    self.release(u64::MAX)?;
                    self.flush()?;
                    return Err(Failure::Failed(format!("cannot read on: {error}")));
                }
                None => {
                    self.publish(batcher.take()).await?;
                    self.release(u64::MAX)?;
                    return self.flush();
                }
            }
        }
    }

    async fn publish(&mut self, batch: Option<Batch>) -> Result<(), Failure> {
        let Some(batch) = batch else { return Ok(()) };
        let results = self.delivery.deliver(&batch).await.map_err(|error| {
            Failure::from(error).at(&format!("stopped at line {}", batch.first_number()))
        })?;
        self.record(&batch, &results)?;
        self.bar.set_position(batch.end());
        self.bar.set_message(self.tally.summary(self.began.elapsed()));
        Ok(())
    }

    /// Counts and prints the answers to a batch, and what was held back before it, in order.
    fn record(&mut self, batch: &Batch, results: &[LineResult]) -> Result<(), Failure> {
        // An atomic batch is refused for one reason, told once.
        let refused_whole = if self.atomic {
            results.first().and_then(|result| result.as_ref().err())
        } else {
            None
        };
        if let Some(problem) = refused_whole {
            let (first, last) = (batch.first_number(), batch.last_number());
            self.release(first)?;
            self.tally.refuse(first, last, batch.lines().len(), problem);
        }
        for (line, result) in batch.lines().iter().zip(results) {
            self.release(line.number)?;
            match result {
                Ok(accepted) => {
                    self.tally.accept(accepted);
                    self.print(line.number, "answer", accepted)?;
                }
                Err(problem) => {
                    if refused_whole.is_none() {
                        self.tally.refuse(line.number, line.number, 1, problem);
                    }
                    self.print(line.number, "problem", &**problem)?;
                }
            }
        }
        self.flush()
    }

    /// Counts and prints the lines that were refused here, up to a line.
    fn release(&mut self, before: u64) -> Result<(), Failure> {
        let count = self.held.iter().take_while(|(number, _)| *number < before).count();
        for (number, problem) in self.held.drain(..count).collect::<Vec<_>>() {
            self.tally.refuse(number, number, 1, &problem);
            self.print(number, "problem", &*problem)?;
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<(), Failure> {
        self.output.as_mut().map_or(Ok(()), Output::flush)
    }

    fn print(
        &mut self,
        number: u64,
        key: &str,
        value: &impl serde::Serialize,
    ) -> Result<(), Failure> {
        let Some(output) = &mut self.output else { return Ok(()) };
        output.line(&format!(r#"{{"line":{number},"{key}":{}}}"#, text(value)))
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
