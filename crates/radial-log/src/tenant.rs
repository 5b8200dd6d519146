//! One tenant's end of the log: what has been decided, and what readers may see of it.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use radial_protocol::event::{EntityVersion, Event, TimeMs};
use radial_protocol::names::EventId;
use radial_protocol::{Cursor, Epoch, Offset, TenantId};

use crate::entity::{self, Refused, RefusedReason};
use crate::event_log::{Append, AppendError, Entry, Missing, Outcome, Standing, Usage};
use crate::record::{Changed, KnownId, Placed, TenantNo};
use crate::slot::Slot;
use crate::store::{HeadPlace, Store, StoreError, TenantRow};

mod decided;
mod repeats;
mod staged;

pub(crate) use decided::{DecideError, Decided};
use repeats::{Latest, Repeats};
use staged::Staged;

/// How long an id is known (protocol §3).
pub(crate) const ID_WINDOW_MS: u64 = 24 * 60 * 60 * 1_000;
/// How many of the newest events' ids are known.
pub(crate) const ID_WINDOW_EVENTS: u64 = 1_000_000;

/// A tenant that is open.
#[derive(Debug)]
pub(crate) struct Tenant {
    pub(crate) id: TenantId,
    pub(crate) no: TenantNo,
    pub(crate) epoch: Epoch,
    pub(crate) sequencing: Mutex<Sequencing>,
    pub(crate) visible: RwLock<Visible>,
    /// What of it is in the store.
    usage: Mutex<Usage>,
    /// Retention has nothing to do before this time, in milliseconds, unless something is added.
    due_ms: AtomicU64,
}

/// What publishers decide under the tenant's lock.
#[derive(Debug)]
pub(crate) struct Sequencing {
    next: Offset,
    last_received_at: TimeMs,
    /// Ids that are not in the store yet.
    young_ids: HashMap<EventId, YoungId>,
    /// Entities whose last change is not in the store yet, by their keys.
    young_entities: HashMap<String, Arc<Changed>>,
    /// Events that others may repeat.
    repeats: Repeats,
    /// Which limit of the tenant is reached, if any: its writes are refused.
    pub(crate) full: Option<String>,
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
    /// Events of class `recent` at or before this place may be gone.
    pub(crate) recent_gone: Offset,
    pub(crate) lost: Vec<Missing>,
    /// Events that are not in the store yet, in order.
    pub(crate) tail: VecDeque<Arc<Event>>,
    /// Entities whose last visible change is not in the store yet, by their keys.
    pub(crate) young_entities: HashMap<String, Arc<Changed>>,
}

impl Tenant {
    pub(crate) fn new(id: TenantId, row: TenantRow) -> Self {
        let TenantRow { no, epoch, head, first, lost } = row;
        let sequencing = Sequencing {
            next: head.offset().next(),
            last_received_at: head.received_at(),
            young_ids: HashMap::new(),
            young_entities: HashMap::new(),
            repeats: Repeats::default(),
            full: None,
        };
        let usage = Mutex::new(head.usage());
        let visible = Visible {
            first,
            head: head.offset(),
            recent_gone: head.recent_gone(),
            lost,
            tail: VecDeque::new(),
            young_entities: HashMap::new(),
        };
        let (sequencing, visible) = (Mutex::new(sequencing), RwLock::new(visible));
        Self { id, no, epoch, sequencing, visible, usage, due_ms: AtomicU64::new(0) }
    }

