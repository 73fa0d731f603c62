//! Who may call what: a walk over the one table.

use super::service::{Service, hello, request};
use crate::access::{Access, CALLS};
use crate::caller::Peer;
use axum::http::HeaderName;
use postledger_core::key::Scope;
use serde_json::{Value, json};
use std::sync::atomic::Ordering;

fn concrete(path: &str, id: &str) -> String {
    let id = if path.starts_with("/v1/deliveries") { format!("dlv_{}_1", &id[4..]) } else { id.to_owned() };
    path.replace("{id}", &id).replace("{name}", "primary").replace("{n}", "1").replace("{*file}", "index.css")
}

/// What makes a call succeed as far as it can: its body, and the status of the answer. A call without a row here fails
/// the walk.
fn allowed(method: &str, path: &str) -> (Value, u16) {
    match (method, path) {
        ("POST", "/v1/messages") => (hello(), 202),
        ("POST", "/v1/messages/batch") => (json!({"messages": [hello()]}), 202),
        ("PATCH", "/v1/messages/{id}") => (json!({"send_at": "2026-12-02T09:00:00Z"}), 200),
        ("POST", "/v1/messages/{id}/cancel" | "/v1/messages/{id}/hold" | "/v1/messages/{id}/release") => {
            (json!({}), 200)
        }
        (
            "POST",
            "/v1/deliveries/{id}/cancel" | "/v1/deliveries/{id}/hold" | "/v1/deliveries/{id}/release",
        ) => (json!({}), 200),
        ("POST", "/v1/messages/{id}/redrive" | "/v1/deliveries/{id}/redrive") => (json!({}), 200),
        // None of its attempts is unknown, and there was none.
        ("POST", "/v1/deliveries/{id}/resolve") => (json!({"outcome": "delivered", "reason": "seen"}), 409),
        ("GET", "/v1/deliveries/{id}/content") => (Value::Null, 409),
        ("POST", "/v1/keys") => (json!({"scopes": ["read"]}), 201),
        ("DELETE", "/v1/keys/{id}" | "/v1/relays/{name}/drill") => (Value::Null, 204),
        ("POST", "/v1/relays/{name}/drill") => (json!({"expires_after": "10s"}), 200),
        ("POST", "/v1/relays/{name}/probe") => (Value::Null, 200),
        ("GET", "/" | "/docs") => (Value::Null, 307),
        ("GET", "/dev/mailbox/{n}") => (Value::Null, 404),
        (
            "GET",
            "/v1/messages"
            | "/v1/messages/{id}"
            | "/v1/messages/{id}/events"
            | "/v1/messages/{id}/content"
            | "/v1/deliveries/{id}/explain"
            | "/v1/keys"
            | "/v1/relays"
            | "/metrics"
            | "/livez"
            | "/readyz"
            | "/openapi.json"
            | "/docs/"
            | "/docs/{*file}"
            | "/page.css"
            | "/dev/mailbox",
        ) => (Value::Null, 200),
        _ => panic!("{method} {path}: say in this table what the right key may expect"),
    }
}

#[tokio::test]
async fn every_call_answers_every_kind_of_caller_as_the_table_says() {
    let service = Service::start().await;
    let all = json!(["send", "read", "operate", "admin"]);
    let made = json!({"tenant": "default", "scopes": all, "expires_after": "1m"});
    let expired = service.control("POST", "/v1/keys", &made).await.json()["key"].as_str().unwrap().to_owned();
    service.clock.0.fetch_add(61_000_000, Ordering::SeqCst);
    let revoked = service.key("default", &["send", "read", "operate", "admin"]).await;
    service.control("DELETE", &format!("/v1/keys/key_{}", &revoked[4..20]), &Value::Null).await;
    let stranger = service.key("other", &["send", "read", "operate", "admin"]).await;
    let unknown = format!("plk_{}_{}", "0".repeat(16), "0".repeat(64));
    let nobodies = [None, Some("plk_malformed"), Some(&unknown), Some(&revoked), Some(&expired)];
    let mut keys = Vec::new();
    for scope in Scope::ALL {
        keys.push((*scope, service.key("default", &[scope.as_str()]).await));
    }
    for (method, path, access) in CALLS {
        let needed = match access {
            Access::Open => None,
            Access::AdminUnlessLocal => Some(Scope::Admin),
            Access::Needs(scope) => Some(*scope),
        };
        let (body, right) = allowed(method, path);
        // Each call has something of its own to work on.
        let ask = async |key: Option<&str>| {
            let id = match path.starts_with("/v1/keys") {
                true => format!("key_{}", &service.key("default", &["read"]).await[4..20]),
                false => service.submit(&hello()).await,
            };
            let text = if body.is_null() { String::new() } else { body.to_string() };
            let mut request = request(method, &concrete(path, &id), text);
            if let Some(key) = key {
                request.headers_mut().insert("authorization", format!("Bearer {key}").parse().unwrap());
            }
            service.call(Peer::Remote, request).await
        };
        for key in nobodies {
            let answer = ask(key).await;
            if needed.is_none() {
                assert_eq!(answer.status, right, "{method} {path} with {key:?}");
                continue;
            }
            assert_eq!(answer.problem(), (401, "unauthenticated".into(), String::new()), "{method} {path}");
            assert_eq!(answer.header("www-authenticate"), "Bearer realm=\"postledger\"");
        }
        for (scope, key) in &keys {
            let answer = ask(Some(key)).await;
            if needed.is_some_and(|needed| needed != *scope && *scope != Scope::Admin) {
                assert_eq!(answer.problem(), (403, "scope_missing".into(), String::new()), "{method} {path}");
            } else {
                assert_eq!(answer.status, right, "{method} {path} with {scope}: {}", answer.text());
            }
        }
        let of_another = if needed.is_some() && path.contains("{id}") { 404 } else { right };
        assert_eq!(ask(Some(&stranger)).await.status, of_another, "{method} {path} of another tenant");
    }
}

