//! What a client asks for: one JSON object with `op` in each message.

use std::borrow::Cow;
use std::collections::BTreeMap;

use radial_protocol::names::EventId;
use radial_protocol::{Code, Problem};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;

use crate::http::parameters::{Parameters, invalid};

/// The longest `id` of an operation.
const ID_CHARS_MAX: usize = 128;
const OPERATIONS: &str = "subscribe, unsubscribe, publish, ack, token or ping";

/// The client's own name for an operation, by which it is answered: a text or a whole number.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub(super) enum OperationId {
    Number(i64),
    Text(String),
}

/// One operation.
#[derive(Debug)]
pub(super) struct Asked<'a> {
    pub(super) id: Option<OperationId>,
    pub(super) operation: Operation<'a>,
}

#[derive(Debug)]
pub(super) enum Operation<'a> {
    /// Adds what the parameters name to the connection's filter; the first one opens the stream.
    Subscribe(Parameters),
    /// Takes a subscription away again, named as it was made.
    Unsubscribe(Parameters),
    /// Publishes an event, or a batch.
    Publish { body: &'a RawValue, atomic: bool },
    /// Acknowledges events: one, or a list.
    Ack { one: Option<EventId>, more: Option<Vec<EventId>> },
    /// A credential, or a newer one.
    Token(String),
    /// Asks for a sign of life.
    Ping,
}

/// Why an operation cannot be understood, and whose answer that is.
#[derive(Debug)]
pub(super) struct Misunderstood {
    pub(super) id: Option<OperationId>,
    pub(super) problem: Problem,
}

impl Misunderstood {
    fn boxed(id: Option<OperationId>, problem: Problem) -> Box<Self> {
        Box::new(Self { id, problem })
    }
}

type Members<'a> = BTreeMap<Cow<'a, str>, &'a RawValue>;

/// Reads one message.
pub(super) fn parse(text: &[u8]) -> Result<Asked<'_>, Box<Misunderstood>> {
    let mut members: Members<'_> = serde_json::from_slice(text).map_err(|error| {
        let detail = format!("a message is a JSON object with op: {error}");
        Misunderstood::boxed(None, Problem::new(Code::MalformedJson, detail))
    })?;
    let id = take_id(&mut members).map_err(|problem| Misunderstood::boxed(None, problem))?;
    match read(members) {
        Ok(operation) => Ok(Asked { id, operation }),
        Err(problem) => Err(Misunderstood::boxed(id, problem)),
    }
}

fn take_id(members: &mut Members<'_>) -> Result<Option<OperationId>, Problem> {
    let Some(raw) = members.remove("id") else { return Ok(None) };
    let id: Option<OperationId> = serde_json::from_str(raw.get()).ok();
    let short = id.filter(|id| match id {
        OperationId::Number(_) => true,
        OperationId::Text(text) => text.chars().count() <= ID_CHARS_MAX,
    });
    let detail = format!("id is a whole number, or a text of at most {ID_CHARS_MAX} characters");
    short.map(Some).ok_or_else(|| invalid(&detail))
}

fn read(mut members: Members<'_>) -> Result<Operation<'_>, Problem> {
    let op: Option<String> = take(&mut members, "op")?;
    let operation = match op.as_deref() {
        Some("subscribe") => return parameters(members).map(Operation::Subscribe),
        Some("unsubscribe") => return parameters(members).map(Operation::Unsubscribe),
        Some("publish") => publish(&mut members)?,
        Some("ack") => Operation::Ack {
            one: take(&mut members, "eventId")?,
            more: take(&mut members, "eventIds")?,
        },
        Some("token") => {
            let token = take(&mut members, "token")?;
            Operation::Token(token.ok_or_else(|| invalid("token is missing"))?)
        }
        Some("ping") => Operation::Ping,
        Some(other) => {
            let other: String = other.chars().take(64).collect();
            return Err(invalid(&format!("op is {OPERATIONS}, and not {other:?}")));
        }
        None => return Err(invalid(&format!("op is missing: {OPERATIONS}"))),
    };
    match members.keys().next() {
        None => Ok(operation),
        Some(name) => {
            let name: String = name.chars().take(64).collect();
            Err(invalid(&format!("there is no member {name:?} in this operation")))
        }
    }
}

fn publish<'a>(members: &mut Members<'a>) -> Result<Operation<'a>, Problem> {
    let atomic = take(members, "atomic")?.unwrap_or(false);
    let body = match (members.remove("event"), members.remove("events")) {
        (Some(event), None) if event.get().starts_with('{') => event,
        (None, Some(events)) if events.get().starts_with('[') => events,
        _ => return Err(invalid("publish has either event, an object, or events, a list")),
    };
    Ok(Operation::Publish { body, atomic })
}

