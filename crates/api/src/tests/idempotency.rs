//! One message per tenant and key, whatever happens.

use super::service::{Answer, Service, hello, hello_with, request};
use crate::Limits;
use crate::caller::Peer;
use postledger_core::event::{Event, MailEvent};
use postledger_core::policy::Policy;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;

async fn keyed(service: &Service, key: &str, body: &str) -> Answer {
    let mut request = request("POST", "/v1/messages", body.to_owned());
    request.headers_mut().insert("idempotency-key", key.parse().unwrap());
    service.call(Peer::Control, request).await
}

#[tokio::test]
async fn the_same_request_is_the_same_message() {
    let service = Service::start().await;
    let first = keyed(&service, "k", &hello().to_string()).await;
    assert_eq!((first.status.as_u16(), first.header("idempotency-replayed")), (202, ""));
    let id = first.json()["id"].clone();
    let alike = [
        r#"{"text":"Hello","to":["ann@example.net"],"from":{"email":"shop@shop.example"}}"#.to_owned(),
        format!("  {}\n", serde_json::to_string_pretty(&hello()).unwrap()),
        hello_with(json!({
            "cc": [], "bcc": null, "subject": "", "headers": {}, "attachments": [], "priority": "normal", "send_at": null,
            "expires_after": "1440m", "retry": {}, "on_unknown": "retry", "route": "default", "tags": [], "metadata": {},
            "return_path": "shop@SHOP.example", "template": null, "prepare": null, "html": null,
        }))
        .to_string(),
    ];
    for body in alike {
        let again = keyed(&service, "k", &body).await;
        assert_eq!((again.status.as_u16(), again.header("idempotency-replayed")), (202, "true"), "{body}");
        assert_eq!(again.json()["id"], id);
        assert_eq!(again.header("location"), format!("/v1/messages/{}", id.as_str().unwrap()));
    }
    assert_eq!(service.mail_events(), 1);
}

#[tokio::test]
async fn a_request_that_says_nothing_is_the_same_when_the_defaults_are_configured_anew() {
    let before = Service::start().await;
    let id = keyed(&before, "k", &hello().to_string()).await.json()["id"].clone();
    let defaults = Policy { expires_after: Duration::from_secs(3600), ..Policy::default() };
    let after = Service::on(before.ledger.clone(), defaults, Limits::default()).await;
    let again = keyed(&after, "k", &hello().to_string()).await;
    assert_eq!((again.status.as_u16(), again.header("idempotency-replayed")), (202, "true"));
    assert_eq!(again.json()["id"], id);
}

#[tokio::test]
async fn a_replay_shows_the_message_as_it_is_now() {
    let service = Service::start().await;
    let id = keyed(&service, "k", &hello().to_string()).await.json()["id"].as_str().unwrap().to_owned();
    service.control("POST", &format!("/v1/messages/{id}/cancel"), &json!({})).await;
    assert_eq!(keyed(&service, "k", &hello().to_string()).await.json()["status"], "cancelled");
}

#[tokio::test]
async fn every_field_makes_another_request() {
    let service = Service::start().await;
    assert_eq!(keyed(&service, "k", &hello().to_string()).await.status, 202);
    let others = [
        json!({"from": "Shop <shop@shop.example>"}),
        json!({"to": "Ann@example.net"}),
        json!({"to": "Ann <ann@example.net>"}),
        json!({"cc": "ann@example.net"}),
        json!({"bcc": "ann@example.net"}),
        json!({"reply_to": "ann@example.net"}),
        json!({"return_path": "b@shop.example"}),
        json!({"subject": "s"}),
        json!({"text": "Hello "}),
        json!({"html": ""}),
        json!({"headers": {"X-A": ""}}),
        json!({"attachments": [{"filename": "a", "content": ""}]}),
        json!({"attachments": [{"filename": "a", "content": "YQ=="}]}),
        json!({"attachments": [{"filename": "a", "content": "YQ==", "content_id": "a"}]}),
        json!({"priority": "low"}),
        json!({"send_at": "2026-12-01T09:00:00Z"}),
        json!({"expires_after": "23h"}),
        json!({"retry": {"max_attempts": 1}}),
        json!({"retry": {"schedule": ["1s"]}}),
        json!({"on_unknown": "hold"}),
        json!({"route": "bulk"}),
        json!({"tags": ["t"]}),
        json!({"metadata": {"t": ""}}),
    ];
    for fields in others {
        let answer = keyed(&service, "k", &hello_with(fields.clone()).to_string()).await;
        assert_eq!(answer.problem(), (422, "idempotency_key_reused".into(), String::new()), "{fields}");
    }
    assert_eq!(service.mail_events(), 1);
}

