//! One tenant's end of the log: what has been decided, and what readers may see of it.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use radial_protocol::event::{Event, TimeMs};
use radial_protocol::names::EventId;
use radial_protocol::{Cursor, Epoch, Offset, TenantId};

use crate::event_log::{Append, AppendError, Entry, Missing, Outcome};
use crate::record::{KnownId, Placed, TenantNo};
use crate::slot::Slot;
use crate::store::{HeadRow, Store, StoreError, TenantRow};

/// How long an id is known (protocol §3).
const ID_WINDOW_MS: u64 = 24 * 60 * 60 * 1_000;
/// How many of the newest events' ids are known.
const ID_WINDOW_EVENTS: u64 = 1_000_000;

/// A tenant that is open.
#[derive(Debug)]
pub(crate) struct Tenant {
    pub(crate) id: TenantId,
    pub(crate) no: TenantNo,
    pub(crate) epoch: Epoch,
    pub(crate) sequencing: Mutex<Sequencing>,
    pub(crate) visible: RwLock<Visible>,
}

/// What publishers decide under the tenant's lock.
#[derive(Debug)]
pub(crate) struct Sequencing {
    next: Offset,
    last_received_at: TimeMs,
    /// Ids that are not in the store yet.
    young_ids: HashMap<EventId, YoungId>,
}

#[derive(Debug, Clone)]
struct YoungId {
    known: KnownId,
    slot: Arc<Slot>,
}

/// What readers may see: everything up to `head`; the newest of it is still in memory only.
#[derive(Debug)]
pub(crate) struct Visible {
    pub(crate) first: Offset,
    pub(crate) head: Offset,
    pub(crate) lost: Vec<Missing>,
    /// Events that are not in the store yet, in order.
    pub(crate) tail: VecDeque<Arc<Event>>,
}

/// What became of an append before it is committed.
#[derive(Debug)]
pub(crate) struct Decided {
    pub(crate) outcomes: Vec<Outcome>,
    /// Commits of others that the answer must wait for: duplicates of what is not committed yet.
    pub(crate) waits: Vec<Arc<Slot>>,
    /// What is to be written, if anything.
    pub(crate) placed: Vec<Placed>,
}

impl Tenant {
    pub(crate) fn new(id: TenantId, row: TenantRow) -> Self {
        let TenantRow { no, epoch, head, first, lost } = row;
        let sequencing = Sequencing {
            next: head.offset.next(),
            last_received_at: head.received_at,
            young_ids: HashMap::new(),
        };
        let visible = Visible { first, head: head.offset, lost, tail: VecDeque::new() };
        Self { id, no, epoch, sequencing: Mutex::new(sequencing), visible: RwLock::new(visible) }
    }

    /// Decides duplicates and gives places, in one step.
    ///
    /// `slot` is completed when what is placed here has been committed.
    pub(crate) fn decide(
        &self,
        sequencing: &mut Sequencing,
        store: &Store,
        append: Append,
        slot: &Arc<Slot>,
    ) -> Result<Decided, DecideError> {
        let received_at = append.now.max(sequencing.last_received_at);
        let known = self.look_up(sequencing, store, &append, received_at)?;
        if append.atomic && known.iter().any(Option::is_some) {
            return self.decide_known_batch(&append.entries, &known);
        }
        let batch = sequencing.next;
        let mut decided = Decided { outcomes: Vec::new(), waits: Vec::new(), placed: Vec::new() };
        for (entry, known) in append.entries.into_iter().zip(known) {
            // An id that comes twice in one batch is a duplicate of its first.
            let known = known.or_else(|| sequencing.young(&entry.draft.head.event_id));
            let outcome = match known {
                Some(young) => self.duplicate(&entry, &young, &mut decided.waits),
                None => Outcome::Appended(self.place(
                    sequencing,
                    entry,
                    batch,
                    received_at,
                    slot,
                    &mut decided.placed,
                )),
            };
            decided.outcomes.push(outcome);
        }
        Ok(decided)
    }

    fn look_up(
        &self,
        sequencing: &Sequencing,
        store: &Store,
        append: &Append,
        now: TimeMs,
    ) -> Result<Vec<Option<YoungId>>, StoreError> {
        append
            .entries
            .iter()
            .map(|entry| {
                let id = &entry.draft.head.event_id;
                if entry.fingerprint.is_none() {
                    return Ok(None);
                }
                if let Some(young) = sequencing.young_ids.get(id) {
                    return Ok(Some(young.clone()));
                }
                let known = store.known_id(self.no, id)?;
                let in_window = known.filter(|known| {
                    now < known.received_at.plus_ms(ID_WINDOW_MS)
                        && sequencing.next.get() <= known.offset.saturating_add(ID_WINDOW_EVENTS)
                });
                Ok(in_window.map(|known| YoungId { known, slot: Slot::completed() }))
            })
            .collect()
    }

