//! The routes, and what every request goes through on its way to one.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::middleware::from_fn_with_state;
use axum::routing::{get, post};
use radial_protocol::{Code, Problem};

use super::refusal::Refusal;
use super::{entities, guard, history, pages, publish, registry, status, stream};
use crate::app::{App, Mode};

/// The whole HTTP surface.
pub(crate) fn router(app: Arc<App>) -> Router {
    let mut router = Router::new()
        .route("/api/sse/events", post(publish::publish).get(stream::stream))
        .route("/api/events", get(history::history))
        .route("/api/entities/{entity_type}", get(entities::list))
        .route("/api/entities/{entity_type}/{id}", get(entities::show))
        .route("/api/registry", get(registry::list))
        .route("/api/registry/{event_type}", get(registry::show))
        .route("/healthz", get(status::healthz))
        .route("/readyz", get(status::readyz))
        .route("/metrics", get(status::metrics));
    if app.mode == Mode::Dev {
        router = router.route("/", get(pages::index)).route("/board/{file}", get(pages::asset));
    }
    router
        .fallback(not_found)
        .method_not_allowed_fallback(method_not_allowed)
        .layer(from_fn_with_state(Arc::clone(&app), guard::guard))
        .with_state(app)
}

async fn not_found(State(app): State<Arc<App>>) -> Refusal {
    let hint = match app.mode {
        Mode::Dev => "events are published to and streamed from /api/sse/events; the demo is at /",
        Mode::Serve => "events are published to and streamed from /api/sse/events",
    };
    Refusal(Problem::new(Code::NotFound, hint))
}

async fn method_not_allowed() -> Refusal {
    Refusal(Problem::new(Code::MethodNotAllowed, "the path exists, but not with this method"))
}
