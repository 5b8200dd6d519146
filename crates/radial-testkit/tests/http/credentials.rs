//! Who is it? Each credential that counts, and the many that do not.

use radial_testkit::credentials::{api_key, limited_token, now_seconds, token};
use radial_testkit::wire::{Answer, request};
use radial_testkit::{Stream, TestServer};
use serde_json::{Value, json};

const TENANTS: (&str, &str) = ("hub.tenants", "dev,acme,globex");

fn event() -> Value {
    json!({"eventType": "test:event", "eventData": {"n": 1}})
}

fn everything() -> Value {
    json!({"sub": "u1", "radial": {"publish": ["*"], "channels": ["*"], "history": true}})
}

/// The body without what differs from request to request.
fn body(answer: &Answer) -> Value {
    let mut body = answer.json().unwrap();
    body.as_object_mut().unwrap().remove("requestId").unwrap();
    body
}

#[tokio::test]
async fn a_token_publishes_streams_and_reads() {
    let hub = TestServer::serve(&[]).await.unwrap();
    let bearer = token(&everything());
    let mut stream = hub.stream_as(&bearer, "").await.unwrap();
    assert_eq!(stream.status, 200);
    let published = hub.publish_as(&bearer, &event()).await.unwrap();
    assert_eq!(published.status, 201, "{:?}", published.json());
    let delivered = &stream.events(1).await.unwrap()[0];
    assert_eq!((&delivered["userId"], &delivered["sessionId"]), (&json!("u1"), &json!("u1")));
    assert_eq!(delivered["tenantId"], "dev");
    assert_eq!(hub.get_as(&bearer, "/api/events").await.unwrap().status, 200);
    let lower = format!("bearer  {bearer}");
    let headers = [("authorization", lower.as_str())];
    let answer = request(hub.address(), "GET", "/api/registry", &headers, b"").await.unwrap();
    assert_eq!(answer.status, 200, "the scheme is written in any case");
}

#[tokio::test]
async fn every_bad_credential_gets_the_same_answer() {
    let (key, record) = api_key(1, &json!({"tenants": ["dev"], "publish": ["*"]}));
    let keys = json!([record]).to_string();
    let settings = [TENANTS, ("auth.keys", &keys), ("rates.bad_credentials", "0")];
    let hub = TestServer::serve(&settings).await.unwrap();
    let good = token(&everything());
    let bad = |claims: Value| format!("Bearer {}", token(&claims));
    let limited = |claims: Value| format!("Bearer {}", limited_token(&claims));
    let (other_key, _) = api_key(2, &json!({}));
    let mut headers: Vec<Option<String>> = vec![
        None,
        Some(String::new()),
        Some("Bearer".to_owned()),
        Some("Bearer ".to_owned()),
        Some(format!("Basic {good}")),
        Some(good.clone()),
        Some(format!("Bearer {good} {good}")),
        Some(format!("Bearer {}", &good[..good.len() - 1])),
        Some(format!("Bearer {key}0")),
        Some(format!("Bearer {}", &key[..key.len() - 1])),
        Some(format!("Bearer {other_key}")),
        Some("Bearer rk_".to_owned()),
        Some(bad(json!({"exp": now_seconds() - 60}))),
        Some(bad(json!({"nbf": now_seconds() + 600}))),
        Some(bad(json!({"tenant": "initech"}))),
        Some(bad(json!({"roles": "editor"}))),
        Some(limited(json!({"tenant": "acme"}))),
        Some(limited(json!({"radial": {"actAs": true}}))),
        Some(limited(json!({"radial": {"operator": "tenant"}}))),
    ];
    for at in (0..good.len()).step_by(2) {
        let with = if good.as_bytes()[at] == b'A' { "B" } else { "A" };
        headers.push(Some(format!("Bearer {}{with}{}", &good[..at], &good[at + 1..])));
    }
    let mut bodies = Vec::new();
    for header in &headers {
        let headers: Vec<_> =
            header.iter().map(|value| ("authorization", value.as_str())).collect();
        let answer = request(hub.address(), "GET", "/api/registry", &headers, b"").await.unwrap();
        assert_eq!(answer.status, 401, "{header:?}");
        assert_eq!(answer.header("www-authenticate"), Some("Bearer realm=\"radial\""));
        bodies.push(body(&answer));
    }
    assert!(headers.len() > 100, "{}", headers.len());
    bodies.dedup();
    assert_eq!(bodies.len(), 1, "{bodies:?}");
    assert_eq!(bodies[0]["code"], "unauthorized");
}

