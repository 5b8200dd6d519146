//! Entities: what the events of a channel have made of the things that they are about.
//!
//! An entity is as visible as the event that changed it last: the same filter decides.

use std::sync::Arc;

use radial_log::{Entity, EntityPages, EntitySelection};
use radial_protocol::event::{EntityRef, Head};
use radial_protocol::filter::{Filter, Selection, View};
use radial_protocol::grants::Grants;
use radial_protocol::names::{Id, Name};
use radial_protocol::{ChannelName, Cursor, Pattern, Problem};

use crate::hub::Hub;
use crate::subscription::read_problem;

/// Entities read from storage at once.
const STEP: usize = 500;
/// A page ends after so many bytes of states, but never before its first entity.
const PAGE_BYTES: usize = 4 * 1024 * 1024;

/// Which entities are asked for.
#[derive(Clone, Debug)]
pub struct EntityQuery {
    /// In which channels.
    pub channels: Vec<Pattern>,
    /// Of which type.
    pub entity_type: Name,
    /// Only this one.
    pub id: Option<Id>,
    /// Only those that sort after this channel and id.
    pub after: Option<(ChannelName, Id)>,
    /// The most entities in the answer.
    pub limit: usize,
}

/// Entities as they are at one place.
#[derive(Clone, Debug)]
pub struct EntityPage {
    /// The entities, sorted by channel and id, without tombstones.
    pub entities: Vec<Entity>,
    /// The place that they are true at.
    pub cursor: Cursor,
    /// Whether more of them sort after these.
    pub more: bool,
}

impl Hub {
    /// Reads entities. Blocks on storage.
    ///
    /// # Errors
    /// `forbidden` for a channel outside the grants.
    pub fn entities(
        &self,
        grants: &Arc<Grants>,
        query: &EntityQuery,
    ) -> Result<EntityPage, Problem> {
        self.check_credential(grants)?;
        self.timeline(&grants.tenant)?;
        let filter = self.entity_filter(grants, query.channels.clone())?;
        let after = query.after.clone().map(|(channel, id)| {
            (channel, EntityRef { entity_type: query.entity_type.clone(), id })
        });
        let selection = EntitySelection {
            channels: filter.channels(),
            types: vec![query.entity_type.clone()],
            id: query.id.clone(),
            after,
        };
        let mut pages =
            self.log.entities(&grants.tenant, selection).map_err(|error| read_problem(&error))?;
        let mut page = EntityPage { entities: Vec::new(), cursor: pages.cursor(), more: false };
        let mut bytes = 0;
        loop {
            let step = visible_page(pages.as_mut(), &filter)?;
            let Some(step) = step else { return Ok(page) };
            for entity in step {
                if page.entities.len() == query.limit || bytes >= PAGE_BYTES {
                    page.more = true;
                    return Ok(page);
                }
                bytes += entity.state.as_ref().map_or(0, String::len);
                page.entities.push(entity);
            }
        }
    }

    /// The filter of a reader of entities in these channels.
    pub(crate) fn entity_filter(
        &self,
        grants: &Arc<Grants>,
        channels: Vec<Pattern>,
    ) -> Result<Filter, Problem> {
        let wanted = Selection { channels, types: vec![Pattern::All] };
        let readership = Arc::clone(&self.readership);
        Filter::new(&wanted, Arc::clone(grants), readership, View::Subscriber)
    }

    /// Whether somebody may see what an event with this head has changed.
    pub(crate) fn may_see(&self, grants: &Grants, head: &Head) -> bool {
        let filter = self.entity_filter(&Arc::new(grants.clone()), vec![Pattern::All]);
        filter.is_ok_and(|filter| filter.shows_entity(head))
    }
}

/// The entities of the next page that the filter shows and that are not deleted; `None` at the
/// end.
pub(crate) fn visible_page(
    pages: &mut dyn EntityPages,
    filter: &Filter,
) -> Result<Option<Vec<Entity>>, Problem> {
    let page = pages.next_page(STEP).map_err(|error| read_problem(&error))?;
    if page.is_empty() {
        return Ok(None);
    }
    let visible = page
        .into_iter()
        .filter(|entity| entity.state.is_some() && filter.shows_entity(&entity.last));
    Ok(Some(visible.collect()))
}
