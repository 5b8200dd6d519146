//! A worker's loop: wait, walk, write, sweep.

mod leave;

use std::collections::HashMap;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use mio::event::Event as SocketEvent;
use mio::{Events, Token};
use radial_protocol::{Cursor, Epoch};

use super::WorkerSettings;
use super::class::Classes;
use super::hands::{Hands, Leave};
use super::line::{Line, Wrote};
use super::mailbox::{Bell, Command, Mailbox, Post, ShardId, Stay};
use super::seat::Seat;
use super::seats::Seats;
use super::shard::Shard;
use super::sharing::Caller;
use crate::Tally;
use crate::resident::{Ended, Parked, Why};
use crate::sync::{Poll, Waker, catch};
use crate::timeline::Timeline;

/// A worker whose last walk took longer is busy: it lets batches grow.
const BUSY: Duration = Duration::from_millis(5);
const WAKER: Token = Token(usize::MAX);
/// Socket events that are taken at once.
const EVENTS: usize = 1_024;

pub(crate) struct Worker {
    settings: WorkerSettings,
    mailbox: Arc<Mailbox>,
    poll: Poll,
    seats: Seats<Seat>,
    stays: HashMap<Stay, usize>,
    shards: HashMap<ShardId, Shard>,
    /// By the address of the timeline, which the shard holds.
    by_timeline: HashMap<usize, ShardId>,
    shards_made: ShardId,
    leaving: Vec<(usize, Leave)>,
    bytes: Vec<u8>,
    own_bytes: Vec<u8>,
    swept: Duration,
    /// How long the last walk took, if nothing has been waited for since.
    last_walk: Duration,
    /// Until when batches may grow.
    nap_until: Option<Duration>,
    is_recalled: bool,
    is_stopped: bool,
}

impl Worker {
    pub(crate) fn new(settings: WorkerSettings) -> io::Result<(Self, Arc<Mailbox>)> {
        let poll = Poll::new()?;
        let mailbox = Arc::new(Mailbox::new(Waker::new(poll.registry(), WAKER)?));
        let worker = Self {
            swept: (settings.uptime)(),
            settings,
            mailbox: Arc::clone(&mailbox),
            poll,
            seats: Seats::default(),
            stays: HashMap::new(),
            shards: HashMap::new(),
            by_timeline: HashMap::new(),
            shards_made: 0,
            leaving: Vec::new(),
            bytes: Vec::new(),
            own_bytes: Vec::new(),
            last_walk: Duration::ZERO,
            nap_until: None,
            is_recalled: false,
            is_stopped: false,
        };
        Ok((worker, mailbox))
    }

    /// Works until it is stopped, whatever panics meanwhile.
    pub(crate) fn run(mut self) {
        let (mut events, mut post) = (Events::with_capacity(EVENTS), Post::default());
        while !self.is_stopped {
            if catch(|| self.work(&mut events, &mut post)).is_err() {
                self.begin_anew();
            }
        }
    }

    fn work(&mut self, events: &mut Events, post: &mut Post) {
        // A panic has left those that came after it.
        self.obey_all(post);
        while !self.is_stopped {
            self.rest(events);
            self.mailbox.is_up();
            // First, while each token still means the connection that it meant during the wait.
            for event in &*events {
                self.look_at(event);
            }
            self.mailbox.take_commands(post);
            self.obey_all(post);
            if self.is_rested() {
                self.mailbox.take_moved(post);
                self.walk(&mut post.moved);
            }
            self.sweep();
        }
    }

    /// Waits until there is something to do, or time for a sweep.
    fn rest(&mut self, events: &mut Events) {
        let uptime = (self.settings.uptime)();
        let until_sweep = self.settings.sweep.saturating_sub(uptime.saturating_sub(self.swept));
        let is_busy = self.nap_until.is_some() || self.last_walk > BUSY;
        let window = is_busy.then(|| self.mailbox.window()).flatten();
        if let Some(until) = window.map(|window| uptime + window) {
            self.nap_until = Some(self.nap_until.map_or(until, |earlier| earlier.min(until)));
        }
        let timeout = match (self.nap_until, window) {
            (Some(until), Some(window)) if self.mailbox.naps(window) => {
                until.saturating_sub(uptime).min(until_sweep)
            }
            (None, _) if self.mailbox.falls_asleep() => {
                self.last_walk = Duration::ZERO;
                until_sweep
            }
            _ => Duration::ZERO,
        };
        // An interrupted wait is a short one.
        if self.poll.poll(events, Some(timeout)).is_err() {
            events.clear();
        }
    }

