//! Every case of `conformance/cases`, over each transport.

use std::path::Path;

use radial_testkit::conformance::{Report, Transport, run_folder};

#[tokio::test]
async fn every_case_holds_over_sse() {
    check(Transport::Sse).await;
}

#[tokio::test]
async fn every_case_holds_over_websocket() {
    check(Transport::WebSocket).await;
}

#[tokio::test]
async fn every_case_holds_over_long_poll() {
    check(Transport::Poll).await;
}

async fn check(transport: Transport) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../conformance/cases");
    let report = run_folder(&folder, transport).await.unwrap();
    let Report { passed, skipped, failures } = &report;
    let lines: Vec<String> = failures.iter().map(ToString::to_string).collect();
    let count = passed + skipped + failures.len();
    assert!(failures.is_empty(), "{} of {count} cases:\n{}", failures.len(), lines.join("\n"));
    assert!(*passed > 0, "no case is for this transport");
}

#[tokio::test]
async fn a_folder_without_cases_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let error = run_folder(folder.path(), Transport::Sse).await.unwrap_err();
    assert!(error.to_string().contains("has no case"), "{error}");
}

#[tokio::test]
async fn a_case_that_does_not_hold_says_where_and_what_was_found() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    write(
        "wrong.yaml",
        "name: wrong\nproves: Nothing.\nsteps:\n  - open: a\n  - publish: {eventType: user.updated, \
         eventData: {userId: a}}\n  - read: a\n    expect:\n      - hello: {}\n      - live: {}\n      \
         - event: {offset: 2}\n",
    );
    write("misspelt.yaml", "name: misspelt\nproves: Nothing.\nsteps:\n  - opne: a\n");
    let report = run_folder(folder.path(), Transport::Sse).await.unwrap();
    let [misspelt, wrong] = &report.failures[..] else { panic!("{report:?}") };
    assert!(misspelt.to_string().starts_with("misspelt.yaml\n"), "{misspelt}");
    assert!(misspelt.found.contains("exactly one of"), "{misspelt}");
    assert!(wrong.to_string().starts_with("wrong.yaml, step 3 (read a)\n"), "{wrong}");
    assert!(wrong.expected.contains("/offset: 2") && wrong.found.starts_with('1'), "{wrong}");
}
