//! Hostile requests: a 4xx problem that names the field, and nothing stored.

use super::service::{Service, hello, hello_with, request};
use crate::caller::Peer;
use axum::body::Body;
use axum::http::Request;
use serde_json::{Value, json};

/// Status, code, field.
type Refusal = (u16, &'static str, &'static str);

async fn refused(service: &Service, body: impl Into<Body>, expected: Refusal) {
    let answer = service.call(Peer::Control, request("POST", "/v1/messages", body)).await;
    let (status, code, field) = answer.problem();
    assert_eq!((status, &code[..], &field[..]), expected, "{}", answer.text());
}

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
    refused(&service, hello_with(json!({"text": "a\0b"})).to_string(), (422, "invalid_request", "text"))
        .await;
    refused(&service, hello_with(json!({"html": "a\0b"})).to_string(), (422, "invalid_request", "html"))
        .await;
    assert_eq!(service.mail_events(), 0);
}

#[tokio::test]
async fn header_names_are_names() {
    let service = Service::start().await;
    for evil in ["X-A: b\r\nBcc", "X-A:", "X A", "", "X-Ä", "X-A\0", "X\n"] {
        let body = hello_with(json!({"headers": {evil: "v"}})).to_string();
        let answer = service.call(Peer::Control, request("POST", "/v1/messages", body)).await;
        let (status, _, field) = answer.problem();
        assert_eq!(status, 422);
        assert!(field.starts_with("headers."), "{field}");
        assert_eq!(answer.json()["errors"][0]["code"], "invalid_header_name");
        assert!(!field.contains(|c: char| c.is_control()));
    }
    let body = hello_with(json!({"headers": {"X-Forbidden": "v"}})).to_string();
    refused(&service, body, (422, "invalid_request", "headers.X-Forbidden")).await;
    let body = hello_with(json!({"headers": {"X-a": "v", "x-A": "v"}})).to_string();
    let answer = service.call(Peer::Control, request("POST", "/v1/messages", body)).await;
    assert_eq!(answer.json()["errors"][0]["code"], "duplicate_field");
    assert_eq!(service.mail_events(), 0);
}

