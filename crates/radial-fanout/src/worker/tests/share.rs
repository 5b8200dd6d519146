//! Connections without a socket of their own: each takes what there is room for, and says when
//! there may be more.

use std::io;
use std::sync::Condvar;
use std::sync::mpsc::Receiver;
use std::task::Waker;

use bytes::Bytes;

use super::*;
use crate::resident::Share;
use crate::sync::{Poll, Waker as Waking};
use crate::worker::line::Wrote;
use crate::worker::mailbox::Post;
use crate::worker::sharing::{Caller, Sharing};

#[derive(Default)]
struct Pipe {
    room: usize,
    taken: Vec<u8>,
    has_ended: bool,
    waker: Option<Waker>,
}

/// Both ends of a pipe.
#[derive(Clone, Default)]
struct Ends(Arc<(Mutex<Pipe>, Condvar)>);

impl Ends {
    /// Changes it from outside, and wakes whoever watches it.
    fn change(&self, change: impl FnOnce(&mut Pipe)) {
        let waker = {
            let mut pipe = self.0.0.lock().unwrap();
            change(&mut pipe);
            pipe.waker.take()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Waits until so many bytes were taken in all.
    fn taken(&self, len: usize) -> String {
        let (pipe, changed) = &*self.0;
        let waiting = changed
            .wait_timeout_while(pipe.lock().unwrap(), PATIENCE, |pipe| pipe.taken.len() < len);
        String::from_utf8(waiting.unwrap().0.taken.clone()).unwrap()
    }

    fn park(&self, workers: &Workers, log: &Log) -> Receiver<Heard> {
        let share = Outlet::Share(Box::new(self.clone()));
        let (parked, heard) = connection(share, log);
        workers.park(parked).unwrap();
        workers.wake();
        heard
    }
}

impl Share for Ends {
    fn write(&mut self, bytes: &Bytes) -> io::Result<usize> {
        let (pipe, changed) = &*self.0;
        let mut pipe = pipe.lock().unwrap();
        if pipe.has_ended {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        let len = pipe.room.min(bytes.len());
        pipe.room -= len;
        pipe.taken.extend_from_slice(&bytes[..len]);
        changed.notify_all();
        Ok(len)
    }

    fn watch(&mut self, waker: &Waker) -> bool {
        let mut pipe = self.0.0.lock().unwrap();
        pipe.waker = Some(waker.clone());
        !pipe.has_ended
    }
}

#[test]
fn a_share_goes_on_whenever_there_is_room_and_misses_nothing() {
    let seed = fastrand::u64(..);
    let mut random = fastrand::Rng::with_seed(seed);
    let (workers, _) = workers(|_| {});
    let log = Log::new(TimelineLimit::default());
    let ends = Ends::default();
    let _heard = ends.park(&workers, &log);
    let (mut expected, mut room) = (Vec::new(), 0);
    for offset in 1..=200 {
        let event = event(offset, "a", None, random.usize(..50));
        Lines.events(&[&event], &mut expected);
        log.publish(vec![event], Duration::ZERO);
        let more = random.usize(..400).min(expected.len() - room);
        room += more;
        ends.change(|pipe| pipe.room += more);
        assert!(ends.taken(room).as_bytes() == &expected[..room], "seed {seed}");
    }
    let rest = expected.len() - room;
    ends.change(|pipe| pipe.room += rest);
    assert!(ends.taken(expected.len()).as_bytes() == expected, "seed {seed}");
}

/// Whoever parked it would only park it again.
#[test]
fn a_share_that_has_ended_is_not_given_back() {
    let (workers, _) = workers(|_| {});
    let log = Log::new(TimelineLimit::default());
    let ends = Ends::default();
    let heard = ends.park(&workers, &log);
    log.publish(vec![event(1, "a", None, 1)], Duration::ZERO);
    ends.change(|pipe| pipe.room = 1);
    ends.taken(1);
    ends.change(|pipe| pipe.has_ended = true);
    assert!(matches!(heard.recv_timeout(PATIENCE).unwrap(), Heard::Ended(Ended::Gone)));
    let log = Log::new(TimelineLimit::default());
    let heard = ends.park(&workers, &log);
    assert!(matches!(heard.recv_timeout(PATIENCE).unwrap(), Heard::Ended(Ended::Gone)));
}

#[test]
fn a_share_without_room_is_ended_as_slow_whatever_it_took_before() {
    let (workers, _) = workers(|settings| settings.slow_after = Duration::from_millis(50));
    let log = Log::new(TimelineLimit::default());
    let ends = Ends::default();
    ends.change(|pipe| pipe.room = 5);
    let heard = ends.park(&workers, &log);
    log.publish(vec![event(1, "a", None, 1)], Duration::ZERO);
    assert!(matches!(heard.recv_timeout(PATIENCE).unwrap(), Heard::Ended(Ended::Slow)));
    assert_eq!(ends.taken(5).len(), 5);
}

/// A share that calls whoever watches it whenever it is written. A call is heard once.
#[derive(Default)]
struct Calling {
    waker: Option<Waker>,
    room: usize,
    has_ended: bool,
}

#[derive(Clone, Default)]
struct Called(Arc<Mutex<Calling>>);

impl Called {
    fn call(&self) {
        let waker = self.0.lock().unwrap().waker.take().expect("it is watched");
        waker.wake();
    }
}

impl Share for Called {
    fn write(&mut self, bytes: &Bytes) -> io::Result<usize> {
        self.call();
        Ok(self.0.lock().unwrap().room.min(bytes.len()))
    }

    fn watch(&mut self, waker: &Waker) -> bool {
        let mut calling = self.0.lock().unwrap();
        calling.waker = Some(waker.clone());
        !calling.has_ended
    }
}

/// As `h2` calls whenever it gives a stream room to write. The next call goes by the mailbox again.
#[test]
fn a_call_during_a_write_is_answered_at_once_and_no_call_is_missed() {
    let poll = Poll::new().unwrap();
    let mailbox = Arc::new(Mailbox::new(Waking::new(poll.registry(), mio::Token(0)).unwrap()));
    let calls = || {
        let mut post = Post::default();
        mailbox.take_commands(&mut post);
        let calls = post.commands.iter().filter(|it| matches!(it, Command::Look(7))).count();
        assert_eq!(calls, post.commands.len());
        calls
    };
    let (share, bytes) = (Called::default(), Bytes::from_static(b"an event"));
    let caller = Caller::new(Arc::clone(&mailbox), 7);
    let mut sharing = Sharing::new(Box::new(share.clone()), caller);
    assert!(sharing.watch());
    share.0.lock().unwrap().room = bytes.len();
    for _ in 0..3 {
        assert_eq!((sharing.write(&bytes), calls()), (Wrote::All, 0), "watched already");
    }
    share.call();
    assert_eq!(calls(), 1);
    // There may be room for the rest by now.
    share.0.lock().unwrap().room = 2;
    assert!(sharing.watch());
    assert_eq!((sharing.write(&bytes), calls()), (Wrote::Part(2), 1));
    assert!(sharing.watch());
    share.0.lock().unwrap().room = bytes.len();
    share.0.lock().unwrap().has_ended = true;
    assert_eq!((sharing.write(&bytes), calls()), (Wrote::Gone, 0));
}
