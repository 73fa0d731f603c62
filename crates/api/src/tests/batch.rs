//! Many messages in one commit.

use super::service::{Service, hello, hello_with};
use serde_json::{Value, json};

#[tokio::test]
async fn all_accepted_is_202() {
    let service = Service::start().await;
    let answer =
        service.control("POST", "/v1/messages/batch", &json!({"messages": vec![hello(); 500]})).await;
    assert_eq!(answer.status, 202, "{}", answer.text());
    let results = answer.json()["results"].clone();
    assert_eq!(results.as_array().unwrap().len(), 500);
    assert!(results.as_array().unwrap().iter().all(|result| result["message"]["status"] == "queued"));
    assert_eq!(service.mail_events(), 500);
}

#[tokio::test]
async fn each_message_stands_for_itself() {
    let service = Service::start().await;
    let keyed = |text: &str| hello_with(json!({"idempotency_key": "k", "text": text}));
    let messages = [
        hello(),
        hello_with(json!({"to": "x"})),
        hello_with(json!({"surprise": 1})),
        keyed("a"),
        keyed("a"),
        keyed("b"),
        hello_with(json!({"idempotency_key": "a b"})),
        json!(1),
    ];
    let answer = service.control("POST", "/v1/messages/batch", &json!({"messages": messages})).await;
    assert_eq!(answer.status, 207);
    let results = answer.json()["results"].as_array().unwrap().clone();
    let statuses: Vec<_> = results.iter().map(|result| result["status"].as_u64().unwrap()).collect();
    assert_eq!(statuses, [202, 422, 422, 202, 202, 422, 422, 422]);
    let problem = &results[1]["problem"];
    assert_eq!(
        (&problem["errors"][0]["field"], &problem["request_id"]),
        (&json!("to"), &json!(answer.header("x-request-id")))
    );
    assert_eq!(results[2]["problem"]["errors"][0]["field"], "surprise");
    assert_eq!(results[3]["message"]["id"], results[4]["message"]["id"]);
    assert_eq!(results[4]["idempotency_replayed"], true);
    assert_eq!(results[5]["problem"]["code"], "idempotency_key_reused");
    assert_eq!(results[6]["problem"]["errors"][0]["field"], "idempotency_key");
    assert_eq!(service.mail_events(), 2);
}

#[tokio::test]
async fn a_key_counts_alike_alone_and_in_a_batch() {
    let service = Service::start().await;
    let messages = json!({"messages": [hello_with(json!({"idempotency_key": "k"}))]});
    let batch = service.control("POST", "/v1/messages/batch", &messages).await.json();
    let mut alone = super::service::request("POST", "/v1/messages", hello().to_string());
    alone.headers_mut().insert("idempotency-key", "k".parse().unwrap());
    let alone = service.call(crate::caller::Peer::Control, alone).await;
    assert_eq!(alone.header("idempotency-replayed"), "true");
    assert_eq!(alone.json()["id"], batch["results"][0]["message"]["id"]);
}

#[tokio::test]
async fn a_batch_has_1_to_500_messages_and_no_key_of_its_own() {
    let service = Service::start().await;
    let post = |body: Value| {
        let service = &service;
        async move { service.control("POST", "/v1/messages/batch", &body).await.problem() }
    };
    for count in [0, 501, 1500] {
        assert_eq!(
            post(json!({"messages": vec![1; count]})).await,
            (422, "invalid_request".into(), "messages".into())
        );
    }
    assert_eq!(post(json!({})).await, (422, "invalid_request".into(), "messages".into()));
    assert_eq!(post(json!({"messages": [], "x": 1})).await, (422, "invalid_request".into(), "x".into()));
    let mut keyed = super::service::request("POST", "/v1/messages/batch", "{}");
    keyed.headers_mut().insert("idempotency-key", "k".parse().unwrap());
    let keyed = service.call(crate::caller::Peer::Control, keyed).await;
    assert_eq!(keyed.problem(), (422, "invalid_request".into(), "Idempotency-Key".into()));
    assert_eq!(service.mail_events(), 0);
}
