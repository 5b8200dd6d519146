//! Clients hop at random between Server-Sent Events, WebSocket and long poll with one cursor, while
//! a publisher goes on and the hub is stopped and killed: nothing lost, nothing double, in order.

mod client;
mod hub;
mod published;

use tokio::task::JoinSet;

use client::{Client, Wish};
use hub::RestartedHub;
use published::Published;

/// The clients: what each asks for.
const WISHES: [Wish; 4] = [
    Wish { channels: &["*"], types: &["*"] },
    Wish { channels: &["a"], types: &["*"] },
    Wish { channels: &["*"], types: &["hop.kept"] },
    Wish { channels: &["b"], types: &["hop.brief"] },
];

/// Restarts in one run of a seed; `RADIAL_HOP_ROUNDS` makes it a long run.
#[expect(clippy::disallowed_methods, reason = "the long mode is chosen from outside")]
fn rounds() -> usize {
    std::env::var("RADIAL_HOP_ROUNDS").ok().and_then(|text| text.parse().ok()).unwrap_or(6)
}

#[tokio::test]
async fn hopping_between_transports_through_restarts_loses_and_doubles_nothing() {
    for seed in [1, fastrand::u64(..)] {
        println!("seed {seed}");
        let mut rng = fastrand::Rng::with_seed(seed);
        let mut hub = RestartedHub::start().await;
        let published = Published::default();
        let going_on = published.keep_publishing(&hub, rng.fork());
        let mut clients = JoinSet::new();
        for wish in WISHES {
            clients.spawn(Client::new(wish, rng.fork()).hop_to_the_end(hub.state()));
        }
        for round in 0..rounds() {
            published.until_more(rng.usize(50..300)).await;
            let kill = rng.bool();
            hub.restart(kill).await;
            println!("round {round}: {} events, kill: {kill}", published.accepted().len());
        }
        published.until_more(50).await;
        going_on.stop().await;
        published.publish_the_last(&hub).await;
        let log = published::Log::read(hub.address()).await;
        while let Some(client) = clients.join_next().await {
            let client = client.unwrap();
            println!("{:?}: {}", client.wish, client.tally());
            log.check(&client, &published.accepted());
        }
        hub.stop().await;
    }
}
