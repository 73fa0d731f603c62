//! Keys are issued, listed, revoked; their text is shown once.

use super::service::Service;
use serde_json::{Value, json};
use std::sync::atomic::Ordering;

#[tokio::test]
async fn a_key_works_until_it_is_revoked() {
    let service = Service::start().await;
    let created =
        service.control("POST", "/v1/keys", &json!({"tenant": "shop", "scopes": ["read", "send"]})).await;
    assert_eq!(created.status, 201);
    let created = created.json();
    assert_eq!((&created["tenant"], &created["scopes"]), (&json!("shop"), &json!(["send", "read"])));
    let (id, key) = (created["id"].as_str().unwrap(), created["key"].as_str().unwrap());
    let list = || service.with_key(key, "GET", "/v1/messages", &Value::Null);
    assert_eq!(list().await.status, 200);

    let keys = service.control("GET", "/v1/keys", &Value::Null).await;
    assert!(!keys.text().contains(key) && !keys.text().contains(&key[21..]), "the text is shown once");
    assert_eq!(keys.json()["data"][0]["id"], id);
    assert_eq!(keys.json()["data"][0]["revoked_at"], Value::Null);

    for _ in 0..2 {
        assert_eq!(service.control("DELETE", &format!("/v1/keys/{id}"), &Value::Null).await.status, 204);
    }
    assert_eq!(list().await.status, 401);
    assert_eq!(service.ledger.events().len(), 2, "revoking again changes nothing");
    assert!(
        service.control("GET", "/v1/keys", &Value::Null).await.json()["data"][0]["revoked_at"].is_string()
    );
}

#[tokio::test]
async fn a_key_expires() {
    let service = Service::start().await;
    let body = json!({"scopes": ["read"], "expires_after": "1m"});
    let created = service.control("POST", "/v1/keys", &body).await.json();
    assert_eq!(created["expires_at"], "2026-12-01T09:01:00.000000Z");
    let key = created["key"].as_str().unwrap();
    assert_eq!(service.with_key(key, "GET", "/v1/messages", &Value::Null).await.status, 200);
    service.clock.0.fetch_add(60_000_000, Ordering::SeqCst);
    assert_eq!(service.with_key(key, "GET", "/v1/messages", &Value::Null).await.status, 401);
}

#[tokio::test]
async fn an_administrator_issues_keys_of_its_own_tenant_only() {
    let service = Service::start().await;
    let admin = service.key("shop", &["admin"]).await;
    let own = service.with_key(&admin, "POST", "/v1/keys", &json!({"scopes": ["read"]})).await.json();
    assert_eq!(own["tenant"], "shop");
    let other =
        service.with_key(&admin, "POST", "/v1/keys", &json!({"tenant": "bank", "scopes": ["read"]})).await;
    assert_eq!(other.problem(), (403, "tenant_forbidden".into(), String::new()));
}

#[tokio::test]
async fn wrong_wishes_are_named() {
    let service = Service::start().await;
    for (body, field) in [
        (json!({}), "scopes"),
        (json!({"scopes": []}), "scopes"),
        (json!({"scopes": ["read", "root"]}), "scopes[1]"),
        (json!({"scopes": ["read"], "tenant": "Shop!"}), "tenant"),
        (json!({"scopes": ["read"], "expires_after": "1s"}), "expires_after"),
        (json!({"scopes": ["read"], "name": "x"}), "name"),
    ] {
        let answer = service.control("POST", "/v1/keys", &body).await;
        assert_eq!(answer.problem(), (422, "invalid_request".into(), field.into()), "{body}");
    }
    assert!(service.ledger.events().is_empty());
}

#[tokio::test]
async fn keys_of_an_earlier_run_are_known_and_those_of_another_process_are_learnt() {
    use crate::keys::Keys;
    let service = Service::start().await;
    let early = service.key("default", &["read"]).await;
    let keys = Keys::follow(&*service.ledger).await.unwrap();
    let late = service.key("default", &["read"]).await;
    let now = "2026-12-01T09:00:00Z".parse().unwrap();
    assert!(keys.ring().authenticate(&early, now).is_some());
    assert!(keys.ring().authenticate(&late, now).is_some());
}
