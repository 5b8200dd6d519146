//! Publishing: many requests in, one answer or problem for each, in order.

use radial_fanout::Timeline;
use radial_log::{
    Append, AppendError, Backlog, ENTITY_STATE_BYTES_MAX, Entry, Outcome, Refused, RefusedReason,
};
use radial_protocol::answer::Accepted;
use radial_protocol::envelope::PublishRequest;
use radial_protocol::event::{Head, Persistence};
use radial_protocol::grants::Grants;
use radial_protocol::names::EventId;
use radial_protocol::problem::Current;
use radial_protocol::{Code, Problem, TimeMs};
use std::sync::Arc;

use crate::admission::admit;
use crate::hub::Hub;
use crate::presence::is_own_type;
use crate::window::window;

/// What one event of a request came to.
pub type PublishResult = Result<Accepted, Problem>;

/// What is answered about an entry besides its place.
struct Expected {
    index: usize,
    event_id: EventId,
    persistence: Persistence,
}

impl Hub {
    /// Publishes the events of one request; each is accepted or refused by itself.
    ///
    /// Resolves once every `durable` event among them is on stable storage. Cancel safe: what was
    /// accepted is stored even if nobody waits for the answer.
    ///
    /// # Errors
    /// A problem that refuses the request as a whole: the hub is closed, or has no such tenant.
    pub async fn publish(
        &self,
        grants: &Grants,
        requests: Vec<Result<PublishRequest, Problem>>,
    ) -> Result<Vec<PublishResult>, Problem> {
        self.check_credential(grants)?;
        self.check_open()?;
        let timeline = self.timeline(&grants.tenant)?;
        let (now, backlog) = (self.runtime.now(), self.log.backlog());
        let mut results: Vec<Option<PublishResult>> = Vec::with_capacity(requests.len());
        let (mut entries, mut expected) = (Vec::new(), Vec::new());
        for (index, request) in requests.into_iter().enumerate() {
            let entry = request.and_then(|request| self.admit(grants, &request, &backlog));
            results.push(match entry {
                Err(problem) => Some(Err(problem)),
                Ok(entry) if entry.draft.head.persistence == Persistence::Live => {
                    let accepted = self.accept_live(&entry);
                    self.publish_live(timeline, [entry], now);
                    Some(Ok(accepted))
                }
                Ok(entry) => {
                    expected.push(Expected::of(index, &entry));
                    entries.push(entry);
                    None
                }
            });
        }
        let outcomes = self.append(grants, entries, false, now).await;
        for (position, expected) in expected.into_iter().enumerate() {
            let index = expected.index;
            let result = match &outcomes {
                Ok(outcomes) => self.answer(grants, expected, outcomes.get(position)),
                Err(problem) => Err(problem.clone()),
            };
            if let Some(slot) = results.get_mut(index) {
                *slot = Some(result);
            }
        }
        let results: Vec<PublishResult> = results.into_iter().flatten().collect();
        for problem in results.iter().filter_map(|result| result.as_ref().err()) {
            self.stats.refuse_event(problem.code);
        }
        Ok(results)
    }

    /// Publishes all events of one request, or none.
    ///
    /// # Errors
    /// The first problem of any of them, or `batch-conflict`, `idempotency-mismatch`.
    pub async fn publish_atomic(
        &self,
        grants: &Grants,
        requests: Vec<Result<PublishRequest, Problem>>,
    ) -> Result<Vec<Accepted>, Problem> {
        let published = self.try_publish_atomic(grants, requests).await;
        if let Err(problem) = &published {
            self.stats.refuse_event(problem.code);
        }
        published
    }

    async fn try_publish_atomic(
        &self,
        grants: &Grants,
        requests: Vec<Result<PublishRequest, Problem>>,
    ) -> Result<Vec<Accepted>, Problem> {
        self.check_credential(grants)?;
        self.check_open()?;
        let timeline = self.timeline(&grants.tenant)?;
        let (now, backlog) = (self.runtime.now(), self.log.backlog());
        let mut entries = Vec::with_capacity(requests.len());
        for (index, request) in requests.into_iter().enumerate() {
            let entry = request.and_then(|request| self.admit(grants, &request, &backlog));
            entries.push(entry.map_err(|mut problem| {
                problem.detail = format!("event {index} of the batch: {}", problem.detail);
                problem
            })?);
        }
        let first = entries.first().map(|entry| entry.draft.head.persistence);
        if entries.iter().any(|entry| Some(entry.draft.head.persistence) != first) {
            let detail = "the events of an atomic batch must be of one persistence class";
            return Err(Problem::new(Code::PolicyConflict, detail));
        }
        if first == Some(Persistence::Live) {
            let accepted = entries.iter().map(|entry| self.accept_live(entry)).collect();
            self.publish_live(timeline, entries, now);
            return Ok(accepted);
        }
        let expected: Vec<_> =
            entries.iter().enumerate().map(|(index, entry)| Expected::of(index, entry)).collect();
        let outcomes = self.append(grants, entries, true, now).await?;
        expected
            .into_iter()
            .zip(&outcomes)
            .map(|(expected, outcome)| self.answer(grants, expected, Some(outcome)))
            .collect()
    }

