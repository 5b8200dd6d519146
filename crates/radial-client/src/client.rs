//! One hub, seen from outside: requests, answers and refusals.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, RETRY_AFTER, USER_AGENT};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Uri};
use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use hyper::body::Incoming;
use hyper_util::client::legacy;
use hyper_util::rt::TokioExecutor;

use crate::error::ClientError;
use crate::problem::ProblemDocument;
use crate::subscription::{SubscribeOptions, Subscription};
use crate::transport::{self, Connector, Untrusted};

/// The largest answer that is read; a stream has no such limit.
pub const ANSWER_BYTES_MAX: usize = 64 * 1024 * 1024;

const REFUSAL_BYTES_MAX: usize = 1024 * 1024;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// A durable publish waits for the disk, so this is long.
const ANSWER_TIMEOUT: Duration = Duration::from_mins(1);

/// Where the hub is and who speaks to it.
#[derive(Clone, Debug, Default)]
pub struct ClientConfig {
    /// The address, such as `https://hub.example`; a path is kept as a prefix.
    pub url: String,
    /// The credential, sent as `Authorization: Bearer`.
    pub token: Option<String>,
    /// The tenant, for a credential that was issued for several, sent as `Radial-Tenant`.
    pub tenant: Option<String>,
    /// The certificate authorities to trust under `https`, in PEM; else those of the system.
    pub authorities: Option<Vec<u8>>,
}

impl ClientConfig {
    /// A hub that needs no credential.
    pub fn at(url: impl Into<String>) -> Self {
        Self { url: url.into(), ..Self::default() }
    }
}

/// A client of one hub. Clones share their connections.
#[derive(Clone, Debug)]
pub struct Client {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    base: String,
    headers: HeaderMap,
    authorization: RwLock<Option<HeaderValue>>,
    http: legacy::Client<Connector, Full<Bytes>>,
}

impl Client {
    /// Checks the configuration; connects to nothing yet.
    ///
    /// # Errors
    /// [`ClientError::InvalidConfig`] for a URL that is not `http[s]://host[:port][/prefix]`, for a
    /// token or tenant that fits into no header, and for authorities that cannot be read.
    pub fn new(config: ClientConfig) -> Result<Self, ClientError> {
        let base = base_of(&config.url)?;
        let mut headers = HeaderMap::new();
        let agent = concat!("radial-client/", env!("CARGO_PKG_VERSION"));
        headers.insert(USER_AGENT, HeaderValue::from_static(agent));
        if let Some(tenant) = config.tenant {
            headers.insert("radial-tenant", header_value("tenant", &tenant)?);
        }
        let authorization = RwLock::new(config.token.as_deref().map(bearer).transpose()?);
        let is_tls = base.starts_with("https:");
        let tls = is_tls.then(|| transport::tls(config.authorities.as_deref())).transpose()?;
        let connector = Connector::new(CONNECT_TIMEOUT, tls);
        let http = legacy::Client::builder(TokioExecutor::new()).build(connector);
        Ok(Self { inner: Arc::new(Inner { base, headers, authorization, http }) })
    }

    /// Shows this credential from the next request on, in all clones. What is open stays open:
    /// see [`Subscription::renew`].
    ///
    /// # Errors
    /// [`ClientError::InvalidConfig`] for a token that fits into no header.
    pub fn set_token(&self, token: &str) -> Result<(), ClientError> {
        let value = bearer(token)?;
        let mut authorization =
            self.inner.authorization.write().unwrap_or_else(PoisonError::into_inner);
        *authorization = Some(value);
        Ok(())
    }