    /// Whether batches have grown for long enough, or something is urgent.
    fn is_rested(&mut self) -> bool {
        let Some(until) = self.nap_until else { return true };
        let is_over = (self.settings.uptime)() >= until || self.mailbox.is_urgent();
        if is_over {
            self.nap_until = None;
        }
        is_over
    }

    fn obey_all(&mut self, post: &mut Post) {
        while let Some(command) = post.commands.pop_front() {
            self.obey(command);
        }
    }

    fn obey(&mut self, command: Command) {
        match command {
            Command::Take(stay, parked) => self.take(stay, *parked),
            Command::Ring(stay) => {
                if let Some(seat) = self.stays.get(&stay) {
                    self.leaving.push((*seat, Leave::Back(Why::Rung)));
                }
                self.let_go();
            }
            Command::Look(stay) => self.look_after(stay),
            Command::Recall => {
                self.is_recalled = true;
                self.recall();
            }
            Command::Stop => self.is_stopped = true,
        }
    }

    fn recall(&mut self) {
        let all = self.seats.iter_mut().map(|(seat, _)| (seat, Leave::Back(Why::Rung)));
        self.leaving.extend(all);
        self.let_go();
    }

    /// Takes a connection in, at its own place.
    fn take(&mut self, stay: Stay, parked: Parked) {
        let Parked { outlet, timeline, epoch, filter, spot, encoding, beat, until, resident } =
            parked;
        let shard_id = self.shard_of(timeline, epoch, spot);
        let Some(shard) = self.shards.get_mut(&shard_id) else { return };
        shard.seats += 1;
        let vacant = self.seats.vacant();
        let seat_id = vacant.id;
        let (class, rank) = shard.classes.enter(&filter, &encoding, seat_id);
        let mut line = Line::new(outlet, Caller::new(Arc::clone(&self.mailbox), stay));
        let unwatched = line.watch(self.poll.registry(), Token(seat_id));
        vacant.fill(Seat {
            stay,
            shard: shard_id,
            class,
            rank,
            line,
            filter,
            behind: None,
            beat_at: beat.0.into(),
            beat_every: beat.1.into(),
            until: until.into(),
            tally: Tally::default(),
            is_leaving: false,
            resident,
        });
        self.stays.insert(stay, seat_id);
        self.settle(seat_id, spot);
        let recalled = self.is_recalled.then_some(Leave::Back(Why::Rung));
        if let Some(leave) = unwatched.or(recalled) {
            self.leaving.push((seat_id, leave));
        }
        self.let_go();
    }

    /// Brings the shard and a newcomer to the same place.
    fn settle(&mut self, seat_id: usize, spot: crate::Spot) {
        let Some(seat) = self.seats.get_mut(seat_id) else { return };
        let shard_id = seat.shard;
        let uptime = (self.settings.uptime)();
        seat.behind = Some(Box::new(super::seat::Behind::new(spot, Bytes::new(), uptime)));
        self.with_shard(shard_id, uptime, |shard, hands| {
            // What was published before a new shard had its bell has rung for nobody.
            if shard.seats == 1 || shard.spot.position < spot.position {
                shard.walk(hands);
            }
            shard.catch_up(seat_id, hands);
        });
    }

