//! What clients and operators do with acknowledgements.

use std::sync::Arc;
use std::time::Duration;

use radial_protocol::control::Control;
use radial_protocol::filter::{Filter, Selection, Verdict};
use radial_protocol::grants::Grants;
use radial_protocol::names::EventId;
use radial_protocol::{Code, Offset, Pattern, Problem};
use serde::Serialize;

use super::seat::{AtOnce, Redelivery, Seat};
use super::session::SessionKey;
use super::tallies::{AckTallies, add};
use crate::hub::Hub;
use crate::subscription::Subscription;

/// How long an acknowledgement waits for a hub that has just started and still reads the log.
const READING: Duration = Duration::from_secs(5);

/// How long a new stream waits for its session's record.
const STORING: Duration = Duration::from_secs(2);

/// What acknowledgements came to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Acknowledged {
    /// These come no more: they are acknowledged, now or before.
    pub acknowledged: Vec<EventId>,
    /// These are not the session's to acknowledge: nothing was done.
    pub not_owed: Vec<EventId>,
}

impl Hub {
    /// Acknowledges events for the session of these grants. Resolves once that is on stable
    /// storage. Cancel safe: it is stored even if nobody waits.
    ///
    /// What the session does not see, what need not be acknowledged and what does not exist are
    /// answered alike.
    ///
    /// # Errors
    /// `unauthorized`, `forbidden`, `hub-disabled`, `draining`; `overloaded` while the hub has just
    /// started; `disk-full` or `log-unavailable` if it could not be stored: the events may come
    /// again, and it may be said again.
    pub async fn acknowledge(
        &self,
        grants: &Arc<Grants>,
        ids: &[EventId],
    ) -> Result<Acknowledged, Problem> {
        self.check_credential(grants)?;
        self.check_open()?;
        self.timeline(&grants.tenant)?;
        let everything = Selection { channels: vec![Pattern::All], types: vec![Pattern::All] };
        let shown = self.subscriber_filter(&[everything], grants)?;
        let key = SessionKey::of(grants);
        let (taken, stored) = if let Some(key) = &key {
            self.acks_are_read(grants).await?;
            self.acks.acknowledge(&grants.tenant, key, &shown, ids)
        } else {
            add(&self.acks.counters.not_owed, ids.len() as u64);
            (vec![false; ids.len()], None)
        };
        if let (Some((changes, stored)), Some(key)) = (stored, &key) {
            stored.wait().await.map_err(|error| {
                add(&self.acks.counters.not_stored, 1);
                not_stored(&error)
            })?;
            self.acks.stored(&grants.tenant, key, changes);
        }
        let mut answer = Acknowledged::default();
        for (id, taken) in ids.iter().zip(taken) {
            let list = if taken { &mut answer.acknowledged } else { &mut answer.not_owed };
            list.push(id.clone());
        }
        Ok(answer)
    }

    /// Waits until the hub knows what must be acknowledged, if it has just started.
    async fn acks_are_read(&self, grants: &Grants) -> Result<(), Problem> {
        let Some((tenant, _)) = self.acks.tenant(&grants.tenant) else { return Ok(()) };
        let mut ready = tenant.ready.subscribe();
        let ready = ready.wait_for(|is_ready| *is_ready);
        if tokio::time::timeout(READING, ready).await.is_err() {
            let detail = "the hub has just started and reads what must be acknowledged";
            return Err(Problem::new(Code::Overloaded, detail));
        }
        Ok(())
    }

    /// Whether anything is to be acknowledged in this hub, or was.
    pub fn has_acks(&self) -> bool {
        self.acks.has_any()
    }

    /// Looks after what sessions owe: to be called a few times a second. Says whether there is more
    /// to do at once. Blocks on storage.
    pub fn keep_acks(&self) -> bool {
        self.acks.keep()
    }

    /// The seat of a new connection that begins at the first of these places, where the log's head
    /// is the second. For a session that is new, what it owes from is stored first: a crash right
    /// after it was greeted must not forget that it owes.
    pub(crate) async fn take_seat(
        &self,
        grants: &Grants,
        filter: &Filter,
        (start, head): (Offset, Offset),
    ) -> Seat {
        let mut seat = self.acks.seat();
        let Some(stored) = seat.follow(grants, filter, start, head) else { return seat };
        match tokio::time::timeout(STORING, stored.wait()).await {
            Ok(Ok(())) => {}
            // The stream matters more. Without a crash nothing is forgotten.
            Ok(Err(_)) | Err(_) => add(&self.acks.counters.not_stored, 1),
        }
        seat
    }

    /// What was counted about acknowledgements, and what there is.
    pub fn ack_tallies(&self) -> AckTallies {
        self.acks.tallies()
    }
}

impl Subscription {
    /// Says how this connection is given what its session has not acknowledged; whatever comes has
    /// to go through [`Self::redelivery`]. `deliver` must not block, and says whether it was taken.
    pub fn redeliver_by(
        &mut self,
        deliver: impl Fn(&Redelivery) -> bool + Send + Sync + 'static,
        at_once: AtOnce,
    ) {
        self.seat.deliver_by(Arc::new(deliver), at_once);
    }

    /// Follows a change of the filter or the grants.
    pub(crate) fn follow_acks(&mut self) {
        let place = self.cursor().offset;
        let (grants, filter) = (Arc::clone(self.grants()), self.filter().clone());
        // Nobody waits here: a session that becomes new by this is stored behind its back.
        drop(self.seat.follow(&grants, &filter, place, place));
    }

    /// What the client is told of a redelivery; nothing if it is over, or if the filter and the
    /// grants that are held now do not show the event.
    pub fn redelivery(&self, redelivery: Redelivery) -> Option<Control> {
        let Redelivery { attempt, event } = redelivery;
        let acks = &self.hub().acks;
        let now = self.hub().runtime.now();
        let withheld = match self.filter().admits(&event, now) {
            Verdict::Hidden => &acks.counters.withheld_hidden,
            Verdict::Expired => &acks.counters.withheld_expired,
            Verdict::Admitted if acks.is_settled(self.grants(), &event) => {
                &acks.counters.withheld_acknowledged
            }
            Verdict::Admitted if event.offset() > Some(self.cursor().offset) => {
                // It has not even come to the event itself.
                acks.not_sent(self.grants(), &event);
                &acks.counters.withheld_busy
            }
            Verdict::Admitted => {
                add(&acks.counters.redelivered, 1);
                return Some(Control::Redelivery { attempt, event });
            }
        };
        add(withheld, 1);
        None
    }
}

fn not_stored(error: &std::io::Error) -> Problem {
    let code = match error.kind() {
        std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => Code::DiskFull,
        _ => Code::LogUnavailable,
    };
    Problem::new(code, "the acknowledgement could not be stored; say it again")
}
