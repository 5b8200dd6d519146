//! New certificates by SIGHUP.

use radial_testkit::tls::{TestCertificate, connect};
use radial_testkit::{HubProcess, PATIENCE};
use serde_json::json;

use crate::program::binary;

#[tokio::test]
async fn sighup_takes_new_certificates_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let old = TestCertificate::new("localhost").unwrap();
    let (certificate, key) = old.write(folder.path(), "hub").unwrap();
    let list = json!([{"certificate": certificate, "key_file": key}]).to_string();
    let environment = [
        ("RADIAL__SERVER__CERTIFICATES", list.as_str()),
        ("RADIAL__SERVER__CERTIFICATE_CHECK", "24h"),
    ];
    let data = folder.path().join("data");
    let mut hub = HubProcess::start_with(binary(), &data, &environment).await.unwrap();
    assert!(connect(hub.address(), "localhost", &[&old], &[]).await.is_ok());
    let new = TestCertificate::new("localhost").unwrap();
    new.write(folder.path(), "hub").unwrap();
    assert!(connect(hub.address(), "localhost", &[&old], &[]).await.is_ok());
    hub.hang_up().await.unwrap();
    let address = hub.address();
    let shown = async { while connect(address, "localhost", &[&new], &[]).await.is_err() {} };
    tokio::time::timeout(PATIENCE, shown).await.expect("the new certificate is not used in time");
    assert!(hub.terminate().await.unwrap().success());
}
