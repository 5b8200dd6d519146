//! What a client does on its WebSocket, one operation after the other, and what it gets for it.

use std::sync::Arc;

use radial_fanout::Spot;
use radial_hub::{Start, SubscribeRequest};
use radial_protocol::envelope::{Body, PublishRequest};
use radial_protocol::filter::Selection;
use radial_protocol::names::EventId;
use radial_protocol::{Code, Problem};
use serde::Serialize;

use super::acks::{Answered, PendingAcks};
use super::connection::Handshake;
use super::operation::{Asked, Operation, OperationId};
use super::outgoing;
use super::wire::Wire;
use crate::app::App;
use crate::connections::{Order, Transport};
use crate::http::acks;
use crate::http::aliases;
use crate::http::credential::{Caller, is_of_same};
use crate::http::parameters::{Parameters, invalid};
use crate::http::publish;
use crate::http::stream::start_of;
use crate::rates::Permit;
use crate::transport::life::{Life, Opening};
use crate::transport::replay;

/// One client and its stream, which begins with its first subscription.
pub(super) struct Session {
    app: Arc<App>,
    handshake: Box<Handshake>,
    stream: Option<Life>,
    /// Its place among the connections of its client as long as it has no stream, which has one.
    permit: Option<Permit>,
    acks: PendingAcks,
}

/// How the connection goes on after an operation.
pub(super) enum Outcome {
    GoesOn,
    /// The credential is no good: the client need not come back with it.
    Unauthorized(Problem),
}

impl Session {
    pub(super) fn new(app: Arc<App>, mut handshake: Box<Handshake>) -> Self {
        let permit = handshake.permit.take();
        Self { app, handshake, stream: None, permit, acks: PendingAcks::default() }
    }

    /// Whether it is known who this is.
    pub(super) fn is_known(&self) -> bool {
        self.handshake.caller.is_some()
    }

    pub(super) fn stream(&mut self) -> Option<&mut Life> {
        self.stream.as_mut()
    }

    /// Goes on with a stream that has rested.
    pub(super) fn going_on(app: Arc<App>, handshake: Box<Handshake>, life: Life) -> Self {
        let acks = PendingAcks::default();
        Self { app, handshake, stream: Some(life), permit: None, acks }
    }

    /// Where a worker may go on, if nothing needs a task: its stream only follows, and every answer
    /// is given.
    pub(super) fn rests(&self) -> Option<Spot> {
        if self.acks.is_empty() { self.stream.as_ref()?.rests() } else { None }
    }

    /// What is left of one that rests.
    pub(super) fn at_rest(self) -> Option<(Life, Box<Handshake>)> {
        let Self { mut handshake, stream, .. } = self;
        // Its socket will be another one's to end.
        handshake.socket = None;
        Some((stream?, handshake))
    }

    /// What its client waits for: events, and answers to acknowledgements.
    pub(super) fn parts(&mut self) -> (Option<&mut Life>, &mut PendingAcks) {
        (self.stream.as_mut(), &mut self.acks)
    }

    /// Does what was asked, and puts the answer behind what waits to be written.
    pub(super) async fn operate(&mut self, asked: Asked<'_>, wire: &mut Wire) -> Outcome {
        let Asked { id, operation } = asked;
        let answer = match operation {
            Operation::Ping => Ok(outgoing::pong(id.as_ref())),
            Operation::Token(token) => match self.take_token(&token).await {
                Ok(()) => Ok(done(id.as_ref())),
                Err(problem) if problem.code == Code::Unauthorized => {
                    wire.put_text(self.refused(id.as_ref(), &problem).as_bytes());
                    return Outcome::Unauthorized(problem);
                }
                Err(problem) => Err(problem),
            },
            Operation::Publish { body, atomic } => match self.ask_again().await {
                Ok(()) => {
                    self.publish(body, atomic).await.map(|result| answered(id.as_ref(), &result))
                }
                Err(problem) => Err(problem),
            },
            Operation::Ack { one, more } => match self.acknowledge(id.as_ref(), one, more).await {
                // It is answered when it is stored; the stream goes on meanwhile.
                Ok(()) => return Outcome::GoesOn,
                Err(problem) => Err(problem),
            },
            Operation::Subscribe(parameters) => match self.ask_again().await {
                Ok(()) => {
                    self.subscribe(id.as_ref(), parameters, wire).await.map(|()| done(id.as_ref()))
                }
                Err(problem) => Err(problem),
            },
            Operation::Unsubscribe(parameters) => {
                self.unsubscribe(parameters).map(|()| done(id.as_ref()))
            }
        };
        let answer = answer.unwrap_or_else(|problem| self.refused(id.as_ref(), &problem));
        wire.put_text(answer.as_bytes());
        Outcome::GoesOn
    }

