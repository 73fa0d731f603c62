//! A message is accepted, and read back as it is.

use super::service::{NOW, Service, hello, hello_with};
use postledger_core::conformance;
use postledger_core::delivery::Command;
use postledger_core::event::Head;
use postledger_core::outcome::Outcome;
use postledger_core::reply::Reply;
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::Ordering;

fn full() -> Value {
    json!({
        "from": {"email": "no-reply@shop.example", "name": "Bücher, Shop"},
        "to": ["Ann <ann@example.net>", {"email": "bob@bücher.example", "name": null}],
        "cc": "ann@example.net", "bcc": ["eve@example.net", "bob@xn--bcher-kva.example"],
        "reply_to": "help@shop.example", "return_path": "bounces@shop.example",
        "subject": "Größe", "text": "t", "html": "<p>h", "headers": {"X-Order": "17"},
        "attachments": [{"filename": "a.pdf", "content": "aGVsbG8=", "content_type": "application/pdf", "content_id": null}],
        "template": null, "prepare": null, "priority": "high", "send_at": "2026-12-01T10:00:00+01:00",
        "expires_after": "90m", "retry": {"max_attempts": 3, "schedule": ["10s", "1m"]}, "on_unknown": "hold",
        "route": "bulk", "tags": ["order", "order"], "metadata": {"order": "17"},
    })
}

#[tokio::test]
async fn the_answer_is_the_message() {
    let service = Service::start().await;
    let answer = service.control("POST", "/v1/messages", &full()).await;
    assert_eq!(answer.status, 202, "{}", answer.text());
    let message = answer.json();
    let id = message["id"].as_str().unwrap();
    assert_eq!(answer.header("location"), format!("/v1/messages/{id}"));
    let delivery = |ordinal: u8, recipient: &str, kind: &str| {
        json!({
            "id": format!("dlv_{}_{ordinal}", &id[4..]), "recipient": recipient, "kind": kind, "status": "queued",
            "cause": null, "hold_reason": null, "send_at": "2026-12-01T09:00:00.000000Z",
            "ready_at": "2026-12-01T09:00:00.000000Z", "expires_at": "2026-12-01T10:30:00.000000Z", "attempts": 0,
            "unknown_attempts": 0, "next_attempt_at": "2026-12-01T09:00:00.000000Z", "delivered_at": null,
            "bounced_at": null, "complained_at": null, "last_reply": null, "relay": null,
        })
    };
    let expected = json!({
        "id": id, "status": "queued", "created_at": "2026-12-01T09:00:00.000000Z",
        "from": "\"Bücher, Shop\" <no-reply@shop.example>", "subject": "Größe",
        "message_id_header": format!("<{id}@shop.example>"), "priority": "high", "tags": ["order"],
        "metadata": {"order": "17"},
        "deliveries": [
            delivery(1, "ann@example.net", "to"),
            delivery(2, "bob@xn--bcher-kva.example", "to"),
            delivery(3, "eve@example.net", "bcc"),
        ],
    });
    assert_eq!(message, expected);
    let read = service.control("GET", &format!("/v1/messages/{id}"), &Value::Null).await;
    assert_eq!((read.status.as_u16(), read.json()), (200, expected));
}

#[tokio::test]
async fn a_message_in_the_future_is_scheduled_until_then() {
    let service = Service::start().await;
    let id = service.submit(&hello_with(json!({"send_at": "2026-12-01T09:00:01Z"}))).await;
    let path = format!("/v1/messages/{id}");
    assert_eq!(service.control("GET", &path, &Value::Null).await.json()["status"], "scheduled");
    service.clock.0.store(NOW + 1_000_000, Ordering::SeqCst);
    assert_eq!(service.control("GET", &path, &Value::Null).await.json()["status"], "queued");
}

#[tokio::test]
async fn every_event_is_told_and_hashes_only_to_administrators() {
    let service = Service::start().await;
    let reader = service.key("default", &["read"]).await;
    let id = service.submit(&full()).await;
    conformance::deliver(&service.shared_ledger(), id.parse().unwrap(), 3).await.unwrap();
    let path = format!("/v1/messages/{id}/events");
    let events = service.control("GET", &path, &Value::Null).await.json();
    let kinds: Vec<_> =
        events["data"].as_array().unwrap().iter().map(|event| event["kind"].clone()).collect();
    assert_eq!(kinds, ["queued", "attempted", "delivered"]);
    let queued = &events["data"][0];
    assert_eq!(queued["stream"], *id);
    assert_eq!(
        (&queued["delivery"], &queued["version"], &queued["by"]),
        (&json!(0), &json!(1), &json!("control"))
    );
    assert_eq!(queued["recipients"][2], json!({"recipient": "eve@example.net", "kind": "bcc"}));
    assert_eq!(queued["retry"], json!({"max_attempts": 3, "schedule": ["10s", "1m"]}));
    assert_eq!(queued["expires_after"], "90m");
    assert_eq!(queued["hash"].as_str().unwrap().len(), 64);
    let delivered = &events["data"][2];
    assert_eq!(delivered["reply"], json!({"code": 250, "enhanced": null, "text": "ok"}));
    assert_eq!((&delivered["delivery"], &delivered["attempt"]), (&json!(3), &json!(1)));
    assert!(delivered.get("cause").is_none());
    let read = service.with_key(&reader, "GET", &path, &Value::Null).await.json();
    assert!(read["data"].as_array().unwrap().iter().all(|event| event.get("hash").is_none()));
}

