//! Commands act where the state allows it and say why where it does not.

use super::service::{Service, hello, hello_with};
use postledger_core::conformance;
use postledger_core::delivery::Command;
use postledger_core::outcome::{Outcome, Trouble};
use postledger_core::reply::Reply;
use serde_json::{Value, json};
use std::sync::atomic::Ordering;

async fn post(service: &Service, path: &str, body: Value) -> super::service::Answer {
    service.control("POST", path, &body).await
}

fn statuses(message: &Value) -> Vec<&str> {
    message["deliveries"]
        .as_array()
        .unwrap()
        .iter()
        .map(|delivery| delivery["status"].as_str().unwrap())
        .collect()
}

async fn attempt(service: &Service, id: &str, ordinal: u16, outcome: Outcome) {
    let ledger = service.shared_ledger();
    let begin = Command::Begin { relay: "primary".parse().unwrap(), head: None };
    conformance::command(&ledger, id.parse().unwrap(), ordinal, begin).await.unwrap();
    let conclude = Command::Conclude { attempt: 1, outcome, another_relay: false };
    conformance::command(&ledger, id.parse().unwrap(), ordinal, conclude).await.unwrap();
}

fn refusal() -> Outcome {
    Outcome::Permanent(Reply { code: 550, enhanced: None, text: String::new() })
}

#[tokio::test]
async fn hold_release_and_cancel() {
    let service = Service::start().await;
    let id = service.submit(&hello_with(json!({"to": ["a@example.net", "b@example.net"]}))).await;
    let held = post(&service, &format!("/v1/messages/{id}/hold"), json!({})).await.json();
    assert_eq!(statuses(&held), ["held", "held"]);
    assert_eq!(
        (&held["deliveries"][0]["hold_reason"], &held["deliveries"][0]["expires_at"]),
        (&json!("operator"), &Value::Null)
    );
    let released =
        post(&service, &format!("/v1/deliveries/dlv_{}_2/release", &id[4..]), json!({})).await.json();
    assert_eq!(statuses(&released), ["held", "queued"]);
    assert_eq!(released["status"], "in_progress");
    let cancelled = post(&service, &format!("/v1/messages/{id}/cancel"), json!({})).await.json();
    assert_eq!(statuses(&cancelled), ["cancelled", "cancelled"]);
    let read = service.control("GET", &format!("/v1/messages/{id}"), &Value::Null).await.json();
    assert_eq!(read, cancelled);
    let before = service.mail_events();
    assert_eq!(post(&service, &format!("/v1/messages/{id}/cancel"), json!({})).await.status, 200);
    assert_eq!(service.mail_events(), before, "a repeated command makes no events");
}

#[tokio::test]
async fn a_command_acts_on_the_deliveries_that_allow_it() {
    let service = Service::start().await;
    let id = service.submit(&hello_with(json!({"to": ["a@example.net", "b@example.net"]}))).await;
    conformance::deliver(&service.shared_ledger(), id.parse().unwrap(), 1).await.unwrap();
    let cancelled = post(&service, &format!("/v1/messages/{id}/cancel"), json!({})).await.json();
    assert_eq!(statuses(&cancelled), ["delivered", "cancelled"]);
    assert_eq!(cancelled["status"], "partial");
    let again = post(&service, &format!("/v1/messages/{id}/hold"), json!({})).await;
    let delivery = format!("dlv_{}_1", &id[4..]);
    assert_eq!(again.problem(), (409, "refused_by_state".into(), delivery));
    let codes: Vec<_> =
        again.json()["errors"].as_array().unwrap().iter().map(|error| error["code"].clone()).collect();
    assert_eq!(codes, ["final", "final"]);
}

#[tokio::test]
async fn a_conflict_is_decided_again_but_not_for_ever() {
    let service = Service::start().await;
    let id = service.submit(&hello()).await;
    service.contended.conflicts.store(4, Ordering::SeqCst);
    let held = post(&service, &format!("/v1/messages/{id}/hold"), json!({})).await.json();
    assert_eq!(statuses(&held), ["held"]);
    service.contended.conflicts.store(5, Ordering::SeqCst);
    let answer = post(&service, &format!("/v1/messages/{id}/release"), json!({})).await;
    assert_eq!(answer.problem(), (503, "contended".into(), String::new()));
}