    /// What of the tenant is in the store.
    pub(crate) fn usage(&self) -> Usage {
        *self.usage.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn set_usage(&self, usage: Usage) {
        *self.usage.lock().unwrap_or_else(PoisonError::into_inner) = usage;
        self.rest_until(TimeMs(0));
    }

    /// Whether retention may have something to do.
    pub(crate) fn is_due(&self, now: TimeMs) -> bool {
        now.0 >= self.due_ms.load(Ordering::Relaxed)
    }

    pub(crate) fn rest_until(&self, due: TimeMs) {
        self.due_ms.store(due.0, Ordering::Relaxed);
    }

    /// Refuses the tenant's writes while it has reached a limit of its own; `None`: it has not.
    pub(crate) fn set_full(&self, what: Option<String>) {
        self.sequencing.lock().unwrap_or_else(PoisonError::into_inner).full = what;
    }

    /// Decides duplicates and versions, and gives places, in one step.
    ///
    /// `slot` is completed when what is placed here has been committed. With a `refusal` nothing is
    /// placed, and only what is known is answered. So many `tenants` share what is remembered.
    pub(crate) fn decide(
        &self,
        sequencing: &mut Sequencing,
        store: &Store,
        append: Append,
        slot: &Arc<Slot>,
        refusal: Option<AppendError>,
        tenants: usize,
    ) -> Result<Decided, DecideError> {
        let received_at = append.now.max(sequencing.last_received_at);
        let known = self.look_up(sequencing, store, &append, received_at)?;
        if append.atomic && known.iter().any(Option::is_some) {
            return self.decide_known_batch(&append.entries, &known);
        }
        if let Some(refusal) = refusal {
            return self.decide_known(&append.entries, &known, &refusal);
        }
        let atomic = append.atomic;
        let mut staged = Staged::after(sequencing, received_at);
        let mut decided = Decided::default();
        for (index, (entry, known)) in append.entries.into_iter().zip(known).enumerate() {
            // An id that comes twice in one batch is a duplicate of its first.
            let known = known.or_else(|| staged.known(&entry, slot));
            let outcome = match known {
                Some(young) => match self.duplicate(&entry, &young, &mut decided.waits) {
                    Outcome::Mismatch if atomic => return Err(AppendError::BatchMismatch.into()),
                    outcome => outcome,
                },
                None => match self.repeated(sequencing, store, &staged, &entry)? {
                    // A part of a whole is not left out.
                    Some(first) if !atomic => {
                        decided.waits.push(first.slot);
                        Outcome::Deduplicated(first.event_id, first.standing)
                    }
                    _ => match self.add(sequencing, store, &mut staged, entry, slot)? {
                        Ok(standing) => Outcome::Appended(standing),
                        Err(refused) if atomic => {
                            return Err(AppendError::BatchRefused { index, refused }.into());
                        }
                        Err(refused) => Outcome::Refused(refused),
                    },
                },
            };
            decided.outcomes.push(outcome);
        }
        decided.placed = sequencing.adopt(staged, slot, tenants);
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
                let young = sequencing.young_ids.get(id);
                if let Some(young) = young.filter(|young| !young.slot.has_failed()) {
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

    /// What is known of an append while nothing is taken; the refusal if nothing is.
    fn decide_known(
        &self,
        entries: &[Entry],
        known: &[Option<YoungId>],
        refusal: &AppendError,
    ) -> Result<Decided, DecideError> {
        if known.iter().all(Option::is_none) {
            return Err(refusal.clone().into());
        }
        let mut decided = Decided::default();
        for (entry, known) in entries.iter().zip(known) {
            decided.outcomes.push(match known {
                Some(young) => self.duplicate(entry, young, &mut decided.waits),
                None => Outcome::NotTaken(refusal.clone()),
            });
        }
        Ok(decided)
    }

    /// An atomic batch of which something is known: the first answer again, or a conflict.
    fn decide_known_batch(
        &self,
        entries: &[Entry],
        known: &[Option<YoungId>],
    ) -> Result<Decided, DecideError> {
        let mut decided = Decided::default();
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
        Outcome::Duplicate(Standing {
            cursor: self.cursor(Offset::ZERO.plus(young.known.offset)),
            entity_version: young.known.entity_version,
        })
    }

    /// Gives an entry the next place, unless its change to an entity is refused.
    fn place(
        &self,
        sequencing: &Sequencing,
        store: &Store,
        staged: &mut Staged,
        entry: Entry,
    ) -> Result<Result<Standing, Box<Refused>>, StoreError> {
        let cursor = self.cursor(staged.next);
        let Entry { draft, fingerprint, change, repeat: _ } = entry;
        let Some(change) = change else {
            let event = Arc::new(draft.place(Some(cursor), staged.received_at, None));
            let batch = staged.batch;
            staged.push(Placed { event, fingerprint, batch, effect: None, changed: None });
            return Ok(Ok(Standing { cursor, entity_version: None }));
        };
        let key = entity::key(&draft.head.channel, &change.entity);
        let young = staged.entity(&key).or_else(|| sequencing.young_entities.get(&key)).cloned();
        let stored = match young {
            Some(_) => None,
            None => store.entity(self.no, &key)?,
        };
        let current = young.as_ref().map(|changed| &changed.row).or(stored.as_ref());
        let version = match entity::decide(current, &change) {
            Ok(version) => version,
            Err(refused) => return Ok(Err(Box::new(refused))),
        };
        let entity = EntityVersion { entity: change.entity, version };
        let event = draft.place(Some(cursor), staged.received_at, Some(entity));
        let row = entity::apply(
            current,
            change.effect,
            &change.data,
            &event.head,
            version,
            cursor.offset,
        );
        let Some(row) = row else {
            let version = version - 1;
            let reason = RefusedReason::TooLarge;
            return Ok(Err(Box::new(Refused { reason, version, state: None, last: None })));
        };
        let changed = Some(Arc::new(Changed { key, row }));
        let (event, effect, batch) = (Arc::new(event), Some(change.effect), staged.batch);
        staged.push(Placed { event, fingerprint, batch, effect, changed });
        Ok(Ok(Standing { cursor, entity_version: Some(version) }))
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
            if let Some(changed) = &placed.changed {
                visible.young_entities.insert(changed.key.clone(), Arc::clone(changed));
            }
        }
    }

    /// Tells readers that events of class `recent` at or before this one go. It comes before they
    /// do: a reader that looks after it has read cannot have missed anything silently.
    pub(crate) fn recents_go(&self, gone: Offset) {
        let mut visible = self.visible.write().unwrap_or_else(PoisonError::into_inner);
        visible.recent_gone = visible.recent_gone.max(gone);
    }

    /// Forgets what the store now holds.
    pub(crate) fn stored(&self, placed: &[Placed]) {
        {
            let mut visible = self.visible.write().unwrap_or_else(PoisonError::into_inner);
            let stored = placed.len().min(visible.tail.len());
            visible.tail.drain(..stored);
            forget(&mut visible.young_entities, placed);
        }
        let mut sequencing = self.sequencing.lock().unwrap_or_else(PoisonError::into_inner);
        for placed in placed.iter().filter(|placed| placed.fingerprint.is_some()) {
            sequencing.young_ids.remove(&placed.event.head.event_id);
        }
        forget(&mut sequencing.young_entities, placed);
    }
}

/// Forgets entities whose last change is among these.
fn forget(young: &mut HashMap<String, Arc<Changed>>, stored: &[Placed]) {
    for changed in stored.iter().filter_map(|placed| placed.changed.as_ref()) {
        if young.get(&changed.key).is_some_and(|newest| newest.row.version == changed.row.version) {
            young.remove(&changed.key);
        }
    }
}

impl Sequencing {
    /// Takes over what was staged.
    fn adopt(&mut self, staged: Staged, slot: &Arc<Slot>, tenants: usize) -> Vec<Placed> {
        if staged.placed.is_empty() {
            return Vec::new();
        }
        self.next = staged.next;
        self.last_received_at = staged.received_at;
        let changed = staged.placed.iter().filter_map(|placed| placed.changed.as_ref());
        self.young_entities
            .extend(changed.map(|changed| (changed.key.clone(), Arc::clone(changed))));
        self.young_ids.extend(
            staged
                .ids
                .into_iter()
                .map(|(id, known)| (id, YoungId { known, slot: Arc::clone(slot) })),
        );
        for latest in staged.latest.into_values() {
            self.repeats.remember(latest, tenants);
        }
        staged.placed
    }
}

/// Where the log has come to with these events.
pub(crate) fn head_after(placed: &[Placed], reserved: Offset) -> Option<HeadPlace> {
    let last = &placed.last()?.event;
    Some(HeadPlace { offset: last.offset()?, received_at: last.received_at, reserved })
}
