//! A case file as it is written: strict, so that a misspelt field is an error and not a step that
//! checks nothing.

use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::transport::Transport;

/// Variables to save: the name, and the JSON pointer to the value.
pub(super) type Saves = BTreeMap<String, String>;
/// Names with values, variables still in them.
pub(super) type Fields = BTreeMap<String, Value>;

/// One file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Case {
    /// The name of the file, without its ending.
    pub(super) name: String,
    /// What is known once it passes, in one sentence.
    pub(super) proves: String,
    /// Where it runs; empty: everywhere.
    #[serde(default)]
    pub(super) transports: Vec<Transport>,
    /// The hub's settings, by their names in the configuration file.
    #[serde(default)]
    pub(super) settings: Fields,
    /// Event types beside the built-in ones, as a file of a registry folder has them.
    #[serde(default)]
    pub(super) registry: Option<Value>,
    pub(super) steps: Vec<Step>,
}

/// One step. It has one field of [`VERBS`], which says what it does.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "Map<String, Value>")]
pub(super) enum Step {
    Publish(Publish),
    Open(Open),
    Read(Read),
    Close(Close),
    Get(Get),
    Ack(Ack),
    Restart(Restart),
}

const VERBS: [&str; 7] = ["publish", "open", "read", "close", "get", "ack", "restart"];

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Publish {
    #[serde(rename = "publish")]
    pub(super) body: Value,
    #[serde(default)]
    pub(super) atomic: bool,
    #[serde(default)]
    pub(super) query: Fields,
    #[serde(default)]
    pub(super) headers: Fields,
    #[serde(default)]
    pub(super) expect: Expected,
    #[serde(default)]
    pub(super) save: Saves,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Open {
    #[serde(rename = "open")]
    pub(super) connection: String,
    #[serde(default)]
    pub(super) query: Fields,
    #[serde(default)]
    pub(super) headers: Fields,
    #[serde(default)]
    pub(super) expect: Expected,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Read {
    #[serde(rename = "read")]
    pub(super) connection: String,
    /// Kinds of item that are passed over.
    #[serde(default)]
    pub(super) skip: Vec<Kind>,
    pub(super) expect: Vec<ExpectedItem>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Close {
    #[serde(rename = "close")]
    pub(super) connection: String,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Get {
    #[serde(rename = "get")]
    pub(super) path: String,
    #[serde(default)]
    pub(super) query: Fields,
    #[serde(default)]
    pub(super) headers: Fields,
    #[serde(default)]
    pub(super) expect: Expected,
    #[serde(default)]
    pub(super) save: Saves,
}

/// Acknowledges events: over a socket as its operation, otherwise by a request for the session.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Ack {
    #[serde(rename = "ack")]
    pub(super) events: Value,
    /// The connection that acknowledges, over WebSocket.
    pub(super) on: String,
    /// The session that it is of.
    pub(super) session: Value,
    #[serde(default)]
    pub(super) expect: Expected,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Restart {
    #[serde(rename = "restart")]
    pub(super) stop: Stop,
}

/// How the hub is stopped before it is started again.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Stop {
    /// It says goodbye, and finishes what it accepted.
    Clean,
}

/// What an answer must be.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Expected {
    pub(super) status: Option<u16>,
    #[serde(default)]
    pub(super) headers: Fields,
    pub(super) body: Option<Value>,
}

/// What may come out of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Kind {
    Hello,
    Snapshot,
    Event,
    Live,
    Gap,
    Heartbeat,
    Redelivery,
    Token,
    Goodbye,
    /// The hub has closed the connection.
    End,
}

const KINDS: [Kind; 10] = [
    Kind::Snapshot,
    Kind::Hello,
    Kind::Event,
    Kind::Live,
    Kind::Gap,
    Kind::Heartbeat,
    Kind::Redelivery,
    Kind::Token,
    Kind::Goodbye,
    Kind::End,
];

/// One expected item: its kind, and the pattern that its JSON must fit.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "Map<String, Value>")]
pub(super) struct ExpectedItem {
    pub(super) kind: Kind,
    pub(super) pattern: Value,
    pub(super) save: Saves,
}

impl Kind {
    /// The kind of a control event by its name on the wire.
    pub(super) fn named(name: &str) -> Option<Self> {
        KINDS.into_iter().find(|kind| kind.as_str() == name)
    }

    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Hello => "hello",
            Self::Snapshot => "snapshot",
            Self::Event => "event",
            Self::Live => "live",
            Self::Gap => "gap",
            Self::Heartbeat => "heartbeat",
            Self::Redelivery => "redelivery",
            Self::Token => "token",
            Self::Goodbye => "goodbye",
            Self::End => "end",
        }
    }
}

impl TryFrom<Map<String, Value>> for Step {
    type Error = String;

    fn try_from(fields: Map<String, Value>) -> Result<Self, String> {
        let verbs: Vec<&str> =
            VERBS.into_iter().filter(|verb| fields.contains_key(*verb)).collect();
        match verbs.as_slice() {
            ["publish"] => parse(fields).map(Self::Publish),
            ["open"] => parse(fields).map(Self::Open),
            ["read"] => parse(fields).map(Self::Read),
            ["close"] => parse(fields).map(Self::Close),
            ["get"] => parse(fields).map(Self::Get),
            ["ack"] => parse(fields).map(Self::Ack),
            ["restart"] => parse(fields).map(Self::Restart),
            _ => Err(format!("a step has exactly one of {VERBS:?}: {fields:?}")),
        }
    }
}

impl TryFrom<Map<String, Value>> for ExpectedItem {
    type Error = String;

    fn try_from(mut fields: Map<String, Value>) -> Result<Self, String> {
        let save = match fields.remove("save") {
            Some(save) => serde_json::from_value(save).map_err(|error| format!("save: {error}"))?,
            None => Saves::new(),
        };
        let mut fields = fields.into_iter();
        let (Some((name, pattern)), None) = (fields.next(), fields.next()) else {
            return Err("an item has exactly one kind, and perhaps save".to_owned());
        };
        let kind = Kind::named(&name).ok_or_else(|| format!("{name:?} is no kind of item"))?;
        Ok(Self { kind, pattern, save })
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Publish(_) => f.write_str("publish"),
            Self::Open(step) => write!(f, "open {}", step.connection),
            Self::Read(step) => write!(f, "read {}", step.connection),
            Self::Close(step) => write!(f, "close {}", step.connection),
            Self::Get(step) => write!(f, "get {}", step.path),
            Self::Ack(step) => write!(f, "ack {}", step.events),
            Self::Restart(_) => f.write_str("restart"),
        }
    }
}

fn parse<T: DeserializeOwned>(fields: Map<String, Value>) -> Result<T, String> {
    let shown = Value::Object(fields.clone()).to_string();
    serde_json::from_value(Value::Object(fields)).map_err(|error| format!("{error} in {shown}"))
}
