//! Reading the log: pages of what a filter and a query let through (protocol §2, `/api/events`).

use std::sync::Arc;

use radial_log::{Bounds, Item, PageLimit};
use radial_protocol::control::{Gap, GapReason, GapScope};
use radial_protocol::filter::{Filter, Selection, Verdict, View};
use radial_protocol::grants::Grants;
use radial_protocol::names::{Id, SessionId, UserId};
use radial_protocol::{Code, Cursor, Event, Offset, Problem, TimeMs};

use crate::beginning::Start;
use crate::hub::Hub;
use crate::subscription::{gap, no_log, read_problem};

/// A page ends after so many events were looked at, however few matched.
const EXAMINED_MAX: usize = 100_000;
/// A page ends after so many bytes of events, but never before its first event.
const PAGE_BYTES: usize = 4 * 1024 * 1024;
/// One read of the log while a page is put together.
const STEP: PageLimit = PageLimit { items: 1_000, bytes: 1024 * 1024 };

/// What is asked of the log.
#[derive(Clone, Debug)]
pub struct HistoryQuery {
    /// Channels and types.
    pub selection: Selection,
    /// Where to begin; [`Start::Now`] begins with the oldest event.
    pub start: Start,
    /// Only events received before this time.
    pub until: Option<TimeMs>,
    /// The most events in the answer.
    pub limit: usize,
    /// Only events of this correlation.
    pub correlation_id: Option<Id>,
    /// Only events of this user.
    pub user: Option<UserId>,
    /// Only events of this session.
    pub session: Option<SessionId>,
}

/// A page of the log.
#[derive(Clone, Debug)]
pub struct HistoryPage {
    /// The events, in log order.
    pub events: Vec<Arc<Event>>,
    /// Where the next page begins; always ahead of where this one began, unless at the head.
    pub cursor: Cursor,
    /// Whether nothing that matches can follow yet.
    pub complete: bool,
    /// The first stretch that could not be read.
    pub gap: Option<Gap>,
}

impl Hub {
    /// Reads a page of the log. Blocks on storage.
    ///
    /// # Errors
    /// `forbidden` without the right to history or for a channel outside the grants.
    pub fn history(
        &self,
        grants: &Arc<Grants>,
        query: &HistoryQuery,
    ) -> Result<HistoryPage, Problem> {
        self.check_credential(grants)?;
        self.timeline(&grants.tenant)?;
        if !grants.rights.history {
            return Err(Problem::new(Code::Forbidden, "the credential may not read history"));
        }
        let filter = Filter::new(
            &query.selection,
            Arc::clone(grants),
            Arc::clone(&self.readership),
            View::History,
        )?;
        let bounds = self.log.bounds(&grants.tenant).ok_or_else(no_log)?;
        let (mut place, mut first_gap) = self.history_start(grants, query.start, &bounds)?;
        // Whoever names no place has lost nothing by what is no longer kept.
        let kept_from = match query.start {
            Start::After(_) | Start::Unknown => place,
            Start::Now | Start::Earliest | Start::Since(_) => bounds.head,
        };
        let now = self.runtime.now();
        let mut events = Vec::new();
        let (mut examined, mut bytes) = (0, 0);
        loop {
            let page =
                self.log.read(&grants.tenant, place, STEP).map_err(|error| read_problem(&error))?;
            for item in page.items {
                examined += 1;
                let event = match item {
                    Item::Missing(missing) => {
                        place = missing.to;
                        if missing.to > kept_from {
                            first_gap.get_or_insert_with(|| gap(missing, bounds.epoch));
                        }
                        continue;
                    }
                    Item::Event(event) => event,
                };
                if query.until.is_some_and(|until| event.received_at >= until) {
                    return Ok(finish(events, place, true, first_gap, &bounds));
                }
                place = event.offset().unwrap_or(place);
                if filter.admits(&event, now) == Verdict::Admitted && query.matches(&event) {
                    bytes += event.memory_bytes();
                    events.push(event);
                }
                if events.len() >= query.limit || bytes >= PAGE_BYTES || examined >= EXAMINED_MAX {
                    return Ok(finish(events, place, false, first_gap, &bounds));
                }
            }
            place = place.max(page.to);
            if page.at_head {
                return Ok(finish(events, place, true, first_gap, &bounds));
            }
        }
    }

    fn history_start(
        &self,
        grants: &Grants,
        start: Start,
        bounds: &Bounds,
    ) -> Result<(Offset, Option<Gap>), Problem> {
        let oldest = bounds.first.previous();
        let broken = |from, reason| {
            let to = Cursor { epoch: bounds.epoch, offset: bounds.head };
            (bounds.head, Some(Gap { reason, scope: GapScope::All, from, to }))
        };
        Ok(match start {
            Start::Now | Start::Earliest => (oldest, None),
            Start::Since(at) => {
                let place = self.log.place_before(&grants.tenant, at);
                (place.map_err(|error| read_problem(&error))?, None)
            }
            Start::Unknown => broken(None, GapReason::Epoch),
            Start::After(cursor) if cursor.epoch != bounds.epoch => {
                broken(Some(cursor), GapReason::Epoch)
            }
            Start::After(cursor) if cursor.offset > bounds.head => {
                broken(Some(cursor), GapReason::Ahead)
            }
            Start::After(cursor) => (cursor.offset, None),
        })
    }
}

impl HistoryQuery {
    fn matches(&self, event: &Event) -> bool {
        let head = &event.head;
        (self.correlation_id.is_none() || self.correlation_id == head.correlation_id)
            && (self.user.is_none() || self.user == head.user)
            && (self.session.is_none() || self.session == head.session)
    }
}

fn finish(
    events: Vec<Arc<Event>>,
    place: Offset,
    complete: bool,
    gap: Option<Gap>,
    bounds: &Bounds,
) -> HistoryPage {
    HistoryPage { events, cursor: Cursor { epoch: bounds.epoch, offset: place }, complete, gap }
}
