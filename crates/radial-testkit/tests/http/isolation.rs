//! Nothing of one tenant influences an answer to another: every endpoint is asked by `acme` in two
//! worlds, one in which `globex` is empty and one in which it is full of things with the same ids,
//! and each answer must be the same in both. Then `globex` must be as it was.
//!
//! The endpoints are those of the table of routes: one without a row here fails.

use std::collections::BTreeMap;

use radial_server::{ROUTES, Route};
use radial_testkit::credentials::token;
use radial_testkit::wire::request;
use radial_testkit::{Stream, TestServer};
use serde_json::{Value, json};

/// What only `globex` knows.
const SECRET: &str = "only-globex-knows";

/// Members that differ from one run to the next, whoever asks.
const RANDOM: &[&str] = &[
    "requestId",
    "cursor",
    "now",
    "at",
    "since",
    "receivedAt",
    "connectionId",
    "ticket",
    "key",
    "id",
    "created",
    "expires",
    "from",
    "to",
    "epoch",
    "seen",
];

/// Another path of the event stream, which is no row of the table of routes.
const ALIAS: &str = r#"[{"path": "/api/sse/all", "channels": ["*"]}]"#;

/// Ids of things that `globex` has, or in an empty world could have.
struct World {
    hub: TestServer,
    connection: String,
    key: String,
    /// Of `globex`, open as long as the world.
    stream: Option<Stream>,
}

/// One request as it is sent, besides the credential of `acme`.
struct Probe {
    method: String,
    path: String,
    headers: Vec<(&'static str, &'static str)>,
    body: Value,
}

fn bearer(tenant: &str) -> String {
    token(&json!({"tenant": tenant, "sub": "u1", "sid": "s-1", "radial": {
        "publish": ["*"], "channels": ["*"], "history": true, "actAs": true, "operator": "tenant"}}))
}

fn card(tenant_secret: &str) -> Value {
    json!({"eventType": "card.created", "channel": "board:1", "eventId": "e-1", "correlationId": "c",
        "eventData": {"cardId": "c1", "zone": "todo", "cardData": {"title": tenant_secret}}})
}

/// An event that must be acknowledged.
fn notice(id: &str) -> Value {
    json!({"eventType": "notice.given", "eventId": id, "channel": "board:1", "eventData": {}})
}

const NOTICES: &str = r#"
[types."notice.given"]
persistence = "durable"
ack = true
[types."notice.given".versions.1.schema]
"#;

impl World {
    async fn start(is_full: bool) -> Self {
        let registry = tempfile::tempdir().unwrap();
        std::fs::write(registry.path().join("notices.toml"), NOTICES).unwrap();
        let folder = registry.path().display().to_string();
        let settings = [
            ("hub.tenants", "dev,acme,globex"),
            ("hub.registry", folder.as_str()),
            ("streams", ALIAS),
            ("presence.channels", "board:*"),
        ];
        let hub = TestServer::serve(&settings).await.unwrap();
        let mut acme = hub.stream_as(&bearer("acme"), "?channels=*").await.unwrap();
        acme.until(|frame| frame.is_control("live")).await.unwrap();
        for event in [card("acme's own"), notice("n-1")] {
            let acme = hub.publish_as(&bearer("acme"), &event).await.unwrap();
            assert_eq!(acme.status, 201);
        }
        let (connection, key) = ("0123456789abcdef".to_owned(), "0w3ge1r70w3ge".to_owned());
        let mut world = Self { hub, connection, key, stream: None };
        if is_full {
            world.fill().await;
        }
        world
    }

    async fn fill(&mut self) {
        let (hub, globex) = (&self.hub, bearer("globex"));
        for n in 0..20 {
            let mut event = card(SECRET);
            if n > 0 {
                event["eventId"] = json!(format!("{SECRET}-{n}"));
                event["eventData"]["cardId"] = json!(format!("{SECRET}-{n}"));
            }
            assert_eq!(hub.publish_as(&globex, &event).await.unwrap().status, 201);
        }
        // The same session as of acme owes an event of the same id, and others.
        let mut same = hub.stream_as(&globex, "?channels=*").await.unwrap();
        same.until(|frame| frame.is_control("live")).await.unwrap();
        for id in ["n-1", "n-2", "n-3", SECRET] {
            assert_eq!(hub.publish_as(&globex, &notice(id)).await.unwrap().status, 201);
        }
        let named = json!({"userId": SECRET, "reason": SECRET});
        let answer = hub.send_as(&globex, "POST", "/api/admin/revocations", &named).await;
        assert_eq!(answer.unwrap().status, 201);
        let key = json!({"name": SECRET});
        let made = hub.send_as(&globex, "POST", "/api/admin/keys", &key).await.unwrap();
        made.json().unwrap()["record"]["id"].as_str().unwrap().clone_into(&mut self.key);
        let query = "?channels=*,board:1,presence:*&clientId=page-1";
        let mut stream = hub.stream_as(&globex, query).await.unwrap();
        let frames = stream.until(|frame| frame.is_control("live")).await.unwrap();
        let hello = frames.iter().find(|frame| frame.is_control("hello")).unwrap().json().unwrap();
        hello["connectionId"].as_str().unwrap().clone_into(&mut self.connection);
        self.stream = Some(stream);
    }

