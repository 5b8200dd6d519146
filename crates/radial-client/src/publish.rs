//! Publishing: one event, or a batch.

use bytes::Bytes;
use http::{Method, StatusCode};
use radial_protocol::answer::Accepted;
use serde::Deserialize;

use crate::client::Client;
use crate::error::ClientError;
use crate::problem::ProblemDocument;

/// The hub's answer to a publish.
#[derive(Clone, Debug, PartialEq)]
pub enum PublishAnswer {
    /// To an object: it was accepted.
    One(Accepted),
    /// To an array: one result for each event, in their order.
    Batch(Vec<Result<Accepted, Box<ProblemDocument>>>),
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Item {
    Accepted(Accepted),
    Problem(Box<ProblemDocument>),
}

impl Client {
    /// Publishes a body as it is: an object is one event, an array a batch. An `atomic` batch is
    /// accepted or refused as a whole.
    ///
    /// # Errors
    /// The refusal of an object, of an atomic batch, or of a whole body. The refusal of one event
    /// of a batch is in the answer instead.
    ///
    /// After an error with `maybe_sent` the events may or may not be in the log; publishing the
    /// same body again is exact if its events have an `eventId`.
    ///
    /// # Cancel safety
    /// A publish that is dropped before its end may or may not have happened.
    pub async fn publish_raw(
        &self,
        body: Bytes,
        atomic: bool,
    ) -> Result<PublishAnswer, ClientError> {
        let path = if atomic { "/api/sse/events?atomic=true" } else { "/api/sse/events" };
        let (status, answer) = self.ask(Method::POST, path, Some(body)).await?;
        read_answer(status, &answer)
    }
}

fn read_answer(status: StatusCode, answer: &[u8]) -> Result<PublishAnswer, ClientError> {
    let is_list = answer.trim_ascii_start().starts_with(b"[");
    let read = match status {
        StatusCode::CREATED if !is_list => serde_json::from_slice(answer).map(PublishAnswer::One),
        StatusCode::CREATED | StatusCode::MULTI_STATUS => {
            serde_json::from_slice::<Vec<Item>>(answer).map(|items| {
                let results = items.into_iter().map(|item| match item {
                    Item::Accepted(accepted) => Ok(accepted),
                    Item::Problem(problem) => Err(problem),
                });
                PublishAnswer::Batch(results.collect())
            })
        }
        _ => {
            return Err(ClientError::Protocol(format!(
                "the answer to a publish was {status}; is this a hub?"
            )));
        }
    };
    read.map_err(|error| {
        ClientError::Protocol(format!("the answer to a publish cannot be read: {error}"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const ACCEPTED: &str = r#"{"eventId":"e-1","cursor":"AAAAAAAAAAA.12","offset":12,"duplicate":false,"persistence":"durable"}"#;

    #[test]
    fn one_event_has_one_answer() {
        let answer = read_answer(StatusCode::CREATED, ACCEPTED.as_bytes()).unwrap();
        assert!(
            matches!(answer, PublishAnswer::One(accepted) if accepted.event_id.as_str() == "e-1")
        );
    }

    #[test]
    fn a_batch_has_answers_and_problems_in_order() {
        let body = format!(
            r#"[{ACCEPTED},{{"code":"unknown-event-type","status":422,"title":"t","detail":"d","type":"urn:x"}}]"#
        );
        for status in [StatusCode::MULTI_STATUS, StatusCode::CREATED] {
            let Ok(PublishAnswer::Batch(results)) = read_answer(status, body.as_bytes()) else {
                panic!("no batch");
            };
            assert!(results[0].is_ok());
            assert_eq!(results[1].as_ref().unwrap_err().code, "unknown-event-type");
        }
    }

    #[test]
    fn anything_else_is_not_a_hub() {
        for (status, body) in [
            (StatusCode::OK, ACCEPTED),
            (StatusCode::CREATED, "<html>"),
            (StatusCode::MULTI_STATUS, "{}"),
            (StatusCode::CREATED, "{}"),
        ] {
            let refused = read_answer(status, body.as_bytes());
            assert!(matches!(refused, Err(ClientError::Protocol(_))), "{status} {body}");
        }
    }
}
