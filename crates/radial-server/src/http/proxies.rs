//! Behind proxies: whose word about the client's address and scheme counts.
//!
//! Anybody can write `X-Forwarded-For`. Each proxy adds at the right end the address that it was
//! asked from, so that the list is walked from there: as long as what speaks is a trusted proxy,
//! the address that it names is believed; the first one that is no proxy is the client, and what
//! stands to its left is its own invention. Only one of the two headers counts, the one that the
//! proxies are known to write: the other one reaches the hub as a client forged it.

use std::net::{IpAddr, SocketAddr};

use http::HeaderMap;

use crate::config::{ForwardedHeader, Network};

/// The other end of a connection.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Peer {
    pub(crate) address: SocketAddr,
    /// Whether the connection itself is TLS.
    pub(crate) tls: bool,
}

/// The proxies whose word counts, and the header in which they give it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Proxies {
    pub(crate) trusted: Vec<Network>,
    pub(crate) header: ForwardedHeader,
}

/// Who asked, as far as the network knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Client {
    pub(crate) address: IpAddr,
    /// Whether it asked by `https`.
    pub(crate) https: bool,
}

impl Proxies {
    /// Who asked: the peer, or whom the trusted proxies name.
    pub(crate) fn client(&self, peer: Peer, headers: &HeaderMap) -> Client {
        let own = Client { address: peer.address.ip().to_canonical(), https: peer.tls };
        if !self.trusts(own.address) {
            return own;
        }
        match self.header {
            ForwardedHeader::XForwardedFor => {
                let steps = values(headers, "x-forwarded-for");
                let https =
                    values(headers, "x-forwarded-proto").last().map(|text| *text == "https");
                Client {
                    address: self.walk(own.address, steps.iter().rev().map(|step| address(step))),
                    https: https.unwrap_or(own.https),
                }
            }
            ForwardedHeader::Forwarded => {
                let steps = values(headers, "forwarded");
                let nodes = steps.iter().rev().map(|step| address(parameter(step, "for")?));
                let https = steps.last().and_then(|step| parameter(step, "proto"));
                Client {
                    address: self.walk(own.address, nodes),
                    https: https.map_or(own.https, |scheme| scheme.eq_ignore_ascii_case("https")),
                }
            }
        }
    }

    fn trusts(&self, address: IpAddr) -> bool {
        self.trusted.iter().any(|network| network.contains(address))
    }

    /// The first address that is no trusted proxy, or the last one that could be read.
    fn walk(&self, peer: IpAddr, steps: impl Iterator<Item = Option<IpAddr>>) -> IpAddr {
        let mut current = peer;
        for step in steps {
            match step {
                Some(address) if self.trusts(current) => current = address,
                _ => break,
            }
        }
        current
    }
}

/// The elements of a list in the order of its header lines. A line that is no text is one element
/// that nobody can read.
fn values<'a>(headers: &'a HeaderMap, name: &str) -> Vec<&'a str> {
    let lines = headers.get_all(name).iter();
    lines.flat_map(|line| line.to_str().unwrap_or("?").split(',').map(str::trim)).collect()
}

/// The value of a parameter of an element of `Forwarded`, without quotes (RFC 7239 §4).
fn parameter<'a>(element: &'a str, name: &str) -> Option<&'a str> {
    let mut pairs = element.split(';').filter_map(|pair| pair.trim().split_once('='));
    let (_, value) = pairs.find(|(found, _)| found.eq_ignore_ascii_case(name))?;
    Some(value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(value))
}

