//! A subscription: what one connection gets, frame by frame, on any transport.
//!
//! It begins with what became of the resume, goes through the log, says `live` once it has met
//! the head, and then follows the timeline. A transport only encodes the frames.

mod opening;
mod rest;

use std::collections::VecDeque;
use std::sync::Arc;

use radial_fanout::{Due, Found, Reader, Step, Tally, Timeline};
use radial_log::{Item, Missing, MissingReason, Page, PageLimit, ReadError};
use radial_protocol::control::{Control, Gap, GapReason, GapScope};
use radial_protocol::filter::{Filter, Selection};
use radial_protocol::grants::Grants;
use radial_protocol::{Code, Cursor, Epoch, Event, Offset, Problem, TenantId, TimeMs};
use tokio::sync::watch;
use tokio::task::JoinHandle;

pub use self::opening::{Opening, SubscribeRequest};
pub use self::rest::{Kept, Resting};
use crate::acks::Seat;
use crate::hub::Hub;
use crate::snapshot::SnapshotReading;

/// A page of the log. Its bytes are this reader's own, and are held while its socket is full: far
/// less than the contract allows (protocol §5), so that many slow readers cost little.
pub(crate) const PAGE: PageLimit = PageLimit { items: 1_000, bytes: 64 * 1024 };

/// One thing that goes out to a connection.
#[derive(Clone, Debug)]
pub enum Frame {
    /// An event, already encoded.
    Event(Arc<Event>),
    /// A control event.
    Control(Control),
}

/// An open subscription.
pub struct Subscription {
    hub: Arc<Hub>,
    grants: Arc<Grants>,
    wanted: Arc<[Selection]>,
    timeline: Arc<Timeline>,
    end: watch::Receiver<u64>,
    reader: Reader,
    epoch: Epoch,
    opening: Option<Box<Opening>>,
    ready: VecDeque<Frame>,
    snapshot: Option<SnapshotReading>,
    /// A page that is being read; if nobody waits for it now, the next call does.
    reading: Option<JoinHandle<Result<Page, ReadError>>>,
    kept_from: Offset,
    live: bool,
    counted: Tally,
    /// How many events were left out of its pages although the filter let them through.
    spared: u64,
    pub(crate) seat: Seat,
}

impl Subscription {
    /// What became of the request, until that is forgotten.
    pub fn opening(&self) -> Option<&Opening> {
        self.opening.as_deref()
    }

    /// Gives it no events of class `live`: they are not polled.
    pub fn leave_out_live(&mut self) {
        self.reader.leave_out_live();
    }

    /// Forgets what became of the request, once the client has been told.
    pub fn forget_opening(&mut self) {
        self.opening = None;
    }

    /// Whether state comes before everything else.
    pub fn begins_with_snapshot(&self) -> bool {
        self.snapshot.is_some()
    }

    /// What decides from now on what is seen: newer grants of the same tenant.
    ///
    /// Everything after [`Self::cursor`] is decided by them, once, in its place: nothing is missed
    /// or doubled. What they show and the old ones hid does not come later if its place is behind.
    ///
    /// # Errors
    /// `unauthorized` for a credential that does not count, `forbidden` for another tenant, or if
    /// the subscription names a channel outside the grants. Then nothing changes.
    pub fn renew(&mut self, grants: Arc<Grants>) -> Result<(), Problem> {
        if grants.tenant != self.grants.tenant {
            let detail = "the newer credential is of another tenant";
            return Err(Problem::new(Code::Forbidden, detail));
        }
        self.hub.check_credential(&grants)?;
        let filter = self.hub.subscriber_filter(&self.wanted, &grants)?;
        if let Some(snapshot) = &mut self.snapshot {
            snapshot.set_filter(self.hub.entity_filter(&grants, filter.channels())?);
        }
        self.reader.set_filter(filter);
        self.grants = grants;
        self.follow_acks();
        Ok(())
    }

    /// The grants that decide now.
    pub fn grants(&self) -> &Arc<Grants> {
        &self.grants
    }

    /// What was asked for, before it was narrowed to any grants.
    pub fn wanted(&self) -> &Arc<[Selection]> {
        &self.wanted
    }

    /// Asks for something more, from [`Self::cursor`] on.
    ///
    /// # Errors
    /// `forbidden` for a channel outside the grants. Then nothing changes.
    pub fn add(&mut self, selection: Selection) -> Result<(), Problem> {
        let mut wanted = self.wanted.to_vec();
        if !wanted.contains(&selection) {
            wanted.push(selection);
        }
        self.want(wanted)
    }

    /// Asks no longer for what was asked for in these words, from [`Self::cursor`] on.
    ///
    /// # Errors
    /// `invalid-parameter` if that was not asked for.
    pub fn remove(&mut self, selection: &Selection) -> Result<(), Problem> {
        let mut wanted = self.wanted.to_vec();
        wanted.retain(|wanted| wanted != selection);
        if wanted.len() == self.wanted.len() {
            let detail = "there is no subscription with these channels and types";
            return Err(Problem::new(Code::InvalidParameter, detail));
        }
        self.want(wanted)
    }

    fn want(&mut self, wanted: Vec<Selection>) -> Result<(), Problem> {
        self.reader.set_filter(self.hub.subscriber_filter(&wanted, &self.grants)?);
        self.wanted = self.hub.wanted.share(wanted.into());
        self.follow_acks();
        Ok(())
    }

    pub(crate) fn hub(&self) -> &Arc<Hub> {
        &self.hub
    }

    pub(crate) fn filter(&self) -> &Filter {
        self.reader.filter()
    }