    /// What `globex` sees of itself.
    async fn of_globex(&self) -> BTreeMap<&'static str, Value> {
        let mut seen = BTreeMap::new();
        for path in [
            "/api/events?limit=1000",
            "/api/entities/card?channels=*",
            "/api/presence?channels=*",
            "/api/admin/keys",
            "/api/admin/revocations",
            "/api/admin/connections",
            "/api/admin/status",
            "/api/admin/acks?eventId=n-1",
            "/api/admin/acks?eventId=n-2",
        ] {
            let answer = self.hub.get_as(&bearer("globex"), path).await.unwrap();
            assert_eq!(answer.status, 200, "{path}");
            seen.insert(path, without_random(answer.json().unwrap()));
        }
        seen
    }
}

/// A request to this path, with the route's method.
fn send(route: &Route, path: &str, body: Value) -> Probe {
    let method = route.method.to_string();
    Probe { method, path: path.to_owned(), headers: Vec::new(), body }
}

/// Requests to the route itself, with each of these queries.
fn get(route: &Route, queries: &[&str]) -> Vec<Probe> {
    let path = |query: &&str| send(route, &format!("{}{query}", route.path), Value::Null);
    queries.iter().map(path).collect()
}

/// The requests that are tried on a route; `None`: nobody has thought about it yet.
fn probes(route: &Route, world: &World) -> Option<Vec<Probe>> {
    let one = |path: &str| vec![send(route, path, Value::Null)];
    Some(match (route.method.as_str(), route.path) {
        ("POST", "/api/sse/events") => publishes(route),
        ("GET", "/api/sse/events" | "/api/poll") => {
            let own = "?channels=*&cursor=earliest&userId=u9&clientId=page-1";
            let mut probes = get(route, &[own, "?tenant=globex"]);
            probes.push(send(route, &format!("/api/sse/all{own}"), Value::Null));
            probes
        }
        ("GET", "/api/events") => {
            let queries =
                ["", "?correlationId=c", "?userId=u1&limit=1", "?channel=board:1&since=0"];
            get(route, &queries)
        }
        ("GET", "/api/entities/{entity_type}") => one("/api/entities/card?channels=*"),
        ("GET", "/api/entities/{entity_type}/{id}") => ["c1".to_owned(), format!("{SECRET}-1")]
            .iter()
            .map(|id| format!("/api/entities/card/{id}?channel=board:1"))
            .map(|path| send(route, &path, Value::Null))
            .collect(),
        ("GET", "/api/presence") => {
            get(route, &["?channels=*", "?channel=board:1", "?channels=board:1&userId=u1"])
        }
        ("GET", "/api/registry/{event_type}") => one("/api/registry/card.created"),
        // Asked without a handshake; a socket is one stream like any other (`websocket.rs`).
        ("GET", "/api/ws") => one("/api/ws?clientId=page-1"),
        ("POST", "/api/sse/acks") => [json!(["n-1", "n-2"]), json!(["n-3"]), json!(["e-1"])]
            .into_iter()
            .flat_map(|ids| [json!({"eventIds": ids}), json!({"eventIds": ids, "userId": "u9"})])
            .map(|body| send(route, route.path, body))
            .collect(),
        ("POST", "/api/sse/subscriptions") => {
            let add = json!({"channels": "*", "cursor": "earliest"});
            vec![send(route, route.path, json!({"connectionId": world.connection, "add": add}))]
        }
        ("POST", "/api/auth/tickets") => one(route.path),
        ("POST", "/api/auth/renew") => {
            vec![send(route, route.path, json!({"connectionId": world.connection}))]
        }
        (
            "GET",
            "/api/registry" | "/openapi.json" | "/asyncapi.json" | "/healthz" | "/readyz"
            | "/metrics" | "/",
        ) => get(route, &[""]),
        ("GET", "/board/{file}") => one("/board/index.html"),
        _ => return admin_probes(route, world),
    })
}

