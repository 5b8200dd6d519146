//! Sending a batch until every line of it has its answer.

use bytes::Bytes;
use radial_client::{Backoff, Client, ClientError, ProblemDocument, PublishAnswer};
use radial_protocol::answer::Accepted;

use super::batch::{self, Batch};
use super::line::Line;

/// What became of one line.
pub(super) type LineResult = Result<Accepted, Box<ProblemDocument>>;

/// Sends batches one after the other.
pub(super) struct Delivery {
    client: Client,
    atomic: bool,
    attempts: usize,
    random: fastrand::Rng,
    speak: Box<dyn Fn(&str) + Send>,
}

/// The lines of a batch that have no answer yet, and those that do.
struct Open<'a> {
    lines: Vec<(usize, &'a Line)>,
    results: Vec<Option<LineResult>>,
}

impl Delivery {
    /// A batch is sent up to `attempts` times; `speak` is told of every wait.
    pub(super) fn new(
        client: Client,
        atomic: bool,
        attempts: usize,
        speak: impl Fn(&str) + Send + 'static,
    ) -> Self {
        let random = fastrand::Rng::new();
        Self { client, atomic, attempts, random, speak: Box::new(speak) }
    }

    /// Sends a batch until each line is accepted or refused for good.
    ///
    /// What may succeed later (a hub that is away, 408, 429, 5xx) is sent again with the same
    /// bytes: every line has an `eventId`, so none is published twice.
    ///
    /// # Errors
    /// What concerns the hub rather than the lines: it is away, or refuses whoever is asking.
    pub(super) async fn deliver(&mut self, batch: &Batch) -> Result<Vec<LineResult>, ClientError> {
        let mut open = Open::new(batch);
        let mut backoff = Backoff::new();
        loop {
            let body = Bytes::from(batch::body(open.lines.iter().map(|(_, line)| *line)));
            let is_last = backoff.failures() + 1 >= self.attempts;
            let cause = match self.client.publish_raw(body, self.atomic).await {
                Ok(PublishAnswer::Batch(results)) if results.len() == open.lines.len() => {
                    match open.settle(results, is_last) {
                        None => return Ok(open.finish()),
                        Some(problem) => ClientError::Unavailable { problem, retry_after: None },
                    }
                }
                Ok(_) => {
                    let text = "the hub did not give one answer for each event of a batch";
                    return Err(ClientError::Protocol(text.to_owned()));
                }
                Err(ClientError::Refused(problem)) if self.concerns_events(&problem) => {
                    open.refuse_all(&problem);
                    return Ok(open.finish());
                }
                Err(error) if error.is_temporary() && !is_last => error,
                Err(error) => return Err(error),
            };
            let wait = backoff.next_wait(cause.retry_after(), &mut self.random);
            let seconds = wait.as_secs_f32();
            (self.speak)(&format!("{cause}; trying again in {seconds:.1} s"));
            tokio::time::sleep(wait).await;
        }
    }

    /// Whether a refusal of the whole body is about what was in it, so that the next body may do
    /// better.
    fn concerns_events(&self, problem: &ProblemDocument) -> bool {
        matches!(problem.status, 400 | 409 | 413 | 422) || (self.atomic && problem.status == 403)
    }
}

impl<'a> Open<'a> {
    fn new(batch: &'a Batch) -> Self {
        let lines: Vec<_> = batch.lines().iter().enumerate().collect();
        let results = lines.iter().map(|_| None).collect();
        Self { lines, results }
    }

    /// Takes the answers to the open lines; returns a problem of those that stay open.
    fn settle(&mut self, results: Vec<LineResult>, is_last: bool) -> Option<Box<ProblemDocument>> {
        let mut waits_for = None;
        for ((index, line), result) in std::mem::take(&mut self.lines).into_iter().zip(results) {
            match result {
                Err(problem) if problem.is_temporary() && !is_last => {
                    waits_for = Some(problem);
                    self.lines.push((index, line));
                }
                settled => self.set(index, settled),
            }
        }
        waits_for
    }

    fn refuse_all(&mut self, problem: &ProblemDocument) {
        for (index, _) in std::mem::take(&mut self.lines) {
            self.set(index, Err(Box::new(problem.clone())));
        }
    }

    fn set(&mut self, index: usize, result: LineResult) {
        if let Some(slot) = self.results.get_mut(index) {
            *slot = Some(result);
        }
    }

    /// The results of all lines, once none is open.
    fn finish(self) -> Vec<LineResult> {
        self.results.into_iter().flatten().collect()
    }
}

#[cfg(test)]
mod tests;
