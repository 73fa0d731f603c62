//! Lists: newest first, narrowed, in pages.

use super::service::{Service, hello, hello_with};
use serde_json::{Value, json};
use std::sync::atomic::Ordering;

async fn list(service: &Service, query: &str) -> Value {
    let answer = service.control("GET", &format!("/v1/messages?{query}"), &Value::Null).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()
}

#[tokio::test]
async fn pages_follow_each_other_without_gap() {
    let service = Service::start().await;
    let mut ids = Vec::new();
    for _ in 0..5 {
        ids.insert(0, service.submit(&hello()).await);
    }
    let (mut seen, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = list(&service, &format!("limit=2{cursor}")).await;
        let data = page["data"].as_array().unwrap();
        assert!(data.len() <= 2);
        seen.extend(data.iter().map(|message| message["id"].as_str().unwrap().to_owned()));
        let Some(next) = page["next_cursor"].as_str() else { break };
        cursor = format!("&cursor={next}");
    }
    assert_eq!(seen, ids);
}

#[tokio::test]
async fn every_condition_narrows() {
    let service = Service::start().await;
    let fields = json!({"to": "Bob@bücher.example", "priority": "low", "tags": ["a b"], "send_at": "2026-12-02T09:00:00Z"});
    let wanted = service.submit(&hello_with(fields)).await;
    service.clock.0.fetch_add(60_000_000, Ordering::SeqCst);
    service.submit(&hello()).await;
    for query in [
        "recipient=Bob%40b%C3%BCcher.example",
        "recipient=Bob@xn--bcher-kva.example",
        "priority=low",
        "tag=a+b",
        "status=scheduled",
        "created_before=2026-12-01T09:01:00Z",
        "created_before=2026-12-01T10:01:00%2B01:00&priority=low&limit=100",
    ] {
        let page = list(&service, query).await;
        assert_eq!(page["data"].as_array().unwrap().len(), 1, "{query}");
        assert_eq!(page["data"][0]["id"], *wanted, "{query}");
    }
    assert_eq!(
        list(&service, "created_after=2026-12-01T09:01:00Z").await["data"].as_array().unwrap().len(),
        1
    );
    assert_eq!(list(&service, "").await["data"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn wrong_parameters_are_named() {
    let service = Service::start().await;
    for (query, field) in [
        ("foo=1", "foo"),
        ("limit=0", "limit"),
        ("limit=101", "limit"),
        ("limit=x", "limit"),
        ("limit=1&limit=2", "limit"),
        ("status=gone", "status"),
        ("priority=", "priority"),
        ("recipient=ann", "recipient"),
        ("created_before=now", "created_before"),
        ("cursor=x", "cursor"),
        ("cursor=AAAAAAAAAAA", "cursor"),
    ] {
        let answer = service.control("GET", &format!("/v1/messages?{query}"), &Value::Null).await;
        assert_eq!(answer.problem(), (422, "invalid_request".into(), field.into()), "{query}");
    }
}

#[tokio::test]
async fn while_views_are_rebuilt_messages_can_still_be_read() {
    let service = Service::start().await;
    let id = service.submit(&hello()).await;
    service.views.is_rebuilding.store(true, Ordering::SeqCst);
    let answer = service.control("GET", "/v1/messages", &Value::Null).await;
    assert_eq!(answer.problem(), (503, "views_rebuilding".into(), String::new()));
    assert_eq!(answer.header("retry-after"), "5");
    assert_eq!(service.control("GET", &format!("/v1/messages/{id}"), &Value::Null).await.status, 200);
    let ready = service.control("GET", "/readyz", &Value::Null).await;
    assert_eq!(ready.status, 200);
    assert_eq!(ready.json(), json!({"status": "ok", "relays_down": ["backup"], "views": "rebuilding"}));
}
