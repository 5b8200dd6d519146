//! What is limited: one name for each limit, in metrics, in headers and in refusals.

use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};

use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::table::Key;

/// One limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scope {
    /// Requests of one client that publish.
    PublishClient,
    /// Events of one client.
    EventsClient,
    /// Requests of one user that publish.
    PublishUser,
    /// Requests from one address that publish.
    PublishAddress,
    /// Requests of one tenant that publish.
    PublishTenant,
    /// Bad credentials from one address.
    BadCredentials,
    /// Open streams of one user.
    ConnectionsUser,
    /// Open streams from one address.
    ConnectionsAddress,
    /// Open streams of one tenant.
    ConnectionsTenant,
    /// Open streams of all.
    Connections,
}

impl Scope {
    pub(crate) const ALL: [Self; 10] = [
        Self::PublishClient,
        Self::EventsClient,
        Self::PublishUser,
        Self::PublishAddress,
        Self::PublishTenant,
        Self::BadCredentials,
        Self::ConnectionsUser,
        Self::ConnectionsAddress,
        Self::ConnectionsTenant,
        Self::Connections,
    ];

    /// Its name in metrics and headers.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::PublishClient => "publish-client",
            Self::EventsClient => "events-client",
            Self::PublishUser => "publish-user",
            Self::PublishAddress => "publish-address",
            Self::PublishTenant => "publish-tenant",
            Self::BadCredentials => "bad-credentials",
            Self::ConnectionsUser => "connections-user",
            Self::ConnectionsAddress => "connections-address",
            Self::ConnectionsTenant => "connections-tenant",
            Self::Connections => "connections",
        }
    }

    /// What is too much of, for people.
    pub(crate) const fn noun(self) -> &'static str {
        match self {
            Self::PublishClient => "publishes of this client a minute",
            Self::EventsClient => "events of this client a minute",
            Self::PublishUser => "publishes of this user a minute",
            Self::PublishAddress => "publishes from this address a minute",
            Self::PublishTenant => "publishes of this tenant a minute",
            Self::BadCredentials => "bad credentials from this address a minute",
            Self::ConnectionsUser => "open streams of this user",
            Self::ConnectionsAddress => "open streams from this address",
            Self::ConnectionsTenant => "open streams of this tenant",
            Self::Connections => "open streams",
        }
    }

    /// The key of whose bucket it is; `parts` name it.
    pub(crate) fn key(self, seed: u64, parts: &[&[u8]]) -> Key {
        // Each is hashed with what came before it as its seed, so that no two lists of parts are one
        // text. For parts this short it takes a tenth of what a hasher does that takes all of them.
        let own = xxh3_64_with_seed(self.name().as_bytes(), seed);
        parts.iter().fold(own, |seed, part| xxh3_64_with_seed(part, seed))
    }
}

/// Of an address, what one customer has: all of IPv4, of IPv6 the 64 bits that name a network.
pub(crate) fn subscriber(address: IpAddr) -> [u8; 16] {
    let bits = match address.to_canonical() {
        IpAddr::V4(address) => u128::from(address.to_ipv6_mapped()),
        IpAddr::V6(address) => u128::from(address) & !u128::from(u64::MAX),
    };
    bits.to_be_bytes()
}

/// What each limit refused.
#[derive(Debug, Default)]
pub(super) struct Counters([AtomicU64; Scope::ALL.len()]);

impl Counters {
    pub(super) fn refuse(&self, scope: Scope) {
        if let Some(counter) = self.0.get(scope as usize) {
            counter.fetch_add(1, Ordering::Relaxed);
        }
    }

    pub(super) fn tallies(&self) -> Vec<(&'static str, u64)> {
        let counters = self.0.iter().map(|counter| counter.load(Ordering::Relaxed));
        Scope::ALL.into_iter().map(Scope::name).zip(counters).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_of_ipv6_is_one_subscriber_and_an_address_of_ipv4_is_another() {
        let of = |text: &str| subscriber(text.parse().unwrap());
        assert_eq!(of("2001:db8:1:2::1"), of("2001:db8:1:2:ffff::9"));
        assert_ne!(of("2001:db8:1:2::1"), of("2001:db8:1:3::1"));
        assert_ne!(of("192.0.2.1"), of("192.0.2.2"));
        assert_eq!(of("192.0.2.1"), of("::ffff:192.0.2.1"));
        assert_ne!(of("::1"), of("0.0.0.0"));
    }

    #[test]
    fn names_do_not_run_into_each_other() {
        let key = |parts: &[&str]| {
            let parts: Vec<&[u8]> = parts.iter().map(|part| part.as_bytes()).collect();
            Scope::PublishUser.key(7, &parts)
        };
        assert_ne!(key(&["a", "bc"]), key(&["ab", "c"]));
        assert_ne!(key(&["a", ""]), key(&["a"]));
        let user = Scope::PublishUser.key(7, &[b"a"]);
        assert_ne!(user, Scope::PublishTenant.key(7, &[b"a"]));
        assert_ne!(user, Scope::PublishUser.key(8, &[b"a"]));
    }

    #[test]
    fn each_limit_is_counted_under_its_name() {
        let counters = Counters::default();
        for scope in Scope::ALL {
            counters.refuse(scope);
        }
        counters.refuse(Scope::Connections);
        let tallies = counters.tallies();
        assert_eq!(tallies.len(), Scope::ALL.len());
        assert!(
            tallies.iter().all(|(name, count)| *count == 1 + u64::from(*name == "connections"))
        );
    }
}
