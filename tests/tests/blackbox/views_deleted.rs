//! The views are disposable: without their file the service starts, and gives the same answers (G12).

use postledger_tests::service::{Relay, Service, Setup};
use postledger_tests::sink::{Script, Sink};
use serde_json::{Value, json};

const MESSAGES: usize = 7;

async fn lists(service: &Service) -> Vec<Value> {
    let all = |list: &Value| list["data"].as_array().is_some_and(|data| data.len() == MESSAGES);
    let mut lists = vec![service.get_until("/v1/messages?limit=50", all).await.unwrap()];
    for filter in ["status=failed", "tag=even", "priority=high", "recipient=to3@b.example"] {
        lists.push(service.get(&format!("/v1/messages?{filter}")).await.unwrap().expect(200).unwrap());
    }
    lists
}

#[tokio::test]
async fn the_same_answers_come_without_the_file() {
    let sink = Sink::start(Script::default()).await.unwrap();
    let mut service = Setup::new().relay(Relay::plain("primary", sink.addr())).start().await.unwrap();
    for n in 0..MESSAGES {
        let to = if n == 5 { "to5+rcpt-550@b.example".to_owned() } else { format!("to{n}@b.example") };
        let message = json!({
            "from": "a@a.example", "to": to, "subject": format!("Nr. {n}"), "text": "x",
            "tags": if n % 2 == 0 { json!(["even"]) } else { json!([]) },
            "priority": if n == 6 { "high" } else { "normal" },
        });
        let message = service.submit(&message).await.unwrap();
        service.settled(message["id"].as_str().unwrap()).await.unwrap();
    }
    service.terminate().await.unwrap();
    service.start().await.unwrap();
    let before = lists(&service).await;
    assert_eq!(
        before.iter().map(|list| list["data"].as_array().unwrap().len()).collect::<Vec<_>>(),
        [7, 1, 4, 1, 1]
    );
    service.terminate().await.unwrap();

    for file in ["views.db", "views.db-wal", "views.db-shm"] {
        let path = service.data_dir().join(file);
        if path.exists() {
            std::fs::remove_file(path).unwrap();
        }
    }
    service.start().await.unwrap();
    let message = json!({"from": "a@a.example", "to": "late@b.example", "subject": "x", "text": "x"});
    let accepted = lists(&service).await;
    assert_eq!(accepted, before);
    service.settled(service.submit(&message).await.unwrap()["id"].as_str().unwrap()).await.unwrap();
    service.terminate().await.unwrap();
    let exit = service.run(&["replay", "--check"]).await.unwrap();
    assert_eq!(exit.code, Some(0), "{exit}");
}
