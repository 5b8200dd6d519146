//! TLS and HTTP/2, with real clients and certificates made for the test.

use std::net::SocketAddr;
use std::path::Path;

use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http2::{SendRequest, handshake};
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use radial_server::config::{Sources, load};
use radial_server::{Mode, Server};
use radial_testkit::credentials::issuers;
use radial_testkit::tls::{TestCertificate, connect};
use radial_testkit::wire::converse;
use radial_testkit::{PATIENCE, TestServer};
use serde_json::json;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;

const CERTIFICATES: &str = "server.certificates";

/// The setting for certificates in a folder, by the names of their files.
fn setting(folder: &Path, names: &[&str]) -> String {
    let record = |name: &&str| {
        let file = |ending| folder.join(format!("{name}.{ending}")).display().to_string();
        json!({"certificate": file("pem"), "key_file": file("key")})
    };
    json!(names.iter().map(record).collect::<Vec<_>>()).to_string()
}

/// A hub with a new certificate for localhost in a folder.
async fn encrypted(folder: &Path, more: &[(&str, &str)]) -> (TestServer, TestCertificate) {
    let certificate = TestCertificate::new("localhost").unwrap();
    certificate.write(folder, "one").unwrap();
    let list = setting(folder, &["one"]);
    let mut settings = vec![(CERTIFICATES, list.as_str())];
    settings.extend(more);
    (TestServer::with(&settings).await.unwrap(), certificate)
}

/// Asks by HTTP/1.1 on an open connection, and reads until it is closed.
async fn get<S: AsyncRead + AsyncWrite + Unpin>(mut stream: S, path: &str) -> String {
    let head = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    String::from_utf8(answer).unwrap()
}

async fn http2<S>(stream: S) -> SendRequest<Full<Bytes>>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (send, connection) = handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    send
}

async fn ask(
    send: &mut SendRequest<Full<Bytes>>,
    method: &str,
    url: &str,
    body: &str,
) -> Response<Incoming> {
    let request = Request::builder()
        .method(method)
        .uri(url)
        .header("content-type", "application/json")
        .body(Full::new(Bytes::from(body.to_owned())));
    send.ready().await.unwrap();
    send.send_request(request.unwrap()).await.unwrap()
}

/// Reads a body until it holds these words.
async fn read_until(body: &mut Incoming, words: &str) -> String {
    let mut text = String::new();
    let work = async {
        while !text.contains(words) {
            let frame = body.frame().await.unwrap().unwrap();
            text.push_str(std::str::from_utf8(frame.data_ref().unwrap()).unwrap());
        }
    };
    tokio::time::timeout(PATIENCE, work).await.unwrap_or_else(|_| panic!("no {words} in time"));
    text
}

#[tokio::test]
async fn http1_is_spoken_inside_tls_and_nothing_outside() {
    let folder = tempfile::tempdir().unwrap();
    let (hub, certificate) = encrypted(folder.path(), &[("server.header_timeout", "200ms")]).await;
    for protocols in [&["http/1.1"][..], &[]] {
        let stream = connect(hub.address(), "localhost", &[&certificate], protocols).await.unwrap();
        assert!(certificate.was_shown(&stream));
        let answer = get(stream, "/healthz").await;
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
        assert!(answer.contains("strict-transport-security: max-age="), "{answer}");
    }
    let plain = b"GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n";
    let back = converse(hub.address(), plain, false).await.unwrap();
    assert!(!back.starts_with(b"HTTP"), "{back:?}");
    // Who does not shake hands is not waited for.
    let back = converse(hub.address(), b"", false).await.unwrap();
    assert_eq!(back, b"");
}