#[tokio::test]
async fn contents_are_the_rendered_bytes_and_a_deliverys_are_fixed_by_its_first_attempt() {
    let service = Service::start().await;
    let id = service.submit(&hello()).await;
    let content = service.control("GET", &format!("/v1/messages/{id}/content"), &Value::Null).await;
    assert_eq!(content.header("content-type"), "message/rfc822");
    assert_eq!(content.text(), "From: shop@shop.example\r\nSubject: \r\n\r\nHello\r\n");

    let path = format!("/v1/deliveries/dlv_{}_1/content", &id[4..]);
    let early = service.control("GET", &path, &Value::Null).await;
    assert_eq!(early.problem(), (409, "not_attempted".into(), String::new()));
    let head = Head { return_path: "shop@shop.example".parse().unwrap(), fields: "Date: today\r\n".into() };
    let begin = Command::Begin { relay: "primary".parse().unwrap(), head: Some(Arc::new(head)) };
    conformance::command(&service.shared_ledger(), id.parse().unwrap(), 1, begin).await.unwrap();
    let content = service.control("GET", &path, &Value::Null).await;
    assert_eq!(content.text(), "Date: today\r\nFrom: shop@shop.example\r\nSubject: \r\n\r\nHello\r\n");
    let none =
        service.control("GET", &format!("/v1/deliveries/dlv_{}_2/content", &id[4..]), &Value::Null).await;
    assert_eq!(none.status, 404);
}

#[tokio::test]
async fn an_explanation_gives_the_rule_in_words_and_fields_and_what_has_ended_waits_for_nothing() {
    let service = Service::start().await;
    let id = service.submit(&hello()).await;
    let path = format!("/v1/deliveries/dlv_{}_1/explain", &id[4..]);
    let explained = service.control("GET", &path, &Value::Null).await.json();
    assert_eq!(explained["rule"], "destination_parked");
    assert_eq!(explained["explanation"], "example.net asked for silence at primary");
    assert_eq!(explained["relay"], json!({"name": "primary", "in_flight": 3, "allowed": 16}));
    assert_eq!(explained["destination"], json!({"domain": "example.net", "in_flight": 0, "window": 1}));
    service.control("POST", &format!("/v1/messages/{id}/cancel"), &json!({})).await;
    let explained = service.control("GET", &path, &Value::Null).await.json();
    assert_eq!((&explained["rule"], &explained["status"]), (&json!("ended"), &json!("cancelled")));
    let none =
        service.control("GET", &format!("/v1/deliveries/dlv_{}_2/explain", &id[4..]), &Value::Null).await;
    assert_eq!(none.status, 404);
}

#[tokio::test]
async fn a_failure_shows_its_cause_and_the_last_reply() {
    let service = Service::start().await;
    let id = service.submit(&hello()).await;
    let (ledger, message_id) = (service.shared_ledger(), id.parse().unwrap());
    let begin = Command::Begin { relay: "primary".parse().unwrap(), head: None };
    conformance::command(&ledger, message_id, 1, begin).await.unwrap();
    let reply = Reply { code: 550, enhanced: "5.1.1".parse().ok(), text: "no such user".into() };
    let outcome = Outcome::Permanent(reply);
    let conclude = Command::Conclude { attempt: 1, outcome, another_relay: false };
    conformance::command(&ledger, message_id, 1, conclude).await.unwrap();
    let message = service.control("GET", &format!("/v1/messages/{id}"), &Value::Null).await.json();
    let delivery = &message["deliveries"][0];
    assert_eq!((&message["status"], &delivery["cause"]), (&json!("failed"), &json!("rejected")));
    assert_eq!(delivery["last_reply"], json!({"code": 550, "enhanced": "5.1.1", "text": "no such user"}));
    assert_eq!(delivery["relay"], "primary");
}

#[tokio::test]
async fn a_ledger_that_stopped_acknowledges_nothing() {
    let service = Service::start().await;
    service.ledger.stop();
    let answer = service.control("POST", "/v1/messages", &hello()).await;
    assert_eq!(answer.problem(), (503, "ledger_stopped".into(), String::new()));
    assert_eq!(answer.header("retry-after"), "5");
    let ready = service.control("GET", "/readyz", &Value::Null).await;
    assert_eq!(ready.problem(), (503, "unavailable".into(), String::new()));
}
