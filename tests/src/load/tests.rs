//! The generator against a server that answers from a table.

use super::*;
use std::sync::Mutex;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

type Requests = Arc<Mutex<Vec<String>>>;

/// Answers each request by what `answer` makes of it; closes without a word where that is nothing.
async fn serve(answer: fn(&str) -> Option<String>) -> (watch::Receiver<SocketAddr>, Requests) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let addr = listener.local_addr().unwrap();
    let requests = Requests::default();
    let seen = Arc::clone(&requests);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let seen = Arc::clone(&seen);
            tokio::spawn(async move {
                let mut input = Vec::new();
                loop {
                    let text = String::from_utf8_lossy(&input).into_owned();
                    let length =
                        text.split_once("Content-Length: ").and_then(|(_, rest)| rest.split_once("\r\n\r\n"));
                    match length {
                        Some((length, body)) if body.len() >= length.parse::<usize>().unwrap() => {
                            input.clear();
                            seen.lock().unwrap().push(text.clone());
                            let Some(reply) = answer(&text) else { return };
                            stream.write_all(reply.as_bytes()).await.unwrap();
                        }
                        _ => {
                            if stream.read_buf(&mut input).await.unwrap_or(0) == 0 {
                                return;
                            }
                        }
                    }
                }
            });
        }
    });
    (watch::channel(addr).1, requests)
}

fn reply(status: &str, body: &str) -> Option<String> {
    Some(format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\n\r\n{body}", body.len()))
}

fn json_of(request: &str) -> serde_json::Value {
    serde_json::from_str(request.split_once("\r\n\r\n").unwrap().1).unwrap()
}

#[tokio::test]
async fn every_message_is_sent_once_and_written_down() {
    let (target, requests) = serve(|_| reply("202 Accepted", r#"{"id":"msg_7","deliveries":[]}"#)).await;
    let files = tempfile::tempdir().unwrap();
    let mut load = Load::new(target, "secret", Until::Messages(100));
    load.connections = 7;
    load.recipients = 2;
    load.idempotent = true;
    load.priority = Some("low".to_owned());
    load.members = Some(r#""tags":["x"]"#.to_owned());
    load.fate = Some(Arc::new(|number, at| format!("+dot-{}-{at}", number + 400)));
    load.ledger = Some(files.path().join("ledger"));
    let report = load.run().await.unwrap();
    assert_eq!(report.accepted(), 100);
    assert_eq!(report.latency.len(), 100);

    let entries = Entry::read(&files.path().join("ledger")).unwrap();
    let of = |token: &str| {
        entries
            .iter()
            .filter(|entry| match entry {
                Entry::Intent(it) => it.token == token,
                Entry::Answer(it) => it.token == token,
            })
            .collect::<Vec<_>>()
    };
    let recipients =
        ["to0.run-42+dot-442-0@load.example", "to1.run-42+dot-442-1@load.example"].map(str::to_owned);
    let [Entry::Intent(intent), Entry::Answer(answer)] = of("run-42")[..] else {
        panic!("{:?}", of("run-42"))
    };
    assert_eq!(intent.recipients, recipients);
    assert_eq!(
        *answer,
        Answer { token: "run-42".into(), status: 202, id: Some("msg_7".into()), replayed: false }
    );

    let requests = requests.lock().unwrap();
    assert_eq!(requests.len(), 100);
    let request = requests.iter().find(|it| it.contains("Idempotency-Key: key-run-42\r\n")).unwrap();
    assert!(request.contains("Authorization: Bearer secret\r\n"));
    let body = json_of(request);
    assert_eq!(body["to"][1], recipients[1]);
    assert_eq!(body["subject"], "Load token:run-42");
    assert_eq!((&body["priority"], &body["tags"][0]), (&"low".into(), &"x".into()));
    assert!((4000..=4096).contains(&body["text"].as_str().unwrap().len()));
}

#[tokio::test]
async fn batches_are_answered_item_by_item() {
    let (target, requests) = serve(|_| {
        let results = r#"{"results":[{"status":202,"message":{"id":"msg_1"}},{"status":422,"problem":{}}]}"#;
        reply("207 Multi-Status", results)
    })
    .await;
    let mut load = Load::new(target, "k", Until::Messages(4));
    (load.batch, load.connections, load.idempotent) = (2, 1, true);
    let report = load.run().await.unwrap();
    assert_eq!(report.statuses, [(202, 2), (422, 2)].into());
    let body = json_of(&requests.lock().unwrap()[1]);
    assert_eq!(body["messages"][1]["idempotency_key"], "key-run-3");
}

#[tokio::test]
async fn a_lost_answer_fails_is_forgotten_or_repeated() {
    for (lost, accepted, requested) in [(Lost::Forgotten, 9, 10), (Lost::Repeated, 10, 11)] {
        let (target, requests) = serve(|request| {
            // The first try of one message is cut; its repetition says so by being the second with that token.
            let cut = request.contains("token:run-5\"") && !REPEATED.swap(true, Ordering::SeqCst);
            if cut { None } else { reply("202 Accepted", r#"{"id":"msg_1"}"#) }
        })
        .await;
        REPEATED.store(false, Ordering::SeqCst);
        let mut load = Load::new(target, "k", Until::Messages(10));
        (load.connections, load.lost) = (1, lost);
        let report = load.run().await.unwrap();
        assert_eq!((report.accepted(), report.unanswered), (accepted, 1), "{lost:?}");
        assert_eq!(requests.lock().unwrap().len(), requested, "{lost:?}");
    }
    let (target, _) = serve(|_| None).await;
    assert!(Load::new(target, "k", Until::Messages(1)).run().await.is_err());
}

static REPEATED: std::sync::atomic::AtomicBool = std::sync::atomic::AtomicBool::new(false);

#[tokio::test]
async fn a_service_that_moved_is_found_again() {
    let (second, requests) = serve(|_| reply("202 Accepted", r#"{"id":"msg_1"}"#)).await;
    let nobody = TcpListener::bind(("127.0.0.1", 0)).await.unwrap().local_addr().unwrap();
    let (moved, target) = watch::channel(nobody);
    let mut load = Load::new(target, "k", Until::Stopped);
    load.lost = Lost::Forgotten;
    let running = load.start().unwrap();
    assert_eq!(running.accepted(), 0);
    moved.send_replace(*second.borrow());
    assert!(running.reaches(100, Duration::from_secs(10)).await);
    running.stop();
    let report = running.finish().await.unwrap();
    assert!(report.accepted() >= 100 && requests.lock().unwrap().len() >= 100);
}

#[tokio::test]
async fn a_rate_is_kept() {
    let (target, _) = serve(|_| reply("202 Accepted", r#"{"id":"msg_1"}"#)).await;
    let mut load = Load::new(target, "k", Until::Elapsed(Duration::from_millis(200)));
    load.rate = Some(500.0);
    let report = load.run().await.unwrap();
    assert_eq!(report.accepted(), 100);
}