/// An address, perhaps with a port: `192.0.2.1`, `192.0.2.1:80`, `2001:db8::1`, `[2001:db8::1]:80`.
fn address(text: &str) -> Option<IpAddr> {
    let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
    let with_port = || text.parse::<SocketAddr>().ok().map(|address| address.ip());
    bare.parse().ok().or_else(with_port).map(|address: IpAddr| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The proxies are 10/8 and `::1`; the headers in pairs; who must come out.
    fn check(header: ForwardedHeader, peer: &str, headers: &[(&'static str, &str)], client: &str) {
        let trusted = vec!["10.0.0.0/8".parse().unwrap(), "::1".parse().unwrap()];
        let proxies = Proxies { trusted, header };
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, value.parse().unwrap());
        }
        let peer = Peer { address: SocketAddr::new(peer.parse().unwrap(), 1), tls: false };
        let found = proxies.client(peer, &map);
        let (address, https) =
            client.strip_suffix(" https").map_or((client, false), |address| (address, true));
        assert_eq!(found, Client { address: address.parse().unwrap(), https }, "{headers:?}");
    }

    #[test]
    fn only_a_trusted_proxy_is_believed_and_only_up_to_the_first_stranger() {
        let check = |peer, list, client| {
            check(ForwardedHeader::XForwardedFor, peer, &[("x-forwarded-for", list)], client);
        };
        check("203.0.113.9", "198.51.100.1", "203.0.113.9");
        check("10.0.0.1", "198.51.100.1", "198.51.100.1");
        check("10.0.0.1", "127.0.0.1, 198.51.100.1", "198.51.100.1");
        check("10.0.0.1", "10.0.0.7, 198.51.100.1, 10.0.0.2", "198.51.100.1");
        check("10.0.0.1", "10.0.0.3, 10.0.0.2", "10.0.0.3");
        check("::ffff:10.0.0.1", "::ffff:198.51.100.1", "198.51.100.1");
        check("::1", "2001:db8::7", "2001:db8::7");
        check("10.0.0.1", "198.51.100.1:4711", "198.51.100.1");
        check("10.0.0.1", "[2001:db8::7]:4711", "2001:db8::7");
        for unreadable in ["", "unknown", "198.51.100.1, ", "198.51.100.1, 1.2.3", ",,,", "' OR 1"]
        {
            check("10.0.0.1", unreadable, "10.0.0.1");
        }
        check("10.0.0.1", "evil, 10.0.0.2", "10.0.0.2");
    }

    #[test]
    fn lines_of_one_header_are_one_list() {
        let lines =
            [("x-forwarded-for", "127.0.0.1"), ("x-forwarded-for", "198.51.100.1, 10.0.0.2")];
        check(ForwardedHeader::XForwardedFor, "10.0.0.1", &lines, "198.51.100.1");
    }

    #[test]
    fn the_header_that_the_proxies_do_not_write_is_not_read() {
        let forged = [("forwarded", "for=127.0.0.1;proto=https"), ("x-forwarded-for", "192.0.2.1")];
        check(ForwardedHeader::XForwardedFor, "10.0.0.1", &forged, "192.0.2.1");
        let forged = [("x-forwarded-for", "127.0.0.1"), ("x-forwarded-proto", "https")];
        check(ForwardedHeader::Forwarded, "10.0.0.1", &forged, "10.0.0.1");
    }

    #[test]
    fn the_standard_header_is_read_too() {
        for (value, client) in [
            ("for=192.0.2.60;proto=https;by=10.0.0.1", "192.0.2.60 https"),
            ("For=\"[2001:db8:cafe::17]:4711\"", "2001:db8:cafe::17"),
            ("for=127.0.0.1, for=192.0.2.43, for=10.0.0.2;proto=https", "192.0.2.43 https"),
            ("for=192.0.2.43;proto=https, for=10.0.0.2", "192.0.2.43"),
            ("for=unknown", "10.0.0.1"),
            ("for=_hidden, for=10.0.0.2", "10.0.0.2"),
            ("proto=https", "10.0.0.1 https"),
        ] {
            check(ForwardedHeader::Forwarded, "10.0.0.1", &[("forwarded", value)], client);
        }
    }

    #[test]
    fn the_scheme_is_the_word_of_the_nearest_proxy() {
        let check = |peer, proto, client| {
            check(ForwardedHeader::XForwardedFor, peer, &[("x-forwarded-proto", proto)], client);
        };
        check("203.0.113.9", "https", "203.0.113.9");
        check("10.0.0.1", "https", "10.0.0.1 https");
        check("10.0.0.1", "https, http", "10.0.0.1");
    }
}