#[tokio::test]
async fn a_page_has_all_its_streams_on_one_connection_of_http2() {
    let folder = tempfile::tempdir().unwrap();
    let (hub, certificate) = encrypted(folder.path(), &[]).await;
    let trusted = [&certificate];
    let stream = connect(hub.address(), "localhost", &trusted, &["h2", "http/1.1"]).await.unwrap();
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
    let mut send = http2(stream).await;
    let origin = format!("https://localhost:{}", hub.address().port());
    let mut streams = Vec::new();
    for _ in 0..200 {
        let answer = ask(&mut send, "GET", &format!("{origin}/api/sse/events"), "").await;
        assert_eq!(answer.status(), 200);
        let mut body = answer.into_body();
        read_until(&mut body, "event: live").await;
        streams.push(body);
    }
    let event = r#"{"eventType":"test:event","eventData":{"words":"by http2"}}"#;
    let published = ask(&mut send, "POST", &format!("{origin}/api/sse/events"), event).await;
    assert_eq!(published.status(), 201);
    for body in &mut streams {
        read_until(body, "by http2").await;
    }
    drop(streams);
    let metrics = ask(&mut send, "GET", &format!("{origin}/metrics"), "").await;
    let metrics = metrics.into_body().collect().await.unwrap().to_bytes();
    let metrics = String::from_utf8(metrics.to_vec()).unwrap();
    assert!(metrics.lines().any(|line| line == "radial_sockets 1"), "{metrics}");
    hub.stop().await.unwrap();
}

#[tokio::test]
async fn http2_is_spoken_without_tls_to_who_begins_with_it() {
    let hub = TestServer::start().await.unwrap();
    let mut send = http2(TcpStream::connect(hub.address()).await.unwrap()).await;
    let url = format!("http://{}/healthz", hub.address());
    let answer = ask(&mut send, "GET", &url, "").await;
    assert_eq!((answer.status().as_u16(), answer.version()), (200, hyper::Version::HTTP_2));
    let stranger = ask(&mut send, "GET", "http://evil.example/healthz", "").await;
    assert_eq!(stranger.status(), 403, "the host is looked at here too");
    for beginning in ["P", "PR", "PUT / HTTP/1.1\r\n\r\n"] {
        let back = converse(hub.address(), beginning.as_bytes(), true).await.unwrap();
        assert!(back.is_empty() || back.starts_with(b"HTTP/1.1 "), "{beginning}");
    }
}

#[tokio::test]
async fn each_host_is_shown_its_own_certificate() {
    let folder = tempfile::tempdir().unwrap();
    let hosts = ["localhost", "one.example", "*.two.example"];
    let certificates: Vec<_> =
        hosts.iter().map(|host| TestCertificate::new(host).unwrap()).collect();
    for (certificate, name) in certificates.iter().zip(["a", "b", "c"]) {
        certificate.write(folder.path(), name).unwrap();
    }
    let list = setting(folder.path(), &["a", "b", "c"]);
    let hub = TestServer::with(&[(CERTIFICATES, &list)]).await.unwrap();
    let trusted: Vec<_> = certificates.iter().collect();
    for (host, index) in [("localhost", 0), ("one.example", 1), ("www.two.example", 2)] {
        let stream = connect(hub.address(), host, &trusted, &[]).await.unwrap();
        assert!(certificates[index].was_shown(&stream), "{host}");
    }
    assert!(connect(hub.address(), "three.example", &trusted, &[]).await.is_err());
}

/// Waits until the metrics say so, over TLS.
async fn told(address: SocketAddr, trusted: &[&TestCertificate], line: &str) {
    let work = async {
        loop {
            let stream = connect(address, "localhost", trusted, &[]).await.unwrap();
            if get(stream, "/metrics").await.lines().any(|found| found.trim() == line) {
                return;
            }
        }
    };
    tokio::time::timeout(PATIENCE, work).await.unwrap_or_else(|_| panic!("no {line} in time"));
}

