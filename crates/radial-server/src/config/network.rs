//! What the web's settings are made of: networks of addresses, and origins of pages.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

/// An address, or all addresses that begin with the same bits: `10.0.0.0/8`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Network {
    address: IpAddr,
    prefix_bits: u8,
}

/// The origin of a page, as browsers write it: `https://app.example.org`, `http://localhost:3000`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Origin(String);

/// Why a text is no network or no origin.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NotANetwork(&'static str);

impl Network {
    /// Whether an address is in it. An IPv4 address inside IPv6 is that IPv4 address.
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.address, address.to_canonical()) {
            (IpAddr::V4(own), IpAddr::V4(other)) => {
                let apart = u32::from(own) ^ u32::from(other);
                apart.leading_zeros() >= u32::from(self.prefix_bits)
            }
            (IpAddr::V6(own), IpAddr::V6(other)) => {
                let apart = u128::from(own) ^ u128::from(other);
                apart.leading_zeros() >= u32::from(self.prefix_bits)
            }
            _ => false,
        }
    }
}

impl FromStr for Network {
    type Err = NotANetwork;

    fn from_str(text: &str) -> Result<Self, NotANetwork> {
        let refused =
            NotANetwork("is not an address, such as 10.1.2.3, or a network, as 10.0.0.0/8");
        let (address, bits) = text.split_once('/').map_or((text, None), |(a, b)| (a, Some(b)));
        let address: IpAddr = address.parse().map_err(|_| refused.clone())?;
        let address = address.to_canonical();
        let bits_max = if address.is_ipv4() { 32 } else { 128 };
        let prefix_bits = match bits {
            None => bits_max,
            Some(bits) => bits.parse().ok().filter(|bits| *bits <= bits_max).ok_or(refused)?,
        };
        Ok(Self { address, prefix_bits })
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.prefix_bits)
    }
}

impl Origin {
    /// As browsers write it in `Origin`.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Origin {
    type Err = NotANetwork;

    fn from_str(text: &str) -> Result<Self, NotANetwork> {
        let (port_of_scheme, authority) = match text.split_once("://") {
            Some(("https", authority)) => (":443", authority),
            Some(("http", authority)) => (":80", authority),
            _ => return Err(NotANetwork("does not begin with https:// or http://")),
        };
        let (host, port) = match authority.rsplit_once(':') {
            Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
            _ => (authority, None),
        };
        let is_host = !host.is_empty()
            && host.bytes().all(|byte| match byte {
                b'[' | b']' | b':' => host.starts_with('['),
                _ => byte.is_ascii_lowercase() || byte.is_ascii_digit() || b".-_".contains(&byte),
            });
        if !is_host || port.is_some_and(|port| port.parse::<u16>().is_err()) {
            let why =
                "is more than scheme, host and port in lower case, without a slash at the end";
            return Err(NotANetwork(why));
        }
        if authority.ends_with(port_of_scheme) && port.is_some() {
            return Err(NotANetwork("names the port that its scheme has anyway; leave it out"));
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_holds_what_begins_with_its_bits() {
        for (network, inside, outside) in [
            ("10.0.0.0/8", "10.255.0.1", "11.0.0.0"),
            ("10.1.2.3", "10.1.2.3", "10.1.2.2"),
            ("192.168.4.0/22", "192.168.7.255", "192.168.8.0"),
            ("0.0.0.0/0", "203.0.113.7", "2001:db8::1"),
            ("127.0.0.0/8", "::ffff:127.0.0.1", "::1"),
            ("2001:db8::/32", "2001:db8:ffff::1", "2001:db9::"),
            ("::1", "::1", "::2"),
        ] {
            let parsed: Network = network.parse().unwrap();
            assert!(parsed.contains(inside.parse().unwrap()), "{network} {inside}");
            assert!(!parsed.contains(outside.parse().unwrap()), "{network} {outside}");
            assert_eq!(parsed.to_string().parse(), Ok(parsed));
        }
        for text in ["", "10.0.0", "10.0.0.0/33", "::/129", "10.0.0.0/", "10.0.0.0/-1", "proxy"] {
            assert!(text.parse::<Network>().is_err(), "{text}");
        }
    }

    #[test]
    fn an_origin_is_written_as_browsers_do() {
        for text in [
            "https://app.example.org",
            "http://localhost:3000",
            "http://[::1]:3000",
            "https://[::1]",
            "https://example.org:8443",
        ] {
            assert_eq!(text.parse::<Origin>().map(|origin| origin.to_string()), Ok(text.into()));
        }
        for text in [
            "*",
            "null",
            "https://*.example.org",
            "https://example.org/",
            "https://example.org:443",
            "http://example.org:80",
            "https://Example.org",
            "https://user@example.org",
            "https://example.org:99999",
            "https://",
            "ftp://example.org",
            "example.org",
            "https://exa mple.org",
        ] {
            assert!(text.parse::<Origin>().is_err(), "{text}");
        }
    }
}