    /// The answer to an operation that was refused.
    pub(super) fn refused(&self, id: Option<&OperationId>, problem: &Problem) -> String {
        self.app.hub.stats().refuse_request(problem.code);
        outgoing::refused(id, problem, &self.handshake.request)
    }

    fn caller(&self) -> Result<&Caller, Problem> {
        let detail = "send a token first: {\"op\":\"token\",\"token\":…}";
        self.handshake.caller.as_ref().ok_or_else(|| Problem::new(Code::Unauthorized, detail))
    }

    /// Nothing is done with a credential that is worth nothing any more, however long ago it was
    /// shown.
    async fn ask_again(&mut self) -> Result<(), Problem> {
        let Handshake { caller, cookies, .. } = &mut *self.handshake;
        match caller {
            Some(caller) => caller.ask_again(cookies.as_deref()).await,
            None => Ok(()),
        }
    }

    /// Learns who this is, or gives an open stream a newer credential of the same session.
    async fn take_token(&mut self, token: &str) -> Result<(), Problem> {
        let caller = Caller::of_token(&self.app, token, self.handshake.address).await?;
        if let Some(life) = &mut self.stream {
            let grants = caller.grants(None)?;
            if !is_of_same(life.subscription.grants(), &grants) {
                let detail = "the newer credential is of another session";
                return Err(Problem::new(Code::Forbidden, detail));
            }
            life.renew(grants)?;
        } else {
            // It may be somebody else than before.
            self.permit = None;
            self.permit = caller.permit(self.handshake.address)?;
        }
        self.handshake.caller = Some(caller);
        Ok(())
    }

    async fn publish(
        &self,
        body: &serde_json::value::RawValue,
        atomic: bool,
    ) -> Result<serde_json::Value, Problem> {
        let (app, caller) = (&self.app, self.caller()?);
        if body.get().len() > app.limits.body_bytes {
            let detail = format!("at most {} bytes are taken", app.limits.body_bytes);
            return Err(Problem::new(Code::BodyTooLarge, detail));
        }
        let items = match Body::split(body.get().as_bytes(), &app.limits)? {
            Body::One(item) => {
                let request = PublishRequest::parse(item, &app.limits)?;
                let grants = caller.grants(request.tenant.as_ref())?;
                publish::limit(app, &grants, self.handshake.address, 1)?;
                let result = app.hub.publish(&grants, vec![Ok(request)]).await?.pop();
                let unanswered = || Problem::new(Code::Internal, "the event was not answered");
                return Ok(value(&result.ok_or_else(unanswered)??));
            }
            Body::Batch(items) => items,
        };
        let requests: Vec<_> =
            items.iter().map(|item| PublishRequest::parse(item, &app.limits)).collect();
        let named = requests.iter().flatten().find_map(|request| request.tenant.as_ref());
        let grants = caller.grants(named)?;
        publish::limit(app, &grants, self.handshake.address, requests.len())?;
        if atomic {
            return Ok(value(&app.hub.publish_atomic(&grants, requests).await?));
        }
        let results = app.hub.publish(&grants, requests).await?;
        Ok(value(&results.iter().map(publish::Item::of).collect::<Vec<_>>()))
    }

    /// Acknowledges events for the session of its stream, or of its credential if it has none.
    async fn acknowledge(
        &mut self,
        id: Option<&OperationId>,
        one: Option<EventId>,
        more: Option<Vec<EventId>>,
    ) -> Result<(), Problem> {
        self.ask_again().await?;
        let ids = acks::ids(one, more, self.app.limits.batch_events)?;
        let grants = match &self.stream {
            Some(life) => Arc::clone(life.subscription.grants()),
            None => self.caller()?.grants(None)?,
        };
        self.acks.begin(&self.app, id.cloned(), grants, ids)
    }

