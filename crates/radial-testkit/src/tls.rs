//! Certificates for tests, and a TLS client that says what it was shown.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, Result};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::PATIENCE;

/// A certificate that signed itself, and its key.
pub struct TestCertificate {
    der: CertificateDer<'static>,
    key: Vec<u8>,
}

impl TestCertificate {
    /// A new certificate for a host.
    pub fn new(host: &str) -> Result<Self> {
        let made = rcgen::generate_simple_self_signed(vec![host.to_owned()])?;
        Ok(Self { der: made.cert.der().clone(), key: made.signing_key.serialize_der() })
    }

    /// The certificate in PEM.
    pub fn certificate_pem(&self) -> String {
        pem("CERTIFICATE", &self.der)
    }

    /// The key in PEM.
    pub fn key_pem(&self) -> String {
        pem("PRIVATE KEY", &self.key)
    }

    /// Writes both into a folder, in the place of what is there; the two files.
    pub fn write(&self, folder: &Path, name: &str) -> Result<(PathBuf, PathBuf)> {
        let files = (folder.join(format!("{name}.pem")), folder.join(format!("{name}.key")));
        std::fs::write(&files.0, self.certificate_pem())?;
        std::fs::write(&files.1, self.key_pem())?;
        Ok(files)
    }

    /// Whether a connection was shown this certificate.
    pub fn was_shown(&self, connection: &TlsStream<TcpStream>) -> bool {
        let shown = connection.get_ref().1.peer_certificates().unwrap_or_default();
        shown.first() == Some(&self.der)
    }
}

/// Connects and shakes hands, for a host, trusting these certificates only.
pub async fn connect(
    address: SocketAddr,
    host: &str,
    trusted: &[&TestCertificate],
    protocols: &[&str],
) -> Result<TlsStream<TcpStream>> {
    connect_on(TcpStream::connect(address).await?, host, trusted, protocols).await
}

/// The same on a connection that is open.
pub async fn connect_on(
    socket: TcpStream,
    host: &str,
    trusted: &[&TestCertificate],
    protocols: &[&str],
) -> Result<TlsStream<TcpStream>> {
    let mut roots = RootCertStore::empty();
    for certificate in trusted {
        roots.add(certificate.der.clone())?;
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
    let host = ServerName::try_from(host.to_owned())?;
    let work = TlsConnector::from(Arc::new(config)).connect(host, socket);
    Ok(timeout(PATIENCE, work).await.context("no handshake in time")??)
}

fn pem(label: &str, der: &[u8]) -> String {
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", STANDARD.encode(der))
}
