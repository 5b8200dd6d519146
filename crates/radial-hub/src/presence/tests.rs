//! Who has come and gone, with the time passed in.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use radial_protocol::ChannelName;
use radial_protocol::names::UserId;
use radial_protocol::presence::Member;

use super::roll::{Change, Roll};

const GRACE_S: u64 = 10;
const MOST: usize = 20_000;

fn roll() -> Roll {
    Roll::new(secs(GRACE_S), MOST)
}

fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn board(number: usize) -> ChannelName {
    ChannelName::new(&format!("board:{number}")).unwrap()
}

fn member(number: usize) -> Member {
    Member::User(UserId::new(&format!("u{number}")).unwrap())
}

/// What is told at a second: who has come, and who has gone.
fn check(roll: &mut Roll, second: u64, joined: &[usize], left: &[usize]) {
    let members = |numbers: &[usize]| numbers.iter().map(|n| member(*n)).collect::<BTreeSet<_>>();
    let told = roll.tell(secs(second), usize::MAX);
    let (mut found_joined, mut found_left) = (BTreeSet::new(), BTreeSet::new());
    for Change { joined, left, .. } in told {
        found_joined.extend(joined);
        found_left.extend(left);
    }
    assert_eq!((found_joined, found_left), (members(joined), members(left)), "at {second} s");
}

#[test]
fn several_connections_are_one_member_who_goes_after_the_last_and_a_grace() {
    let (mut roll, channel, ada) = (roll(), board(1), member(1));
    assert!(roll.enter(&channel, &ada) && roll.enter(&channel, &ada));
    check(&mut roll, 0, &[1], &[]);
    roll.leave(&channel, &ada, secs(1));
    check(&mut roll, 60, &[], &[]);
    roll.leave(&channel, &ada, secs(61));
    check(&mut roll, 70, &[], &[]);
    assert_eq!(roll.channel(&channel).unwrap().count(), 1);
    check(&mut roll, 71, &[], &[1]);
    check(&mut roll, 72, &[], &[]);
    assert!(roll.channel(&channel).is_none());
}

#[test]
fn a_reload_within_the_grace_is_no_event() {
    let (mut roll, channel, ada) = (roll(), board(1), member(1));
    roll.enter(&channel, &ada);
    check(&mut roll, 0, &[1], &[]);
    for reload in 0..100 {
        roll.leave(&channel, &ada, secs(reload));
        check(&mut roll, reload, &[], &[]);
        roll.enter(&channel, &ada);
    }
    check(&mut roll, 200, &[], &[]);
    // Late, and yet before anybody was told.
    roll.leave(&channel, &ada, secs(200));
    roll.enter(&channel, &ada);
    check(&mut roll, 220, &[], &[]);
}

#[test]
fn late_news_of_an_old_connection_never_takes_a_newer_one_away() {
    let (mut roll, channel, ada) = (roll(), board(1), member(1));
    roll.enter(&channel, &ada);
    roll.enter(&channel, &ada);
    // The end of the first is heard of long after the second has come.
    roll.leave(&channel, &ada, secs(50));
    check(&mut roll, 100, &[1], &[]);
    // And so it is if the newer one came in the grace of the older one.
    roll.leave(&channel, &ada, secs(100));
    roll.enter(&channel, &ada);
    check(&mut roll, 200, &[], &[]);
    assert_eq!(roll.channel(&channel).unwrap().count(), 1);
}

#[test]
fn who_was_gone_before_anybody_was_told_is_no_event() {
    let (mut roll, channel) = (roll(), board(1));
    roll.enter(&channel, &member(1));
    roll.leave(&channel, &member(1), secs(0));
    check(&mut roll, 10, &[], &[]);
    assert_eq!(roll.members(), 0);
}

#[test]
fn ten_thousand_who_come_at_once_are_one_change() {
    let (mut roll, channel) = (roll(), board(1));
    for n in 0..10_000 {
        assert!(roll.enter(&channel, &member(n)));
    }
    let told = roll.tell(secs(0), usize::MAX);
    assert_eq!((told.len(), told[0].count, told[0].joined.len()), (1, 10_000, 10_000));
    for n in 0..10_000 {
        roll.leave(&channel, &member(n), secs(1));
    }
    let told = roll.tell(secs(11), usize::MAX);
    assert_eq!((told.len(), told[0].count, told[0].left.len()), (1, 0, 10_000));
}

