//! Who may call what: a walk over the one table.

use super::service::{Service, hello, request};
use crate::access::{Access, CALLS};
use crate::caller::Peer;
use postledger_core::key::Scope;
use serde_json::{Value, json};

fn concrete(path: &str, id: &str) -> String {
    let id = if path.starts_with("/v1/deliveries") { format!("dlv_{}_1", &id[4..]) } else { id.to_owned() };
    path.replace("{id}", &id).replace("{n}", "1").replace("{*file}", "index.css")
}

#[tokio::test]
async fn every_call_needs_what_the_table_says() {
    let service = Service::start().await;
    let id = service.submit(&hello()).await;
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
        let path = concrete(path, &id);
        let bare = service.call(Peer::Remote, request(method, &path, "{}")).await;
        assert_eq!(bare.status == 401, needed.is_some(), "{method} {path} without a key: {}", bare.status);
        if bare.status == 401 {
            assert_eq!(bare.header("www-authenticate"), "Bearer realm=\"postledger\"");
        }
        for (scope, key) in &keys {
            let answer = service.with_key(key, method, &path, &json!({})).await;
            let is_refused = needed.is_some_and(|needed| needed != *scope && *scope != Scope::Admin);
            assert_eq!(answer.status == 403, is_refused, "{method} {path} with {scope}: {}", answer.text());
            assert_ne!(answer.status, 401);
            if is_refused {
                assert_eq!(answer.problem().1, "scope_missing");
            }
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
    let mut forwarded = scrape();
    forwarded.headers_mut().insert("x-forwarded-for", "203.0.113.7".parse().unwrap());
    assert_eq!(service.call(Peer::Loopback, forwarded).await.status, 401);
}