#[tokio::test]
async fn changed_files_are_used_without_a_restart_and_bad_ones_are_not() {
    let folder = tempfile::tempdir().unwrap();
    let (hub, old) = encrypted(folder.path(), &[("server.certificate_check", "100ms")]).await;
    let mut kept = connect(hub.address(), "localhost", &[&old], &[]).await.unwrap();
    let new = TestCertificate::new("localhost").unwrap();
    // The key alone does not belong to the certificate that is there.
    std::fs::write(folder.path().join("one.key"), new.key_pem()).unwrap();
    let refused = "radial_certificate_reloads_total{result=\"refused\"} 1";
    told(hub.address(), &[&old], refused).await;
    std::fs::write(folder.path().join("one.pem"), new.certificate_pem()).unwrap();
    let taken = "radial_certificate_reloads_total{result=\"taken\"} 1";
    told(hub.address(), &[&old, &new], taken).await;
    let stream = connect(hub.address(), "localhost", &[&new], &[]).await.unwrap();
    assert!(new.was_shown(&stream));
    assert!(connect(hub.address(), "localhost", &[&old], &[]).await.is_err());
    let answer = get(&mut kept, "/healthz").await;
    assert!(answer.starts_with("HTTP/1.1 200 "), "an open connection goes on: {answer}");
}

#[tokio::test]
async fn other_addresses_are_served_with_tls_or_if_it_is_said() {
    let folder = tempfile::tempdir().unwrap();
    TestCertificate::new("localhost").unwrap().write(folder.path(), "one").unwrap();
    let certificates = setting(folder.path(), &["one"]);
    let certificates = ("RADIAL__SERVER__CERTIFICATES", certificates.as_str());
    let plain = ("RADIAL__SERVER__PLAIN_HTTP", "true");
    let issuers = issuers();
    let issuers = ("RADIAL__AUTH__ISSUERS", issuers.as_str());
    for (mode, variables, expected) in [
        (Mode::Serve, vec![issuers], Some("without TLS: give a certificate")),
        (Mode::Serve, vec![issuers, plain], None),
        (Mode::Serve, vec![issuers, certificates], None),
        (Mode::Dev, vec![plain, certificates], Some("radial dev serves loopback addresses only")),
    ] {
        let owned = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
        let data = folder.path().join(format!("data-{expected:?}-{}", variables.len()));
        let sources = Sources {
            file: None,
            environment: variables.into_iter().map(owned).collect(),
            flags: vec![
                ("server.listen", "listen", "0.0.0.0:0".to_owned()),
                ("server.data", "data", data.display().to_string()),
            ],
        };
        let bound = Server::bind(load(sources).unwrap().config, mode).await;
        let told = bound.err().map(|error| error.to_string()).unwrap_or_default();
        match expected {
            Some(words) => assert!(told.contains(words), "{told}"),
            None => assert_eq!(told, ""),
        }
    }
}

#[tokio::test]
async fn what_is_wrong_with_a_certificate_is_said_without_its_key() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let (one, two) =
        (TestCertificate::new("localhost").unwrap(), TestCertificate::new("localhost").unwrap());
    one.write(path, "good").unwrap();
    std::fs::write(path.join("mixed.pem"), one.certificate_pem()).unwrap();
    std::fs::write(path.join("mixed.key"), two.key_pem()).unwrap();
    std::fs::write(path.join("swapped.pem"), one.key_pem()).unwrap();
    std::fs::write(path.join("swapped.key"), one.certificate_pem()).unwrap();
    std::fs::write(path.join("keyless.pem"), one.certificate_pem()).unwrap();
    std::fs::write(path.join("keyless.key"), "-----BEGIN PRIVATE KEY-----\n!\n").unwrap();
    std::fs::write(path.join("lone.key"), one.key_pem()).unwrap();
    for (name, expected) in [
        ("mixed", "they do not belong together"),
        ("swapped", "swapped.pem: holds no certificate in PEM"),
        ("keyless", "keyless.key: holds no private key in PEM"),
        ("lone", "lone.pem: cannot be read: No such file"),
    ] {
        let list = setting(path, &["good", name]);
        let refused = TestServer::with(&[(CERTIFICATES, &list)]).await.err().unwrap();
        let told = format!("{refused:#}");
        assert!(told.contains(expected), "{name}: {told}");
        let secret = one.key_pem();
        let secret = secret.lines().nth(1).unwrap();
        assert!(!told.contains(&secret[..16]), "{told}");
    }
}
