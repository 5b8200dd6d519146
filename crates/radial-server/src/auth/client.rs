//! Asking other servers: key sets, and applications that know their sessions.
//!
//! One request on a connection of its own, with an end to its time and to the answer's size, and
//! without following redirects: what the configuration names is what is asked. Both kinds of
//! answers are kept, so that there is little to gain by keeping connections.

use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, HeaderValue, Request, StatusCode, Uri, header};
use http_body_util::{BodyExt as _, Empty};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

/// Asks other servers.
#[derive(Clone)]
pub(crate) struct Client {
    tls: Option<TlsConnector>,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FetchError {
    #[error("it does not answer in time")]
    Late,
    #[error("it cannot be reached: {0}")]
    Unreachable(#[from] std::io::Error),
    #[error("it does not speak HTTP: {0}")]
    Http(#[from] hyper::Error),
    #[error("its answer is larger than {0} bytes")]
    Large(usize),
}

/// Why a URL cannot be asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UrlError {
    /// Not a URL of a web server.
    #[error("it is not a URL with http:// or https:// and a host")]
    NotAUrl,
    /// A name and a password would stand in logs.
    #[error("it has a user name in it")]
    Userinfo,
}

/// Checks a URL of the configuration.
pub(super) fn url(text: &str) -> Result<Uri, UrlError> {
    let uri: Uri = text.parse().map_err(|_| UrlError::NotAUrl)?;
    let is_web = matches!(uri.scheme_str(), Some("http" | "https"));
    match uri.authority() {
        Some(authority) if authority.as_str().contains('@') => Err(UrlError::Userinfo),
        Some(authority) if is_web && !authority.host().is_empty() => Ok(uri),
        _ => Err(UrlError::NotAUrl),
    }
}

impl Client {
    /// A client; the certificates that the system trusts are read only if one of the URLs needs
    /// them.
    pub(super) fn new(urls: &[&Uri]) -> Self {
        let needs_tls = urls.iter().any(|url| url.scheme_str() == Some("https"));
        Self { tls: needs_tls.then(connector) }
    }

    /// Gets a URL with these headers.
    pub(super) async fn get(
        &self,
        url: &Uri,
        headers: HeaderMap,
        most: usize,
        timeout: Duration,
    ) -> Result<(StatusCode, Bytes), FetchError> {
        let asked = tokio::time::timeout(timeout, self.connect_and_get(url, headers, most));
        asked.await.map_err(|_| FetchError::Late)?
    }

    async fn connect_and_get(
        &self,
        url: &Uri,
        headers: HeaderMap,
        most: usize,
    ) -> Result<(StatusCode, Bytes), FetchError> {
        let host = url.host().unwrap_or_default();
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        let is_tls = url.scheme_str() == Some("https");
        let port = url.port_u16().unwrap_or(if is_tls { 443 } else { 80 });
        let socket = TcpStream::connect((bare, port)).await?;
        match self.tls.as_ref().filter(|_| is_tls) {
            None => get(socket, url, headers, most).await,
            Some(tls) => {
                let name = ServerName::try_from(bare.to_owned()).map_err(std::io::Error::other)?;
                get(tls.connect(name, socket).await?, url, headers, most).await
            }
        }
    }
}

fn connector() -> TlsConnector {
    let mut roots = RootCertStore::empty();
    let found = rustls_native_certs::load_native_certs();
    let (taken, _) = roots.add_parsable_certificates(found.certs);
    if taken == 0 {
        tracing::warn!("the system trusts no certificate authority, so no https URL can be asked");
    }
    let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("the provider has the default versions")
        .with_root_certificates(roots)
        .with_no_client_auth();
    TlsConnector::from(Arc::new(config))
}

async fn get<S: AsyncRead + AsyncWrite + Send + Unpin + 'static>(
    socket: S,
    url: &Uri,
    headers: HeaderMap,
    most: usize,
) -> Result<(StatusCode, Bytes), FetchError> {
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(socket)).await?;
    let mut request = Request::new(Empty::<Bytes>::new());
    let target = url.path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
    *request.uri_mut() = target.parse().unwrap_or_default();
    *request.headers_mut() = headers;
    let authority = url.authority().map_or("", http::uri::Authority::as_str);
    if let Ok(host) = HeaderValue::from_str(authority) {
        request.headers_mut().insert(header::HOST, host);
    }
    request.headers_mut().insert(header::ACCEPT, HeaderValue::from_static("application/json"));
    let asked = async {
        let response = sender.send_request(request).await?;
        let status = response.status();
        let mut body = response.into_body();
        let mut bytes = BytesMut::new();
        while let Some(frame) = body.frame().await {
            bytes.extend_from_slice(frame?.data_ref().map_or(&[][..], |data| data));
            if bytes.len() > most {
                return Err(FetchError::Large(most));
            }
        }
        Ok((status, bytes.freeze()))
    };
    // The connection is driven beside the request, and goes with it.
    let mut asked = std::pin::pin!(asked);
    let mut connection = std::pin::pin!(connection);
    let mut is_driven = true;
    loop {
        tokio::select! {
            answer = &mut asked => return answer,
            ended = &mut connection, if is_driven => {
                is_driven = false;
                ended?;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_name_a_web_server_and_nobody() {
        for good in ["http://127.0.0.1:3000/api/auth/get-session", "https://a.example/keys?x=1"] {
            assert!(url(good).is_ok(), "{good}");
        }
        for bad in ["", "/keys", "a.example", "ftp://a.example", "http://", "file:///etc/passwd"] {
            assert_eq!(url(bad), Err(UrlError::NotAUrl), "{bad}");
        }
        assert_eq!(url("https://u:p@a.example/"), Err(UrlError::Userinfo));
    }
}