    /// The first subscription opens the stream; another one widens it.
    async fn subscribe(
        &mut self,
        id: Option<&OperationId>,
        mut parameters: Parameters,
        wire: &mut Wire,
    ) -> Result<(), Problem> {
        let selection = self.selection(&mut parameters)?;
        let start = start_of(&mut parameters, None)?;
        let snapshot = parameters.names("snapshot", self.app.limits.filters)?;
        let (user, session) = (parameters.parsed("userId")?, parameters.parsed("sessionId")?);
        parameters.finish()?;
        let Some(life) = &mut self.stream else {
            let grants = self.caller()?.acting(user, session)?;
            self.permit = None;
            let permit = self.app.rates.open(&grants, self.handshake.address)?;
            let request = SubscribeRequest { selection, start, snapshot };
            let subscription = self.app.hub.subscribe(grants, request).await?;
            let opening = Opening {
                transport: Transport::WebSocket,
                client: self.handshake.client.clone(),
                address: self.handshake.address,
                request: self.handshake.request.clone(),
                socket: self.handshake.socket.clone(),
                cookies: self.handshake.cookies.clone(),
                permit,
                open: None,
            };
            let (life, hello) = Life::begin(&self.app, subscription, opening);
            wire.put_text(outgoing::control(&hello).as_bytes());
            self.stream = Some(life);
            return Ok(());
        };
        if user.is_some() || session.is_some() || !snapshot.is_empty() {
            let detail = "snapshot, userId and sessionId belong to the first subscription";
            return Err(invalid(detail));
        }
        life.check_room(&selection, self.app.limits.filters)?;
        self.widen(id, selection, start, wire).await
    }

    /// Adds to the filter, at the connection's place. What only the addition matches between an
    /// older place and this one comes first, without moving the cursor.
    async fn widen(
        &mut self,
        id: Option<&OperationId>,
        selection: Selection,
        start: Start,
        wire: &mut Wire,
    ) -> Result<(), Problem> {
        let Some(life) = &mut self.stream else { return Ok(()) };
        if !matches!(start, Start::Now) {
            let id = id.map(|id| serde_json::to_string(id).expect("an id is a text or a number"));
            let mut earlier = life.subscription.earlier(&selection, start).await?;
            while let Some((frames, done)) = earlier.next().await? {
                let page = replay::page(id.as_deref(), &frames, done);
                wire.put_text(outgoing::replay(&page).as_bytes());
                // One page at a time, however many there are.
                if wire.flush().await.is_err() {
                    return Ok(());
                }
            }
        }
        life.change(|subscription| subscription.add(selection))
    }

    /// What an operation asks for, inside what there is on the socket's path.
    fn selection(&self, parameters: &mut Parameters) -> Result<Selection, Problem> {
        let preset = self.handshake.preset.as_deref();
        aliases::selection(parameters, preset, self.app.limits.filters)
    }

    fn unsubscribe(&mut self, mut parameters: Parameters) -> Result<(), Problem> {
        let selection = self.selection(&mut parameters)?;
        parameters.finish()?;
        let life = self.stream.as_mut().ok_or_else(|| invalid("there is no subscription"))?;
        life.change(|subscription| subscription.remove(&selection))
    }

    /// The answer to an acknowledgement.
    pub(super) fn acknowledged(&self, answered: Answered) -> String {
        let Answered { id, result } = answered;
        match result {
            Ok(acknowledged) => outgoing::done(id.as_ref(), Some(&acknowledged)),
            Err(problem) => self.refused(id.as_ref(), &problem),
        }
    }

    /// Does what it is told from outside; gives the text that the client is told, if any.
    pub(super) fn obey(&mut self, order: Order) -> Option<String> {
        self.stream.as_mut()?.obey(order).map(|control| outgoing::control(&control))
    }
}

fn done(id: Option<&OperationId>) -> String {
    outgoing::done::<()>(id, None)
}

fn answered(id: Option<&OperationId>, result: &serde_json::Value) -> String {
    outgoing::done(id, Some(result))
}

fn value<T: Serialize>(value: &T) -> serde_json::Value {
    serde_json::to_value(value).expect("answers have string keys only")
}
