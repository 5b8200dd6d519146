//! The `traceparent` header: where a request belongs in a distributed trace.

use http::HeaderMap;
use radial_protocol::Problem;
use radial_protocol::envelope::PublishRequest;
use radial_protocol::trace::TraceParent;

/// The request's place in its trace. A header that is none, or that is there twice, does not count.
pub(crate) fn traceparent(headers: &HeaderMap) -> Option<TraceParent> {
    let mut values = headers.get_all("traceparent").iter();
    let value = values.next()?.to_str().ok()?;
    if values.next().is_some() { None } else { TraceParent::parse(value.trim()) }
}

/// Gives the request's place to those of its events that name none of their own.
pub(crate) fn inherit(
    headers: &HeaderMap,
    requests: &mut [Result<PublishRequest, Problem>],
) -> Option<TraceParent> {
    let inherited = traceparent(headers);
    for request in requests.iter_mut().flatten() {
        request.traceparent = request.traceparent.or(inherited);
    }
    inherited
}

/// How a line of the log names it.
pub(crate) fn logged(trace: Option<TraceParent>) -> String {
    trace.map_or_else(|| "-".to_owned(), |trace| trace.to_string())
}
