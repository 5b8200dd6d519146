//! Tests of delivery: what stays open after an answer, and a hub that answers by script.

use std::sync::{Arc, Mutex};

use radial_client::ClientConfig;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use super::*;

fn problem(status: u16) -> LineResult {
    Err(Box::new(ProblemDocument { status, ..ProblemDocument::default() }))
}

fn accepted(id: &str) -> Accepted {
    serde_json::from_str(&accepted_json(id)).unwrap()
}

fn accepted_json(id: &str) -> String {
    format!(r#"{{"eventId":"{id}","duplicate":false,"persistence":"live"}}"#)
}

fn batch(count: u64) -> Batch {
    Batch::of((1..=count).map(|number| Line { number, end: 0, json: format!("{number}") }))
}

fn statuses(results: &[LineResult]) -> Vec<u16> {
    let status =
        |result: &LineResult| result.as_ref().map_or_else(|problem| problem.status, |_| 201);
    results.iter().map(status).collect()
}

#[test]
fn only_lines_that_were_refused_for_now_stay_open() {
    let batch = batch(4);
    let mut open = Open::new(&batch);
    let answers = vec![Ok(accepted("a")), problem(503), problem(422), problem(507)];
    assert_eq!(open.settle(answers, false).unwrap().status, 507);
    assert_eq!(batch::body(open.lines.iter().map(|(_, line)| *line)), "[2,4]");
    assert!(open.settle(vec![Ok(accepted("b")), Ok(accepted("d"))], false).is_none());
    assert_eq!(statuses(&open.finish()), [201, 201, 422, 201]);
}

#[test]
fn the_last_attempt_settles_everything() {
    let batch = batch(1);
    let mut open = Open::new(&batch);
    assert!(open.settle(vec![problem(503)], true).is_none());
    assert_eq!(statuses(&open.finish()), [503]);
}

/// Answers one request for each answer, and then is gone; an empty answer is a cut. Returns its
/// address and the bodies that came.
async fn hub(answers: Vec<String>) -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let bodies = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&bodies);
    tokio::spawn(async move {
        for answer in answers {
            let (mut stream, _) = listener.accept().await.unwrap();
            let body = body_of(&mut stream).await;
            seen.lock().unwrap().push(body);
            stream.write_all(answer.as_bytes()).await.unwrap();
        }
    });
    (url, bodies)
}

async fn body_of(stream: &mut TcpStream) -> String {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        head.push(char::from(stream.read_u8().await.unwrap()));
    }
    let head = head.to_lowercase();
    let (_, length) = head.split_once("content-length: ").unwrap();
    let mut body = vec![0; length.lines().next().unwrap().parse().unwrap()];
    stream.read_exact(&mut body).await.unwrap();
    String::from_utf8(body).unwrap()
}

fn answer(status: &str, body: &str) -> String {
    let length = body.len();
    format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}")
}

async fn deliver(
    answers: Vec<String>,
    lines: u64,
    attempts: usize,
) -> (Result<Vec<LineResult>, ClientError>, Vec<String>) {
    let (url, bodies) = hub(answers).await;
    let client = Client::new(ClientConfig::at(url)).unwrap();
    let mut delivery = Delivery::new(client, false, attempts, |_| ());
    let results = delivery.deliver(&batch(lines)).await;
    let bodies = bodies.lock().unwrap().clone();
    (results, bodies)
}

#[tokio::test(start_paused = true)]
async fn what_a_cut_left_unanswered_is_sent_again_with_the_same_bytes() {
    let both = format!("[{},{}]", accepted_json("a"), accepted_json("b"));
    let draining = r#"{"code":"draining","status":503,"detail":"d"}"#;
    let answers = vec![
        String::new(),
        answer("503 Service Unavailable", draining),
        answer("207 Multi-Status", &both),
    ];
    let (results, bodies) = deliver(answers, 2, 10).await;
    assert_eq!(statuses(&results.unwrap()), [201, 201]);
    assert_eq!(bodies, ["[1,2]", "[1,2]", "[1,2]"]);
}

#[tokio::test(start_paused = true)]
async fn of_a_batch_that_was_taken_in_part_only_the_rest_is_sent_again() {
    let full = r#"{"code":"disk-full","status":507,"detail":"d"}"#;
    let bad = r#"{"code":"schema-violation","status":422,"detail":"d"}"#;
    let answers = vec![
        answer("207 Multi-Status", &format!("[{},{full},{bad}]", accepted_json("a"))),
        answer("207 Multi-Status", &format!("[{}]", accepted_json("b"))),
    ];
    let (results, bodies) = deliver(answers, 3, 10).await;
    assert_eq!(statuses(&results.unwrap()), [201, 201, 422]);
    assert_eq!(bodies, ["[1,2,3]", "[2]"]);
}

#[tokio::test(start_paused = true)]
async fn a_refusal_of_the_body_refuses_its_lines_and_one_of_the_caller_stops_everything() {
    let too_many = r#"{"code":"batch-too-large","detail":"d"}"#;
    let (results, _) = deliver(vec![answer("413 Content Too Large", too_many)], 2, 10).await;
    assert_eq!(statuses(&results.unwrap()), [413, 413]);
    let unauthorized = r#"{"code":"unauthorized","detail":"d"}"#;
    let (results, bodies) = deliver(vec![answer("401 Unauthorized", unauthorized)], 2, 10).await;
    assert!(matches!(results, Err(ClientError::Refused(problem)) if problem.status == 401));
    assert_eq!(bodies.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_hub_that_stays_away_is_given_up() {
    let (results, bodies) = deliver(vec![String::new(); 3], 1, 3).await;
    assert!(matches!(results, Err(ClientError::Network { .. })));
    assert_eq!(bodies.len(), 3);
}

#[tokio::test(start_paused = true)]
async fn an_answer_of_the_wrong_length_is_not_believed() {
    let one = format!("[{}]", accepted_json("a"));
    let (results, _) = deliver(vec![answer("207 Multi-Status", &one)], 2, 10).await;
    assert!(matches!(results, Err(ClientError::Protocol(_))));
}