#[tokio::test]
async fn every_endpoint_asks_for_a_credential_before_it_reads_anything_else() {
    let hub = TestServer::serve(&[]).await.unwrap();
    for route in radial_server::ROUTES {
        let path = route.path.replace(['{', '}'], "");
        let path = format!("{path}?nonsense=1");
        let answer = request(hub.address(), route.method.as_str(), &path, &[], b"{").await.unwrap();
        let expected: &[u16] = match route.access {
            radial_server::Access::Anyone => &[200],
            radial_server::Access::Developer => &[404],
            // A WebSocket may be opened first; nothing is done on it before `token`.
            _ if route.path == "/api/ws" => &[400],
            _ => &[401],
        };
        assert!(expected.contains(&answer.status), "{} {path}: {}", route.method, answer.status);
    }
}

#[tokio::test]
async fn only_the_credential_says_who_it_is() {
    let hub = TestServer::serve(&[TENANTS]).await.unwrap();
    let bearer = token(&everything());
    for (name, value) in [("userId", "u2"), ("sessionId", "s2"), ("tenantId", "acme")] {
        let mut named = event();
        named[name] = json!(value);
        let answer = hub.publish_as(&bearer, &named).await.unwrap();
        assert_eq!((answer.status, &body(&answer)["code"]), (403, &json!("forbidden")), "{name}");
        let batch = hub.publish_as(&bearer, &json!([named])).await.unwrap();
        let status = if name == "tenantId" { 403 } else { 207 };
        assert_eq!(batch.status, status, "{name}: {:?}", batch.json());
    }
    let mut same = event();
    (same["userId"], same["tenantId"]) = (json!("u1"), json!("dev"));
    assert_eq!(hub.publish_as(&bearer, &same).await.unwrap().status, 201);
    for query in ["?userId=u2", "?sessionId=s2"] {
        assert_eq!(hub.stream_as(&bearer, query).await.unwrap().status, 403, "{query}");
        let entities = format!("/api/entities/card{query}");
        assert_eq!(hub.get_as(&bearer, &entities).await.unwrap().status, 403, "{entities}");
    }
    assert_eq!(hub.stream_as(&bearer, "?userId=u1").await.unwrap().status, 200);
    let headers = [("authorization", &*format!("Bearer {bearer}")), ("radial-tenant", "acme")];
    let answer = request(hub.address(), "GET", "/api/events", &headers, b"").await.unwrap();
    assert_eq!(answer.status, 403);
}

#[tokio::test]
async fn who_may_act_for_others_acts_for_them() {
    let hub = TestServer::serve(&[]).await.unwrap();
    let mut claims = everything();
    claims["radial"]["actAs"] = json!(true);
    let bearer = token(&claims);
    let mut theirs = hub.stream_as(&bearer, "?userId=u2&sessionId=s2").await.unwrap();
    let mut named = event();
    (named["userId"], named["audience"]) = (json!("u3"), json!({"users": ["u2"]}));
    assert_eq!(hub.publish_as(&bearer, &named).await.unwrap().status, 201);
    assert_eq!(theirs.events(1).await.unwrap()[0]["userId"], "u3");
}

#[tokio::test]
async fn an_api_key_of_several_tenants_is_used_for_one_at_a_time() {
    let grants = json!({"publish": ["*"], "subscribe": ["*"], "history": true});
    let with = |tenants: Value| {
        let mut grants = grants.clone();
        grants["tenants"] = tenants;
        grants
    };
    let (one, one_record) = api_key(1, &with(json!(["acme"])));
    let (two, two_record) = api_key(2, &with(json!(["acme", "globex"])));
    let (all, all_record) = api_key(3, &with(json!(["*"])));
    let keys = json!([one_record, two_record, all_record]).to_string();
    let hub = TestServer::serve(&[TENANTS, ("auth.keys", &keys)]).await.unwrap();
    for (key, named, status) in [
        (&one, None, 200),
        (&one, Some("acme"), 200),
        (&one, Some("globex"), 403),
        (&two, None, 403),
        (&two, Some("globex"), 200),
        (&two, Some("dev"), 403),
        (&all, None, 403),
        (&all, Some("dev"), 200),
        (&all, Some("initech"), 403),
        (&all, Some("a b"), 403),
    ] {
        let bearer = format!("Bearer {key}");
        let mut headers = vec![("authorization", bearer.as_str())];
        headers.extend(named.map(|tenant| ("radial-tenant", tenant)));
        let answer = request(hub.address(), "GET", "/api/events", &headers, b"").await.unwrap();
        assert_eq!(answer.status, status, "{named:?}: {:?}", answer.json());
    }
    let mut named = json!({"eventType": "user.updated", "eventData": {"userId": "u1"}});
    named["tenantId"] = json!("globex");
    assert_eq!(hub.publish_as(&two, &named).await.unwrap().status, 201);
    let headers = [("authorization", &*format!("Bearer {two}")), ("radial-tenant", "globex")];
    let page = request(hub.address(), "GET", "/api/events", &headers, b"").await.unwrap();
    assert_eq!(page.json().unwrap()["events"].as_array().unwrap().len(), 1);
    let headers = [("authorization", &*format!("Bearer {two}")), ("radial-tenant", "acme")];
    let mut stream =
        Stream::open(hub.address(), "/api/sse/events?cursor=earliest", &headers).await.unwrap();
    let frames = stream.until(|frame| frame.is_control("live")).await.unwrap();
    assert!(!frames.iter().any(radial_testkit::Frame::is_event), "an event of another tenant");
}