#[tokio::test]
async fn what_failed_can_be_redriven_with_another_lifetime() {
    let service = Service::start().await;
    let id = service.submit(&hello()).await;
    let path = format!("/v1/messages/{id}/redrive");
    let early = post(&service, &path, json!({})).await;
    assert_eq!(early.status, 200, "what waits already is already so");
    attempt(&service, &id, 1, refusal()).await;
    let wrong = post(&service, &path, json!({"expires_after": "1s"})).await;
    assert_eq!(wrong.problem(), (422, "invalid_request".into(), "expires_after".into()));
    let redriven = post(&service, &path, json!({"expires_after": "2h"})).await.json();
    assert_eq!(statuses(&redriven), ["queued"]);
    assert_eq!(redriven["deliveries"][0]["expires_at"], "2026-12-01T11:00:00.000000Z");
}

#[tokio::test]
async fn without_content_there_is_nothing_to_redrive() {
    use postledger_core::event::{Event, MailEvent};
    use postledger_core::id::{Ordinal, Stream};
    use postledger_core::ledger::{Append, Change, Ledger};
    let service = Service::start().await;
    let id = service.submit(&hello()).await;
    attempt(&service, &id, 1, refusal()).await;
    let append = Append {
        stream: Stream::Message(id.parse().unwrap()),
        tenant: "default".parse().unwrap(),
        at: "2026-12-01T09:00:00Z".parse().unwrap(),
        message_version: None,
        changes: Change::run(Ordinal::MESSAGE, 1, [Event::Mail(MailEvent::ContentRemoved)]),
    };
    service.ledger.append(append).await.unwrap();
    let answer = post(&service, &format!("/v1/messages/{id}/redrive"), json!({})).await;
    assert_eq!(answer.problem(), (409, "content_gone".into(), String::new()));
}

#[tokio::test]
async fn an_unknown_delivery_can_be_resolved() {
    let service = Service::start().await;
    let id = service.submit(&hello_with(json!({"on_unknown": "hold"}))).await;
    let path = format!("/v1/deliveries/dlv_{}_1/resolve", &id[4..]);
    let resolve = json!({"outcome": "delivered", "reason": "the recipient has it"});
    let early = post(&service, &path, resolve.clone()).await;
    assert_eq!(early.json()["errors"][0]["code"], "not_unknown");
    attempt(&service, &id, 1, Outcome::Unknown(Trouble::Timeout)).await;
    for (body, field) in [
        (json!({"outcome": "lost", "reason": "r"}), "outcome"),
        (json!({"outcome": "delivered", "reason": ""}), "reason"),
        (json!({"outcome": "delivered"}), "reason"),
    ] {
        assert_eq!(
            post(&service, &path, body).await.problem(),
            (422, "invalid_request".into(), field.into())
        );
    }
    let resolved = post(&service, &path, resolve).await.json();
    assert_eq!(statuses(&resolved), ["delivered"]);
    assert_eq!(resolved["deliveries"][0]["unknown_attempts"], 1);
}

#[tokio::test]
async fn what_waits_can_be_rescheduled() {
    let service = Service::start().await;
    let id = service.submit(&hello()).await;
    let path = format!("/v1/messages/{id}");
    let moved = service.control("PATCH", &path, &json!({"send_at": "2026-12-02T09:00:00Z"})).await.json();
    assert_eq!(moved["status"], "scheduled");
    assert_eq!(moved["deliveries"][0]["next_attempt_at"], "2026-12-02T09:00:00.000000Z");
    let wrong = service.control("PATCH", &path, &json!({"send_at": "2036-12-02T09:00:00Z"})).await;
    assert_eq!(wrong.problem(), (422, "invalid_request".into(), "send_at".into()));
    let wrong = service.control("PATCH", &path, &json!({"subject": "x"})).await;
    assert_eq!(wrong.problem(), (422, "invalid_request".into(), "subject".into()));
}

#[tokio::test]
async fn the_body_of_a_command_may_be_left_out_but_not_be_wrong() {
    let service = Service::start().await;
    let id = service.submit(&hello()).await;
    let bare =
        axum::http::Request::post(format!("/v1/messages/{id}/hold")).body(axum::body::Body::empty()).unwrap();
    assert_eq!(service.call(crate::caller::Peer::Control, bare).await.status, 200);
    let wrong = post(&service, &format!("/v1/messages/{id}/release"), json!({"why": 1})).await;
    assert_eq!(wrong.problem(), (422, "invalid_request".into(), "why".into()));
}