/// A changed fingerprint would make every repetition across an upgrade another request: raise its version instead.
#[tokio::test]
async fn the_digests_of_version_1_stay_as_they_are() {
    let service = Service::start().await;
    let body = hello_with(json!({
        "cc": "Bob <bob@example.net>", "bcc": "eve@example.net", "reply_to": "help@shop.example", "subject": "s", "html": "h",
        "headers": {"X-B": "2", "X-A": "1"}, "attachments": [{"filename": "a", "content": "YQ==", "content_id": "c"}],
        "send_at": "2026-12-02T09:00:00Z", "retry": {"max_attempts": 3, "schedule": ["1s"]}, "tags": ["t"],
        "metadata": {"k": "v"},
    }));
    keyed(&service, "k", &body.to_string()).await;
    let events = service.ledger.events();
    let Event::Mail(MailEvent::Queued(queued)) = &events[0].event else { panic!("{events:?}") };
    let idempotency = queued.idempotency.as_ref().unwrap();
    assert_eq!(idempotency.fingerprint_version, 1);
    let hex = |digest: &[u8; 32]| postledger_core::id::Hex(&digest[..8]).to_string();
    assert_eq!(
        (&hex(&idempotency.key)[..], &hex(&idempotency.request)[..]),
        ("67a242f68df4667b", "a2625d0db97b203a")
    );
    assert_eq!(idempotency.keep_until, events[0].at.plus(Duration::from_secs(7 * 86400)));
}

#[tokio::test]
async fn a_key_is_kept_as_long_as_its_message_lives() {
    let service = Service::start().await;
    let body = hello_with(json!({"send_at": "2026-12-20T09:00:00Z", "expires_after": "30d"}));
    keyed(&service, "k", &body.to_string()).await;
    let events = service.ledger.events();
    let Event::Mail(MailEvent::Queued(queued)) = &events[0].event else { panic!("{events:?}") };
    let keep_until = queued.idempotency.as_ref().unwrap().keep_until;
    assert_eq!(keep_until, "2027-01-19T09:00:00Z".parse().unwrap());
}

#[tokio::test]
async fn twenty_at_once_are_one_message() {
    let service = Arc::new(Service::start().await);
    let tasks: Vec<_> = (0..20)
        .map(|_| {
            let service = service.clone();
            tokio::spawn(async move { keyed(&service, "k", &hello().to_string()).await })
        })
        .collect();
    let mut ids = Vec::new();
    for task in tasks {
        let answer = task.await.unwrap();
        assert_eq!(answer.status, 202);
        ids.push(answer.json()["id"].clone());
    }
    assert!(ids.windows(2).all(|pair| pair[0] == pair[1]));
    assert_eq!(service.mail_events(), 1);
}

#[tokio::test]
async fn a_refused_request_does_not_use_its_key() {
    let service = Service::start().await;
    assert_eq!(keyed(&service, "k", &hello_with(json!({"to": "x"})).to_string()).await.status, 422);
    assert_eq!(keyed(&service, "k", &hello().to_string()).await.header("idempotency-replayed"), "");
}

#[tokio::test]
async fn keys_of_two_tenants_do_not_meet() {
    let service = Service::start().await;
    let mut ids = Vec::new();
    for tenant in ["one", "two"] {
        let mut request = request("POST", "/v1/messages", hello().to_string());
        request.headers_mut().insert("idempotency-key", "k".parse().unwrap());
        request.headers_mut().insert("postledger-tenant", tenant.parse().unwrap());
        ids.push(service.call(Peer::Control, request).await.json()["id"].clone());
    }
    assert_ne!(ids[0], ids[1]);
}

#[tokio::test]
async fn a_key_is_visible_ascii() {
    let service = Service::start().await;
    for key in ["", "a b", "ä", &"k".repeat(256)] {
        let mut request = request("POST", "/v1/messages", hello().to_string());
        request
            .headers_mut()
            .insert("idempotency-key", axum::http::HeaderValue::from_bytes(key.as_bytes()).unwrap());
        let answer = service.call(Peer::Control, request).await;
        assert_eq!(answer.problem(), (422, "invalid_request".into(), "Idempotency-Key".into()), "{key:?}");
    }
    assert_eq!(keyed(&service, &"k".repeat(255), &hello().to_string()).await.status, 202);
    assert_eq!(
        service.control("GET", "/v1/messages?limit=100", &Value::Null).await.json()["data"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
}