/// The value of a member that has a type of its own.
fn take<T: for<'de> Deserialize<'de>>(
    members: &mut Members<'_>,
    name: &str,
) -> Result<Option<T>, Problem> {
    let Some(raw) = members.remove(name) else { return Ok(None) };
    serde_json::from_str(raw.get()).map(Some).map_err(|error| invalid(&format!("{name}: {error}")))
}

/// The members of a subscription are the parameters of a stream.
fn parameters(members: Members<'_>) -> Result<Parameters, Problem> {
    let members = members.into_iter().map(|(name, raw)| {
        let value: Value = serde_json::from_str(raw.get())
            .map_err(|error| invalid(&format!("{name}: {error}")))?;
        Ok((name.into_owned(), value))
    });
    Parameters::of_members(members.collect::<Result<_, Problem>>()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(text: &str) -> (Option<OperationId>, String) {
        let Misunderstood { id, problem } = *parse(text.as_bytes()).unwrap_err();
        (id, problem.detail)
    }

    #[test]
    fn operations_are_read_with_their_ids() {
        let asked = parse(br#"{"op":"ping","id":7}"#).unwrap();
        assert_eq!(asked.id, Some(OperationId::Number(7)));
        assert!(matches!(asked.operation, Operation::Ping));
        let asked =
            parse(br#"{"id":"a","op":"publish","event":{"n": 1.0},"atomic":true}"#).unwrap();
        assert_eq!(asked.id, Some(OperationId::Text("a".to_owned())));
        let Operation::Publish { body, atomic: true } = asked.operation else { panic!() };
        assert_eq!(body.get(), r#"{"n": 1.0}"#, "as it was sent");
        let asked = parse(br#"{"op":"token","token":"t"}"#).unwrap();
        assert!(matches!(asked.operation, Operation::Token(token) if token == "t"));
    }

    #[test]
    fn a_subscription_has_the_parameters_of_a_stream() {
        let text = br#"{"op":"subscribe","channels":["a","b:*"],"since":5,"types":"card.*"}"#;
        let Operation::Subscribe(mut parameters) = parse(text).unwrap().operation else { panic!() };
        let selection = parameters.selection("main", 10).unwrap();
        assert_eq!((selection.channels.len(), selection.types.len()), (2, 1));
        assert_eq!(parameters.time("since").unwrap().map(|at| at.0), Some(5));
        parameters.finish().unwrap();
    }

    #[test]
    fn what_cannot_be_understood_is_told_to_whom_it_concerns() {
        for (text, hint) in [
            ("", "JSON object"),
            ("[]", "JSON object"),
            ("{}", "op is missing"),
            (r#"{"op":"sing"}"#, "\"sing\""),
            (r#"{"op":"ping","loud":true}"#, "\"loud\""),
            (r#"{"op":"token"}"#, "token is missing"),
            (r#"{"op":"publish"}"#, "either event"),
            (r#"{"op":"publish","event":{},"events":[]}"#, "either event"),
            (r#"{"op":"publish","event":[]}"#, "either event"),
            (r#"{"op":"subscribe","channels":[1]}"#, "channels is a text"),
            (r#"{"op":"ping","id":{}}"#, "id is"),
        ] {
            let (_, detail) = refused(text);
            assert!(detail.contains(hint), "{text}: {detail}");
        }
        assert_eq!(refused(r#"{"op":"sing","id":3}"#).0, Some(OperationId::Number(3)));
    }
}
