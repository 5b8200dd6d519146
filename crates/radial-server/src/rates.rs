//! How much each client, user, tenant and address may do.
//!
//! The rates are token buckets: `bucket` has the arithmetic, `table` keeps the buckets, `publishing`
//! and `authentication` say which buckets pay for what. `connections` counts what is open. Everything
//! is kept in memory of a fixed size, is of this node alone, and takes the time as an argument.
//!
//! Without a credential, in `radial dev`, there is no rate and no limit of connections but the one
//! for all. This module must never know HTTP.

mod authentication;
mod bucket;
mod connections;
mod publishing;
mod scope;
mod table;

pub(crate) use connections::Permit;

use std::sync::Arc;

use connections::Open;
use scope::Counters;
use table::Buckets;

use crate::config;

/// All rates of the hub, and what was done lately.
#[derive(Debug)]
pub(crate) struct Rates {
    limits: config::Rates,
    buckets: Buckets,
    open: Arc<Open>,
    counters: Counters,
    /// Nobody outside can find keys that share a place.
    seed: u64,
}

impl Rates {
    pub(crate) fn new(limits: config::Rates, seed: u64) -> Self {
        let buckets = Buckets::new(limits.buckets);
        let open = Arc::default();
        Self { limits, buckets, open, counters: Counters::default(), seed }
    }

    /// What was refused so far, by the limit that refused it.
    pub(crate) fn tallies(&self) -> Vec<(&'static str, u64)> {
        self.counters.tallies()
    }

    /// How many buckets were forgotten for lack of room.
    pub(crate) fn forgotten(&self) -> u64 {
        self.buckets.forgotten()
    }
}
