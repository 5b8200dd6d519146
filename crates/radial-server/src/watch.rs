//! Watches over the open connections: those whose credential ends, or was taken back, say goodbye
//! within a second, and those that do not even take a goodbye are cut.
//!
//! It also looks after the control state. What is due to a connection is decided by a function of
//! the time; the rest is waiting.

use std::sync::Arc;
use std::time::Duration;

use radial_hub::CredentialState;
use radial_protocol::TimeMs;
use radial_protocol::control::GoodbyeReason;
use radial_protocol::grants::{Credential, Grants};
use tokio::time::MissedTickBehavior;

use crate::app::App;
use crate::connections::Connection;

/// How often all connections are looked at. With the wait for a goodbye below it makes the second
/// that the contract allows.
const INTERVAL: Duration = Duration::from_millis(400);
/// How long a connection may take to say goodbye before its socket is cut.
const GOODBYE_MS: u64 = 400;

/// What is due to a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Due {
    Nothing,
    Warning { expires_in_ms: u64 },
    Goodbye(GoodbyeReason),
    Cut,
}

/// What is due, from what its credential is worth now, and since when it is closing.
fn due(
    state: CredentialState,
    is_disabled: bool,
    closing_since: Option<TimeMs>,
    warning_ms: u64,
    now: TimeMs,
) -> Due {
    if let Some(since) = closing_since {
        return if now >= since.plus_ms(GOODBYE_MS) { Due::Cut } else { Due::Nothing };
    }
    match state {
        CredentialState::Revoked => Due::Goodbye(GoodbyeReason::Revoked),
        CredentialState::Expired => Due::Goodbye(GoodbyeReason::Expired),
        CredentialState::Counts(_) if is_disabled => Due::Goodbye(GoodbyeReason::Disabled),
        CredentialState::Counts(Some(until)) if until <= now.plus_ms(warning_ms) => {
            Due::Warning { expires_in_ms: until.0.saturating_sub(now.0) }
        }
        CredentialState::Counts(_) => Due::Nothing,
    }
}

/// Watches until the drain begins: then everybody says goodbye by himself.
pub(crate) async fn watch(app: Arc<App>) {
    let mut changes = app.hub.watch_control();
    let mut ticks = tokio::time::interval(INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = ticks.tick() => app.hub.tidy_control().await,
            // The hub outlives this task, so that there is always somebody who may change it.
            _ = changes.changed() => {}
            () = app.drain.cancelled() => return,
        }
        let (now, is_disabled) = (app.hub.runtime().now(), app.hub.is_disabled());
        for connection in app.table.all() {
            look_after(&app, &connection, is_disabled, now);
        }
    }
}

/// How long before its end a credential is told of: a short one in its last third, or whoever
/// renews it would be told at once again.
fn warning_ms(grants: &Grants, most: u64) -> u64 {
    let Credential { issued, expires, .. } = &grants.credential;
    match (issued, expires) {
        (Some(issued), Some(expires)) => most.min(expires.0.saturating_sub(issued.0) / 3),
        _ => most,
    }
}

fn look_after(app: &App, connection: &Connection, is_disabled: bool, now: TimeMs) {
    let state = app.hub.credential_state(&connection.grants(), now);
    let closing_since = connection.closing_since();
    let warning_ms = warning_ms(&connection.grants(), app.stream.token_warning_ms);
    match due(state, is_disabled, closing_since, warning_ms, now) {
        Due::Nothing => {}
        Due::Warning { expires_in_ms } => connection.warn(expires_in_ms),
        Due::Goodbye(reason) => connection.close(reason, now),
        Due::Cut => connection.cut(),
    }
}

#[cfg(test)]
mod tests {
    use radial_protocol::TenantId;

    use super::*;

    fn check(state: CredentialState, is_disabled: bool, closing: Option<u64>, expected: Due) {
        let now = TimeMs(100_000);
        let found = due(state, is_disabled, closing.map(TimeMs), 60_000, now);
        assert_eq!(found, expected, "{state:?} {is_disabled} {closing:?}");
    }

    #[test]
    fn a_credential_is_warned_of_its_end_and_ends() {
        let until = |ms: u64| CredentialState::Counts(Some(TimeMs(ms)));
        let warning = |expires_in_ms| Due::Warning { expires_in_ms };
        check(until(160_001), false, None, Due::Nothing);
        check(until(160_000), false, None, warning(60_000));
        check(until(100_001), false, None, warning(1));
        check(CredentialState::Counts(None), false, None, Due::Nothing);
        check(CredentialState::Expired, false, None, Due::Goodbye(GoodbyeReason::Expired));
        check(CredentialState::Revoked, false, None, Due::Goodbye(GoodbyeReason::Revoked));
    }

    #[test]
    fn a_short_credential_is_told_of_its_end_in_its_last_third() {
        let mut grants = Grants::everything(TenantId::new("acme").unwrap());
        for (issued, expires, expected) in [
            (Some(0), Some(3_600_000), 60_000),
            (Some(0), Some(30_000), 10_000),
            (None, Some(30_000), 60_000),
            (Some(0), None, 60_000),
        ] {
            grants.credential.issued = issued.map(TimeMs);
            grants.credential.expires = expires.map(TimeMs);
            assert_eq!(warning_ms(&grants, 60_000), expected, "{issued:?} {expires:?}");
        }
    }

    #[test]
    fn the_switch_ends_everybody_and_what_is_revoked_for_its_own_reason() {
        check(CredentialState::Counts(None), true, None, Due::Goodbye(GoodbyeReason::Disabled));
        check(CredentialState::Revoked, true, None, Due::Goodbye(GoodbyeReason::Revoked));
    }

    #[test]
    fn who_does_not_take_the_goodbye_is_cut() {
        check(CredentialState::Revoked, false, Some(99_601), Due::Nothing);
        check(CredentialState::Revoked, false, Some(99_600), Due::Cut);
        check(CredentialState::Counts(None), false, Some(99_600), Due::Cut);
    }
}
