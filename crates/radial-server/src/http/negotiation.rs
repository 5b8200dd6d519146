//! `Accept`: in which shape a page of the log is wanted.

use http::{HeaderMap, header};

/// The media type of a batch of `CloudEvents`.
pub(super) const CLOUD_EVENTS: &str = "application/cloudevents-batch+json";

/// The shapes of a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    /// The hub's own, unless the other is preferred.
    Page,
    /// A batch of `CloudEvents`.
    CloudEvents,
}

/// The shape that the request prefers (RFC 9110, section 12.5.1). Only who names `CloudEvents` gets
/// them, and who accepts neither gets the hub's own.
pub(super) fn wanted(request: &HeaderMap) -> Shape {
    let mut best = (0, Shape::Page);
    for value in request.get_all(header::ACCEPT) {
        for range in value.to_str().unwrap_or_default().split(',') {
            let mut parts = range.split(';').map(str::trim);
            let media = parts.next().unwrap_or_default().to_ascii_lowercase();
            let shape = match media.as_str() {
                CLOUD_EVENTS => Shape::CloudEvents,
                "application/json" => Shape::Page,
                _ => continue,
            };
            let quality = parts.find_map(|part| part.strip_prefix("q=")).map_or(1_000, thousandths);
            if quality > best.0 {
                best = (quality, shape);
            }
        }
    }
    best.1
}

/// A quality as it may be written: at most one, with at most three digits behind the point.
fn thousandths(text: &str) -> u16 {
    let (whole, digits) = text.split_once('.').unwrap_or((text, ""));
    let digits: u16 = format!("{digits:0<3}").parse().unwrap_or(0);
    match whole {
        "0" if digits < 1_000 => digits,
        "1" => 1_000,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    #[test]
    fn the_preferred_shape_is_given() {
        for (accept, expected) in [
            ("", Shape::Page),
            ("*/*", Shape::Page),
            ("application/cloudevents+json", Shape::Page),
            ("application/cloudevents-batch+json", Shape::CloudEvents),
            ("Application/CloudEvents-Batch+JSON; charset=utf-8", Shape::CloudEvents),
            (
                "application/json;q=0.5, application/cloudevents-batch+json;q=0.6",
                Shape::CloudEvents,
            ),
            ("application/cloudevents-batch+json;q=0.4, application/json", Shape::Page),
            ("application/cloudevents-batch+json;q=0, */*", Shape::Page),
            ("application/cloudevents-batch+json;q=x", Shape::Page),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT, HeaderValue::from_static(accept));
            assert_eq!(wanted(&headers), expected, "{accept}");
        }
    }
}
