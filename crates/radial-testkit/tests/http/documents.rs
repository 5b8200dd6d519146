//! What the hub says of itself, and that a stream and a WebSocket keep to it: Schemathesis asks
//! everything else, but cannot read what does not end.

use radial_testkit::Stream;
use radial_testkit::TestServer;
use radial_testkit::wire::request;
use serde_json::Value;

async fn document(hub: &TestServer, path: &str) -> Value {
    let answer = request(hub.address(), "GET", path, &[], b"").await.unwrap();
    assert_eq!((answer.status, answer.header("content-type")), (200, Some("application/json")));
    let tag = answer.header("etag").unwrap();
    let again = request(hub.address(), "GET", path, &[("if-none-match", tag)], b"").await.unwrap();
    assert_eq!((again.status, again.body.len()), (304, 0), "{path}");
    answer.json().unwrap()
}

#[tokio::test]
async fn the_hub_describes_itself_with_its_own_limits_and_of_no_tenant() {
    let tenants = ("hub.tenants", "dev,acme,secret-tenant");
    let hub = TestServer::serve(&[tenants, ("limits.batch_events", "7")]).await.unwrap();
    let openapi = document(&hub, "/openapi.json").await;
    let body = &openapi["paths"]["/api/sse/events"]["post"]["requestBody"]["content"];
    assert_eq!(body["application/json"]["schema"]["anyOf"][1]["maxItems"], 7);
    let asyncapi = document(&hub, "/asyncapi.json").await;
    assert_eq!(asyncapi["components"]["messages"]["card.moved"]["name"], "card.moved");
    for document in [openapi, asyncapi] {
        assert!(!document.to_string().contains("secret-tenant"));
    }
}

#[tokio::test]
async fn what_does_not_end_begins_as_the_document_says() {
    let hub = TestServer::start().await.unwrap();
    let openapi = document(&hub, "/openapi.json").await;
    for (path, query) in [
        ("/api/sse/events", "?channels=*&named=true"),
        ("/api/sse/events", "?cursor=42"),
        ("/api/sse/events", "?channels=no+channel"),
        ("/api/ws", ""),
    ] {
        let opened = Stream::open(hub.address(), &format!("{path}{query}"), &[]).await.unwrap();
        let documented = &openapi["paths"][path]["get"]["responses"][opened.status.to_string()];
        let media = opened.headers.iter().find(|(name, _)| name == "content-type");
        let (_, media) = media.unwrap_or_else(|| panic!("{path}{query}: {:?}", opened.headers));
        assert!(documented["content"].get(media).is_some(), "{path}{query}: {documented}");
    }
}
