//! Those who wait for the log's answers are woken by a task, and not by the log's own thread.
//!
//! A thread that is not the runtime's must make a system call to wake a task while the runtime
//! sleeps, and on a busy core each such call costs a switch there and back: one publisher is
//! answered, and then it is the log's turn again. A task wakes others with neither. So the log wakes
//! this one, once for all whom a commit answers.
//!
//! It must never know what they wait for.

use std::sync::{Mutex, PoisonError};
use std::task::Waker;

use tokio::sync::Notify;

/// Between the log and the task.
#[derive(Debug, Default)]
pub(crate) struct Waking {
    inner: Mutex<Inner>,
    more: Notify,
}

#[derive(Debug, Default)]
struct Inner {
    waiting: Vec<Waker>,
    /// Whether the task is there; else everybody is woken from where the answer comes.
    runs: bool,
}

impl Waking {
    /// Wakes all of them, soon.
    pub(crate) fn wake(&self, mut waiting: Vec<Waker>) {
        // One alone is woken sooner from here.
        if waiting.len() > 1 {
            let mut inner = self.lock();
            if inner.runs {
                inner.waiting.append(&mut waiting);
                drop(inner);
                return self.more.notify_one();
            }
        }
        waiting.into_iter().for_each(Waker::wake);
    }

    /// Wakes whoever is to be woken, for ever. However it ends, nobody is forgotten.
    pub(crate) async fn run(&self) {
        let _ended = Ended(self);
        self.lock().runs = true;
        loop {
            self.more.notified().await;
            let waiting = std::mem::take(&mut self.lock().waiting);
            waiting.into_iter().for_each(Waker::wake);
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct Ended<'a>(&'a Waking);

impl Drop for Ended<'_> {
    fn drop(&mut self) {
        let mut inner = self.0.lock();
        inner.runs = false;
        let waiting = std::mem::take(&mut inner.waiting);
        drop(inner);
        waiting.into_iter().for_each(Waker::wake);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::Wake;

    use super::*;

    #[derive(Default)]
    struct Counted(AtomicUsize);

    impl Wake for Counted {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }

    fn wakers(counted: &Arc<Counted>, count: usize) -> Vec<Waker> {
        (0..count).map(|_| Waker::from(Arc::clone(counted))).collect()
    }

    #[tokio::test]
    async fn everybody_is_woken_before_while_and_after_the_task_runs() {
        let (waking, woken) = (Arc::<Waking>::default(), Arc::<Counted>::default());
        let count = || woken.0.load(Ordering::SeqCst);
        waking.wake(wakers(&woken, 3));
        assert_eq!(count(), 3);
        let running = Arc::clone(&waking);
        let task = tokio::spawn(async move { running.run().await });
        while !waking.lock().runs {
            tokio::task::yield_now().await;
        }
        waking.wake(wakers(&woken, 1));
        assert_eq!(count(), 4, "one alone does not wait for the task");
        waking.wake(wakers(&woken, 3));
        waking.wake(wakers(&woken, 2));
        assert_eq!(count(), 4, "the task has not had its turn");
        while count() < 9 {
            tokio::task::yield_now().await;
        }
        waking.wake(wakers(&woken, 2));
        task.abort();
        assert!(task.await.is_err_and(|error| error.is_cancelled()));
        assert_eq!(count(), 11, "the task ended before its turn");
        waking.wake(wakers(&woken, 2));
        assert_eq!(count(), 13);
    }
}
