//! Server-Sent Events: one subscription as the body of one HTTP answer (protocol §5).
//!
//! The stream gets the socket itself, or its share of it (`socket`). Inside somebody else's server it is
//! a body.

mod encoding;
mod form;
mod socket;

use std::sync::Arc;

use axum::body::Body;
use bytes::Bytes;
use radial_hub::{Earlier, Frame, Start, Subscription};
use radial_protocol::control::{Control, Fallback, GoodbyeReason};
use radial_protocol::filter::Selection;
use radial_protocol::{Problem, sse};

pub(crate) use self::form::{Form, accepts_gzip};
use super::life::{Due, End, Life, Opening};
use super::replay;
use crate::app::App;
use crate::connections::{Change, Order};

/// An open stream. Dropping it ends it.
pub(crate) struct SseStream {
    life: Life,
    form: Form,
    first: Bytes,
    /// An addition whose earlier events go out before it takes effect.
    adding: Option<Box<(Earlier, Selection)>>,
}

impl SseStream {
    /// Opens the stream: its first bytes are the `retry:` line and `hello`.
    pub(crate) fn open(
        app: &Arc<App>,
        subscription: Subscription,
        opening: Opening,
        form: Form,
    ) -> Self {
        let (life, hello) = Life::begin(app, subscription, opening);
        let mut first = Vec::new();
        form.begin(&mut first);
        form.text(&sse::retry_line(life.retry_ms), &mut first);
        form.control(&hello, &mut first);
        Self { life, form, first: first.into(), adding: None }
    }

    /// What goes out before everything else.
    fn take_first(&mut self) -> Bytes {
        std::mem::take(&mut self.first)
    }

    /// What is due without waiting.
    fn due_now(&mut self) -> Bytes {
        if self.adding.is_some() || self.life.has_ended() {
            return Bytes::new();
        }
        let frames = self.life.due_now();
        self.encode(&frames)
    }

    /// The stream as the body of an answer. It is polled only while its socket takes bytes: a
    /// client that does not read costs nothing but its place.
    pub(crate) fn into_body(self) -> Body {
        Body::from_stream(futures_util::stream::unfold(self, |mut stream| async move {
            let mut bytes = stream.next().await?;
            while bytes.is_empty() {
                bytes = stream.next().await?;
            }
            Some((Ok::<_, std::convert::Infallible>(bytes), stream))
        }))
    }

    async fn next(&mut self) -> Option<Bytes> {
        if !self.first.is_empty() {
            return Some(self.take_first());
        }
        if self.life.has_ended() {
            return None;
        }
        loop {
            if let Some(page) = self.page_of_addition().await {
                return Some(page);
            }
            if self.life.has_ended() {
                return None;
            }
            match self.life.due().await {
                Due::Frames(Ok(frames)) => return Some(self.encode(&frames)),
                Due::Frames(Err(problem)) => {
                    self.fail(&problem);
                    return None;
                }
                Due::Control(control) => return Some(self.control(&control)),
                Due::Order(Order::Close(reason)) => return Some(self.say_goodbye(reason)),
                Due::Order(Order::Change(change)) => self.change(change).await,
                Due::Order(order) => {
                    if let Some(control) = self.life.obey(order) {
                        return Some(self.control(&control));
                    }
                }
            }
        }
    }

    /// Changes what the stream asks for. What is wrong with it was told to who asked, before.
    async fn change(&mut self, change: Change) {
        let changed = match change {
            Change::Remove(selection) => self.life.subscription.remove(&selection),
            Change::Done(done) => {
                done.cancel();
                Ok(())
            }
            Change::Add(selection, Start::Now) => self.life.subscription.add(selection),
            Change::Add(selection, start) => {
                let earlier = self.life.subscription.earlier(&selection, start).await;
                earlier.map(|earlier| self.adding = Some(Box::new((earlier, selection))))
            }
        };
        if let Err(problem) = changed {
            tracing::debug!(%problem, "a change came too late");
        }
    }

    /// The next page of what an addition would have shown, one at a time; after the last one the
    /// addition takes effect.
    async fn page_of_addition(&mut self) -> Option<Bytes> {
        let (earlier, _) = &mut **self.adding.as_mut()?;
        match earlier.next().await {
            Ok(Some((frames, done))) => {
                let page = sse::named_frame("replay", &replay::page(None, &frames, done));
                let mut bytes = Vec::with_capacity(page.len());
                self.form.text(&page, &mut bytes);
                Some(bytes.into())
            }
            Ok(None) => {
                let (_, selection) = *self.adding.take()?;
                self.change(Change::Add(selection, Start::Now)).await;
                None
            }
            Err(problem) => {
                self.adding = None;
                self.fail(&problem);
                None
            }
        }
    }

    fn say_goodbye(&mut self, reason: GoodbyeReason) -> Bytes {
        self.life.ended(End::Goodbye(reason));
        let (retry_ms, fallback) = (self.life.retry_ms, Fallback::after(reason));
        self.control(&Control::Goodbye { reason, retry_ms, fallback })
    }

    fn fail(&mut self, problem: &Problem) {
        tracing::error!(%problem, "stream ended");
        self.life.ended(End::Error);
    }

    /// One event goes out as the bytes that all connections share; several are put together for
    /// one write.
    fn encode(&self, frames: &[Frame]) -> Bytes {
        if let [Frame::Event(event)] = frames
            && self.form == Form::PLAIN
        {
            return event.sse_frame();
        }
        let mut bytes = Vec::new();
        for frame in frames {
            match frame {
                Frame::Event(event) => self.form.event(event, &mut bytes),
                Frame::Control(control) => self.form.control(control, &mut bytes),
            }
        }
        bytes.into()
    }

    fn control(&self, control: &Control) -> Bytes {
        let mut bytes = Vec::new();
        self.form.control(control, &mut bytes);
        bytes.into()
    }
}
