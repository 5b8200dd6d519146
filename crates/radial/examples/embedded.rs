//! A tiny application with a hub inside: its own users, its own routes, one process.
//!
//! ```sh
//! cargo run -p radial --example embedded
//! curl -N -H 'x-user: ada' 'http://127.0.0.1:3000/realtime/api/sse/events' &
//! curl -H 'x-user: ada' -d 'Hello from the application' http://127.0.0.1:3000/notes
//! ```

#![allow(clippy::print_stdout, reason = "it shows what it hears")]

use std::error::Error;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::LazyLock;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, request::Parts};
use axum::routing::{get, post};
use radial::protocol::names::UserId;
use radial::{BuildError, Delivery, Denied, Grants, Pattern, Problem, Radial, Rights, TenantId};
use serde_json::json;
use tokio::net::TcpListener;

static ACME: LazyLock<TenantId> = LazyLock::new(|| TenantId::new("acme").expect("it is a name"));

/// Your own authentication: a session cookie, a token, a header of your proxy.
async fn who(request: Parts) -> Result<Grants, Denied> {
    let user = request.headers.get("x-user").and_then(|user| user.to_str().ok());
    let user = user.and_then(|user| UserId::new(user).ok()).ok_or(Denied::Unknown)?;
    let all = vec![Pattern::All];
    let rights =
        Rights { publish: all.clone(), subscribe: all.clone(), channels: all, ..Rights::default() };
    Ok(Grants { user: Some(user), rights: rights.into(), ..Grants::nothing(ACME.clone()) })
}

pub(crate) async fn open(data: &Path) -> Result<Radial, BuildError> {
    Radial::builder().data(data).option("hub.tenants", "acme").authenticate(who).build().await
}

pub(crate) fn application(hub: &Radial) -> Router {
    Router::new()
        .route("/notes", post(note))
        .route("/listeners", get(listeners))
        .with_state(hub.clone())
        .nest("/realtime", hub.router())
}

async fn note(State(hub): State<Radial>, text: String) -> Result<String, (StatusCode, String)> {
    let data = json!({"id": "note", "description": text});
    let event = json!({"eventType": "activity:new", "eventData": data});
    let refused = |problem: Problem| (StatusCode::BAD_REQUEST, problem.detail);
    let accepted = hub.emit(&ACME, &event).await.map_err(refused)?;
    Ok(accepted.event_id.to_string())
}

async fn listeners(State(hub): State<Radial>) -> String {
    hub.subscriber_count(&ACME).to_string()
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let hub = open(Path::new("radial-data")).await?;
    let print = |delivery| match delivery {
        Delivery::Event(event) => println!("{} {}", event.head.event_type, event.data()),
        missing => println!("not heard: {missing:?}"),
    };
    let _listening = hub.subscribe(&ACME, print).await?;
    let listener = TcpListener::bind("127.0.0.1:3000").await?;
    let service = application(&hub).into_make_service_with_connect_info::<SocketAddr>();
    let leaving = hub.clone();
    let stop = async move { tokio::signal::ctrl_c().await.map_or((), |()| leaving.drain()) };
    axum::serve(listener, service).with_graceful_shutdown(stop).await?;
    hub.stop().await;
    Ok(())
}
