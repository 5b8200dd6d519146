//! `GET /api/poll`: long poll, for where no stream gets through (protocol §5).
//!
//! One poll is a short subscription: the same filter, the same places, the same gaps. It answers
//! as soon as there is something, or when its wait ends, and names the place to come back to. It
//! keeps nothing: a poller that always comes back with its cursor misses nothing.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::Extension;
use axum::extract::{RawQuery, State};
use axum::response::Response;
use bytes::{Bytes, BytesMut};
use http::HeaderMap;
use radial_hub::{
    AtOnce, CredentialState, Frame, Redelivery, Start, SubscribeRequest, Subscription,
};
use radial_protocol::control::{Control, Gap, Polling, Snapshot};
use radial_protocol::grants::Grants;
use radial_protocol::names::Id;
use radial_protocol::{Cursor, Problem};
use radial_registry::duration;
use serde::Serialize;
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::credential::Caller;
use super::etag;
use super::guard::Arrival;
use super::parameters::{Parameters, invalid};
use super::refusal::Refusal;
use super::stream::start;
use crate::app::App;
use crate::transport::POLLING;

/// How long a poll waits unless it says how long.
const WAIT_DEFAULT: Duration = Duration::from_secs(25);
/// The longest wait: proxies cut what is silent for a minute.
const WAIT_MAX: Duration = Duration::from_secs(55);
/// The most events of an answer, and as many as it has unless the request says how many.
const LIMIT_MAX: usize = 1_000;
/// The most redeliveries of an answer.
const REDELIVERIES_MAX: usize = 100;
/// The most bytes of state in an answer; a stream sends its snapshot in parts, a poll cannot.
const SNAPSHOT_BYTES_MAX: usize = 16 * 1024 * 1024;

pub(crate) async fn poll(
    State(app): State<Arc<App>>,
    caller: Caller,
    Extension(arrival): Extension<Arrival>,
    query: RawQuery,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let mut parameters = Parameters::parse(&query)?;
    let selection = parameters.selection("main", app.limits.filters)?;
    let start = start(&mut parameters, &headers)?;
    let wait = wait(&mut parameters)?;
    let limit = parameters.limit(LIMIT_MAX, LIMIT_MAX)?;
    let snapshot = parameters.names("snapshot", app.limits.filters)?;
    let (user, session) = (parameters.parsed("userId")?, parameters.parsed("sessionId")?);
    // Clients send it with every request; a poll replaces no other connection.
    let _: Option<Id> = parameters.parsed("clientId")?;
    parameters.finish()?;
    let grants = caller.acting(user, session)?;
    let _permit = app.rates.open(&grants, arrival.address)?;
    // Who has no place yet gets one at once: an answer that is lost on the way would otherwise
    // take events with it.
    let has_place = !matches!(start, Start::Now);
    // Who comes back within the grace is there all the time.
    let _attendance = app.hub.attend(&grants, std::slice::from_ref(&selection));
    let request = SubscribeRequest { selection, start, snapshot };
    let mut subscription = app.hub.subscribe(Arc::clone(&grants), request).await?;
    subscription.leave_out_live();
    let mut page = Page::at(subscription.cursor(), limit);
    if subscription.begins_with_snapshot() {
        page.take_snapshot(&mut subscription).await?;
    } else if has_place {
        let _waiting = Waiting::begin(&app);
        let (until, mut again) = (Instant::now() + wait, redeliveries(&mut subscription));
        while page.is_empty() {
            tokio::select! {
                biased;
                found = page.fill(&mut subscription) => found?,
                // What is withheld now is nothing to answer.
                Some(redelivery) = again.recv() => page.take_again(&subscription, redelivery),
                () = tokio::time::sleep_until(until) => break,
                () = app.drain.cancelled() => break,
                () = ended(&app, &grants) => break,
            }
        }
        while let Ok(redelivery) = again.try_recv() {
            page.take_again(&subscription, redelivery);
        }
        if page.has_not_moved() {
            page.rest(&subscription);
        }
        // Who waited may have lost meanwhile what let him wait.
        app.hub.check_credential(&grants)?;
    }
    Ok(etag::bytes_answer(&headers, page.json(), Some(page.cursor)))
}

