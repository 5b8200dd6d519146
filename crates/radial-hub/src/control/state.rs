//! What the events of the control log come to.

use std::collections::BTreeMap;
use std::sync::Arc;

use radial_protocol::TimeMs;
use radial_protocol::names::Id;
use serde::Serialize;

use super::change::{Act, Actor, Change};
use super::revocations::Revocations;

/// The most keys that are kept.
pub(crate) const KEYS_MAX: usize = 10_000;

/// The kill switch, and who touched it last.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Switch {
    /// Whether the hub is switched off.
    pub disabled: bool,
    /// Why, in the operator's words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Since when.
    pub since: TimeMs,
    /// By whom.
    pub by: Actor,
}

/// The control state.
#[derive(Debug, Default)]
pub(crate) struct State {
    /// The kill switch, if anybody ever touched it.
    pub(crate) switch: Option<Switch>,
    pub(crate) revocations: Revocations,
    /// The keys as they were written, by their ids.
    pub(crate) keys: BTreeMap<Id, Arc<str>>,
}

impl State {
    /// Takes an act in. The same acts in the same order come to the same state.
    pub(crate) fn apply(&mut self, act: &Act) {
        let (at, by) = (act.at, &act.by);
        match &act.change {
            Change::Disabled { reason } => {
                let reason = reason.clone();
                self.switch = Some(Switch { disabled: true, reason, since: at, by: by.clone() });
            }
            Change::Enabled {} => {
                let by = by.clone();
                self.switch = Some(Switch { disabled: false, reason: None, since: at, by });
            }
            Change::Revoked(revocation) => self.revocations.add(revocation, at),
            Change::KeyStored { id, record } => {
                self.keys.insert(id.clone(), Arc::from(record.as_str()));
            }
            Change::KeyRemoved { id } => {
                self.keys.remove(id);
                self.revocations.remove_key(id.clone(), at);
            }
        }
    }

    /// Whether an operator has switched the hub off.
    pub(crate) fn is_disabled(&self) -> bool {
        self.switch.as_ref().is_some_and(|switch| switch.disabled)
    }
}
