//! One idempotency key from twenty clients at once makes one message (G10).

use postledger_tests::chaos::{Plan, Scenario, run};
use postledger_tests::service::{Relay, Setup};
use postledger_tests::sink::{Script, Sink};
use reqwest::Method;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::sync::Arc;
use tokio::task::JoinSet;

const CLIENTS: usize = 20;

#[tokio::test]
async fn one_key_from_twenty_clients_makes_one_message() {
    let sink = Sink::start(Script::default()).await.unwrap();
    let service = Arc::new(Setup::new().relay(Relay::plain("primary", sink.addr())).start().await.unwrap());
    let message =
        json!({"from": "shop@a.example", "to": "ann@b.example", "subject": "Order", "text": "Thanks"});

    let mut clients = JoinSet::new();
    for _ in 0..CLIENTS {
        let (service, message) = (Arc::clone(&service), message.clone());
        clients.spawn(async move {
            let key = [("Idempotency-Key", "order-17")];
            service.call(Method::POST, "/v1/messages", Some(&message), &key).await.unwrap()
        });
    }
    let answers = clients.join_all().await;
    // Who came while the first was under way may be told to come back; nobody gets another message.
    let (accepted, early): (Vec<_>, Vec<_>) = answers.iter().partition(|it| it.status == 202);
    assert!(early.iter().all(|it| it.status == 409 && it.headers.contains_key("retry-after")), "{early:?}");
    let ids: BTreeSet<_> = accepted.iter().map(|it| it.json["id"].as_str().unwrap()).collect();
    assert_eq!(ids.len(), 1);
    let replays = accepted.iter().filter(|it| it.headers.contains_key("idempotency-replayed")).count();
    assert_eq!(replays, accepted.len() - 1);

    let id = ids.first().unwrap();
    service.settled(id).await.unwrap();
    assert_eq!(sink.log().transactions.len(), 1);

    // The same key for something else is refused, and changes nothing.
    let other =
        json!({"from": "shop@a.example", "to": "bob@b.example", "subject": "Order", "text": "Thanks"});
    let answer = service
        .call(Method::POST, "/v1/messages", Some(&other), &[("Idempotency-Key", "order-17")])
        .await
        .unwrap();
    assert_eq!((answer.status, &answer.json["code"]), (422, &json!("idempotency_key_reused")));
    let is_listed = |list: &Value| list["data"].as_array().is_some_and(|all| !all.is_empty());
    let list = service.get_until("/v1/messages", is_listed).await.unwrap();
    assert_eq!(list["data"].as_array().unwrap().len(), 1, "{list:#}");
}

/// The long version is `cargo xtask chaos idempotency`.
#[tokio::test(flavor = "multi_thread")]
async fn one_key_makes_one_message_through_kills() {
    let figures = run(Scenario::Idempotency, &Plan::new(4, 1)).await.unwrap();
    assert_eq!(figures.missed(), None, "{figures}");
    assert_eq!((figures.of("keys"), figures.of("messages")), (20, 20), "{figures}");
}