    fn authorization(&self) -> Option<HeaderValue> {
        self.inner.authorization.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The address of the hub, without a slash at its end.
    pub fn url(&self) -> &str {
        &self.inner.base
    }

    /// Follows the log. Connects at the first [`Subscription::next`].
    pub fn subscribe(&self, options: SubscribeOptions) -> Subscription {
        Subscription::new(self.clone(), options)
    }

    /// Sends a request and waits for the head of the answer, whatever its status.
    pub(crate) async fn send(
        &self,
        method: Method,
        path_and_query: &str,
        headers: &[(http::HeaderName, HeaderValue)],
        body: Option<Bytes>,
    ) -> Result<Response<Incoming>, ClientError> {
        let uri: Uri = format!("{}{path_and_query}", self.inner.base)
            .parse()
            .map_err(|error| ClientError::InvalidConfig(format!("no request URL: {error}")))?;
        let mut request = Request::new(Full::from(body.clone().unwrap_or_default()));
        *request.method_mut() = method;
        *request.uri_mut() = uri;
        request.headers_mut().clone_from(&self.inner.headers);
        if let Some(authorization) = self.authorization() {
            request.headers_mut().insert(AUTHORIZATION, authorization);
        }
        if body.is_some() {
            request
                .headers_mut()
                .insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        }
        for (name, value) in headers {
            request.headers_mut().insert(name, value.clone());
        }
        match tokio::time::timeout(ANSWER_TIMEOUT, self.inner.http.request(request)).await {
            Ok(Ok(response)) => Ok(response),
            Ok(Err(error)) if let Some(untrusted) = untrusted(&error) => {
                Err(ClientError::Untrusted(untrusted))
            }
            Ok(Err(error)) => Err(ClientError::Network {
                context: if error.is_connect() {
                    "cannot connect to the hub"
                } else {
                    "the connection broke before the answer came"
                },
                maybe_sent: !error.is_connect(),
                source: error.into(),
            }),
            Err(_) => Err(ClientError::timeout("the hub did not answer")),
        }
    }

    /// As [`send`](Self::send), and reads the body of the answer; a refusal is an error.
    pub(crate) async fn ask(
        &self,
        method: Method,
        path_and_query: &str,
        body: Option<Bytes>,
    ) -> Result<(StatusCode, Bytes), ClientError> {
        let accept = (ACCEPT, HeaderValue::from_static("application/json"));
        let response = self.send(method, path_and_query, &[accept], body).await?;
        if !response.status().is_success() {
            return Err(refusal(response).await);
        }
        let status = response.status();
        let read = tokio::time::timeout(ANSWER_TIMEOUT, collect(response, ANSWER_BYTES_MAX));
        let body =
            read.await.map_err(|_| ClientError::timeout("the hub did not finish its answer"))??;
        Ok((status, body))
    }
}

/// Turns an answer that is no success into an error.
pub(crate) async fn refusal(response: Response<Incoming>) -> ClientError {
    let status = response.status();
    let retry_after = response.headers().get(RETRY_AFTER).and_then(seconds);
    let read = tokio::time::timeout(ANSWER_TIMEOUT, collect(response, REFUSAL_BYTES_MAX));
    // The status alone says enough where the body is cut off or too long.
    let body = read.await.ok().and_then(Result::ok).unwrap_or_default();
    let problem = Box::new(ProblemDocument::from_body(status, &body));
    if status.is_redirection() {
        ClientError::Protocol(format!("{status}: redirects are not followed"))
    } else if problem.is_temporary() {
        ClientError::Unavailable { problem, retry_after }
    } else {
        ClientError::Refused(problem)
    }
}

async fn collect(response: Response<Incoming>, limit: usize) -> Result<Bytes, ClientError> {
    match Limited::new(response.into_body(), limit).collect().await {
        Ok(body) => Ok(body.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => {
            Err(ClientError::Protocol(format!("the answer has more than {limit} bytes")))
        }
        Err(source) => Err(ClientError::Network {
            context: "the connection broke inside the answer",
            maybe_sent: true,
            source,
        }),
    }
}

/// The form of `Retry-After` that hubs send; a date is passed over.
fn seconds(value: &HeaderValue) -> Option<Duration> {
    value.to_str().ok()?.trim().parse().ok().map(Duration::from_secs)
}

/// Why the other end is not believed to be the hub, if that is what went wrong.
fn untrusted(error: &legacy::Error) -> Option<String> {
    let mut cause: Option<&dyn std::error::Error> = Some(error);
    while let Some(error) = cause {
        if let Some(untrusted) = error.downcast_ref::<Untrusted>() {
            return Some(untrusted.to_string());
        }
        cause = error.source();
    }
    None
}

fn bearer(token: &str) -> Result<HeaderValue, ClientError> {
    let mut value = header_value("token", &format!("Bearer {token}"))?;
    value.set_sensitive(true);
    Ok(value)
}

fn header_value(what: &str, text: &str) -> Result<HeaderValue, ClientError> {
    HeaderValue::from_str(text).map_err(|_| {
        ClientError::InvalidConfig(format!("the {what} has characters that no header may have"))
    })
}

fn base_of(url: &str) -> Result<String, ClientError> {
    let refuse = |why: &str| Err(ClientError::InvalidConfig(format!("the URL {url:?} {why}")));
    let Ok(uri) = url.trim().parse::<Uri>() else {
        return refuse("cannot be read; write one such as http://127.0.0.1:7070");
    };
    let scheme = match uri.scheme_str() {
        Some("http") => "http",
        Some("https") => "https",
        _ => return refuse("does not begin with http:// or https://"),
    };
    let Some(authority) = uri.authority().filter(|authority| !authority.host().is_empty()) else {
        return refuse("names no host");
    };
    if authority.as_str().contains('@') {
        return refuse("holds a user name; give a token instead");
    }
    if uri.query().is_some() {
        return refuse("has a query; only a host, a port and a path can be given");
    }
    Ok(format!("{scheme}://{authority}{}", uri.path().trim_end_matches('/')))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(url: &str, expected: Result<&str, &str>) {
        match (Client::new(ClientConfig::at(url)), expected) {
            (Ok(client), Ok(base)) => assert_eq!(client.url(), base, "{url}"),
            (Err(error), Err(part)) => assert!(error.to_string().contains(part), "{error}"),
            (got, _) => panic!("{url}: {got:?}"),
        }
    }

    #[test]
    fn urls_are_checked_before_anything_is_sent() {
        check("http://127.0.0.1:7070", Ok("http://127.0.0.1:7070"));
        check("http://[::1]:7070/", Ok("http://[::1]:7070"));
        check("http://hub.example/radial/", Ok("http://hub.example/radial"));
        check("ftp://hub.example", Err("https://"));
        check("127.0.0.1:7070", Err("http://"));
        check("http://", Err("cannot be read"));
        check("http://u:p@hub.example", Err("token"));
        check("http://hub.example/?x=1", Err("query"));
    }

    #[test]
    fn a_token_that_breaks_the_header_is_refused_without_showing_it() {
        let config = ClientConfig { token: Some("a\nb".into()), ..ClientConfig::at("http://h") };
        let error = Client::new(config).unwrap_err().to_string();
        assert!(error.contains("token") && !error.contains("a\nb"), "{error}");
        let config = ClientConfig { token: Some("s3cret".into()), ..ClientConfig::at("http://h") };
        let shown = format!("{:?}", Client::new(config).unwrap());
        assert!(!shown.contains("s3cret"), "{shown}");
    }

    #[test]
    fn authorities_are_read_before_anything_is_sent() {
        let with = |pem: &str| {
            let authorities = Some(pem.as_bytes().to_vec());
            let config = ClientConfig { authorities, ..ClientConfig::at("https://hub.example") };
            Client::new(config).map(|client| client.url().to_owned())
        };
        let empty = with("").unwrap_err().to_string();
        assert!(empty.contains("no certificate"), "{empty}");
        let broken = "-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n";
        assert!(with(broken).unwrap_err().to_string().contains("cannot be used"));
    }

    #[test]
    fn retry_after_is_read_in_seconds() {
        let read = |text: &str| seconds(&HeaderValue::from_str(text).unwrap());
        assert_eq!(read("7"), Some(Duration::from_secs(7)));
        assert_eq!(read("Wed, 21 Oct 2015 07:28:00 GMT"), None);
        assert_eq!(read("-1"), None);
    }
}
