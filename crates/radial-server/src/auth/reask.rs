//! Open streams that an application's session has opened: the application is asked again and again
//! whether that session is still there.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use radial_protocol::TimeMs;
use radial_protocol::control::GoodbyeReason;
use radial_protocol::grants::{CredentialKind, Grants};
use tokio::time::MissedTickBehavior;

use super::authenticator::{Shown, Unknown};
use crate::app::App;
use crate::connections::{Connection, ConnectionId};

/// A stream stays open through so many questions without any answer: an application may restart.
const UNANSWERED_MAX: u32 = 5;

/// What is known of a stream between two looks.
struct Asked {
    at: TimeMs,
    unanswered: u32,
}

/// Asks until the hub drains.
pub(crate) async fn reask(app: Arc<App>) {
    let Some(believed) = app.auth.forward.iter().map(|forward| forward.believed).min() else {
        return;
    };
    let mut ticks = tokio::time::interval((believed / 4).max(Duration::from_millis(50)));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut asked: HashMap<ConnectionId, Asked> = HashMap::new();
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            () = app.drain.cancelled() => return,
        }
        let now = app.hub.runtime().now();
        let mut open = app.table.all();
        open.retain(|connection| connection.grants().credential.kind == CredentialKind::Forward);
        let mut next = HashMap::with_capacity(open.len());
        let mut due = Vec::new();
        for connection in open {
            let id = connection.id;
            let known = asked.remove(&id);
            let known = known.unwrap_or(Asked { at: connection.since, unanswered: 0 });
            let believed_ms = u64::try_from(believed.as_millis()).unwrap_or(u64::MAX);
            if known.at.plus_ms(believed_ms) <= now {
                due.push((connection, known.unanswered));
            } else {
                next.insert(id, known);
            }
        }
        let questions =
            due.iter().map(|(connection, unanswered)| ask(&app, connection, *unanswered, now));
        let answers = tokio::select! {
            answers = join_all(questions) => answers,
            () = app.drain.cancelled() => return,
        };
        for ((connection, _), unanswered) in due.iter().zip(answers) {
            next.insert(connection.id, Asked { at: now, unanswered });
        }
        asked = next;
    }
}

/// Asks for one stream, and does what follows. Says how many questions in a row had no answer.
async fn ask(app: &App, connection: &Connection, unanswered: u32, now: TimeMs) -> u32 {
    let Some(cookies) = connection.cookies() else {
        // Opened by a ticket: nobody can be asked any more.
        connection.close(GoodbyeReason::Expired, now);
        return 0;
    };
    match app.auth.cookies(cookies, &app.hub).await {
        Ok(Shown::Grants(grants)) => match renewed(&connection.grants(), &grants) {
            Some(grants) if *grants == *connection.grants() => {}
            Some(grants) => drop(connection.renew(grants)),
            None => connection.close(GoodbyeReason::Revoked, now),
        },
        Ok(Shown::Key { .. }) | Err(Unknown::Refused(_)) => {
            connection.close(GoodbyeReason::Revoked, now);
        }
        Err(Unknown::NoAnswer) if unanswered < UNANSWERED_MAX => return unanswered + 1,
        Err(Unknown::NoAnswer) => connection.close(GoodbyeReason::Expired, now),
    }
    0
}

/// The newer grants for whom the stream is, if it may still be for them.
fn renewed(held: &Grants, newer: &Arc<Grants>) -> Option<Arc<Grants>> {
    if held.tenant != newer.tenant {
        return None;
    }
    if held.user == newer.user && held.session == newer.session {
        return Some(Arc::clone(newer));
    }
    newer.rights.act_as.then(|| {
        let acting = Grants::clone(newer);
        Arc::new(acting.acting_for(held.user.clone(), held.session.clone()))
    })
}
