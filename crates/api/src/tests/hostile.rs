//! Hostile requests, as far as the black-box suite (`tests/tests/blackbox/hostile`) does not have them: every field with
//! every control character, small limits, panics, and what a problem says.

use super::service::{Service, hello, hello_with, request};
use crate::caller::Peer;
use axum::http::Request;
use serde_json::json;

#[tokio::test]
async fn no_field_lets_a_control_character_through() {
    let service = Service::start().await;
    for evil in ["a\r\nBcc: eve@example.net", "a\nb", "a\rb", "a\0b", "a\u{1b}b"] {
        let attachment = |name: &str| {
            let mut file =
                json!({"filename": "a.pdf", "content": "", "content_type": "a/b", "content_id": "c"});
            file[name] = evil.into();
            json!({"attachments": [file]})
        };
        let address = format!("{evil}@example.net");
        let cases = [
            (json!({"subject": evil}), "subject"),
            (json!({"from": address}), "from"),
            (json!({"from": {"email": "a@b.example", "name": evil}}), "from"),
            (json!({"from": format!("{evil} <a@b.example>")}), "from"),
            (json!({"to": ["ann@example.net", address]}), "to[1]"),
            (json!({"to": [{"email": "a@b.example", "name": evil}, "b@b.example"]}), "to[0]"),
            (json!({"cc": address}), "cc"),
            (json!({"bcc": [address]}), "bcc"),
            (json!({"reply_to": address}), "reply_to"),
            (json!({"return_path": address}), "return_path"),
            (json!({"headers": {"X-Order": evil}}), "headers.X-Order"),
            (json!({"tags": [evil]}), "tags[0]"),
            (json!({"route": evil}), "route"),
            (json!({"priority": evil}), "priority"),
            (attachment("filename"), "attachments[0].filename"),
            (attachment("content_type"), "attachments[0].content_type"),
            (attachment("content_id"), "attachments[0].content_id"),
            (attachment("content"), "attachments[0].content"),
        ];
        for (fields, field) in cases {
            let body = hello_with(fields).to_string();
            let answer = service.call(Peer::Control, request("POST", "/v1/messages", body)).await;
            let (status, code, named) = answer.problem();
            assert_eq!(
                (status, &code[..], &named[..]),
                (422, "invalid_request", field),
                "{evil:?}: {}",
                answer.text()
            );
        }
    }
    for field in ["text", "html"] {
        let answer = service.control("POST", "/v1/messages", &hello_with(json!({field: "a\0b"}))).await;
        assert_eq!(answer.problem(), (422, "invalid_request".into(), field.into()));
    }
    assert_eq!(service.mail_events(), 0);
}

#[tokio::test]
async fn attachments_and_the_whole_have_limits() {
    let limits = crate::Limits { attachments_bytes: 10, message_bytes: 200, ..crate::Limits::default() };
    let service = Service::with_limits(limits).await;
    let file = json!({"filename": "a", "content": "MTIzNDU2"});
    let answer =
        service.control("POST", "/v1/messages", &hello_with(json!({"attachments": [file, file]}))).await;
    assert_eq!(answer.problem(), (422, "invalid_request".into(), "attachments".into()));
    let answer = service.control("POST", "/v1/messages", &hello_with(json!({"text": "t".repeat(200)}))).await;
    assert_eq!(answer.problem(), (422, "message_too_large".into(), String::new()));
    assert_eq!(service.mail_events(), 0);
}

#[tokio::test]
async fn all_that_is_wrong_is_told_at_once_but_not_without_end() {
    let service = Service::start().await;
    let body = hello_with(json!({"from": "x", "to": vec!["y"; 50], "priority": "z"}));
    let answer = service.control("POST", "/v1/messages", &body).await;
    let errors = answer.json()["errors"].as_array().unwrap().clone();
    assert_eq!(errors.len(), 32);
    assert_eq!(errors[0]["field"], "from");
    assert_eq!(errors[31]["field"], "to[30]");
}

#[tokio::test]
async fn a_panic_is_one_failed_request_and_no_more() {
    let service = Service::start().await;
    for padding in [0, 100_000] {
        let body = hello_with(json!({"headers": {"X-Panic": "1"}, "html": " ".repeat(padding)}));
        let answer = service.control("POST", "/v1/messages", &body).await;
        assert_eq!(answer.problem(), (500, "internal".into(), String::new()));
    }
    service.submit(&hello()).await;
}

#[tokio::test]
async fn a_bomb_of_recipients_is_counted_but_not_kept() {
    let body = format!("{{\"to\":[{}\"a@b.c\"]}}", "\"a@b.c\",".repeat(100_000));
    let request: crate::request::NewMessage = crate::json::parse(body.as_bytes()).unwrap();
    assert_eq!((request.to.0.count, request.to.0.kept.len()), (100_001, 1000));
}

#[tokio::test]
async fn what_was_expected_is_told_in_the_callers_words() {
    let service = Service::start().await;
    let table = [
        (json!([]), "expected an object"),
        (
            hello_with(json!({"retry": {"max_attempts": -1}})),
            "retry.max_attempts: expected a whole number from 0",
        ),
    ];
    for (body, detail) in table {
        let answer = service.control("POST", "/v1/messages", &body).await;
        assert_eq!(answer.json()["detail"], detail);
    }
    let accepted = service.control("POST", "/v1/messages", &hello()).await.json();
    let hold = format!("/v1/messages/{}/hold", accepted["id"].as_str().unwrap());
    let answer = service.control("POST", &hold, &json!({"force": true})).await;
    assert_eq!(answer.json()["detail"], "force: no fields stand here");
}

#[tokio::test]
async fn a_media_type_may_be_written_in_capitals_and_say_its_charset() {
    let service = Service::start().await;
    let request = Request::post("/v1/messages").header("content-type", "Application/JSON; charset=\"UTF-8\"");
    let answer = service.call(Peer::Control, request.body(hello().to_string().into()).unwrap()).await;
    assert_eq!(answer.status, 202);
}
