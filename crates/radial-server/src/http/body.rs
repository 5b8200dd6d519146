//! Request bodies: read within the limit, unpacked if they are gzip.

use std::io::Read as _;

use axum::body::Body;
use bytes::{Bytes, BytesMut};
use http::{HeaderMap, header};
use http_body_util::BodyExt as _;
use radial_protocol::object::Object;
use radial_protocol::{Code, Problem};

use crate::app::App;

/// A body over the limit is still read up to this many times the limit, so that its sender gets
/// to read the refusal instead of a reset.
const PATIENCE: usize = 8;

/// Reads a JSON body within the limits of its size and its time.
///
/// # Errors
/// `unsupported-media-type`, `body-too-large`, `body-timeout`, `malformed-json` for gzip that is
/// none.
pub(crate) async fn read_json(
    app: &App,
    headers: &HeaderMap,
    body: Body,
) -> Result<Bytes, Problem> {
    check_content_type(headers)?;
    read_any(app, headers, body).await
}

/// Reads a body whose type somebody else has checked.
///
/// # Errors
/// As [`read_json`], and `unsupported-media-type` only for its coding.
pub(crate) async fn read_any(app: &App, headers: &HeaderMap, body: Body) -> Result<Bytes, Problem> {
    let gzip = is_gzip(headers)?;
    let max = app.limits.body_bytes;
    let bytes = tokio::time::timeout(app.body_timeout, read(body, max)).await.map_err(|_| {
        let detail = format!("it was not there whole after {} ms", app.body_timeout.as_millis());
        Problem::new(Code::BodyTimeout, detail)
    })??;
    if gzip { unpack(&bytes, max) } else { Ok(bytes) }
}

/// The same of a body that is there as a whole.
///
/// # Errors
/// As [`read_any`].
pub(crate) fn whole(app: &App, headers: &HeaderMap, bytes: Bytes) -> Result<Bytes, Problem> {
    let (gzip, max) = (is_gzip(headers)?, app.limits.body_bytes);
    match bytes.len() {
        len if len > max => Err(too_large(max)),
        _ if gzip => unpack(&bytes, max),
        _ => Ok(bytes),
    }
}

fn is_gzip(headers: &HeaderMap) -> Result<bool, Problem> {
    match headers.get(header::CONTENT_ENCODING).map(http::HeaderValue::as_bytes) {
        None | Some(b"identity") => Ok(false),
        Some(b"gzip") => Ok(true),
        Some(_) => {
            let detail = "Content-Encoding may be gzip or left out";
            Err(Problem::new(Code::UnsupportedMedia, detail))
        }
    }
}

/// Reads a body that the hub itself defines: an object.
///
/// # Errors
/// `malformed-json` for what is no JSON, `invalid-parameter` for what is no object, or has other
/// members than are asked for.
pub(crate) fn parse<'a, T: serde::Deserialize<'a>>(bytes: &'a [u8]) -> Result<T, Problem> {
    serde_json::from_slice(bytes).map(|Object(read)| read).map_err(|error| {
        let code = match error.classify() {
            serde_json::error::Category::Data => Code::InvalidParameter,
            _ => Code::MalformedJson,
        };
        Problem::new(code, error.to_string())
    })
}

/// Whether the body is said to be JSON, or nothing is said.
pub(crate) fn check_content_type(headers: &HeaderMap) -> Result<(), Problem> {
    let Some(value) = headers.get(header::CONTENT_TYPE) else { return Ok(()) };
    let essence = value.to_str().unwrap_or_default().split(';').next().unwrap_or_default();
    if essence.trim().eq_ignore_ascii_case("application/json") {
        return Ok(());
    }
    Err(Problem::new(Code::UnsupportedMedia, "send JSON, with Content-Type: application/json"))
}

async fn read(mut body: Body, max: usize) -> Result<Bytes, Problem> {
    let mut bytes = BytesMut::new();
    let mut seen = 0;
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| {
            Problem::new(Code::MalformedJson, "the body ended before it was complete")
        })?;
        if let Some(data) = frame.data_ref() {
            seen += data.len();
            if seen <= max {
                bytes.extend_from_slice(data);
            } else if seen > max * PATIENCE {
                break;
            }
        }
    }
    if seen > max { Err(too_large(max)) } else { Ok(bytes.freeze()) }
}

fn unpack(packed: &[u8], max: usize) -> Result<Bytes, Problem> {
    let mut unpacked = Vec::new();
    let mut decoder = flate2::read::GzDecoder::new(packed).take(max as u64 + 1);
    decoder.read_to_end(&mut unpacked).map_err(|error| {
        Problem::new(Code::MalformedJson, format!("the body is not gzip: {error}"))
    })?;
    if unpacked.len() > max { Err(too_large(max)) } else { Ok(Bytes::from(unpacked)) }
}

fn too_large(max: usize) -> Problem {
    Problem::new(Code::BodyTooLarge, format!("at most {max} bytes are taken, after unpacking"))
}