/// The same for what operators use.
fn admin_probes(route: &Route, world: &World) -> Option<Vec<Probe>> {
    let (key, connection) = (&world.key, &world.connection);
    let body = |body: Value| vec![send(route, route.path, body)];
    Some(match (route.method.as_str(), route.path) {
        ("GET", "/api/admin/status" | "/api/admin/keys") => get(route, &["", "?tenant=globex"]),
        ("GET", "/api/admin/acks") => {
            let other = format!("?eventId={SECRET}");
            let own = ["?eventId=n-1", "?eventId=n-2", &other, "?eventId=n-1&tenant=globex"];
            get(route, &own)
        }
        ("GET", "/api/admin/revocations" | "/api/admin/connections") => {
            get(route, &["", "?tenant=globex", "?limit=1"])
        }
        ("POST", "/api/admin/disable" | "/api/admin/enable") => body(json!({})),
        ("POST", "/api/admin/revocations") => body(json!({"all": true, "tenant": "globex"})),
        ("POST", "/api/admin/keys") => [json!(["globex"]), json!(["acme", "globex"]), json!("*")]
            .into_iter()
            .flat_map(|tenants| body(json!({"name": "x", "tenants": tenants})))
            .collect(),
        ("POST", "/api/admin/keys/{id}/rotate") => {
            vec![send(route, &format!("/api/admin/keys/{key}/rotate"), json!({}))]
        }
        ("DELETE", "/api/admin/keys/{id}") => {
            vec![send(route, &format!("/api/admin/keys/{key}"), Value::Null)]
        }
        ("DELETE", "/api/admin/connections/{id}") => {
            vec![send(route, &format!("/api/admin/connections/{connection}"), Value::Null)]
        }
        _ => return None,
    })
}

/// Publishing into the other tenant, and with ids that the other tenant has too.
fn publishes(route: &Route) -> Vec<Probe> {
    let mut into_other = card("acme's other");
    into_other["tenantId"] = json!("globex");
    let mut stale = card("acme's own");
    stale["eventId"] = json!("e-2");
    stale["eventType"] = json!("card.updated");
    stale["expectedVersion"] = json!(9);
    let mut probes: Vec<Probe> = [into_other, card("acme's own"), stale]
        .into_iter()
        .map(|event| send(route, route.path, event))
        .collect();
    let atomic = format!("{}?atomic=true", route.path);
    probes.push(send(route, &atomic, json!([card("acme's other")])));
    probes
}

/// The status and what was said, without what is random.
async fn ask(world: &World, probe: &Probe) -> (u16, Value) {
    let bearer = format!("Bearer {}", bearer("acme"));
    let mut headers = vec![("authorization", bearer.as_str())];
    headers.extend(&probe.headers);
    let address = world.hub.address();
    if probe.method == "GET" && probe.path.starts_with("/api/sse/") {
        let mut stream = Stream::open(address, &probe.path, &headers).await.unwrap();
        if stream.status == 200 {
            let frames = stream.until(|frame| frame.is_control("live")).await.unwrap();
            let frames = frames.iter().filter_map(|frame| frame.json().ok()).map(|mut json| {
                if let Some(members) = json.as_object_mut() {
                    members.remove("retryMs");
                    members.remove("maxAgeMs");
                    members.remove("tokenExpiresInMs");
                }
                without_random(json)
            });
            return (200, frames.collect());
        }
    }
    headers.push(("content-type", "application/json"));
    let body = if probe.body.is_null() { String::new() } else { probe.body.to_string() };
    let method = &probe.method;
    let answer = request(address, method, &probe.path, &headers, body.as_bytes()).await.unwrap();
    let text = String::from_utf8_lossy(&answer.body).into_owned();
    let json = serde_json::from_str(&text).unwrap_or(Value::String(text));
    (answer.status, without_random(json))
}

fn without_random(value: Value) -> Value {
    match value {
        Value::Object(members) => members
            .into_iter()
            .filter(|(name, _)| !RANDOM.contains(&name.as_str()))
            .map(|(name, value)| (name, without_random(value)))
            .collect(),
        Value::Array(items) => items.into_iter().map(without_random).collect(),
        other => other,
    }
}

#[tokio::test]
async fn no_endpoint_tells_or_changes_anything_of_another_tenant() {
    let (empty, full) = (World::start(false).await, World::start(true).await);
    let before = full.of_globex().await;
    let mut asked = 0;
    for route in ROUTES {
        let name = format!("{} {}", route.method, route.path);
        let (Some(in_empty), Some(in_full)) = (probes(route, &empty), probes(route, &full)) else {
            panic!("{name} has no row in this suite");
        };
        for (mut one, mut other) in in_empty.into_iter().zip(in_full) {
            // As it is, and naming the other tenant in the header.
            for headers in [vec![], vec![("radial-tenant", "globex")]] {
                one.headers.clone_from(&headers);
                other.headers.clone_from(&headers);
                let (expected, found) = (ask(&empty, &one).await, ask(&full, &other).await);
                assert_eq!(expected, found, "{name}: {} {headers:?}", other.path);
                assert!(!found.1.to_string().contains(SECRET), "{name}: {}", found.1);
                let is_public = route.path.starts_with("/healthz")
                    || route.path.starts_with("/readyz")
                    || !route.path.starts_with("/api/");
                assert!(headers.is_empty() || is_public || found.0 >= 400, "{name}: {found:?}");
                asked += 1;
            }
        }
    }
    assert_eq!(full.of_globex().await, before, "globex is not as it was");
    assert!(asked > 2 * ROUTES.len(), "{asked} requests");
}
