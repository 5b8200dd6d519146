//! Idle SSE streams over TLS.

use std::io::Write as _;
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use super::growth;
use crate::epoll::PATIENCE;
use crate::fanout::Bench;
use crate::fanout::opening::{connection, read_until, sse_request};
use crate::fanout::served::{self, Wish};

const HOST: &str = "localhost";

/// The growth of a hub for one stream over TLS.
pub(super) fn measure(bench: &Bench<'_>, streams: usize) -> anyhow::Result<f64> {
    let scratch = bench.settings.scratch()?;
    let made = rcgen::generate_simple_self_signed(vec![HOST.to_owned()])?;
    let files = (scratch.path().join("cert.pem"), scratch.path().join("key.pem"));
    std::fs::write(&files.0, pem("CERTIFICATE", made.cert.der()))?;
    std::fs::write(&files.1, pem("PRIVATE KEY", &made.signing_key.serialize_der()))?;
    let wish = Wish { certificate: Some(files), ..Wish::default() };
    let hub = served::hub(bench.settings, bench.binary, scratch.path(), &wish)?;
    let config = Arc::new(client(made.cert.der().clone())?);
    growth(&hub, streams, |address, tokens| {
        tokens
            .iter()
            .enumerate()
            .map(|(number, token)| open(&config, address, number, token))
            .collect()
    })
}

fn client(trusted: CertificateDer<'static>) -> anyhow::Result<ClientConfig> {
    let mut roots = RootCertStore::empty();
    roots.add(trusted)?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    Ok(ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth())
}

fn open(
    config: &Arc<ClientConfig>,
    address: SocketAddr,
    number: usize,
    token: &str,
) -> anyhow::Result<StreamOwned<ClientConnection, TcpStream>> {
    let socket = connection(address, number)?;
    socket.set_read_timeout(Some(PATIENCE))?;
    let host = ServerName::try_from(HOST)?;
    let mut stream = StreamOwned::new(ClientConnection::new(Arc::clone(config), host)?, socket);
    stream.write_all(sse_request(token, "main").as_bytes())?;
    read_until(&mut stream, b"event: live")?;
    Ok(stream)
}

fn pem(label: &str, der: &[u8]) -> String {
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", STANDARD.encode(der))
}
