//! The snapshot that a stream may begin with: state first, then everything after it, nothing
//! between.

use std::collections::VecDeque;

use radial_log::{Entity, EntityPages};
use radial_protocol::control::{Control, Snapshot, SnapshotEntity};
use radial_protocol::filter::Filter;
use radial_protocol::names::Name;
use radial_protocol::{ChannelName, Cursor, Problem};
use serde_json::value::RawValue;
use tokio::task::JoinHandle;

use crate::entities::visible_page;
use crate::subscription::{Frame, no_log};

/// A snapshot that is being read, part by part, at one place.
pub(crate) struct SnapshotReading {
    cursor: Cursor,
    state: State,
    /// The filter that decides from the next read on, if it is another one.
    renewed: Option<Filter>,
}

enum State {
    Idle(Box<Source>),
    /// A read is under way; if nobody waits for it now, somebody will.
    Reading(JoinHandle<Read>),
    Done,
}

struct Source {
    pages: Box<dyn EntityPages>,
    filter: Filter,
}

type Read = (Box<Source>, Result<Option<Vec<Entity>>, Problem>);

impl SnapshotReading {
    pub(crate) fn new(pages: Box<dyn EntityPages>, filter: Filter) -> Self {
        let cursor = pages.cursor();
        Self { cursor, state: State::Idle(Box::new(Source { pages, filter })), renewed: None }
    }

    /// The place that the snapshot is true at.
    pub(crate) fn cursor(&self) -> Cursor {
        self.cursor
    }

    /// Puts another filter in the place of the one that it has. What the old one hid in a
    /// part that is being read stays hidden; what the new one hides is taken out of it.
    pub(crate) fn set_filter(&mut self, filter: Filter) {
        self.renewed = Some(filter);
    }

    /// Reads the next parts; `None` after the last. Cancel safe.
    pub(crate) async fn next(&mut self) -> Result<Option<VecDeque<Frame>>, Problem> {
        loop {
            match &mut self.state {
                State::Done => return Ok(None),
                State::Idle(_) => self.begin_read(),
                State::Reading(read) => {
                    let (source, page) = read.await.map_err(|_| no_log())?;
                    self.state = State::Idle(source);
                    let Some(mut entities) = page? else {
                        self.state = State::Done;
                        return Ok(Some(VecDeque::from([self.part(None, Vec::new(), true)])));
                    };
                    // Who lost a grant meanwhile does not see what was read before.
                    if let Some(filter) = &self.renewed {
                        entities.retain(|entity| filter.shows_entity(&entity.last));
                    }
                    return Ok(Some(self.parts(entities)));
                }
            }
        }
    }

    fn begin_read(&mut self) {
        if let State::Idle(mut source) = std::mem::replace(&mut self.state, State::Done) {
            if let Some(filter) = self.renewed.take() {
                source.filter = filter;
            }
            self.state = State::Reading(tokio::task::spawn_blocking(move || {
                let page = visible_page(source.pages.as_mut(), &source.filter);
                (source, page)
            }));
        }
    }

    /// One part for each run of entities of one type in one channel.
    fn parts(&self, entities: Vec<Entity>) -> VecDeque<Frame> {
        let mut parts: VecDeque<Frame> = VecDeque::new();
        let mut run: Vec<SnapshotEntity> = Vec::new();
        let mut group: Option<(ChannelName, Name)> = None;
        for entity in entities {
            let own = (entity.channel, entity.entity.entity_type);
            if group.as_ref().is_some_and(|group| *group != own) {
                parts.push_back(self.part(group.take(), std::mem::take(&mut run), false));
            }
            group = Some(own);
            let state = entity.state.and_then(|state| RawValue::from_string(state).ok());
            if let Some(state) = state {
                run.push(SnapshotEntity { id: entity.entity.id, version: entity.version, state });
            }
        }
        if !run.is_empty() {
            parts.push_back(self.part(group, run, false));
        }
        parts
    }

    fn part(
        &self,
        group: Option<(ChannelName, Name)>,
        entities: Vec<SnapshotEntity>,
        done: bool,
    ) -> Frame {
        let (channel, entity_type) = group.unzip();
        let cursor = self.cursor;
        Frame::Control(Control::Snapshot(Snapshot { entity_type, channel, entities, done, cursor }))
    }
}
