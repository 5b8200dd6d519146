//! How the client reaches a hub: TCP, and TLS where the address says `https`.

mod connector;

use std::sync::Arc;

use rustls::crypto::aws_lc_rs;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};
use tokio_rustls::TlsConnector;

pub(crate) use connector::{Connector, Untrusted};

use crate::error::ClientError;

/// What says whom to believe under TLS: these authorities in PEM, else those of the system.
pub(crate) fn tls(authorities: Option<&[u8]>) -> Result<TlsConnector, ClientError> {
    let mut roots = RootCertStore::empty();
    if let Some(pem) = authorities {
        for certificate in CertificateDer::pem_slice_iter(pem) {
            let certificate = certificate.map_err(|error| bad(&error))?;
            roots.add(certificate).map_err(|error| bad(&error))?;
        }
        if roots.is_empty() {
            return Err(ClientError::InvalidConfig(
                "there is no certificate in the authorities to trust".to_owned(),
            ));
        }
    } else {
        let found = rustls_native_certs::load_native_certs();
        let (taken, _) = roots.add_parsable_certificates(found.certs);
        if taken == 0 {
            return Err(ClientError::InvalidConfig(
                "the system trusts no certificate authority; name one to trust".to_owned(),
            ));
        }
    }
    let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("the provider has the default versions")
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(config)))
}

fn bad(error: &dyn std::error::Error) -> ClientError {
    ClientError::InvalidConfig(format!("the authorities to trust cannot be used: {error}"))
}
