//! Pages of other origins: those of this machine may use the hub, all others may not.

use radial_testkit::TestServer;
use radial_testkit::wire::request;

const PAGE: (&str, &str) = ("origin", "http://localhost:3000");
const STRANGER: (&str, &str) = ("origin", "https://evil.example");

#[tokio::test]
async fn a_page_on_another_port_of_this_machine_may_publish_and_read() {
    let hub = TestServer::start().await.unwrap();
    let asks = [
        PAGE,
        ("access-control-request-method", "POST"),
        ("access-control-request-headers", "content-type, last-event-id"),
    ];
    let preflight = request(hub.address(), "OPTIONS", "/api/sse/events", &asks, b"").await.unwrap();
    assert_eq!(preflight.status, 204);
    assert_eq!(preflight.header("access-control-allow-origin"), Some(PAGE.1));
    assert_eq!(preflight.header("access-control-allow-credentials"), None);
    let allowed = preflight.header("access-control-allow-headers").unwrap();
    assert!(allowed.contains("content-type") && allowed.contains("last-event-id"), "{allowed}");
    for (path, status) in [("/api/events", 200), ("/api/events?limit=0", 400)] {
        let answer = request(hub.address(), "GET", path, &[PAGE], b"").await.unwrap();
        assert_eq!(answer.status, status);
        assert_eq!(answer.header("access-control-allow-origin"), Some(PAGE.1), "{path}");
        assert_eq!(answer.header("vary"), Some("origin"));
    }
}

#[tokio::test]
async fn a_stranger_gets_no_permission_with_its_refusal() {
    let hub = TestServer::start().await.unwrap();
    let asks = [STRANGER, ("access-control-request-method", "POST")];
    let preflight = request(hub.address(), "OPTIONS", "/api/sse/events", &asks, b"").await.unwrap();
    let answer = request(hub.address(), "GET", "/api/events", &[STRANGER], b"").await.unwrap();
    for refused in [preflight, answer] {
        assert_eq!(refused.status, 403);
        assert_eq!(refused.header("access-control-allow-origin"), None);
    }
}
