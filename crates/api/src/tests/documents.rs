//! Pages and the description: whole, and loaded from nowhere else.

use super::service::{Service, request};
use crate::access::{Access, CALLS};
use crate::caller::Peer;
use crate::problem::code;
use serde_json::{Value, json};
use std::collections::BTreeSet;

#[tokio::test]
async fn the_reference_loads_nothing_from_elsewhere() {
    let service = Service::start().await;
    let get = |path: &str| service.call(Peer::Remote, request("GET", path, ""));
    for path in ["/", "/docs"] {
        let answer = get(path).await;
        assert_eq!((answer.status.as_u16(), answer.header("location")), (307, "/docs/"));
    }
    let page = get("/docs/").await;
    assert!(page.header("content-type").starts_with("text/html"));
    assert!(page.header("content-security-policy").contains("script-src 'self';"));
    let html = page.text();
    assert!(!html.contains("://"), "{html}");
    assert!(!html.contains("<script>"), "{html}");
    let sources = html.split(['"', '\'']).filter(|text| text.starts_with("./"));
    let mut count = 0;
    for source in sources {
        assert_eq!(get(&format!("/docs/{}", &source[2..])).await.status, 200, "{source}");
        count += 1;
    }
    assert!(count >= 5);
    assert!(get("/docs/swagger-initializer.js").await.text().contains("/openapi.json"));
    assert_eq!(get("/docs/nothing.js").await.problem(), (404, "not_found".into(), String::new()));
    let described = get("/openapi.json").await;
    assert_eq!(described.text(), crate::openapi_json());
}

#[tokio::test]
async fn every_answer_has_an_id_and_forbids_what_it_does_not_need() {
    let service = Service::start().await;
    let mut ids = BTreeSet::new();
    for path in ["/livez", "/v1/messages", "/nothing", "/dev/mailbox", "/page.css"] {
        let answer = service.call(Peer::Remote, request("GET", path, "")).await;
        assert!(ids.insert(answer.header("x-request-id").to_owned()), "{path}");
        assert!(answer.header("content-security-policy").starts_with("default-src 'none'"), "{path}");
        assert_eq!(answer.header("x-content-type-options"), "nosniff", "{path}");
        assert_eq!(answer.header("cache-control"), "no-store", "{path}");
    }
}

#[test]
fn the_description_is_whole() {
    let document: Value = serde_json::from_str(&crate::openapi_json()).unwrap();
    let mut ids = BTreeSet::new();
    assert_eq!(document["openapi"], "3.1.0");
    assert!(document["info"]["description"].as_str().unwrap().contains("Limits"));
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            assert!(
                ids.insert(operation["operationId"].to_string()),
                "{method} {path} has another's operationId"
            );
            assert!(operation["summary"].is_string(), "{method} {path} has no summary");
            let responses = operation["responses"].as_object().unwrap();
            assert!(responses.keys().any(|status| status.starts_with('2')), "{method} {path}");
            for (status, response) in responses {
                assert_ne!(response["description"], "", "{method} {path} {status}");
                let is_problem = response["content"].get("application/problem+json").is_some();
                assert_eq!(is_problem, status.starts_with(['4', '5']), "{method} {path} {status}");
            }
        }
    }
    let schemas = document["components"]["schemas"].as_object().unwrap();
    for (name, schema) in schemas {
        assert!(!name.contains("Json"), "{name} is a name of the code");
        for (field, property) in schema["properties"].as_object().into_iter().flatten() {
            let of_option = property["oneOf"][0].get("description");
            let is_described = property.get("description").or(of_option).is_some();
            assert!(is_described, "{name}.{field} is not described");
        }
    }
    // Every reference leads somewhere.
    let text = document.to_string();
    for reference in text.split("#/components/schemas/").skip(1) {
        let name = reference.split('"').next().unwrap();
        assert!(schemas.contains_key(name), "{name} is referred to and missing");
    }
}

