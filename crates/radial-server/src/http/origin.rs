//! Which site a request comes from, as far as its browser says.
//!
//! A browser names the site of the page that asks, and no page can change what it says. So this is
//! what tells the user's own clicks from those that another site makes in the user's browser with
//! the user's cookies. What is not a browser can say anything: an origin proves nothing about a
//! client, it only protects users of browsers.

use http::{HeaderMap, HeaderValue, header};

use crate::config::Origin;

/// Where a request comes from.
///
/// A cookie counts only with [`Own`](Self::Own) or [`Allowed`](Self::Allowed), on every WebSocket
/// handshake and every unsafe method (protocol §6); on a safe method it also counts with
/// [`Absent`](Self::Absent), because browsers send no `Origin` with a page's requests to its own
/// site, and older ones no `Sec-Fetch-Site` either. With [`Foreign`](Self::Foreign) it never does.
/// Other credentials are not sent by browsers on their own, and count whatever this says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OriginVerdict {
    /// A page of the hub itself.
    Own,
    /// A page of an origin that the configuration lists; in `radial dev`, of this machine.
    Allowed,
    /// Any other page, one without an origin of its own (`null`), or what cannot be read.
    Foreign,
    /// No page: a program, or what the user typed.
    Absent,
}

/// The origins whose pages may use the hub.
#[derive(Clone, Debug, Default)]
pub(crate) struct Origins {
    pub(crate) allowed: Vec<Origin>,
    /// Whether pages of this machine may, on any port.
    pub(crate) loopback: bool,
}

impl Origins {
    /// Where a request comes from: by its `Origin`, else by its `Sec-Fetch-Site`.
    ///
    /// `https` is whether it came that way; a page that did not is not the hub's own. The `Host`
    /// header must be there; under HTTP/2 the guard puts it there.
    pub(crate) fn verdict(&self, headers: &HeaderMap, https: bool) -> OriginVerdict {
        let mut origins = headers.get_all(header::ORIGIN).iter();
        match (origins.next(), origins.next()) {
            (None, _) => fetch_site(headers),
            (Some(origin), None) => self.of(origin, headers, https),
            (Some(_), Some(_)) => OriginVerdict::Foreign,
        }
    }

    /// Whether the configuration names this origin.
    pub(crate) fn lists(&self, origin: &HeaderValue) -> bool {
        self.allowed.iter().any(|allowed| allowed.as_str().as_bytes() == origin.as_bytes())
    }

    /// Whether pages of this origin may use the hub, other than its own.
    pub(crate) fn admits(&self, origin: &HeaderValue) -> bool {
        self.lists(origin) || (self.loopback && origin.to_str().is_ok_and(is_loopback_origin))
    }

    fn of(&self, origin: &HeaderValue, headers: &HeaderMap, https: bool) -> OriginVerdict {
        let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
        let scheme = if https { "https://" } else { "http://" };
        let authority = origin.to_str().ok().and_then(|origin| origin.strip_prefix(scheme));
        match (authority, host) {
            (Some(authority), Some(host)) if authority.eq_ignore_ascii_case(host) => {
                OriginVerdict::Own
            }
            _ if self.admits(origin) => OriginVerdict::Allowed,
            _ => OriginVerdict::Foreign,
        }
    }
}

fn fetch_site(headers: &HeaderMap) -> OriginVerdict {
    match headers.get("sec-fetch-site").map(HeaderValue::as_bytes) {
        None | Some(b"none") => OriginVerdict::Absent,
        Some(b"same-origin") => OriginVerdict::Own,
        // Another site may be a neighbour under the same domain, and is another site all the same.
        Some(_) => OriginVerdict::Foreign,
    }
}

/// `http://localhost:3000` and its like; `null` never.
fn is_loopback_origin(origin: &str) -> bool {
    let authority = origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://"));
    authority.is_some_and(is_loopback)
}

/// A host, with any port, that is this machine.
pub(crate) fn is_loopback(authority: &str) -> bool {
    let host = match authority.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => authority.split(':').next().unwrap_or_default(),
    };
    let host = host.to_ascii_lowercase();
    host == "localhost"
        || host.ends_with(".localhost")
        || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(loopback: bool, https: bool, headers: &[(&'static str, &str)]) -> OriginVerdict {
        let allowed = vec!["https://app.example.org".parse().unwrap()];
        let mut map = HeaderMap::new();
        map.insert(header::HOST, HeaderValue::from_static("hub.example.org"));
        for (name, value) in headers {
            map.append(*name, value.parse().unwrap());
        }
        Origins { allowed, loopback }.verdict(&map, https)
    }

    #[test]
    fn every_origin_has_its_verdict() {
        use OriginVerdict::{Allowed, Foreign, Own};
        for (origin, expected) in [
            ("https://hub.example.org", Own),
            ("https://HUB.example.org", Own),
            ("https://app.example.org", Allowed),
            ("http://hub.example.org", Foreign),
            ("http://app.example.org", Foreign),
            ("https://hub.example.org:8443", Foreign),
            ("https://app.example.org:443", Foreign),
            ("https://app.example.org.evil.example", Foreign),
            ("https://evil.example", Foreign),
            ("https://xapp.example.org", Foreign),
            ("http://localhost:3000", Foreign),
            ("null", Foreign),
            ("", Foreign),
            ("file://", Foreign),
        ] {
            assert_eq!(verdict(false, true, &[("origin", origin)]), expected, "{origin}");
        }
        assert_eq!(verdict(false, false, &[("origin", "http://hub.example.org")]), Own);
        assert_eq!(verdict(true, false, &[("origin", "http://localhost:3000")]), Allowed);
        assert_eq!(verdict(true, false, &[("origin", "null")]), Foreign);
        let two = [("origin", "https://hub.example.org"), ("origin", "https://evil.example")];
        assert_eq!(verdict(false, true, &two), Foreign);
    }

    #[test]
    fn without_an_origin_the_browser_says_whether_the_site_is_the_same() {
        for (value, expected) in [
            ("same-origin", OriginVerdict::Own),
            ("same-site", OriginVerdict::Foreign),
            ("cross-site", OriginVerdict::Foreign),
            ("none", OriginVerdict::Absent),
            ("Same-Origin", OriginVerdict::Foreign),
        ] {
            assert_eq!(verdict(false, true, &[("sec-fetch-site", value)]), expected, "{value}");
        }
        assert_eq!(verdict(false, true, &[]), OriginVerdict::Absent);
        let both = [("sec-fetch-site", "same-origin"), ("origin", "https://evil.example")];
        assert_eq!(verdict(false, true, &both), OriginVerdict::Foreign);
    }

    #[test]
    fn only_this_machine_is_this_machine() {
        for host in [
            "localhost",
            "LOCALHOST:7070",
            "app.localhost:1",
            "127.0.0.1:7070",
            "127.8.9.1",
            "[::1]:7070",
            "[::1]",
        ] {
            assert!(is_loopback(host), "{host}");
        }
        for host in [
            "",
            "example.org",
            "localhost.example.org",
            "127.0.0.1.example.org",
            "10.0.0.1",
            "[::2]",
            "xlocalhost",
            "0.0.0.0",
        ] {
            assert!(!is_loopback(host), "{host}");
        }
        assert!(is_loopback_origin("http://localhost:3000"));
        for origin in ["null", "file://", "http://evil.example", "localhost", "ftp://localhost"] {
            assert!(!is_loopback_origin(origin), "{origin}");
        }
    }
}