/// What the session owes from before the place of this poll, as it becomes due.
fn redeliveries(subscription: &mut Subscription) -> mpsc::Receiver<Redelivery> {
    let (send, receive) = mpsc::channel(REDELIVERIES_MAX);
    let place = subscription.cursor().offset;
    let deliver = move |redelivery: &Redelivery| {
        let has_come = redelivery.event.offset().is_some_and(|at| at <= place);
        has_come && send.try_send(redelivery.clone()).is_ok()
    };
    subscription.redeliver_by(deliver, AtOnce::WhenBack);
    receive
}

/// Waits until the hub is switched off, or the credential does not count any more.
async fn ended(app: &App, grants: &Grants) {
    let mut changes = app.hub.watch_control();
    loop {
        let now = app.hub.runtime().now();
        let CredentialState::Counts(until) = app.hub.credential_state(grants, now) else { return };
        if app.hub.is_disabled() {
            return;
        }
        let left = until.map_or(WAIT_MAX, |until| Duration::from_millis(until.0 - now.0));
        // Either way it is looked at again.
        let _ = tokio::time::timeout(left, changes.changed()).await;
    }
}

/// Counts a poll while it waits.
struct Waiting<'a>(&'a App);

impl<'a> Waiting<'a> {
    fn begin(app: &'a App) -> Self {
        app.connections.polls.fetch_add(1, Ordering::Relaxed);
        Self(app)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.connections.polls.fetch_sub(1, Ordering::Relaxed);
    }
}

fn wait(parameters: &mut Parameters) -> Result<Duration, Problem> {
    let Some(text) = parameters.one("wait")? else { return Ok(WAIT_DEFAULT) };
    let wait = duration::parse(&text).map_err(|error| invalid(&format!("wait: {error}")))?;
    if wait > WAIT_MAX {
        return Err(invalid(&format!("wait is at most {}", duration::format(WAIT_MAX))));
    }
    Ok(wait)
}

/// What one answer holds: perhaps a gap, then state or events, and the place after them.
struct Page {
    gap: Option<Gap>,
    /// What the poller was too far behind for.
    dropped: Option<Dropped>,
    snapshot: Vec<Snapshot>,
    events: Vec<Bytes>,
    /// Events that come again, with their attempts, as JSON.
    again: Vec<String>,
    cursor: Cursor,
    limit: usize,
}

/// Events that were shed, of all pages of the answer.
#[derive(Default, Serialize)]
struct Dropped {
    count: u64,
    types: BTreeSet<String>,
    reason: &'static str,
}

/// The members after the events.
#[derive(Serialize)]
struct Rest<'a> {
    cursor: Cursor,
    #[serde(skip_serializing_if = "Option::is_none")]
    gap: Option<&'a Gap>,
    #[serde(skip_serializing_if = "Option::is_none")]
    dropped: Option<&'a Dropped>,
    #[serde(skip_serializing_if = "<[Snapshot]>::is_empty")]
    snapshot: &'a [Snapshot],
    flags: serde_json::Map<String, serde_json::Value>,
    polling: Polling,
}

impl Page {
    fn at(cursor: Cursor, limit: usize) -> Self {
        let (snapshot, events, again) = (Vec::new(), Vec::new(), Vec::new());
        Self { gap: None, dropped: None, snapshot, events, again, cursor, limit }
    }

    /// Whether there is nothing to answer yet.
    fn is_empty(&self) -> bool {
        self.has_not_moved() && self.again.is_empty()
    }

