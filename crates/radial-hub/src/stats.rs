//! What the hub counts: every event that was taken, given, refused or held back, with its reason.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use radial_protocol::event::{Persistence, Priority};
use radial_protocol::problem::Code;

use crate::behind::ShedReason;

/// A page with so many due events is a warning (protocol §5).
const LARGE_PAGE: usize = 800;

/// The priorities in their order.
const PRIORITIES: [&str; 4] = ["low", "normal", "high", "critical"];

/// Counters since the start; never reset.
#[derive(Debug, Default)]
pub struct Stats {
    accepted: [AtomicU64; 3],
    duplicates: AtomicU64,
    deduplicated: AtomicU64,
    delivered: AtomicU64,
    expired: AtomicU64,
    coalesced: AtomicU64,
    shed_by_lag: AtomicU64,
    shed_for_memory: AtomicU64,
    large_pages: AtomicU64,
    overloaded: [AtomicU64; 4],
    refused_events: Mutex<ByCode>,
    refused_requests: Mutex<ByCode>,
}

type ByCode = BTreeMap<&'static str, u64>;

/// The counters at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tallies {
    /// Events accepted, by persistence class.
    pub accepted: Vec<(&'static str, u64)>,
    /// Events that were known already.
    pub duplicates: u64,
    /// Events that repeated the latest of their key, and were not added.
    pub deduplicated: u64,
    /// Events given to connections, once per connection.
    pub delivered: u64,
    /// Events held back because their time to live was over, once per connection.
    pub expired: u64,
    /// Events left out because newer ones stand for them, once per connection.
    pub coalesced: u64,
    /// Events that are not durable, shed because their readers were too far behind, once per
    /// connection.
    pub shed_by_lag: u64,
    /// The same because memory was short.
    pub shed_for_memory: u64,
    /// Pages with 800 due events or more, once per connection.
    pub large_pages: u64,
    /// Events refused because too much was waiting for its commit, by priority.
    pub overloaded: Vec<(&'static str, u64)>,
    /// Events refused, by problem code.
    pub refused_events: Vec<(&'static str, u64)>,
    /// Requests of any kind refused as a whole, by problem code.
    pub refused_requests: Vec<(&'static str, u64)>,
}

impl Stats {
    pub(crate) fn accept(&self, class: Persistence) {
        if let Some(counter) = self.accepted.get(index(class)) {
            counter.fetch_add(1, Ordering::Relaxed);
        }
    }

    pub(crate) fn duplicate(&self) {
        self.duplicates.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn deduplicate(&self) {
        self.deduplicated.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn overload(&self, priority: Priority) {
        if let Some(counter) = self.overloaded.get(priority as usize) {
            counter.fetch_add(1, Ordering::Relaxed);
        }
    }

    pub(crate) fn refuse_event(&self, code: Code) {
        add(&self.refused_events, code);
    }

    /// Counts a request that was refused as a whole.
    pub fn refuse_request(&self, code: Code) {
        add(&self.refused_requests, code);
    }

    /// Adds what a connection got and did not get since it last reported.
    pub(crate) fn deliver(&self, delivered: u64, expired: u64) {
        self.delivered.fetch_add(delivered, Ordering::Relaxed);
        self.expired.fetch_add(expired, Ordering::Relaxed);
    }

    pub(crate) fn coalesce(&self, events: u64) {
        self.coalesced.fetch_add(events, Ordering::Relaxed);
    }

    pub(crate) fn shed(&self, reason: ShedReason, events: u64) {
        let counter = match reason {
            ShedReason::Lag => &self.shed_by_lag,
            ShedReason::Memory => &self.shed_for_memory,
        };
        counter.fetch_add(events, Ordering::Relaxed);
    }

    /// Counts a page of so many due events, if that is many.
    pub(crate) fn page(&self, events: usize) {
        if events >= LARGE_PAGE {
            self.large_pages.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// The counters now.
    pub fn tallies(&self) -> Tallies {
        let load = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let names = ["durable", "recent", "live"];
        Tallies {
            accepted: names.into_iter().zip(self.accepted.iter().map(load)).collect(),
            duplicates: load(&self.duplicates),
            deduplicated: load(&self.deduplicated),
            delivered: load(&self.delivered),
            expired: load(&self.expired),
            coalesced: load(&self.coalesced),
            shed_by_lag: load(&self.shed_by_lag),
            shed_for_memory: load(&self.shed_for_memory),
            large_pages: load(&self.large_pages),
            overloaded: PRIORITIES.into_iter().zip(self.overloaded.iter().map(load)).collect(),
            refused_events: list(&self.refused_events),
            refused_requests: list(&self.refused_requests),
        }
    }
}

fn add(counters: &Mutex<ByCode>, code: Code) {
    let mut counters = counters.lock().unwrap_or_else(PoisonError::into_inner);
    *counters.entry(code.as_str()).or_default() += 1;
}

fn list(counters: &Mutex<ByCode>) -> Vec<(&'static str, u64)> {
    let counters = counters.lock().unwrap_or_else(PoisonError::into_inner);
    counters.iter().map(|(code, count)| (*code, *count)).collect()
}

const fn index(class: Persistence) -> usize {
    match class {
        Persistence::Durable => 0,
        Persistence::Recent => 1,
        Persistence::Live => 2,
    }
}
