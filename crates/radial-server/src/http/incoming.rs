//! What a request publishes, in whichever form it came: the hub's own envelope, or `CloudEvents` in
//! each of the three modes of their HTTP binding.

use axum::body::{Body, Bytes};
use http::{HeaderMap, header};
use radial_protocol::cloudevents;
use radial_protocol::envelope::{self, PublishRequest};
use radial_protocol::limits::Limits;
use radial_protocol::{Code, Problem};

use super::body;
use crate::app::App;

/// Attributes of the binary mode are headers that begin so.
const BINARY_PREFIX: &str = "ce-";
/// What every media type of `CloudEvents` begins with.
const FAMILY: &str = "application/cloudevents";

/// One item for each event.
pub(crate) type Requests = Vec<Result<PublishRequest, Problem>>;

/// What was asked for.
pub(crate) struct Incoming {
    /// The events. Of a batch each may be refused alone.
    pub(crate) requests: Requests,
    /// Whether it is a batch, even if it has one event only.
    pub(crate) is_batch: bool,
}

impl Incoming {
    /// One event, whose refusal is the request's.
    fn one(request: PublishRequest) -> Self {
        Self { requests: vec![Ok(request)], is_batch: false }
    }
}

enum Form {
    Envelope,
    Structured,
    StructuredBatch,
    Binary,
}

/// Reads the body within its limits.
///
/// # Errors
/// What the reading of a body and of a single event is refused for.
pub(crate) async fn read(app: &App, headers: &HeaderMap, body: Body) -> Result<Incoming, Problem> {
    let form = Form::checked(headers)?;
    let bytes = body::read_any(app, headers, body).await?;
    form.split(headers, &bytes, &app.limits)
}

/// The same of a body that is there as a whole.
///
/// # Errors
/// As [`read`].
pub(crate) fn of_whole(app: &App, headers: &HeaderMap, body: Bytes) -> Result<Incoming, Problem> {
    let form = Form::checked(headers)?;
    let bytes = body::whole(app, headers, body)?;
    form.split(headers, &bytes, &app.limits)
}

impl Form {
    /// The form that the headers say, where they allow it.
    fn checked(headers: &HeaderMap) -> Result<Self, Problem> {
        let form = Self::of(headers)?;
        if matches!(form, Self::Envelope) {
            body::check_content_type(headers)?;
        }
        Ok(form)
    }

    fn split(
        self,
        headers: &HeaderMap,
        bytes: &[u8],
        limits: &Limits,
    ) -> Result<Incoming, Problem> {
        let item: fn(&_, &_) -> _ = match self {
            Form::Envelope => PublishRequest::parse,
            Form::Structured | Form::StructuredBatch => cloudevents::structured,
            Form::Binary => {
                let attributes = headers.iter().filter_map(|(name, value)| {
                    name.as_str().strip_prefix(BINARY_PREFIX).map(|name| (name, value.as_bytes()))
                });
                let media = media(headers);
                return cloudevents::binary(attributes, media, bytes, limits).map(Incoming::one);
            }
        };
        if let Self::Envelope = self
            && let Some(request) = PublishRequest::parse_body(bytes, limits)
        {
            return request.map(Incoming::one);
        }
        match (self, envelope::Body::split(bytes, limits)?) {
            (Form::Envelope | Form::Structured, envelope::Body::One(raw)) => {
                item(raw, limits).map(Incoming::one)
            }
            (Form::Envelope | Form::StructuredBatch, envelope::Body::Batch(raws)) => {
                let requests = raws.into_iter().map(|raw| item(raw, limits)).collect();
                Ok(Incoming { requests, is_batch: true })
            }
            _ => {
                let detail = "application/cloudevents+json is an object, \
                          application/cloudevents-batch+json an array";
                Err(Problem::new(Code::InvalidEnvelope, detail))
            }
        }
    }

    fn of(headers: &HeaderMap) -> Result<Self, Problem> {
        let essence = media(headers).unwrap_or_default().split(';').next().unwrap_or_default();
        match essence.trim().to_ascii_lowercase().as_str() {
            "application/cloudevents+json" => Ok(Self::Structured),
            "application/cloudevents-batch+json" => Ok(Self::StructuredBatch),
            other if other.starts_with(FAMILY) => {
                let detail = "of CloudEvents the JSON format is taken: application/cloudevents+json \
                              or application/cloudevents-batch+json";
                Err(Problem::new(Code::UnsupportedMedia, detail))
            }
            _ if headers.keys().any(|name| name.as_str().starts_with(BINARY_PREFIX)) => {
                Ok(Self::Binary)
            }
            _ => Ok(Self::Envelope),
        }
    }
}

fn media(headers: &HeaderMap) -> Option<&str> {
    headers.get(header::CONTENT_TYPE).map(|value| value.to_str().unwrap_or_default())
}
