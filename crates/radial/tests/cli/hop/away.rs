//! Clients that stay away for longer than events are kept, and when they must and must not be told.

use std::net::SocketAddr;

use radial_testkit::wire::request;

use super::client::Client;
use super::hub::HubState;
use super::published::{Accepted, Published};

/// Events that the hub keeps, far fewer than a client may stay away for.
pub(crate) const KEPT: usize = 150;

/// How often a gap was due when a client came back, was not, and might have been either.
#[derive(Debug, Default)]
pub(crate) struct Returns {
    pub(crate) due: usize,
    pub(crate) not_due: usize,
    either: usize,
}

impl Returns {
    pub(crate) fn add(&mut self, other: &Self) {
        self.due += other.due;
        self.not_due += other.not_due;
        self.either += other.either;
    }
}

/// The offset of the oldest event that is kept; 1 while there is none.
async fn oldest(address: SocketAddr) -> u64 {
    let answer = request(address, "GET", "/api/events?limit=1", &[], b"").await.unwrap();
    answer.json().unwrap()["events"][0]["offset"].as_u64().unwrap_or(1)
}

/// The place before the first event of a hub that has none yet.
pub(crate) async fn beginning(address: SocketAddr) -> String {
    let answer = request(address, "GET", "/api/events?limit=1", &[], b"").await.unwrap();
    answer.json().unwrap()["cursor"].as_str().unwrap().to_owned()
}

/// Comes and goes until it has been given the last event (for the first time when its place has gone,
/// if it begins late), and looks at each return whether it was
/// told of a gap exactly when it must be.
///
/// The log only ever loses its oldest events. So a gap is due if what comes next for the client had
/// gone before it came, and wrong if that was still there after it went; in between either is right.
pub(crate) async fn come_and_go(
    mut client: Client,
    hub: HubState,
    published: Published,
    mut rng: fastrand::Rng,
    begins_late: bool,
) -> (Client, Returns) {
    let mut returns = Returns::default();
    while begins_late && oldest(hub.address).await <= client.place() + 1 {
        published.until_more_or_over(1).await;
    }
    while !client.has_all() {
        published.until_more_or_over(rng.usize(0..4 * KEPT)).await;
        let (place, given, told) = (client.place(), client.received.len(), client.gaps.len());
        let before = oldest(hub.address).await;
        client.visit(&hub).await.unwrap();
        let after = oldest(hub.address).await;
        let told = &client.gaps[told..];
        let at_return = told.first().filter(|gap| gap.after == given && gap.from == place);
        let what = format!("{:?} at {place}, kept from {before} to {after}", client.wish);
        if before > place + 1 {
            returns.due += 1;
            let gap = at_return.unwrap_or_else(|| panic!("{what}: not told, {told:?}"));
            assert!(gap.to + 1 >= before, "{what}: more had gone, {gap:?}");
        } else if after <= place + 1 {
            returns.not_due += 1;
            assert!(at_return.is_none(), "{what}: nothing had gone, {at_return:?}");
        } else {
            returns.either += 1;
        }
        for gap in told {
            assert!(!gap.is_recent_only && gap.from >= place, "{what}: {gap:?}");
            assert!(gap.to > gap.from && gap.to < after, "{what}: told of what is kept, {gap:?}");
        }
    }
    (client, returns)
}

/// Every event was given or told of, and none both.
pub(crate) fn check(client: &Client, accepted: &[Accepted]) {
    let wish = client.wish;
    let is_told = |offset| client.gaps.iter().any(|gap| gap.from < offset && offset <= gap.to);
    let end = client.received.last().map_or(0, |(offset, _)| *offset);
    for event in accepted.iter().filter(|event| wish.admits(&event.channel, &event.event_type)) {
        let given = client.received.binary_search_by_key(&event.offset, |(offset, _)| *offset);
        if let Ok(at) = given {
            assert_eq!(client.received[at].1, event.id);
        }
        if event.offset <= end {
            assert_ne!(given.is_ok(), is_told(event.offset), "{wish:?}: {event:?}");
        }
    }
}