#[tokio::test]
async fn no_page_of_another_origin_gets_anything() {
    let service = Service::start().await;
    let key = service.key("default", &["send", "read"]).await;
    for (method, path, _) in CALLS {
        let path = concrete(path, "msg_00000000000000000000000000000000");
        for method in [method, "OPTIONS"] {
            let mut request = request(method, &path, "{}");
            let fields = [
                ("origin", "https://evil.example"),
                ("access-control-request-method", "POST"),
                ("access-control-request-headers", "authorization"),
                ("authorization", &format!("Bearer {key}")),
            ];
            for (name, value) in fields {
                request.headers_mut().insert(name, value.parse().unwrap());
            }
            let answer = service.call(Peer::Remote, request).await;
            let is_cors = |name: &HeaderName| name.as_str().starts_with("access-control");
            assert!(!answer.headers.keys().any(is_cors), "{method} {path}");
            assert!(method != "OPTIONS" || answer.status == 405, "{path}: {}", answer.status);
        }
    }
}

#[tokio::test]
async fn what_is_described_is_in_the_table_and_what_is_in_the_table_exists() {
    let document: Value = serde_json::from_str(&crate::openapi_json()).unwrap();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let known = CALLS.iter().find(|call| call.0.eq_ignore_ascii_case(method) && call.1 == path);
            let (_, _, access) = known.unwrap_or_else(|| panic!("{method} {path} is not in the table"));
            let is_open = operation.get("security").is_none();
            assert_eq!(is_open, *access == Access::Open, "{method} {path}");
        }
    }
    let service = Service::start().await;
    let id = service.submit(&hello()).await;
    for (method, path, _) in CALLS.iter().filter(|call| call.1.starts_with("/v1")) {
        assert!(
            document["paths"][path].get(method.to_lowercase()).is_some(),
            "{method} {path} is not described"
        );
        let answer = service.control(method, &concrete(path, &id), &json!({})).await;
        assert_ne!(answer.status, 405, "{method} {path}");
    }
}

#[tokio::test]
async fn wrong_keys_look_alike() {
    let service = Service::start().await;
    let good = service.key("default", &["read"]).await;
    let mut wrong = good.clone();
    wrong.pop();
    wrong.push(if good.ends_with('0') { '1' } else { '0' });
    for token in ["", "plk_", &wrong, "Basic x", &good[..30], &format!("{good}0")] {
        let answer = service.with_key(token, "GET", "/v1/messages", &Value::Null).await;
        assert_eq!(answer.problem(), (401, "unauthenticated".into(), String::new()));
    }
    assert_eq!(service.with_key(&good, "GET", "/v1/messages", &Value::Null).await.status, 200);
}

#[tokio::test]
async fn another_tenants_data_does_not_exist() {
    let service = Service::start().await;
    let id = service.submit(&hello()).await;
    let stranger = service.key("other", &["send", "read", "operate", "admin"]).await;
    let own = service.key("default", &["admin"]).await;
    let own_id = format!("key_{}", &own[4..20]);
    for (method, path, _) in CALLS.iter().filter(|call| call.1.contains("{id}")) {
        let id = if path.starts_with("/v1/keys") { &own_id } else { &id };
        let foreign = concrete(path, id);
        let unknown = concrete(path, &format!("{}{}", &id[..id.len() - 8], "00000000"));
        let body = match *path {
            "/v1/deliveries/{id}/resolve" => json!({"outcome": "delivered", "reason": "r"}),
            "/v1/messages/{id}" if *method == "PATCH" => json!({"send_at": "2026-12-02T09:00:00Z"}),
            _ => json!({}),
        };
        let (foreign, unknown) = (
            service.with_key(&stranger, method, &foreign, &body).await,
            service.with_key(&stranger, method, &unknown, &body).await,
        );
        assert_eq!(foreign.problem(), unknown.problem(), "{method} {path}");
        assert_eq!(foreign.status, 404, "{method} {path}");
        assert_eq!(foreign.json()["detail"], unknown.json()["detail"]);
    }
    let list = service.with_key(&stranger, "GET", "/v1/messages", &Value::Null).await.json();
    assert_eq!(list["data"], json!([]));
    let keys = service.with_key(&stranger, "GET", "/v1/keys", &Value::Null).await.json();
    assert_eq!(keys["data"].as_array().unwrap().len(), 1);
    assert_eq!(service.mail_events(), 1);
}

#[tokio::test]
async fn metrics_are_open_on_this_machine_but_not_through_a_proxy() {
    let service = Service::start().await;
    let scrape = || request("GET", "/metrics", "");
    assert_eq!(service.call(Peer::Loopback, scrape()).await.text(), "postledger_up 1\n");
    assert_eq!(service.call(Peer::Control, scrape()).await.status, 200);
    assert_eq!(service.call(Peer::Remote, scrape()).await.status, 401);
    for name in ["x-forwarded-for", "forwarded", "x-real-ip", "via"] {
        // Whatever it says: nobody comes nearer by it.
        for (peer, value) in
            [(Peer::Loopback, "203.0.113.7"), (Peer::Loopback, "127.0.0.1"), (Peer::Remote, "127.0.0.1")]
        {
            let mut forwarded = scrape();
            forwarded.headers_mut().insert(name, value.parse().unwrap());
            assert_eq!(service.call(peer, forwarded).await.status, 401, "{name}: {value}");
        }
    }
}