    fn publish_live(
        &self,
        timeline: &Timeline,
        entries: impl IntoIterator<Item = Entry>,
        now: TimeMs,
    ) {
        let placed = entries.into_iter().map(|entry| Arc::new(entry.draft.place(None, now, None)));
        let events: Vec<_> = placed.collect();
        let window = window(&self.registry, events.iter().map(|event| &event.head));
        timeline.publish(events, window);
    }

    fn admit(
        &self,
        grants: &Grants,
        request: &PublishRequest,
        backlog: &Backlog,
    ) -> Result<Entry, Problem> {
        if self.presence.is_some() && is_own_type(&request.event_type) {
            let detail = format!("{} is published by the hub alone", request.event_type);
            return Err(Problem::new(Code::Forbidden, detail));
        }
        let entry = admit(&self.registry, grants, request, &self.runtime)?;
        let Head { persistence, priority, .. } = entry.draft.head;
        self.check_load(backlog, persistence, priority)?;
        Ok(entry)
    }

    async fn append(
        &self,
        grants: &Grants,
        entries: Vec<Entry>,
        atomic: bool,
        now: TimeMs,
    ) -> Result<Vec<Outcome>, Problem> {
        if entries.is_empty() {
            return Ok(Vec::new());
        }
        let append = Append { tenant: grants.tenant.clone(), entries, atomic, now };
        self.log.append(append).await.map_err(|error| self.append_problem(grants, error))
    }

    /// Counts what became of an entry, and answers it.
    fn answer(
        &self,
        grants: &Grants,
        expected: Expected,
        outcome: Option<&Outcome>,
    ) -> PublishResult {
        let (event_id, standing, duplicate) = match outcome {
            Some(Outcome::Appended(standing)) => {
                self.stats.accept(expected.persistence);
                (expected.event_id, standing, false)
            }
            Some(Outcome::Duplicate(standing)) => {
                self.stats.duplicate();
                (expected.event_id, standing, true)
            }
            Some(Outcome::Deduplicated(first, standing)) => {
                self.stats.deduplicate();
                (first.clone(), standing, true)
            }
            Some(Outcome::Mismatch) => return Err(mismatch()),
            Some(Outcome::NotTaken(error)) => {
                return Err(self.append_problem(grants, error.clone()));
            }
            Some(Outcome::Refused(refused)) => return Err(self.refusal(grants, refused)),
            None => return Err(Problem::new(Code::Internal, "the log gave no outcome")),
        };
        Ok(Accepted {
            event_id,
            cursor: Some(standing.cursor),
            offset: Some(standing.cursor.offset),
            entity_version: standing.entity_version,
            duplicate,
            persistence: expected.persistence,
        })
    }

    fn append_problem(&self, grants: &Grants, error: AppendError) -> Problem {
        let code = match error {
            AppendError::BatchMismatch => return mismatch(),
            AppendError::BatchRefused { index, refused } => {
                let mut problem = self.refusal(grants, &refused);
                problem.detail = format!("event {index} of the batch: {}", problem.detail);
                return problem;
            }
            AppendError::BatchConflict => Code::BatchConflict,
            AppendError::UnknownTenant => Code::Internal,
            AppendError::Poisoned => Code::LogUnavailable,
            AppendError::Overloaded => Code::Overloaded,
            AppendError::Full(_) => Code::DiskFull,
            AppendError::Closed => Code::Draining,
        };
        Problem::new(code, error.to_string())
    }

    /// A change that an entity does not take, with what it is now for those who may see it.
    fn refusal(&self, grants: &Grants, refused: &Refused) -> Problem {
        let version = refused.version;
        let mut problem = match refused.reason {
            RefusedReason::Version => Problem::new(
                Code::VersionConflict,
                format!("the change is based on another version; the current one is {version}"),
            ),
            RefusedReason::Deleted => Problem::new(
                Code::EntityDeleted,
                format!("version {version} deleted the entity; only a replacement begins it again"),
            ),
            RefusedReason::TooLarge => Problem::new(
                Code::EventTooLarge,
                format!("the entity's state would have more than {ENTITY_STATE_BYTES_MAX} bytes"),
            ),
        };
        let visible = refused.last.as_deref().is_some_and(|last| self.may_see(grants, last));
        let state = refused.state.as_deref().filter(|_| visible);
        problem.current = Some(Current {
            current_version: version,
            current_state: state.and_then(|state| serde_json::from_str(state).ok()),
        });
        problem
    }

    fn accept_live(&self, entry: &Entry) -> Accepted {
        self.stats.accept(Persistence::Live);
        Accepted {
            event_id: entry.draft.head.event_id.clone(),
            cursor: None,
            offset: None,
            entity_version: None,
            duplicate: false,
            persistence: Persistence::Live,
        }
    }
}

impl Expected {
    fn of(index: usize, entry: &Entry) -> Self {
        let head = &entry.draft.head;
        Self { index, event_id: head.event_id.clone(), persistence: head.persistence }
    }
}

fn mismatch() -> Problem {
    Problem::new(
        Code::IdempotencyMismatch,
        "this eventId was published before with another type, version, channel, audience, user or data",
    )
}