#[tokio::test]
async fn what_is_no_json_is_told_where() {
    let service = Service::start().await;
    let deep = |open: &str, close: &str| open.repeat(10_000) + &close.repeat(10_000);
    let cases: Vec<(Vec<u8>, Refusal)> = vec![
        (b"".to_vec(), (400, "invalid_json", "")),
        (b"{".to_vec(), (400, "invalid_json", "")),
        (b"[]".to_vec(), (422, "invalid_request", "")),
        (b"null".to_vec(), (422, "invalid_request", "")),
        (b"{} {}".to_vec(), (400, "invalid_json", "")),
        (b"{\"to\": \"\xff\xfe\"}".to_vec(), (400, "invalid_json", "to")),
        (b"\xff\xfe\x00".to_vec(), (400, "invalid_json", "")),
        (br#"{"subject": "\ud800"}"#.to_vec(), (400, "invalid_json", "subject")),
        (br#"{"retry": {"max_attempts": 1e999}}"#.to_vec(), (400, "invalid_json", "retry.max_attempts")),
        (
            br#"{"retry": {"max_attempts": 99999999999999999999999}}"#.to_vec(),
            (422, "invalid_request", "retry.max_attempts"),
        ),
        (br#"{"retry": {"max_attempts": -1}}"#.to_vec(), (422, "invalid_request", "retry.max_attempts")),
        (br#"{"to": "a@b.example", "to": "c@d.example"}"#.to_vec(), (422, "invalid_request", "to")),
        (
            br#"{"from": {"email": "a@b.example", "email": "c@d.example"}}"#.to_vec(),
            (422, "invalid_request", "from.email"),
        ),
        (br#"{"surprise": 1}"#.to_vec(), (422, "invalid_request", "surprise")),
        (
            br#"{"attachments": [{"filename": "a", "content": "", "x": 1}]}"#.to_vec(),
            (422, "invalid_request", "attachments[0].x"),
        ),
        (
            br#"{"attachments": [{"content": ""}]}"#.to_vec(),
            (422, "invalid_request", "attachments[0].filename"),
        ),
        (br#"{"to": [1]}"#.to_vec(), (422, "invalid_request", "to[0]")),
        (br#"{"to": [{"email": "a@b.example", "x": 1}]}"#.to_vec(), (422, "invalid_request", "to[0].x")),
        (br#"{"metadata": {"a": 1}}"#.to_vec(), (422, "invalid_request", "metadata.a")),
        (br#"{"text": {"a": 1}}"#.to_vec(), (422, "invalid_request", "text")),
        (br#"{"tags": "order"}"#.to_vec(), (422, "invalid_request", "tags")),
        (deep("[", "]").into_bytes(), (422, "invalid_request", "")),
        (format!("{{\"to\": {}}}", deep("[", "]")).into_bytes(), (422, "invalid_request", "to[0]")),
        (
            format!("{{\"from\": {}1{}}}", "{\"email\":".repeat(10_000), "}".repeat(10_000)).into_bytes(),
            (422, "invalid_request", "from.email"),
        ),
        (format!("{{\"metadata\": {}}}", deep("[", "]")).into_bytes(), (422, "invalid_request", "metadata")),
        (format!("{{\"template\": {}}}", deep("[", "]")).into_bytes(), (422, "invalid_request", "from")),
    ];
    for (body, expected) in cases {
        refused(&service, body, expected).await;
    }
    assert_eq!(service.mail_events(), 0);
}

#[tokio::test]
async fn limits_and_ranges_name_their_field() {
    let service = Service::start().await;
    let many = |count: usize| (0..count).map(|n| format!("r{n}@example.net")).collect::<Vec<_>>();
    let retry = |retry: Value| json!({"retry": retry});
    let cases = [
        (json!({"to": many(10_000)}), "to", "too_many"),
        (json!({"bcc": many(50)}), "bcc", "too_many"),
        (json!({"to": []}), "to", "required"),
        (json!({"from": []}), "from", "required"),
        (json!({"from": null}), "from", "required"),
        (json!({"from": many(2)}), "from", "too_many"),
        (json!({"reply_to": many(11)}), "reply_to", "too_many"),
        (json!({"to": "ann"}), "to", "invalid_address"),
        (json!({"to": "ann@"}), "to", "invalid_address"),
        (json!({"to": "Ann <ann@example.net"}), "to", "invalid_address"),
        (json!({"return_path": "Ann <ann@example.net>"}), "return_path", "invalid_address"),
        (json!({"text": null}), "text", "required"),
        (json!({"template": {"id": "welcome"}}), "template", "not_supported"),
        (json!({"prepare": {"commit_within": "5m"}}), "prepare", "not_supported"),
        (json!({"subject": "x".repeat(999)}), "subject", "length"),
        (json!({"priority": "urgent"}), "priority", "unknown_value"),
        (json!({"on_unknown": ""}), "on_unknown", "unknown_value"),
        (json!({"route": "nowhere"}), "route", "unknown_route"),
        (json!({"send_at": "tomorrow"}), "send_at", "invalid_time"),
        (json!({"send_at": "2027-12-03T09:00:00Z"}), "send_at", "out_of_range"),
        (json!({"send_at": "2026-11-30T08:59:59Z"}), "send_at", "out_of_range"),
        (json!({"expires_after": "59s"}), "expires_after", "out_of_range"),
        (json!({"expires_after": "31d"}), "expires_after", "out_of_range"),
        (json!({"expires_after": "99999999999999999999d"}), "expires_after", "invalid_duration"),
        (json!({"expires_after": "1 h"}), "expires_after", "invalid_duration"),
        (json!({"expires_after": "ä"}), "expires_after", "invalid_duration"),
        (retry(json!({"max_attempts": 0})), "retry.max_attempts", "out_of_range"),
        (retry(json!({"max_attempts": 101})), "retry.max_attempts", "out_of_range"),
        (retry(json!({"schedule": []})), "retry.schedule", "out_of_range"),
        (retry(json!({"schedule": ["0s"]})), "retry.schedule[0]", "out_of_range"),
        (retry(json!({"schedule": vec!["1s"; 51]})), "retry.schedule", "out_of_range"),
        (json!({"tags": vec!["t"; 11]}), "tags", "too_many"),
        (json!({"tags": [""]}), "tags[0]", "length"),
        (json!({"metadata": {"k": "v".repeat(501)}}), "metadata.k", "length"),
        (json!({"attachments": [{"filename": "a", "content": "a"}]}), "attachments[0].content", "not_base64"),
        (
            json!({"attachments": [{"filename": "a", "content": "YQ"}]}),
            "attachments[0].content",
            "not_base64",
        ),
        (
            json!({"attachments": [{"filename": "a", "content": "YQ==\n"}]}),
            "attachments[0].content",
            "not_base64",
        ),
        (
            json!({"attachments": [{"filename": "a", "content": "", "content_type": "pdf"}]}),
            "attachments[0].content_type",
            "invalid_media_type",
        ),
        (
            json!({"attachments": vec![json!({"filename": "a", "content": ""}); 101]}),
            "attachments",
            "too_many",
        ),
        (json!({"idempotency_key": "k"}), "idempotency_key", "unknown_field"),
    ];
    for (fields, field, code) in cases {
        let answer = service.control("POST", "/v1/messages", &hello_with(fields)).await;
        assert_eq!(answer.problem(), (422, "invalid_request".into(), field.into()), "{}", answer.text());
        assert_eq!(answer.json()["errors"][0]["code"], code, "{field}");
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
async fn a_problem_repeats_nothing_that_was_sent() {
    let service = Service::start().await;
    let secret = "canary7f3a";
    for fields in [
        json!({"to": format!("{secret} x@example.net")}),
        json!({"subject": format!("{secret}\r\n")}),
        json!({"text": [secret]}),
        json!({"tags": [{"a": secret}]}),
        json!({"priority": secret}),
        json!({"attachments": secret}),
        json!({"expires_after": secret}),
    ] {
        let answer = service.control("POST", "/v1/messages", &hello_with(fields)).await;
        assert_eq!(answer.status, 422);
        assert!(!answer.text().contains(secret), "{}", answer.text());
    }
}

#[tokio::test]
async fn wrong_methods_types_and_paths_are_problems() {
    let service = Service::start().await;
    let answer = service.control("PUT", "/v1/messages", &hello()).await;
    assert_eq!(answer.problem(), (405, "method_not_allowed".into(), String::new()));
    assert_eq!(answer.header("allow"), "POST, GET, HEAD");
    let answer = service.control("GET", "/v1/nothing", &Value::Null).await;
    assert_eq!(answer.problem(), (404, "not_found".into(), String::new()));
    for media_type in
        ["text/plain", "application/x-www-form-urlencoded", "application/json; charset=latin1", ""]
    {
        let request = Request::post("/v1/messages").header("content-type", media_type);
        let answer = service.call(Peer::Control, request.body(hello().to_string().into()).unwrap()).await;
        assert_eq!(answer.problem(), (415, "unsupported_media_type".into(), String::new()), "{media_type}");
    }
    let request = Request::post("/v1/messages").header("content-type", "Application/JSON; charset=\"UTF-8\"");
    assert_eq!(
        service.call(Peer::Control, request.body(hello().to_string().into()).unwrap()).await.status,
        202
    );
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
async fn what_a_call_would_ignore_it_refuses() {
    let service = Service::start().await;
    let post = |path: &str, encoding: &str| {
        let mut request = request("POST", path, hello().to_string());
        request.headers_mut().insert("content-encoding", encoding.parse().unwrap());
        service.call(Peer::Control, request)
    };
    assert_eq!(
        post("/v1/messages", "gzip").await.problem(),
        (415, "unsupported_encoding".into(), String::new())
    );
    let refused = post("/v1/messages?dry_run=true", "identity").await.problem();
    assert_eq!(refused, (422, "invalid_request".into(), "dry_run".into()));
    let answer = service.control("GET", "/v1/keys?limit=5", &Value::Null).await;
    assert_eq!(answer.problem(), (422, "invalid_request".into(), "limit".into()));
    assert_eq!(service.mail_events(), 0);
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
