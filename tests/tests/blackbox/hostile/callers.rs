//! Who calls and under which idempotency key: keys that are none, scopes that are missing, tenants of others.

use super::case::{CANARY, Case, Expected, Target, call, message, request};
use serde_json::json;

pub fn cases(target: &Target) -> Vec<Case> {
    [callers(target), idempotency(target)].into_iter().flatten().collect()
}

const NOT_FOUND: Expected = (404, "not_found", "", "");
const UNKNOWN: Expected = (401, "unauthenticated", "", "");

fn callers(target: &Target) -> Vec<Case> {
    let list = |name: String, headers: &[(&str, &str)]| {
        Case::new(name, request("GET", "/v1/messages", headers, b""), UNKNOWN)
    };
    let mut cases = vec![list("no key".into(), &[])];
    let good = &target.key;
    let mut wrong = good[..good.len() - 1].to_owned();
    wrong.push(if good.ends_with('0') { '1' } else { '0' });
    for authorization in [
        String::new(),
        "Bearer".into(),
        "Bearer ".into(),
        format!("Bearer {CANARY}"),
        format!("Bearer {wrong}"),
        format!("Bearer {}", &good[..40]),
        format!("Bearer {good}0"),
        format!("Bearer {}", good.to_uppercase()),
        format!("Bearer {}", target.revoked),
        format!("Bearer {good}, Bearer {good}"),
        format!("Basic {good}"),
        good.clone(),
        format!("Bearer plk_{}_{}", "0".repeat(16), "0".repeat(64)),
        "Bearer \u{e4}".into(),
        format!("Bearer {}", "a".repeat(8000)),
    ] {
        cases.push(list(format!("Authorization: {authorization:.30}"), &[("Authorization", &authorization)]));
    }
    let bearer = format!("Bearer {good}");
    cases.push(list("two keys".into(), &[("Authorization", &bearer), ("Authorization", &bearer)]));
    cases.push(list("a key in a cookie".into(), &[("Cookie", &format!("key={good}"))]));
    cases.push(Case::new(
        "a key in the query",
        request("GET", &format!("/v1/messages?key={good}"), &[], b""),
        UNKNOWN,
    ));
    for field in ["X-Forwarded-For", "X-Real-IP", "Forwarded"] {
        let spoofed = [(field, "127.0.0.1"), ("X-Forwarded-Proto", "https")];
        cases.push(Case::new(
            format!("{field} for the metrics"),
            request("GET", "/metrics", &spoofed, b""),
            UNKNOWN,
        ));
    }
    let tenant = [("Postledger-Tenant", "default"), ("X-Api-Key", good)];
    cases.push(list("the control socket's header field".into(), &tenant));

    let missing: Expected = (403, "scope_missing", "", "");
    for (method, path) in
        [("POST", "/v1/messages"), ("POST", "/v1/messages/batch"), ("GET", "/v1/keys"), ("GET", "/v1/relays")]
    {
        let bytes = call(&target.reader, method, path, message().to_string().as_bytes());
        cases.push(Case::new(format!("{method} {path} without its scope"), bytes, missing));
    }
    for verb in ["cancel", "hold", "release", "redrive"] {
        let path = format!("/v1/messages/{}/{verb}", target.message);
        cases.push(Case::new(
            format!("{verb} without its scope"),
            call(&target.reader, "POST", &path, b"{}"),
            missing,
        ));
        cases.push(Case::new(
            format!("{verb} of another's"),
            call(&target.foreign, "POST", &path, b"{}"),
            NOT_FOUND,
        ));
    }
    for end in ["", "/events", "/content"] {
        let path = format!("/v1/messages/{}{end}", target.message);
        cases.push(Case::new(
            format!("another's message{end}"),
            call(&target.foreign, "GET", &path, b""),
            NOT_FOUND,
        ));
    }
    cases
}

fn idempotency(target: &Target) -> Vec<Case> {
    let authorization = format!("Bearer {}", target.key);
    let post = |path: &str, keys: &[&str], expected| {
        let mut headers = vec![("Authorization", &authorization[..]), ("Content-Type", "application/json")];
        headers.extend(keys.iter().map(|key| ("Idempotency-Key", *key)));
        let name = format!("Idempotency-Key {:.40}", keys.join(" + "));
        Case::new(name, request("POST", path, &headers, message().to_string().as_bytes()), expected)
    };
    let wrong: Expected = (422, "invalid_request", "Idempotency-Key", "invalid_idempotency_key");
    let (long, evil) = ("k".repeat(256), format!("{CANARY} 1"));
    let mut cases: Vec<Case> =
        ["", &long, &evil, "k\u{e4}y", "k\ty"].map(|key| post("/v1/messages", &[key], wrong)).into();
    let twice = (422, "invalid_request", "Idempotency-Key", "duplicate_field");
    cases.push(post("/v1/messages", &["a", "a"], twice));
    let in_batch = (422, "invalid_request", "Idempotency-Key", "not_supported");
    cases.push(post("/v1/messages/batch", &["a"], in_batch));
    // Used for another message by the neighbour.
    cases.push(post("/v1/messages", &["neighbour"], (422, "idempotency_key_reused", "", "")));
    for key in [json!(""), json!(long), json!("k y"), json!("kéy")] {
        let mut item = message();
        item["idempotency_key"] = key;
        let bytes = call(
            &target.key,
            "POST",
            "/v1/messages/batch",
            json!({"messages": [item]}).to_string().as_bytes(),
        );
        let expected = (422, "invalid_request", "idempotency_key", "invalid_idempotency_key");
        cases.push(Case::new("idempotency_key of a batch", bytes, expected).in_batch());
    }
    cases
}
