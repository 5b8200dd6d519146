//! The routes, in one table: what there is, and who may.
//!
//! The router is made from this table and from nothing else, so that an endpoint without a row
//! does not exist. Tests that must look at every endpoint walk along it.

use std::sync::Arc;

use axum::middleware::from_fn_with_state;
use axum::routing::{MethodFilter, MethodRouter, on};
use http::Method;
use radial_protocol::grants::Operator;

use super::{
    acks, admin, documents, entities, history, pages, poll, presence, publish, registry, renew,
    status, stream, subscriptions, tickets, websocket,
};
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
    /// Who operates a tenant, or the hub.
    TenantOperator,
    /// Who operates the hub.
    HubOperator,
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
    /// The handler, behind what its row asks for.
    pub(super) fn handler(&self, app: &Arc<App>) -> MethodRouter<Arc<App>> {
        let handler = (self.handler)();
        let operator = match self.access {
            Access::TenantOperator => Operator::Tenant,
            Access::HubOperator => Operator::Hub,
            _ => return handler,
        };
        handler.route_layer(from_fn_with_state((Arc::clone(app), operator), admin::require))
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
    Subscribe POST "/api/sse/acks" => acks::acknowledge;
    Subscribe POST "/api/sse/subscriptions" => subscriptions::change;
    Subscribe GET "/api/ws" => websocket::open;
    Subscribe GET "/api/poll" => poll::poll;
    History   GET "/api/events" => history::history;
    Subscribe GET "/api/entities/{entity_type}" => entities::list;
    Subscribe GET "/api/entities/{entity_type}/{id}" => entities::show;
    Subscribe GET "/api/presence" => presence::list;
    Subscribe POST "/api/auth/renew" => renew::renew;
    TenantOperator GET "/api/admin/status" => admin::switch::status;
    HubOperator POST "/api/admin/disable" => admin::switch::disable;
    HubOperator POST "/api/admin/enable" => admin::switch::enable;
    TenantOperator POST "/api/admin/revocations" => admin::revocations::revoke;
    TenantOperator GET "/api/admin/revocations" => admin::revocations::list;
    TenantOperator POST "/api/admin/keys" => admin::keys::create;
    TenantOperator GET "/api/admin/keys" => admin::keys::list;
    TenantOperator POST "/api/admin/keys/{id}/rotate" => admin::keys::rotate;
    TenantOperator DELETE "/api/admin/keys/{id}" => admin::keys::remove;
    TenantOperator GET "/api/admin/acks" => admin::acks::list;
    TenantOperator GET "/api/admin/connections" => admin::connections::list;
    TenantOperator DELETE "/api/admin/connections/{id}" => admin::connections::end;
    Subscribe GET "/api/registry" => registry::list;
    Subscribe GET "/api/registry/{event_type}" => registry::show;
    Subscribe POST "/api/auth/tickets" => tickets::issue;
    Anyone    GET "/openapi.json" => documents::openapi;
    Anyone    GET "/asyncapi.json" => documents::asyncapi;
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
