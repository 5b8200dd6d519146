//! Acknowledgements from the command line, and over kills of the hub.

use radial_testkit::wire::request;
use radial_testkit::{HubProcess, Stream};
use serde_json::{Value, json};
use tokio::process::Command;

use crate::program::binary;

const TYPES: &str = r#"
[types."notice.given"]
persistence = "durable"
ack = true
[types."notice.given".versions.1.schema]
"#;

struct Test {
    hub: HubProcess,
    _folders: [tempfile::TempDir; 2],
}

impl Test {
    async fn start() -> Self {
        let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
        std::fs::write(folders[0].path().join("t.toml"), TYPES).unwrap();
        let registry = folders[0].path().display().to_string();
        let environment = [
            ("RADIAL__HUB__REGISTRY", registry.as_str()),
            ("RADIAL__ACKS__REDELIVER_AFTER", "300ms"),
            ("RADIAL__ACKS__REDELIVER_AT_MOST", "300ms"),
        ];
        let hub = HubProcess::start_with(binary(), folders[1].path(), &environment).await.unwrap();
        Self { hub, _folders: folders }
    }

    async fn post(&self, path: &str, body: &Value) -> Value {
        let headers = [("content-type", "application/json")];
        let body = body.to_string();
        let address = self.hub.address();
        let answer = request(address, "POST", path, &headers, body.as_bytes()).await.unwrap();
        assert!(answer.status < 300, "{:?}", answer.json());
        answer.json().unwrap()
    }

    async fn publish(&self, id: &str) -> String {
        let event = json!({"eventType": "notice.given", "eventId": id, "eventData": {"n": id}});
        let answer = self.post("/api/sse/events", &event).await;
        answer["cursor"].as_str().unwrap().to_owned()
    }

    async fn stream(&self, query: &str) -> Stream {
        let path = format!("/api/sse/events{query}");
        Stream::open(self.hub.address(), &path, &[]).await.unwrap()
    }

    /// The ids of what comes again, until this one has.
    async fn again(&self, stream: &mut Stream, last: &str) -> Vec<String> {
        let mut ids = Vec::new();
        while ids.last().is_none_or(|id| id != last) {
            let frame = stream.frame().await.unwrap();
            if frame.is_control("redelivery") {
                let event = frame.json().unwrap()["event"].clone();
                ids.push(event["eventId"].as_str().unwrap().to_owned());
            }
        }
        ids
    }

    async fn radial(&self, arguments: &[&str]) -> String {
        let url = self.hub.url();
        let mut command = Command::new(binary());
        let output = command.args(arguments).args(["--url", &url]).output().await.unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    }
}

#[tokio::test]
async fn no_kill_takes_back_an_acknowledgement_that_was_answered_or_a_debt() {
    let seed = fastrand::u64(..);
    println!("seed {seed}");
    let mut random = fastrand::Rng::with_seed(seed);
    let mut test = Test::start().await;
    drop(test.stream("?sessionId=s-1").await);
    let mut owed: Vec<String> = Vec::new();
    for round in 0..4 {
        let mut place = String::new();
        for n in 0..6 {
            let id = format!("e-{round}-{n}");
            place = test.publish(&id).await;
            if random.bool() {
                let body = json!({"eventIds": [&id], "sessionId": "s-1"});
                let answer = test.post("/api/sse/acks", &body).await;
                assert_eq!(answer["acknowledged"], json!([id]));
            } else {
                owed.push(id);
            }
        }
        owed.push(format!("end-{round}"));
        place = format!("?sessionId=s-1&cursor={place}");
        test.publish(&format!("end-{round}")).await;
        test.hub.kill().await.unwrap();
        test.hub.start_again().await.unwrap();
        // The end is after its place: it comes again only in its time, after all the others.
        let mut stream = test.stream(&place).await;
        let again = test.again(&mut stream, &format!("end-{round}")).await;
        let found: std::collections::BTreeSet<&String> = again.iter().collect();
        assert_eq!(found, owed.iter().collect(), "round {round}");
    }
}

#[tokio::test]
async fn tail_acknowledges_what_it_has_printed_and_the_operator_sees_it() {
    let test = Test::start().await;
    drop(test.stream("?sessionId=s-1").await);
    drop(test.stream("?sessionId=s-2").await);
    test.publish("one").await;
    test.publish("two").await;
    let tail = ["tail", "--channels", "main", "--session", "s-1", "--ack", "--json"];
    // They come again, because this run has not printed them; then nobody waits for them any more.
    let out = test.radial(&[&tail[..], &["--count", "2"]].concat()).await;
    let ids: Vec<Value> = out
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap()["eventId"].clone())
        .collect();
    assert_eq!(ids, ["one", "two"]);
    let shown = test.radial(&["admin", "acks", "--event", "two", "--json"]).await;
    let shown: Value = serde_json::from_str(&shown).unwrap();
    assert_eq!(
        (&shown["counts"]["acknowledged"], &shown["counts"]["owed"]),
        (&1.into(), &1.into())
    );
    let owing = ["admin", "acks", "--event", "one", "--state", "owed"];
    let owing = test.radial(&owing).await;
    assert!(owing.contains("sessionId: s-2\n") && !owing.contains("s-1"), "{owing}");
}