#[tokio::test]
async fn a_right_that_a_credential_lacks_is_named_and_nothing_else() {
    let hub = TestServer::serve(&[]).await.unwrap();
    let only = |radial: Value| token(&json!({"sub": "u1", "radial": radial}));
    let card = |channel: &str| {
        json!({"eventType": "card.created", "channel": channel,
               "eventData": {"cardId": "c1", "cardData": {}}})
    };
    let writer = only(json!({"publish": ["card.*"], "channels": ["board:*"]}));
    assert_eq!(hub.publish_as(&writer, &card("board:1")).await.unwrap().status, 201);
    for (refused, rule) in [
        (hub.publish_as(&writer, &card("main")).await.unwrap(), "channel main"),
        (hub.publish_as(&writer, &event()).await.unwrap(), "publish test:event"),
        (hub.get_as(&writer, "/api/events").await.unwrap(), "history"),
        (hub.get_as(&writer, "/metrics").await.unwrap(), "/metrics"),
    ] {
        let body = body(&refused);
        assert_eq!(refused.status, 403, "{body}");
        assert!(body["detail"].as_str().unwrap().contains(rule), "{body} lacks {rule}");
    }
    assert_eq!(hub.stream_as(&writer, "?channels=main").await.unwrap().status, 403);
    let mut narrowed = hub.stream_as(&writer, "?channels=*").await.unwrap();
    let frames = narrowed.until(|frame| frame.is_control("hello")).await.unwrap();
    let hello = frames.last().unwrap().json().unwrap();
    assert_eq!(hello["filter"]["channels"], json!(["board:*"]));
    let reader = only(json!({"subscribe": ["card.*"]}));
    let types = hub.get_as(&reader, "/api/registry").await.unwrap().json().unwrap();
    let names = types["types"].as_array().unwrap().iter().map(|t| t["name"].as_str().unwrap());
    assert!(names.clone().all(|name| name.starts_with("card.")) && names.count() == 4);
    assert_eq!(hub.get_as(&reader, "/api/registry/test:event").await.unwrap().status, 404);
}

#[tokio::test]
async fn metrics_are_for_those_who_may_scrape() {
    let (scraper, record) = api_key(1, &json!({"tenants": ["dev"], "scrape": true}));
    let keys = json!([record]).to_string();
    let hub = TestServer::serve(&[("auth.keys", &keys)]).await.unwrap();
    let operator = token(&json!({"radial": {"operator": "hub"}}));
    let tenant_operator = token(&json!({"radial": {"operator": "tenant"}}));
    for (bearer, status) in
        [(&scraper, 200), (&operator, 200), (&tenant_operator, 403), (&token(&everything()), 403)]
    {
        assert_eq!(hub.get_as(bearer, "/metrics").await.unwrap().status, status);
    }
    for open in ["/healthz", "/readyz", "/openapi.json", "/asyncapi.json"] {
        assert_eq!(hub.get(open).await.unwrap().status, 200);
    }
}

#[tokio::test]
async fn a_hub_does_not_start_half_open() {
    let error = |result: anyhow::Result<TestServer>| format!("{:#}", result.err().unwrap());
    let none = error(TestServer::serve(&[("auth.issuers", "[]")]).await);
    for hint in ["no credential is configured", "[[auth.issuers]]", "[[auth.keys]]", "radial dev"] {
        assert!(none.contains(hint), "{none}");
    }
    let issuers = radial_testkit::credentials::issuers();
    let dev = error(TestServer::with(&[("auth.issuers", &issuers)]).await);
    assert!(dev.contains("radial serve"), "{dev}");
    let issuer = |rest: &str| format!(r#"[{{"name": "app", "tenants": ["dev"], {rest}}}]"#);
    for (issuers, expected) in [
        (issuer(r#""secret": "short""#), "at least 32 bytes"),
        (issuer(r#""secret": "short", "algorithm": "none""#), "must be one of HS256"),
        (issuer(r#""secret": "short", "algorithm": "RS256""#), "needs public_key"),
        (issuer(r#""public_key": "short", "algorithm": "RS256""#), "-----BEGIN PUBLIC KEY-----"),
        (issuers.replace(r#""kid":"limited","#, ""), "two keys have no kid"),
        (issuers.replace(r#"["dev"]"#, r#"["initech"]"#), "not in hub.tenants"),
    ] {
        let refused = error(TestServer::serve(&[("auth.issuers", &issuers)]).await);
        assert!(refused.contains(expected) && !refused.contains("short"), "{refused}");
    }
}
