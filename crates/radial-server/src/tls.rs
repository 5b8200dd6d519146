//! TLS for connections that come in: which certificates, which protocols, and how they change while
//! the hub runs.
//!
//! One cryptography, aws-lc, serves TLS and tokens; it is named here and never found by chance.

mod certificates;
mod reload;

use std::sync::Arc;

use rustls::ServerConfig;
use rustls::crypto::CryptoProvider;

pub use certificates::CertificateError;
pub(crate) use reload::{Hangups, Reloads, reload};

use crate::config::Certificate;
use certificates::{Certificates, Stamp, stamp};

/// What clients may ask for, most wanted first (RFC 7301).
const PROTOCOLS: [&[u8]; 2] = [b"h2", b"http/1.1"];

/// How connections are encrypted.
#[derive(Clone)]
pub(crate) struct Tls {
    server: Arc<ServerConfig>,
    certificates: Arc<Certificates>,
    configured: Arc<[Certificate]>,
    provider: Arc<CryptoProvider>,
    /// What the files looked like before they were read.
    seen: Stamp,
}

impl Tls {
    /// Reads the certificates; nothing if there are none. Blocks on the disk.
    ///
    /// # Errors
    /// The first certificate that cannot be used.
    pub(crate) fn new(configured: &[Certificate]) -> Result<Option<Self>, CertificateError> {
        if configured.is_empty() {
            return Ok(None);
        }
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let seen = stamp(configured);
        let certificates = Arc::new(Certificates::load(configured, &provider)?);
        let mut config = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .expect("the provider has what TLS 1.2 and 1.3 need")
            .with_no_client_auth()
            .with_cert_resolver(Arc::clone(&certificates) as _);
        config.alpn_protocols = PROTOCOLS.iter().map(|name| name.to_vec()).collect();
        let server = Arc::new(config);
        Ok(Some(Self { server, certificates, configured: configured.into(), provider, seen }))
    }

    /// What a handshake needs.
    pub(crate) fn server(&self) -> &Arc<ServerConfig> {
        &self.server
    }
}