#[test]
fn the_page_has_the_tables_of_the_code() {
    let page = include_str!("../../../../docs/api.md");
    let mut calls = "| call | scope |\n|---|---|\n".to_owned();
    let is_page = |path: &str| path == "/" || path.starts_with("/docs") || path == "/page.css";
    for (method, path, access) in CALLS.iter().filter(|call| !is_page(call.1)) {
        let scope = match access {
            Access::Open => "none".to_owned(),
            Access::AdminUnlessLocal => "`admin`; from this machine none".to_owned(),
            Access::Needs(scope) => format!("`{scope}`"),
        };
        calls.push_str(&format!("| `{method} {path}` | {scope} |\n"));
    }
    let described: Value = serde_json::from_str(&crate::openapi_json()).unwrap();
    let described = described["info"]["description"].as_str().unwrap();
    for table in [calls, code::table(), code::table_of_fields()] {
        assert!(page.contains(&table), "docs/api.md has not this table:\n{table}");
        assert!(table.starts_with("| call") || described.contains(&table));
    }
    let codes: BTreeSet<_> = code::ALL.iter().map(|code| code.name).collect();
    assert_eq!(codes.len(), code::ALL.len(), "a code stands there once");
}

#[tokio::test]
async fn relays_are_shown_to_administrators() {
    let service = Service::start().await;
    let relays = service.control("GET", "/v1/relays", &Value::Null).await.json();
    let expected = json!({"data": [
        {"name": "primary", "host": "primary.relay.example", "port": 587, "is_up": true, "breaker": "closed",
            "since": null, "drilled_by": null, "retry_at": null,
            "connections": 2, "in_flight": 1, "last_trouble": null},
        {"name": "backup", "host": "backup.relay.example", "port": 587, "is_up": false, "breaker": "open",
            "since": "2026-12-01T09:00:00.000000Z", "drilled_by": null, "retry_at": "2026-12-01T09:00:00.000000Z", "connections": 2, "in_flight": 1,
            "last_trouble": {"at": "2026-12-01T09:00:00.000000Z", "stage": "connect", "trouble": "timeout", "reply": null}},
    ]});
    assert_eq!(relays, expected);
}

#[tokio::test]
async fn a_drill_is_begun_and_ended_by_administrators() {
    let service = Service::start().await;
    let ask = async |method: &str, path: &str, body: Value| service.control(method, path, &body).await;
    let begun = ask("POST", "/v1/relays/primary/drill", json!({"expires_after": "10s"})).await;
    let expected = json!({
        "relay": "primary", "until": "2026-12-01T09:00:10.000000Z",
        "routes": [{"route": "default", "relay": "backup"}, {"route": "bulk", "relay": null}],
    });
    assert_eq!((begun.status.as_u16(), begun.json()), (200, expected));
    let usual = ask("POST", "/v1/relays/primary/drill", json!({})).await.json();
    assert_eq!(usual["until"], "2026-12-01T09:01:00.000000Z", "a minute, if nothing is said");
    for wrong in [json!({"expires_after": "0s"}), json!({"expires_after": "11m"}), json!({"for": "1m"})] {
        assert_eq!(ask("POST", "/v1/relays/primary/drill", wrong.clone()).await.status, 422, "{wrong}");
    }
    assert_eq!(ask("POST", "/v1/relays/backup/drill", json!({})).await.status, 409);
    assert_eq!(ask("POST", "/v1/relays/nobody/drill", json!({})).await.status, 404);
    assert_eq!(ask("DELETE", "/v1/relays/backup/drill", Value::Null).await.status, 409);
    let probed = ask("POST", "/v1/relays/primary/probe", Value::Null).await.json();
    assert_eq!(probed, json!({"relay": "primary", "ok": true, "took_ms": 12, "not_sent": null}));
    let probed = ask("POST", "/v1/relays/backup/probe", Value::Null).await.json();
    assert_eq!((&probed["ok"], &probed["not_sent"]["trouble"]), (&json!(false), &json!("proxy_timeout")));
    assert_eq!(ask("POST", "/v1/relays/nobody/probe", Value::Null).await.status, 404);
}