    /// Whose events these are.
    pub fn tenant(&self) -> &TenantId {
        &self.grants.tenant
    }

    /// What was given and held back so far.
    pub fn tally(&self) -> Tally {
        let tally = self.reader.tally();
        Tally { delivered: tally.delivered - self.spared, ..tally }
    }

    /// The connection's own place: everything at or before it has been returned by
    /// [`Self::next`], or by policy never will be.
    pub fn cursor(&self) -> Cursor {
        Cursor { epoch: self.epoch, offset: self.reader.place() }
    }

    /// Walks on as far as it goes without waiting, and returns what is due by then.
    pub fn due_now(&mut self) -> Vec<Frame> {
        while self.ready.is_empty() && self.snapshot.is_none() && self.reading.is_none() {
            let now = self.hub.runtime.now();
            match self.reader.step(&self.timeline, now) {
                Step::Deliver(due) => self.take(due, now),
                Step::Wait if !self.live => self.go_live(),
                Step::Wait | Step::ReadLog(_) => break,
            }
        }
        self.ready.drain(..).collect()
    }

    /// Waits for what is due and returns it: at least one frame, unless it has only come to the head.
    ///
    /// Cancel safe: what has not been returned is returned by the next call.
    ///
    /// # Errors
    /// The log could not be read.
    pub async fn next(&mut self) -> Result<Vec<Frame>, Problem> {
        let mut has_moved = false;
        loop {
            if !self.ready.is_empty() {
                return Ok(self.ready.drain(..).collect());
            }
            if let Some(snapshot) = &mut self.snapshot {
                match snapshot.next().await? {
                    Some(parts) => self.ready = parts,
                    None => self.snapshot = None,
                }
                continue;
            }
            self.end.borrow_and_update();
            let now = self.hub.runtime.now();
            match self.reader.step(&self.timeline, now) {
                Step::Deliver(due) => {
                    has_moved = true;
                    self.take(due, now);
                }
                Step::Wait if !self.live => self.go_live(),
                // Whoever has it may let it rest now.
                Step::Wait if has_moved => return Ok(Vec::new()),
                Step::Wait => self.wait().await?,
                Step::ReadLog(after) => {
                    let page = self.read(after).await?;
                    if page.items.is_empty() && page.to == after {
                        // The log shows an event a moment before its timeline does.
                        self.wait().await?;
                    } else {
                        let (epoch, kept_from) = (self.epoch, self.kept_from);
                        let items = page.items.into_iter().filter(|item| match item {
                            Item::Event(_) => true,
                            Item::Missing(missing) => missing.to > kept_from,
                        });
                        let found = items.map(|item| found(item, epoch));
                        let due = self.reader.take_page(found, page.to, now);
                        has_moved = true;
                        self.take(due, now);
                    }
                }
            }
        }
    }

    async fn wait(&mut self) -> Result<(), Problem> {
        // The timeline lives as long as the hub, and the hub as long as this subscription.
        self.end.changed().await.map_err(|_| no_log())
    }

    async fn read(&mut self, after: Offset) -> Result<Page, Problem> {
        let (hub, grants) = (&self.hub, &self.grants);
        let reading = self.reading.get_or_insert_with(|| {
            let (hub, grants) = (Arc::clone(hub), Arc::clone(grants));
            tokio::task::spawn_blocking(move || hub.log.read(&grants.tenant, after, PAGE))
        });
        let page = reading.await;
        self.reading = None;
        page.map_err(|_| no_log())?.map_err(|error| read_problem(&error))
    }

    fn take(&mut self, mut due: Vec<Due>, now: TimeMs) {
        self.hub.stats.page(due.len());
        let head = self.timeline.head();
        if self.reader.place() < head {
            let (spared, told) = self.hub.spare(&mut due, &self.grants.tenant, head, now);
            self.spared += spared;
            self.ready.extend(told.map(Frame::Control));
        }
        let hub = &self.hub;
        self.ready.extend(due.into_iter().map(|due| match due {
            Due::Event(event) => Frame::Event(event),
            Due::Gap(gap) => Frame::Control(Control::Gap(gap)),
            Due::Lost(lost) => Frame::Control(hub.lose(lost)),
        }));
        let tally = self.tally();
        self.hub.stats.deliver(
            tally.delivered - self.counted.delivered,
            tally.expired - self.counted.expired,
        );
        self.counted = tally;
    }

    fn go_live(&mut self) {
        self.live = true;
        let replayed = self.tally().delivered;
        self.ready.push_back(Frame::Control(Control::Live { cursor: self.cursor(), replayed }));
    }
}

fn found(item: Item, epoch: Epoch) -> Found {
    match item {
        Item::Event(event) => Found::Event(event),
        Item::Missing(missing) => Found::Gap(gap(missing, epoch)),
    }
}

/// What a client is told about a stretch that cannot be read.
pub(crate) fn gap(missing: Missing, epoch: Epoch) -> Gap {
    let (reason, scope) = match missing.reason {
        MissingReason::Retention => (GapReason::Retention, GapScope::All),
        MissingReason::RetentionOfRecent => (GapReason::Retention, GapScope::Recent),
        MissingReason::Restart => (GapReason::Restart, GapScope::Recent),
    };
    let cursor = |offset| Cursor { epoch, offset };
    Gap { reason, scope, from: Some(cursor(missing.from)), to: cursor(missing.to) }
}

pub(crate) fn no_log() -> Problem {
    Problem::new(Code::Internal, "the log cannot be read")
}

pub(crate) fn read_problem(error: &radial_log::ReadError) -> Problem {
    tracing::error!(%error, "a read of the log failed");
    no_log()
}