    /// Calls `work` with a shard and the hands for it, and counts what was delivered.
    fn with_shard(
        &mut self,
        shard_id: ShardId,
        uptime: Duration,
        work: impl FnOnce(&mut Shard, &mut Hands<'_>),
    ) {
        let Some(shard) = self.shards.get_mut(&shard_id) else { return };
        let mut hands = Hands {
            seats: &mut self.seats,
            leaving: &mut self.leaving,
            bytes: &mut self.bytes,
            own_bytes: &mut self.own_bytes,
            counted: Tally::default(),
            now: (self.settings.now)(),
            uptime,
        };
        work(shard, &mut hands);
        let counted = hands.counted;
        if counted != Tally::default() {
            (self.settings.count)(counted);
        }
    }

    fn shard_of(&mut self, timeline: Arc<Timeline>, epoch: Epoch, spot: crate::Spot) -> ShardId {
        let address = Arc::as_ptr(&timeline).addr();
        if let Some(id) = self.by_timeline.get(&address) {
            return *id;
        }
        self.shards_made += 1;
        let id = self.shards_made;
        let bell = Arc::new(Bell::new(Arc::clone(&self.mailbox), id));
        timeline.add_bell(Arc::clone(&bell));
        let classes = Classes::default();
        self.shards.insert(id, Shard { timeline, bell, epoch, spot, classes, seats: 0 });
        self.by_timeline.insert(address, id);
        id
    }

    /// Walks along every timeline that has moved.
    fn walk(&mut self, moved: &mut Vec<ShardId>) {
        if moved.is_empty() {
            return;
        }
        let began = (self.settings.uptime)();
        for shard_id in moved.drain(..) {
            self.with_shard(shard_id, began, Shard::walk);
        }
        self.let_go();
        self.last_walk = (self.settings.uptime)().saturating_sub(began);
    }

    fn look_at(&mut self, event: &SocketEvent) {
        if event.token() == WAKER {
            return;
        }
        let seat_id = event.token().0;
        let Some(seat) = self.seats.get_mut(seat_id) else { return };
        let comes = event.is_readable() || event.is_read_closed() || event.is_error();
        if let Some(leave) = comes.then(|| seat.line.what_came()).flatten() {
            self.leaving.push((seat_id, leave));
        } else if event.is_writable() && seat.behind.is_some() {
            self.go_on(seat_id);
        }
        self.let_go();
    }

    /// A connection without a socket of its own may have room, or have ended.
    fn look_after(&mut self, stay: Stay) {
        let Some(seat_id) = self.stays.get(&stay).copied() else { return };
        let Some(seat) = self.seats.get_mut(seat_id) else { return };
        if let Some(leave) = seat.line.watch(self.poll.registry(), Token(seat_id)) {
            self.leaving.push((seat_id, leave));
        } else if seat.behind.is_some() {
            self.go_on(seat_id);
        }
        self.let_go();
    }

    /// The socket of a connection that is behind takes bytes again.
    fn go_on(&mut self, seat_id: usize) {
        let uptime = (self.settings.uptime)();
        let Some(seat) = self.seats.get_mut(seat_id) else { return };
        match seat.write_rest(uptime) {
            Wrote::All => {
                let shard_id = seat.shard;
                self.with_shard(shard_id, uptime, |shard, hands| shard.catch_up(seat_id, hands));
            }
            Wrote::Part(_) => {}
            Wrote::Gone => self.leaving.push((seat_id, Leave::Ended(Ended::Gone))),
        }
    }

    /// Signs of life, deadlines and those who take nothing.
    fn sweep(&mut self) {
        let uptime = (self.settings.uptime)();
        if uptime.saturating_sub(self.swept) < self.settings.sweep {
            return;
        }
        self.swept = uptime;
        let now = (self.settings.now)();
        for (seat_id, seat) in self.seats.iter_mut() {
            let Some(shard) = self.shards.get_mut(&seat.shard) else { continue };
            let place = shard.spot_of(seat).place;
            if let Some(leave) = seat.is_due_to_leave(uptime, self.settings.slow_after) {
                self.leaving.push((seat_id, leave));
            } else if seat.behind.is_none() && seat.beat_at.has_come(uptime) {
                seat.beat_at = (uptime + seat.beat_every.into()).into();
                let Some(class) = shard.classes.get_mut(seat.class) else { continue };
                let cursor = Cursor { epoch: shard.epoch, offset: place };
                self.bytes.clear();
                class.encoding.heartbeat(now, cursor, &mut self.bytes);
                let spot = shard.spot;
                if let Some(leave) = seat.write_own(&self.bytes, spot, uptime) {
                    self.leaving.push((seat_id, leave));
                }
            }
            seat.resident.moved_to(place);
        }
        self.let_go();
    }
}