#[test]
fn at_the_limit_newcomers_are_not_counted_and_who_is_there_stays() {
    let mut roll = Roll::new(secs(GRACE_S), 2);
    assert!(roll.enter(&board(1), &member(1)) && roll.enter(&board(2), &member(1)));
    assert!(!roll.enter(&board(1), &member(2)) && !roll.enter(&board(3), &member(1)));
    assert!(roll.enter(&board(1), &member(1)), "another tab needs no room");
    assert_eq!(roll.members(), 2);
    assert!(roll.channel(&board(3)).is_none());
    check(&mut roll, 0, &[1], &[]);
    roll.leave(&board(2), &member(1), secs(0));
    assert!(!roll.enter(&board(1), &member(2)), "in its grace it is still there");
    check(&mut roll, 10, &[], &[1]);
    assert!(roll.enter(&board(1), &member(2)));
}

#[test]
fn channels_beyond_the_most_have_their_turn_next() {
    let mut roll = roll();
    for n in 0..25 {
        roll.enter(&board(n), &member(1));
    }
    let mut told: Vec<ChannelName> = Vec::new();
    for expected in [10, 10, 5, 0] {
        let changes = roll.tell(secs(0), 10);
        assert_eq!(changes.len(), expected);
        told.extend(changes.into_iter().map(|change| change.channel));
    }
    assert_eq!(told, (0..25).map(board).collect::<Vec<_>>(), "in the order in which they came");
    // Who has gone and come back before it was their turn has not been away.
    roll.leave(&board(1), &member(1), secs(0));
    assert_eq!(roll.tell(secs(10), 0), []);
    roll.enter(&board(1), &member(1));
    assert_eq!(roll.tell(secs(20), 10), []);
    assert_eq!(roll.members(), 25);
}

/// Members come and go at random, with several connections each; whoever adds up what is told knows
/// who is there, and nobody is told twice.
#[test]
#[expect(clippy::print_stdout, reason = "the seed is printed")]
fn what_is_told_adds_up_to_who_is_there() {
    let seed = fastrand::u64(..);
    println!("seed {seed}");
    let mut random = fastrand::Rng::with_seed(seed);
    let mut roll = Roll::new(secs(3), 40);
    let mut connections: Vec<(ChannelName, Member)> = Vec::new();
    let mut told: BTreeMap<ChannelName, BTreeSet<Member>> = BTreeMap::new();
    for second in 0..3_000 {
        for _ in 0..random.usize(..4) {
            if random.bool() || connections.is_empty() {
                let (channel, member) = (board(random.usize(..8)), member(random.usize(..10)));
                if roll.enter(&channel, &member) {
                    connections.push((channel, member));
                }
            } else {
                let index = random.usize(..connections.len());
                let (channel, member) = connections.swap_remove(index);
                roll.leave(&channel, &member, secs(second));
            }
        }
        if second % 500 == 499 {
            connections.drain(..).for_each(|(channel, member)| {
                roll.leave(&channel, &member, secs(second));
            });
        }
        for Change { channel, count, joined, left } in roll.tell(secs(second), 3) {
            let there = told.entry(channel).or_default();
            assert!(joined.iter().all(|member| there.insert(member.clone())), "told twice");
            assert!(left.iter().all(|member| there.remove(member)), "never told to have come");
            assert_eq!(there.len(), count);
        }
    }
    for (channel, member) in connections.drain(..) {
        roll.leave(&channel, &member, secs(3_000));
    }
    for Change { channel, left, joined, .. } in roll.tell(secs(4_000), usize::MAX) {
        let there = told.entry(channel).or_default();
        there.extend(joined);
        assert!(left.iter().all(|member| there.remove(member)));
    }
    assert!(told.values().all(BTreeSet::is_empty), "{told:?}");
    assert_eq!(roll.members(), 0);
}
