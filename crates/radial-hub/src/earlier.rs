//! What an addition to a subscription would have shown before the subscription's own place, and
//! what it had did not show.

use std::sync::Arc;

use radial_log::Item;
use radial_protocol::control::{Control, Gap};
use radial_protocol::filter::{Filter, Selection, Verdict};
use radial_protocol::{Epoch, Offset, Problem, TenantId};

use crate::beginning::{Start, begin};
use crate::hub::Hub;
use crate::subscription::{Frame, PAGE, Subscription, gap, no_log, read_problem};

/// A walk along the log from an older place to the subscription's own, which does not move.
pub struct Earlier {
    hub: Arc<Hub>,
    tenant: TenantId,
    added: Filter,
    before: Filter,
    epoch: Epoch,
    place: Offset,
    end: Offset,
    kept_from: Offset,
    broken: Option<Gap>,
    done: bool,
}

impl Subscription {
    /// Looks for what only this addition shows between an older place and [`Self::cursor`].
    ///
    /// # Errors
    /// `forbidden` for a channel outside the grants.
    pub async fn earlier(&self, added: &Selection, start: Start) -> Result<Earlier, Problem> {
        let (hub, grants) = (self.hub(), self.grants());
        let added = hub.subscriber_filter(std::slice::from_ref(added), grants)?;
        let bounds = hub.log.bounds(&grants.tenant).ok_or_else(no_log)?;
        let since = match start {
            Start::Since(at) => Some(hub.place_before(grants, at).await?),
            _ => None,
        };
        let beginning = begin(start, since, &bounds, false);
        Ok(Earlier {
            hub: Arc::clone(hub),
            tenant: grants.tenant.clone(),
            added,
            before: self.filter().clone(),
            epoch: bounds.epoch,
            place: beginning.place,
            end: self.cursor().offset,
            kept_from: beginning.kept_from,
            broken: beginning.gap,
            done: false,
        })
    }
}

impl Earlier {
    /// The next page in log order, and whether it is the last; `None` after that. It may be empty.
    ///
    /// # Errors
    /// The log could not be read.
    pub async fn next(&mut self) -> Result<Option<(Vec<Frame>, bool)>, Problem> {
        if self.done {
            return Ok(None);
        }
        let mut frames = Vec::new();
        frames.extend(self.broken.take().map(|gap| Frame::Control(Control::Gap(gap))));
        if self.place < self.end {
            let (hub, tenant, place) = (Arc::clone(&self.hub), self.tenant.clone(), self.place);
            let page = tokio::task::spawn_blocking(move || hub.log.read(&tenant, place, PAGE));
            let page = page.await.map_err(|_| no_log())?.map_err(|error| read_problem(&error))?;
            // A page that does not move would be read for ever.
            self.place = if page.to > self.place { page.to } else { self.end };
            frames.extend(page.items.into_iter().filter_map(|item| self.frame(item)));
        }
        self.done = self.place >= self.end;
        Ok(Some((frames, self.done)))
    }

    fn frame(&self, item: Item) -> Option<Frame> {
        match item {
            Item::Missing(missing) => {
                let tells = missing.to > self.kept_from && missing.from < self.end;
                tells.then(|| Frame::Control(Control::Gap(gap(missing, self.epoch))))
            }
            Item::Event(event) => {
                let now = self.hub.runtime.now();
                let is_new = event.offset().is_some_and(|offset| offset <= self.end)
                    && self.added.admits(&event, now) == Verdict::Admitted
                    && self.before.admits(&event, now) != Verdict::Admitted;
                if is_new {
                    self.hub.stats.deliver(1, 0);
                }
                is_new.then_some(Frame::Event(event))
            }
        }
    }
}
