//! An application that embeds the hub says itself who asks.
//!
//! Its answer is taken like a checked credential: the hub adds what revocations and limits need to
//! know of it, and looks whether it has the tenant.

use std::pin::Pin;

use http::request::Parts;
use http::{HeaderValue, Request, header};
use radial_protocol::Grants;
use radial_protocol::grants::CredentialKind;

/// Why an application gives no grants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Denied {
    /// Nobody that it knows asks: 401.
    Unknown,
    /// It cannot say now: 503, and the client comes back.
    Unavailable,
}

type Answer = Pin<Box<dyn Future<Output = Result<Grants, Denied>> + Send>>;

/// The application's function.
pub(crate) struct Application(Box<dyn Fn(Parts) -> Answer + Send + Sync>);

impl Application {
    pub(crate) fn new<F, A>(who: F) -> Self
    where
        F: Fn(Parts) -> A + Send + Sync + 'static,
        A: Future<Output = Result<Grants, Denied>> + Send + 'static,
    {
        Self(Box::new(move |parts| Box::pin(who(parts))))
    }

    /// Who sends a request with this head.
    pub(super) async fn ask(&self, parts: Parts) -> Result<Grants, Denied> {
        let mut grants = (self.0)(parts).await?;
        let credential = &mut grants.credential;
        credential.kind = CredentialKind::Application;
        credential.user = credential.user.take().or_else(|| grants.user.clone());
        credential.session = credential.session.take().or_else(|| grants.session.clone());
        Ok(grants)
    }
}

/// The head of a request that shows a token which came otherwise, as a WebSocket sends it.
pub(super) fn head_with_token(token: &str) -> Option<Parts> {
    let bearer = HeaderValue::from_str(&format!("Bearer {token}")).ok()?;
    let mut request = Request::new(());
    request.headers_mut().insert(header::AUTHORIZATION, bearer);
    Some(request.into_parts().0)
}
