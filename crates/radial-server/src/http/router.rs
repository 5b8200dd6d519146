//! From the table of routes to a router, and what every request goes through on its way.

use std::sync::Arc;

use axum::extract::State;
use axum::middleware::from_fn_with_state;
use axum::{Extension, Router};
use http::Method;
use radial_protocol::{Code, Problem};

use super::guard;
use super::refusal::Refusal;
use super::routes::{Access, ROUTES};
use crate::app::{App, Mode};

/// The whole HTTP surface.
pub(crate) fn router(app: Arc<App>) -> Router {
    finish(routes(&app).fallback(not_found), app)
}

/// The same inside somebody's application, which answers itself for the paths that are not here.
pub(crate) fn embedded_router(app: Arc<App>, https: bool) -> Router {
    finish(routes(&app), app).layer(from_fn_with_state(https, guard::name_peer))
}

fn routes(app: &Arc<App>) -> Router<Arc<App>> {
    let mut router = Router::new();
    for route in ROUTES {
        if route.access != Access::Developer || app.mode == Mode::Dev {
            router = router.route(route.path, route.handler(app));
        }
    }
    for alias in &app.aliases {
        let rows = ROUTES.iter().filter(|route| route.method == Method::GET);
        for route in rows.filter(|route| route.path == alias.route) {
            let handler = route.handler(app).layer(Extension(Arc::clone(&alias.preset)));
            router = router.route(&alias.path, handler);
        }
    }
    router
}

fn finish(router: Router<Arc<App>>, app: Arc<App>) -> Router {
    router
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
