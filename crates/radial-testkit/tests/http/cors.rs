//! Pages of other origins: those of this machine and those listed may use the hub, all others may
//! not; and what pages themselves are told.

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
        let depends = ("vary".to_owned(), "origin".to_owned());
        assert!(answer.headers.contains(&depends), "{answer:?}");
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

#[tokio::test]
async fn a_listed_origin_may_send_cookies_and_no_other_may() {
    const LISTED: (&str, &str) = ("origin", "https://app.example.org");
    let hub = TestServer::with(&[("server.allowed_origins", LISTED.1)]).await.unwrap();
    let asks = |origin| [origin, ("access-control-request-method", "POST")];
    for (origin, credentials) in [(LISTED, Some("true")), (PAGE, None)] {
        let answer = request(hub.address(), "GET", "/api/events", &[origin], b"").await.unwrap();
        let asks = asks(origin);
        let preflight =
            request(hub.address(), "OPTIONS", "/api/sse/events", &asks, b"").await.unwrap();
        assert_eq!((answer.status, preflight.status), (200, 204));
        for answer in [answer, preflight] {
            assert_eq!(answer.header("access-control-allow-origin"), Some(origin.1));
            assert_eq!(answer.header("access-control-allow-credentials"), credentials);
        }
    }
    for stranger in [
        "https://app.example.org.evil.example",
        "http://app.example.org",
        "https://app.example.org:8443",
        "https://APP.example.org",
        "null",
        "*",
    ] {
        let origin = ("origin", stranger);
        let answer = request(hub.address(), "GET", "/api/events", &[origin], b"").await.unwrap();
        assert_eq!(answer.status, 403, "{stranger}");
        assert_eq!(answer.header("access-control-allow-origin"), None, "{stranger}");
        assert_eq!(answer.header("access-control-allow-credentials"), None, "{stranger}");
    }
}

#[tokio::test]
async fn a_preflight_says_what_it_depends_on_and_how_long_it_holds() {
    let hub = TestServer::start().await.unwrap();
    let asks = [PAGE, ("access-control-request-method", "POST")];
    let preflight = request(hub.address(), "OPTIONS", "/api/sse/events", &asks, b"").await.unwrap();
    assert_eq!(preflight.header("access-control-max-age"), Some("600"));
    let vary: Vec<&str> = preflight
        .headers
        .iter()
        .filter(|(name, _)| name == "vary")
        .flat_map(|(_, value)| value.split(", "))
        .collect();
    let expected = ["access-control-request-method", "access-control-request-headers", "origin"];
    assert_eq!(vary, expected);
}

#[tokio::test]
async fn pages_may_load_nothing_from_elsewhere_and_be_framed_by_nobody() {
    let hub = TestServer::start().await.unwrap();
    let page = hub.get("/").await.unwrap();
    let policy = page.header("content-security-policy").unwrap();
    assert!(policy.contains("default-src 'self'") && policy.contains("frame-ancestors 'none'"));
    assert!(!policy.contains("unsafe") && !policy.contains('*'), "{policy}");
    for (name, value) in [
        ("x-frame-options", "DENY"),
        ("referrer-policy", "no-referrer"),
        ("x-content-type-options", "nosniff"),
        ("cross-origin-opener-policy", "same-origin"),
    ] {
        assert_eq!(page.header(name), Some(value));
    }
}

#[tokio::test]
async fn only_what_came_by_https_is_told_to_stay_there() {
    let trusting = TestServer::with(&[("server.trusted_proxies", "127.0.0.1")]).await.unwrap();
    let doubting = TestServer::start().await.unwrap();
    let https = [("x-forwarded-for", "192.0.2.1"), ("x-forwarded-proto", "https")];
    for (hub, headers, expected) in [
        (&trusting, &https[..], Some("max-age=15552000")),
        (&trusting, &[("x-forwarded-proto", "http")], None),
        (&trusting, &[], None),
        (&doubting, &https, None),
    ] {
        let answer = request(hub.address(), "GET", "/healthz", headers, b"").await.unwrap();
        assert_eq!(answer.header("strict-transport-security"), expected, "{headers:?}");
    }
}

#[tokio::test]
async fn a_preflight_allows_every_method_that_a_route_has() {
    let hub = TestServer::start().await.unwrap();
    for route in radial_server::ROUTES {
        let asks = [PAGE, ("access-control-request-method", route.method.as_str())];
        let preflight = request(hub.address(), "OPTIONS", route.path, &asks, b"").await.unwrap();
        let allowed = preflight.header("access-control-allow-methods").unwrap();
        let is_allowed = allowed.split(", ").any(|method| method == route.method.as_str());
        assert!(is_allowed, "{} {}: {allowed}", route.method, route.path);
    }
}
