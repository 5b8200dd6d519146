//! The routes, in one table: what there is, and who may.
//!
//! The router is made from this table and from nothing else, so that an endpoint without a row
//! does not exist. Tests that must look at every endpoint walk along it.

use std::sync::Arc;

use axum::routing::{MethodFilter, MethodRouter, on};
use http::Method;

use super::{entities, history, pages, poll, publish, registry, status, stream, tickets};
use crate::app::App;

/// Who may use a route, as its credential says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Everybody; nothing of any tenant is in the answer.
    Anyone,
    /// Who may see the measurements of the whole hub.
    Scrape,
    /// Who may publish what the request holds.
    Publish,
    /// Who may receive events.
    Subscribe,
    /// Who may read the log.
    History,
    /// The developer in front of `radial dev`; the route is not there otherwise.
    Developer,
}

/// One row: a method of a path.
pub struct Route {
    /// The method. `HEAD` is answered wherever `GET` is.
    pub method: Method,
    /// The path, with its variable parts in braces.
    pub path: &'static str,
    /// Who may.
    pub access: Access,
    handler: fn() -> MethodRouter<Arc<App>>,
}

impl Route {
    pub(super) fn handler(&self) -> MethodRouter<Arc<App>> {
        (self.handler)()
    }
}

macro_rules! table {
    ($($access:ident $method:ident $path:literal => $handler:path;)*) => {
        /// Every route.
        pub static ROUTES: &[Route] = &[$(Route {
            method: Method::$method,
            path: $path,
            access: Access::$access,
            handler: || on(MethodFilter::$method, $handler),
        },)*];
    };
}

table! {
    Publish   POST "/api/sse/events" => publish::publish;
    Subscribe GET "/api/sse/events" => stream::stream;
    Subscribe GET "/api/poll" => poll::poll;
    History   GET "/api/events" => history::history;
    Subscribe GET "/api/entities/{entity_type}" => entities::list;
    Subscribe GET "/api/entities/{entity_type}/{id}" => entities::show;
    Subscribe GET "/api/registry" => registry::list;
    Subscribe GET "/api/registry/{event_type}" => registry::show;
    Subscribe POST "/api/auth/tickets" => tickets::issue;
    Anyone    GET "/healthz" => status::healthz;
    Anyone    GET "/readyz" => status::readyz;
    Scrape    GET "/metrics" => status::metrics;
    Developer GET "/" => pages::index;
    Developer GET "/board/{file}" => pages::asset;
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    fn check(folder: &Path, found: &mut Vec<String>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                check(&path, found);
            } else if std::fs::read_to_string(&path).unwrap().contains(concat!(".rou", "te(")) {
                found.push(path.file_name().unwrap().to_string_lossy().into_owned());
            }
        }
    }

    #[test]
    fn no_route_is_made_beside_the_table() {
        let mut found = Vec::new();
        check(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut found);
        assert_eq!(found, ["router.rs"]);
    }

    #[test]
    fn no_row_is_there_twice() {
        let mut rows: Vec<String> =
            super::ROUTES.iter().map(|route| format!("{} {}", route.method, route.path)).collect();
        let count = rows.len();
        rows.sort_unstable();
        rows.dedup();
        assert_eq!(rows.len(), count);
    }
}
