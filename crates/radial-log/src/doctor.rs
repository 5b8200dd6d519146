//! A look at a data folder that no hub has open: whether everything in it holds together.
//!
//! The store and the write-ahead files are read, and so is what was derived from the events; the
//! log itself is not opened, and nothing is taken over.

use std::collections::HashMap;
use std::path::Path;

use radial_protocol::{Offset, TenantId};
use serde::Serialize;

use crate::disk::RealDisk;
use crate::embedded::{OpenError, open_store};
use crate::entity::{self, EntityRow};
use crate::record::{Record, decode};
use crate::store::{CLEAN, Store, TenantRow, WATERMARK};
use crate::wal::recover;

/// The store is read once: a small cache will do.
const CACHE_BYTES: usize = 16 * 1024 * 1024;
/// At most so many findings are told of each tenant; a damaged folder has thousands of one kind.
const FINDINGS_MAX: usize = 20;
/// Events that are read at once.
const STEP: crate::event_log::PageLimit =
    crate::event_log::PageLimit { items: 1_000, bytes: 8 * 1024 * 1024 };

/// What was found in a data folder.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// Whether the last hub stopped cleanly.
    pub clean_stop: bool,
    /// Records of the write-ahead files that the next start takes over.
    pub pending_records: usize,
    /// What each tenant's log holds.
    pub tenants: Vec<TenantReport>,
    /// What does not hold together, in sentences; empty: all is well.
    pub findings: Vec<String>,
}

/// What one tenant's log holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TenantReport {
    /// The tenant.
    pub tenant: TenantId,
    /// Its epoch, as cursors show it.
    pub epoch: String,
    /// Its oldest and its newest offset.
    pub first: Offset,
    /// The newest offset.
    pub head: Offset,
    /// Its events.
    pub events: u64,
    /// The bytes of its events.
    pub bytes: u64,
}

/// Looks at a data folder. Blocks; the folder is locked meanwhile.
///
/// # Errors
/// The folder is in use, of another format, or cannot be opened at all. Damage that leaves it
/// readable is in the report.
pub fn inspect(folder: &Path) -> Result<Report, OpenError> {
    let io_error = |source| OpenError::Io { folder: folder.to_owned(), source };
    std::fs::metadata(folder.join("store.redb")).map_err(io_error)?;
    let mut store = open_store(folder, &RealDisk, CACHE_BYTES)?;
    let mut report = Report { clean_stop: store.number(CLEAN)? == Some(1), ..Report::default() };
    if !store.is_whole()? {
        report.findings.push("the store had damaged pages, which were repaired".to_owned());
    }
    let watermark = store.number(WATERMARK)?.unwrap_or(0);
    match recover(&RealDisk, &folder.join("wal"), watermark) {
        Ok(recovered) => {
            report.pending_records = recovered.records.len();
            let unreadable = recovered
                .records
                .iter()
                .filter(|(_, payload)| decode::<Record>(payload).is_none())
                .map(|(seq, _)| format!("record {seq} of the write-ahead files cannot be read"));
            report.findings.extend(unreadable.take(FINDINGS_MAX));
        }
        Err(error) => report.findings.push(error.to_string()),
    }
    for (tenant, row) in store.tenants()? {
        let mut examination = Examination::new(&store, &tenant, &row);
        examination.run()?;
        report.findings.append(&mut examination.findings);
        report.tenants.push(TenantReport {
            epoch: row.epoch.to_string(),
            first: row.first,
            head: row.head.offset(),
            events: examination.events,
            bytes: row.head.bytes,
            tenant,
        });
    }
    Ok(report)
}

struct Examination<'a> {
    store: &'a Store,
    tenant: &'a TenantId,
    row: &'a TenantRow,
    findings: Vec<String>,
    events: u64,
    /// The newest version that an event gave each entity.
    versions: HashMap<String, u64>,
}

impl<'a> Examination<'a> {
    fn new(store: &'a Store, tenant: &'a TenantId, row: &'a TenantRow) -> Self {
        Self { store, tenant, row, findings: Vec::new(), events: 0, versions: HashMap::new() }
    }

    fn find(&mut self, what: &str) {
        if self.findings.len() < FINDINGS_MAX {
            self.findings.push(format!("tenant {}: {what}", self.tenant));
        }
    }

    fn run(&mut self) -> Result<(), OpenError> {
        self.examine_events()?;
        let counted = self.row.head.events;
        if self.events != counted {
            self.find(&format!("{} events are there, {counted} are counted", self.events));
        }
        let versions = std::mem::take(&mut self.versions);
        for (key, version) in versions {
            let known = self.store.entity(self.row.no, &key)?;
            if !self.explains(known.as_ref(), version)? {
                let known = known.map_or_else(|| "none".to_owned(), |row| row.version.to_string());
                let key = key.replace('\0', " ");
                self.find(&format!(
                    "the entity {key} has version {known}, its events say {version}"
                ));
            }
        }
        Ok(())
    }

    /// Whether an entity is what its newest event that is left says, or what one said that has gone
    /// since because its time to live was over.
    fn explains(&self, known: Option<&EntityRow>, version: u64) -> Result<bool, OpenError> {
        let Some(known) = known else { return Ok(false) };
        if known.version <= version {
            return Ok(known.version == version);
        }
        let place = Offset::ZERO.plus(known.changed_at);
        let stands = self.store.time_at(self.row.no, place)?;
        Ok(stands.is_none_or(|(offset, _)| offset != place))
    }

    fn examine_events(&mut self) -> Result<(), OpenError> {
        let head = self.row.head.offset();
        let (mut place, mut newest_time) = (Offset::ZERO, radial_protocol::TimeMs(0));
        loop {
            let rows = self.store.read(self.row.no, place, head, STEP)?;
            let Some((last, _)) = rows.last() else { return Ok(()) };
            place = *last;
            for (offset, row) in rows {
                self.events += 1;
                let Some(row) = row else {
                    self.find(&format!("the event at offset {offset} is damaged"));
                    continue;
                };
                if row.received_at < newest_time {
                    self.find(&format!("the time falls at offset {offset}"));
                }
                newest_time = row.received_at;
                if row.event.fingerprint.is_some() {
                    self.examine_id(&row.event.head.event_id, offset)?;
                }
                if let Some(changed) = &row.event.head.entity {
                    let key = entity::key(&row.event.head.channel, &changed.entity);
                    self.versions.insert(key, changed.version);
                }
            }
        }
    }

    /// An id is unknown again after its window, and may then belong to a later event.
    fn examine_id(
        &mut self,
        id: &radial_protocol::names::EventId,
        offset: Offset,
    ) -> Result<(), OpenError> {
        let known = self.store.known_id(self.row.no, id)?;
        if known.is_some_and(|known| known.offset < offset.get()) {
            self.find(&format!("the id of the event at offset {offset} belongs to an older one"));
        }
        Ok(())
    }
}
