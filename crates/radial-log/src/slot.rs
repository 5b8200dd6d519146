//! A place where many wait for one result: the commit of a record.

use std::future::poll_fn;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};

use crate::event_log::AppendError;

/// Wakes those who wait for an answer: all of one commit at once, because waking tasks one by one
/// from a thread that is not theirs costs a system call for each.
///
/// It runs on the path of every publish: it must not block, and must wake every one of them soon.
pub type Wake = Box<dyn Fn(Vec<Waker>) + Send + Sync>;

/// Wakes one after the other.
pub fn wake_each(waiting: Vec<Waker>) {
    waiting.into_iter().for_each(Waker::wake);
}

/// Set once by the committer; everybody who published the record, or a duplicate of it, waits.
#[derive(Debug, Default)]
pub(crate) struct Slot(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    result: Option<Result<(), AppendError>>,
    waiting: Vec<Waker>,
}

impl Slot {
    pub(crate) fn new() -> Arc<Self> {
        Arc::default()
    }

    /// A slot whose record was committed before.
    pub(crate) fn completed() -> Arc<Self> {
        let slot = Self::default();
        slot.set(Ok(()));
        Arc::new(slot)
    }

    /// Whether its record was refused.
    pub(crate) fn has_failed(&self) -> bool {
        matches!(self.lock().result, Some(Err(_)))
    }

    /// Sets the result, if there is none yet, and wakes everybody.
    pub(crate) fn complete(&self, result: Result<(), AppendError>) {
        self.set(result);
        let mut waiting = Vec::new();
        self.hand_over(&mut waiting);
        wake_each(waiting);
    }

    /// Sets the result, if there is none yet, and wakes nobody yet.
    pub(crate) fn set(&self, result: Result<(), AppendError>) {
        // A second result would be a refusal after the fact: the first one stands.
        self.lock().result.get_or_insert(result);
    }

    /// Gives those who wait to somebody who will wake them.
    pub(crate) fn hand_over(&self, to: &mut Vec<Waker>) {
        to.append(&mut self.lock().waiting);
    }

    /// Waits for the result. Cancel safe.
    pub(crate) async fn wait(&self) -> Result<(), AppendError> {
        poll_fn(|cx| self.poll(cx)).await
    }

    fn poll(&self, cx: &mut Context<'_>) -> Poll<Result<(), AppendError>> {
        let mut state = self.lock();
        if let Some(result) = &state.result {
            return Poll::Ready(result.clone());
        }
        if !state.waiting.iter().any(|waiting| waiting.will_wake(cx.waker())) {
            state.waiting.push(cx.waker().clone());
        }
        Poll::Pending
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        // Nothing in here can panic half way.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
