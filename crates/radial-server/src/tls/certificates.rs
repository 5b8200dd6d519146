//! Certificates and their keys: read from their files, checked, and chosen by the host that a
//! client asks for.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::SystemTime;

use rustls::client::verify_server_name;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::server::{ClientHello, ParsedCertificate, ResolvesServerCert};
use rustls::sign::CertifiedKey;

use crate::config::{Certificate, SecretOrigin};

/// Why a certificate cannot be used. Nothing of a key is in it.
#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    /// A file cannot be read.
    #[error("{}: cannot be read: {source}", file.display())]
    Unreadable {
        /// The file.
        file: PathBuf,
        /// What the operating system says.
        #[source]
        source: io::Error,
    },
    /// There is no certificate where one should be.
    #[error("{}: holds no certificate in PEM (-----BEGIN CERTIFICATE-----)", file.display())]
    NoCertificate {
        /// The file.
        file: PathBuf,
    },
    /// There is no key where one should be.
    #[error("{place}: holds no private key in PEM (-----BEGIN PRIVATE KEY-----)")]
    NoKey {
        /// Where the key was looked for.
        place: String,
    },
    /// Both are there, and do not fit.
    #[error("{}, with the key in {place}: {why}", file.display())]
    Unusable {
        /// The file of the certificate.
        file: PathBuf,
        /// Where the key is.
        place: String,
        /// What is wrong.
        why: String,
    },
}

/// The certificates in force. Handshakes that have begun keep the one that they were given.
#[derive(Debug)]
pub(super) struct Certificates(RwLock<Arc<[Arc<CertifiedKey>]>>);

/// What tells whether files have changed: their time and length.
pub(super) type Stamp = Vec<Option<(SystemTime, u64)>>;

impl Certificates {
    /// # Errors
    /// The first certificate that cannot be used.
    pub(super) fn load(
        configured: &[Certificate],
        provider: &CryptoProvider,
    ) -> Result<Self, CertificateError> {
        Ok(Self(RwLock::new(load(configured, provider)?)))
    }

    /// Takes what the files hold now, for handshakes from now on.
    ///
    /// # Errors
    /// The first certificate that cannot be used; then those that are in force stay.
    pub(super) fn reload(
        &self,
        configured: &[Certificate],
        provider: &CryptoProvider,
    ) -> Result<(), CertificateError> {
        let loaded = load(configured, provider)?;
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = loaded;
        Ok(())
    }

    fn current(&self) -> Arc<[Arc<CertifiedKey>]> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }
}

impl ResolvesServerCert for Certificates {
    /// The first certificate that is for the host; else the first of all, so that the client can
    /// say what is wrong.
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let current = self.current();
        let named = hello
            .server_name()
            .filter(|_| current.len() > 1)
            .and_then(|host| ServerName::try_from(host).ok())
            .and_then(|host| current.iter().find(|certified| is_for(certified, &host)));
        named.or(current.first()).cloned()
    }
}

/// What the files of all certificates and keys look like now.
pub(super) fn stamp(configured: &[Certificate]) -> Stamp {
    let key_file = |certificate: &Certificate| match certificate.key.as_ref()?.origin() {
        SecretOrigin::File(file) => Some(file.clone()),
        SecretOrigin::Inline | SecretOrigin::Variable(_) => None,
    };
    let files = configured
        .iter()
        .flat_map(|certificate| [Some(certificate.certificate.clone()), key_file(certificate)])
        .flatten();
    let stamp = |file: PathBuf| {
        let metadata = std::fs::metadata(file).ok()?;
        Some((metadata.modified().ok()?, metadata.len()))
    };
    files.map(stamp).collect()
}

fn is_for(certified: &CertifiedKey, host: &ServerName<'_>) -> bool {
    let parsed = certified.end_entity_cert().and_then(ParsedCertificate::try_from);
    parsed.is_ok_and(|parsed| verify_server_name(&parsed, host).is_ok())
}

fn load(
    configured: &[Certificate],
    provider: &CryptoProvider,
) -> Result<Arc<[Arc<CertifiedKey>]>, CertificateError> {
    configured.iter().map(|certificate| load_one(certificate, provider).map(Arc::new)).collect()
}

fn load_one(
    configured: &Certificate,
    provider: &CryptoProvider,
) -> Result<CertifiedKey, CertificateError> {
    let file = configured.certificate.clone();
    let pem = read(&file)?;
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
    let Some(chain) = chain.ok().filter(|chain| !chain.is_empty()) else {
        return Err(CertificateError::NoCertificate { file });
    };
    let (place, pem) = key_pem(configured)?;
    let key = PrivateKeyDer::from_pem_slice(&pem)
        .map_err(|_| CertificateError::NoKey { place: place.clone() })?;
    CertifiedKey::from_der(chain, key, provider).map_err(|error| {
        let why = match error {
            rustls::Error::InconsistentKeys(_) => "they do not belong together".to_owned(),
            other => other.to_string(),
        };
        CertificateError::Unusable { file, place, why }
    })
}

/// Where the key is, and what is there now.
fn key_pem(configured: &Certificate) -> Result<(String, Vec<u8>), CertificateError> {
    let key = configured.key.as_ref().expect("the configuration requires a key");
    let exposed = || key.expose().as_bytes().to_vec();
    Ok(match key.origin() {
        SecretOrigin::File(file) => (file.display().to_string(), read(file)?),
        SecretOrigin::Variable(name) => (format!("the variable {name}"), exposed()),
        SecretOrigin::Inline => ("the configuration".to_owned(), exposed()),
    })
}

fn read(file: &Path) -> Result<Vec<u8>, CertificateError> {
    let unreadable = |source| CertificateError::Unreadable { file: file.to_owned(), source };
    std::fs::read(file).map_err(unreadable)
}