    /// An atomic batch of which something is known: the first answer again, or a conflict.
    fn decide_known_batch(
        &self,
        entries: &[Entry],
        known: &[Option<YoungId>],
    ) -> Result<Decided, DecideError> {
        let mut decided = Decided { outcomes: Vec::new(), waits: Vec::new(), placed: Vec::new() };
        let batch = known.iter().flatten().map(|young| young.known.batch).next();
        for (entry, known) in entries.iter().zip(known) {
            let Some(young) = known else { return Err(AppendError::BatchConflict.into()) };
            let outcome = self.duplicate(entry, young, &mut decided.waits);
            if outcome == Outcome::Mismatch {
                return Err(AppendError::BatchMismatch.into());
            }
            if Some(young.known.batch) != batch {
                return Err(AppendError::BatchConflict.into());
            }
            decided.outcomes.push(outcome);
        }
        Ok(decided)
    }

    fn duplicate(&self, entry: &Entry, young: &YoungId, waits: &mut Vec<Arc<Slot>>) -> Outcome {
        if entry.fingerprint != Some(young.known.fingerprint) {
            return Outcome::Mismatch;
        }
        waits.push(Arc::clone(&young.slot));
        Outcome::Duplicate(self.cursor(Offset::ZERO.plus(young.known.offset)))
    }

    fn place(
        &self,
        sequencing: &mut Sequencing,
        entry: Entry,
        batch: Offset,
        received_at: TimeMs,
        slot: &Arc<Slot>,
        placed: &mut Vec<Placed>,
    ) -> Cursor {
        let offset = sequencing.next;
        sequencing.next = offset.next();
        sequencing.last_received_at = received_at;
        let cursor = self.cursor(offset);
        let event = Arc::new(entry.draft.place(Some(cursor), received_at));
        if let Some(fingerprint) = entry.fingerprint {
            let known =
                KnownId { offset: offset.get(), batch: batch.get(), fingerprint, received_at };
            let young = YoungId { known, slot: Arc::clone(slot) };
            sequencing.young_ids.insert(event.head.event_id.clone(), young);
        }
        placed.push(Placed { event, fingerprint: entry.fingerprint, batch });
        cursor
    }

    pub(crate) fn cursor(&self, offset: Offset) -> Cursor {
        Cursor { epoch: self.epoch, offset }
    }

    /// Lets readers see committed events.
    pub(crate) fn show(&self, placed: &[Placed]) {
        let mut visible = self.visible.write().unwrap_or_else(PoisonError::into_inner);
        for placed in placed {
            if let Some(offset) = placed.event.offset() {
                visible.head = offset;
            }
            visible.tail.push_back(Arc::clone(&placed.event));
        }
    }

    /// Forgets what the store now holds.
    pub(crate) fn stored(&self, placed: &[Placed]) {
        {
            let mut visible = self.visible.write().unwrap_or_else(PoisonError::into_inner);
            let stored = placed.len().min(visible.tail.len());
            visible.tail.drain(..stored);
        }
        let mut sequencing = self.sequencing.lock().unwrap_or_else(PoisonError::into_inner);
        for placed in placed.iter().filter(|placed| placed.fingerprint.is_some()) {
            sequencing.young_ids.remove(&placed.event.head.event_id);
        }
    }
}

impl Sequencing {
    fn young(&self, id: &EventId) -> Option<YoungId> {
        self.young_ids.get(id).cloned()
    }
}

/// Why nothing was decided.
#[derive(Debug)]
pub(crate) enum DecideError {
    Refused(AppendError),
    Store(StoreError),
}

impl From<AppendError> for DecideError {
    fn from(error: AppendError) -> Self {
        Self::Refused(error)
    }
}

impl From<StoreError> for DecideError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// The head row that goes with these events.
pub(crate) fn head_after(placed: &[Placed], reserved: Offset) -> Option<HeadRow> {
    let last = &placed.last()?.event;
    Some(HeadRow { offset: last.offset()?, received_at: last.received_at, reserved })
}
