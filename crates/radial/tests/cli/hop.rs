//! Clients hop at random between Server-Sent Events, WebSocket and long poll with one cursor, while
//! a publisher goes on and the hub is stopped and killed, or keeps little: nothing lost in silence,
//! nothing double, in order.

mod away;
mod client;
mod hub;
mod published;

use tokio::task::JoinSet;

use away::Returns;
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

#[tokio::test]
async fn who_stays_away_for_longer_than_events_are_kept_is_told_and_nobody_else_is() {
    for seed in [1, fastrand::u64(..)] {
        println!("seed {seed}");
        let mut rng = fastrand::Rng::with_seed(seed);
        let kept = away::KEPT.to_string();
        let little = [("RADIAL__LOG__KEEP_EVENTS", &*kept), ("RADIAL__TIMELINE__EVENTS", "20")];
        let hub = RestartedHub::start_with(&little).await;
        let beginning = away::beginning(hub.address()).await;
        let published = Published::default();
        let going_on = published.keep_publishing(&hub, rng.fork());
        let mut clients = JoinSet::new();
        for (number, wish) in WISHES.into_iter().enumerate() {
            let client = Client::new(wish, rng.fork()).starting_at(&beginning);
            let (state, published) = (hub.state(), published.clone());
            // However fast the machine is, one of them finds its place gone.
            clients.spawn(away::come_and_go(client, state, published, rng.fork(), number == 0));
        }
        for _ in 0..12 {
            published.until_more(away::KEPT).await;
        }
        going_on.stop().await;
        published.publish_the_last(&hub).await;
        let mut returns = Returns::default();
        while let Some(client) = clients.join_next().await {
            let (client, of_client) = client.unwrap();
            println!("{:?}: {}, {of_client:?}", client.wish, client.tally());
            returns.add(&of_client);
            away::check(&client, &published.accepted());
        }
        assert!(returns.due > 0 && returns.not_due > 0, "one-sided: {returns:?}");
        hub.stop().await;
    }
}
