//! How much each client, user, tenant and address may do.

/// `rates.*`: how much each client, user, tenant and address may do. 0 is no limit, everywhere but
/// in `buckets`. Without a credential, in `radial dev`, only `connections` holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rates {
    /// Publishes a minute of one client: of a session, else of a user or a token. Default 100.
    pub publish_client: usize,
    /// Events a minute of one client. Default 3,000.
    pub events_client: usize,
    /// Publishes a minute of one user. Default 300.
    pub publish_user: usize,
    /// Publishes a minute from one address, other than with a server's key. Default 3,000.
    pub publish_address: usize,
    /// Publishes a minute with one server's key. Default 600,000.
    pub publish_key: usize,
    /// Events a minute with one server's key. Default 6,000,000.
    pub events_key: usize,
    /// Publishes a minute of one tenant. Default 1,200,000.
    pub publish_tenant: usize,
    /// Bad credentials a minute from one address. Default 60.
    pub bad_credentials: usize,
    /// Open streams of one user. Default 100.
    pub connections_user: usize,
    /// Open streams from one address, other than with a server's key. Default 2,000.
    pub connections_address: usize,
    /// Open streams of one tenant. Default 50,000.
    pub connections_tenant: usize,
    /// Open streams of all. Default 100,000.
    pub connections: usize,
    /// How many of those who did something lately are remembered. Default 65,536; 64 to 16,777,216.
    pub buckets: usize,
}

impl Default for Rates {
    fn default() -> Self {
        Self {
            publish_client: 100,
            events_client: 3_000,
            publish_user: 300,
            publish_address: 3_000,
            publish_key: 600_000,
            events_key: 6_000_000,
            publish_tenant: 1_200_000,
            bad_credentials: 60,
            connections_user: 100,
            connections_address: 2_000,
            connections_tenant: 50_000,
            connections: 100_000,
            buckets: 65_536,
        }
    }
}