    /// Whether there is nothing in it that has a place.
    fn has_not_moved(&self) -> bool {
        self.gap.is_none() && self.dropped.is_none() && self.events.is_empty()
    }

    /// Takes an event that comes again, unless it is withheld.
    fn take_again(&mut self, subscription: &Subscription, redelivery: Redelivery) {
        self.again.extend(subscription.redelivery(redelivery).map(|control| control.json()));
    }

    /// Waits until there is something to answer.
    async fn fill(&mut self, subscription: &mut Subscription) -> Result<(), Problem> {
        loop {
            let frames = subscription.next().await?;
            if !frames.into_iter().all(|frame| self.takes(frame)) {
                // What did not fit comes with the next poll.
                return Ok(());
            }
            self.rest(subscription);
            if self.gap.is_some() || self.dropped.is_some() || !self.events.is_empty() {
                return Ok(());
            }
        }
    }

    /// Takes the state that comes before everything else.
    async fn take_snapshot(&mut self, subscription: &mut Subscription) -> Result<(), Problem> {
        let mut bytes = 0;
        while !self.snapshot.last().is_some_and(|part| part.done) {
            for frame in subscription.next().await? {
                if let Frame::Control(Control::Snapshot(part)) = &frame {
                    let states = part.entities.iter().map(|entity| entity.state.get().len());
                    bytes += states.sum::<usize>();
                }
                self.takes(frame);
            }
            if bytes > SNAPSHOT_BYTES_MAX {
                let detail = format!(
                    "the snapshot has more than {SNAPSHOT_BYTES_MAX} bytes: read /api/entities in \
                     pages and poll on from its cursor"
                );
                return Err(invalid(&detail));
            }
        }
        self.rest(subscription);
        Ok(())
    }

    /// Takes one frame if it still belongs into this answer.
    fn takes(&mut self, frame: Frame) -> bool {
        match frame {
            Frame::Event(event) => {
                // Only those of class `live` have no place.
                let Some(cursor) = event.place else { return true };
                if self.events.len() == self.limit {
                    return false;
                }
                self.events.push(event.json());
                self.cursor = cursor;
            }
            Frame::Control(Control::Gap(gap)) => {
                // An answer has one gap, and it comes before its events.
                if self.gap.is_some() || !self.events.is_empty() {
                    return false;
                }
                self.cursor = gap.to;
                self.gap = Some(gap);
            }
            Frame::Control(Control::Snapshot(part)) => self.snapshot.push(part),
            Frame::Control(Control::Dropped { count, types, reason }) => {
                let dropped = self.dropped.get_or_insert_default();
                dropped.count += count;
                dropped.types.extend(types);
                dropped.reason = reason;
            }
            Frame::Control(_) => {}
        }
        true
    }

    /// Moves to the subscription's own place: what lies in between is not for this client.
    fn rest(&mut self, subscription: &Subscription) {
        self.cursor = subscription.cursor();
    }

    /// The events are their delivered bytes, put together without parsing them again.
    fn json(&self) -> Bytes {
        let mut json = BytesMut::from(&b"{\"events\":["[..]);
        for (index, event) in self.events.iter().enumerate() {
            if index > 0 {
                json.extend_from_slice(b",");
            }
            json.extend_from_slice(event);
        }
        let (cursor, gap, dropped) = (self.cursor, self.gap.as_ref(), self.dropped.as_ref());
        let (snapshot, flags) = (&self.snapshot[..], serde_json::Map::new());
        let rest = Rest { cursor, gap, dropped, snapshot, flags, polling: POLLING };
        let rest = serde_json::to_string(&rest).expect("the members have string keys only");
        json.extend_from_slice(b"],");
        if !self.again.is_empty() {
            let again = format!("\"redeliveries\":[{}],", self.again.join(","));
            json.extend_from_slice(again.as_bytes());
        }
        json.extend_from_slice(rest.trim_start_matches('{').as_bytes());
        json.freeze()
    }
}
