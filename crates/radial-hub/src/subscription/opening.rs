//! How a subscription begins: where, with which filter, and with which state.

use std::sync::Arc;

use radial_fanout::{Reader, Tally};
use radial_log::EntitySelection;
use radial_protocol::control::{Control, GrantedFilter, Resumed};
use radial_protocol::filter::{Filter, Selection, View};
use radial_protocol::grants::Grants;
use radial_protocol::{Cursor, Name, Offset, Problem, TimeMs};

use super::{Frame, Subscription, no_log, read_problem};
use crate::beginning::{Beginning, Start, begin};
use crate::hub::Hub;
use crate::snapshot::SnapshotReading;

/// What a connection asks for.
#[derive(Clone, Debug)]
pub struct SubscribeRequest {
    /// Channels and types.
    pub selection: Selection,
    /// Where to begin.
    pub start: Start,
    /// Entity types whose state comes first, unless the client has a place to go on from.
    pub snapshot: Vec<Name>,
}

/// What became of the request; the transport makes its `hello` from it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opening {
    /// Where the stream begins.
    pub cursor: Cursor,
    /// What became of the resume.
    pub resumed: Resumed,
    /// The filter as it was granted.
    pub filter: GrantedFilter,
    /// Whether a client that dies now may come back to `cursor`: nothing is missing, and no
    /// snapshot comes first.
    pub is_place: bool,
}

impl Hub {
    /// Opens a subscription.
    ///
    /// # Errors
    /// `hub-disabled`, `draining`, `forbidden` for a channel outside the grants.
    pub async fn subscribe(
        self: &Arc<Self>,
        grants: Arc<Grants>,
        request: SubscribeRequest,
    ) -> Result<Subscription, Problem> {
        self.check_credential(&grants)?;
        self.check_open()?;
        let timeline = Arc::clone(self.timeline(&grants.tenant)?);
        let wanted = self.wanted.share(Arc::from([request.selection]));
        let filter = self.subscriber_filter(&wanted, &grants)?;
        let bounds = self.log.bounds(&grants.tenant).ok_or_else(no_log)?;
        let since = match request.start {
            Start::Since(at) => Some(self.place_before(&grants, at).await?),
            _ => None,
        };
        let wants_snapshot = !request.snapshot.is_empty();
        let mut beginning = begin(request.start, since, &bounds, wants_snapshot);
        let snapshot = if beginning.wants_snapshot && wants_snapshot {
            let snapshot = self.open_snapshot(&grants, &filter, request.snapshot).await?;
            beginning.go_on_from(snapshot.cursor());
            Some(snapshot)
        } else {
            None
        };
        let Beginning { place, resumed, gap, kept_from, .. } = beginning;
        let opening = Opening {
            cursor: Cursor { epoch: bounds.epoch, offset: place },
            is_place: resumed.complete && snapshot.is_none(),
            resumed,
            filter: GrantedFilter { channels: filter.channels(), types: filter.types() },
        };
        let seat = self.take_seat(&grants, &filter, (place, bounds.head)).await;
        Ok(Subscription {
            hub: Arc::clone(self),
            grants,
            wanted,
            end: timeline.watch_end(),
            reader: Reader::new(filter, place, &timeline),
            timeline,
            epoch: bounds.epoch,
            opening: Some(Box::new(opening)),
            ready: gap.into_iter().map(|gap| Frame::Control(Control::Gap(gap))).collect(),
            snapshot,
            reading: None,
            kept_from,
            live: false,
            counted: Tally::default(),
            spared: 0,
            seat,
        })
    }

    /// The filter of a subscriber who asks for these.
    ///
    /// # Errors
    /// `forbidden` for a channel outside the grants.
    pub fn subscriber_filter(
        &self,
        wanted: &[Selection],
        grants: &Arc<Grants>,
    ) -> Result<Filter, Problem> {
        let readership = Arc::clone(&self.readership);
        let filter = Filter::of_any(wanted, Arc::clone(grants), readership, View::Subscriber)?;
        Ok(filter.sharing(|asked| self.asked.share(asked)))
    }

    async fn open_snapshot(
        self: &Arc<Self>,
        grants: &Arc<Grants>,
        filter: &Filter,
        types: Vec<Name>,
    ) -> Result<SnapshotReading, Problem> {
        let channels = filter.channels();
        let filter = self.entity_filter(grants, channels.clone())?;
        let (hub, tenant) = (Arc::clone(self), grants.tenant.clone());
        let selection = EntitySelection { channels, types, id: None, after: None };
        let pages = tokio::task::spawn_blocking(move || hub.log.entities(&tenant, selection))
            .await
            .map_err(|_| no_log())?
            .map_err(|error| read_problem(&error))?;
        Ok(SnapshotReading::new(pages, filter))
    }

    pub(crate) async fn place_before(
        self: &Arc<Self>,
        grants: &Arc<Grants>,
        at: TimeMs,
    ) -> Result<Offset, Problem> {
        let (hub, grants) = (Arc::clone(self), Arc::clone(grants));
        tokio::task::spawn_blocking(move || hub.log.place_before(&grants.tenant, at))
            .await
            .map_err(|_| no_log())?
            .map_err(|error| read_problem(&error))
    }
}
