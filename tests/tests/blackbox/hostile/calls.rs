//! The other calls: ids, parameters, paths, methods, and the bodies of commands.

use super::case::{CANARY, Case, Expected, Target, call, message, request};
use serde_json::{Value, json};

pub fn cases(target: &Target) -> Vec<Case> {
    [parameters(target), paths(target), methods(target), commands(target), keys(target)]
        .into_iter()
        .flatten()
        .collect()
}

const NOT_FOUND: Expected = (404, "not_found", "", "");
const UNKNOWN: Expected = (401, "unauthenticated", "", "");

fn parameters(target: &Target) -> Vec<Case> {
    let rows = [
        ("limit=0", "limit", "out_of_range"),
        ("limit=101", "limit", "out_of_range"),
        ("limit=-1", "limit", "out_of_range"),
        ("limit=1.0", "limit", "out_of_range"),
        ("limit=", "limit", "out_of_range"),
        ("limit", "limit", "out_of_range"),
        ("limit=ten", "limit", "out_of_range"),
        ("limit=99999999999999999999", "limit", "out_of_range"),
        ("limit=1&limit=1", "limit", "duplicate_parameter"),
        ("limit%5B%5D=1", "limit[]", "unknown_parameter"),
        ("status=", "status", "unknown_value"),
        ("status=Queued", "status", "unknown_value"),
        ("status=queued,sending", "status", "unknown_value"),
        ("status=canary7f3a", "status", "unknown_value"),
        ("priority=urgent", "priority", "unknown_value"),
        ("recipient=", "recipient", "invalid_address"),
        ("recipient=canary7f3a", "recipient", "invalid_address"),
        ("recipient=a%00@b.example", "recipient", "invalid_address"),
        ("recipient=a@b.example'--", "recipient", "invalid_address"),
        ("recipient=%25@%25", "recipient", "invalid_address"),
        ("tag=", "tag", "length"),
        ("tag=a%00b", "tag", "control_character"),
        ("tag=a%0D%0Ab", "tag", "control_character"),
        ("created_before=yesterday", "created_before", "invalid_time"),
        ("created_after=0", "created_after", "invalid_time"),
        ("created_after=2026-12-01T09:00:00%2B99:00", "created_after", "invalid_time"),
        ("cursor=", "cursor", "invalid_cursor"),
        ("cursor=canary7f3a", "cursor", "invalid_cursor"),
        ("cursor=AAAAAAAAAAA", "cursor", "invalid_cursor"),
        ("cursor=__________8", "cursor", "invalid_cursor"),
        ("cursor=AAAAAAAAAAE%3D", "cursor", "invalid_cursor"),
        ("cursor=1%20OR%201=1", "cursor", "invalid_cursor"),
        ("order=asc", "order", "unknown_parameter"),
        ("tenant=other", "tenant", "unknown_parameter"),
        ("Status=queued", "Status", "unknown_parameter"),
        ("%00=1", "", "unknown_parameter"),
        ("%zz=1", "%zz", "unknown_parameter"),
        ("=1", "", "unknown_parameter"),
    ];
    let mut cases: Vec<Case> = rows
        .into_iter()
        .map(|(query, field, why)| {
            let bytes = call(&target.key, "GET", &format!("/v1/messages?{query}"), b"");
            Case::new(query, bytes, (422, "invalid_request", field, why))
        })
        .collect();
    let long = format!("/v1/messages?tag={}", "t".repeat(8000));
    cases.push(Case::new(
        "a long tag",
        call(&target.key, "GET", &long, b""),
        (422, "invalid_request", "tag", "length"),
    ));
    let surplus: Expected = (422, "invalid_request", "dry_run", "unknown_parameter");
    let hold = format!("/v1/messages/{}/hold", target.message);
    for (method, path) in [
        ("POST", "/v1/messages"),
        ("POST", "/v1/messages/batch"),
        ("POST", &hold),
        ("GET", "/v1/keys"),
        ("GET", "/v1/relays"),
    ] {
        let bytes = call(
            &target.key,
            method,
            &format!("{path}?dry_run=canary7f3a"),
            message().to_string().as_bytes(),
        );
        cases.push(Case::new(format!("{method} {path} with a parameter"), bytes, surplus));
    }
    cases
}

fn paths(target: &Target) -> Vec<Case> {
    let id = &target.message;
    let unknown = "0".repeat(32);
    let paths = [
        "/v1".to_owned(),
        "/v1/".into(),
        "/v2/messages".into(),
        "/V1/messages".into(),
        "/v1/messages/".into(),
        "//v1/messages".into(),
        "/v1//messages".into(),
        "/v1/messages/batch/x".into(),
        format!("/v1/{CANARY}"),
        "/.env".into(),
        "/.git/config".into(),
        "/admin".into(),
        "/v1/messages/../keys".into(),
        "/v1/messages/..%2fkeys".into(),
        "/docs/../../etc/passwd".into(),
        "/docs/..%2f..%2fetc%2fpasswd".into(),
        "/docs/%00".into(),
        "/page.css/".into(),
        format!("/v1/messages/{id}%00"),
        format!("/v1/messages/{id}%20"),
        format!("/v1/messages/{id};v=1"),
        format!("/v1/messages/{id}/"),
        format!("/v1/messages/{id}/eventss"),
        format!("/v1/messages/{}", id.to_uppercase()),
        format!("/v1/messages/{}", &id[..id.len() - 1]),
        format!("/v1/messages/{id}0"),
        format!("/v1/messages/msg_{unknown}"),
        format!("/v1/messages/{}", target.delivery),
        "/v1/messages/msg_".into(),
        "/v1/messages/1".into(),
        "/v1/messages/%ff%fe".into(),
        "/v1/messages/%zz".into(),
        "/v1/messages/%e2%80%ae".into(),
        "/v1/messages/'%20OR%201=1--".into(),
        format!("/v1/messages/{}", "a".repeat(8000)),
        format!("/v1/messages/msg_{unknown}/events"),
        format!("/v1/messages/msg_{unknown}/content"),
        format!("/v1/deliveries/{id}/content"),
        format!("/v1/deliveries/dlv_{unknown}_1/content"),
        format!("/v1/deliveries/{}0/content", target.delivery),
        format!("/v1/deliveries/{}/content", target.delivery.replace("_1", "_0")),
        format!("/v1/deliveries/{}/content", target.delivery.replace("_1", "_01")),
        format!("/v1/deliveries/{}/content", target.delivery.replace("_1", "_65536")),
        format!("/v1/deliveries/{}/content", target.delivery.replace("_1", "_-1")),
        "/dev/mailbox".into(),
        "/dev/mailbox/1".into(),
        "/dev/mailbox/99999999999999999999".into(),
    ];
    paths.map(|path| Case::new(format!("{path:.60}"), call(&target.key, "GET", &path, b""), NOT_FOUND)).into()
}

fn methods(target: &Target) -> Vec<Case> {
    let wrong: Expected = (405, "method_not_allowed", "", "");
    let message = format!("/v1/messages/{}", target.message);
    let key = format!("/v1/keys/{}", &target.key.replace("plk_", "key_")[..20]);
    let mut cases: Vec<Case> = [
        ("PUT", "/v1/messages"),
        ("DELETE", "/v1/messages"),
        ("PATCH", "/v1/messages"),
        ("TRACE", "/v1/messages"),
        ("OPTIONS", "/v1/messages"),
        ("PROPFIND", "/v1/messages"),
        ("get", "/v1/messages"),
        ("M-SEARCH", "/v1/messages"),
        ("GET", "/v1/messages/batch"),
        ("POST", &message),
        ("DELETE", &message),
        ("GET", &format!("{message}/cancel")),
        ("GET", &key),
        ("POST", "/livez"),
        ("POST", "/metrics"),
        ("DELETE", "/docs/index.html"),
    ]
    .into_iter()
    .map(|(method, path)| Case::new(format!("{method} {path}"), call(&target.key, method, path, b""), wrong))
    .collect();
    for asked in ["POST", "GET"] {
        let headers = [
            ("Origin", "https://evil.example"),
            ("Access-Control-Request-Method", asked),
            ("Access-Control-Request-Headers", "authorization"),
        ];
        let preflight = request("OPTIONS", "/v1/messages", &headers, b"");
        cases.push(Case::new(format!("a preflight for {asked}"), preflight, wrong));
    }
    let origin = [("Origin", "https://evil.example")];
    let simple = request("GET", "/v1/messages", &origin, b"");
    cases.push(Case::new("a script of another origin", simple, UNKNOWN));
    cases.push(Case::new("OPTIONS without a path", request("OPTIONS", "*", &[], b""), NOT_FOUND));
    cases
}

fn commands(target: &Target) -> Vec<Case> {
    let (message, delivery) =
        (format!("/v1/messages/{}", target.message), format!("/v1/deliveries/{}", target.delivery));
    let with = |method: &str, path: String, body: Value, expected: Expected| {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        Case::new(
            format!("{method} {path} {body:.60}"),
            call(&target.key, method, &path, body.as_bytes()),
            expected,
        )
    };
    let wrong = |field, why| (422, "invalid_request", field, why);
    let mut cases = Vec::new();
    for base in [&message, &delivery] {
        for verb in ["cancel", "hold", "release"] {
            cases.push(with(
                "POST",
                format!("{base}/{verb}"),
                json!({"force": true}),
                wrong("force", "unknown_field"),
            ));
            cases.push(with("POST", format!("{base}/{verb}"), json!([]), wrong("", "invalid_type")));
        }
        for (body, expected) in [
            (json!({"expires_after": "59s"}), wrong("expires_after", "out_of_range")),
            (json!({"expires_after": "soon"}), wrong("expires_after", "invalid_duration")),
            (json!({"expires_after": 60}), wrong("expires_after", "invalid_type")),
            (json!({"schedule": []}), wrong("schedule", "unknown_field")),
        ] {
            cases.push(with("POST", format!("{base}/redrive"), body, expected));
        }
        let path = base.replace(&target.message[4..], &"0".repeat(32)) + "/cancel";
        cases.push(with("POST", path, json!({}), NOT_FOUND));
    }
    for (body, expected) in [
        (json!({}), wrong("outcome", "required")),
        (json!({"outcome": "delivered"}), wrong("reason", "required")),
        (json!({"outcome": "maybe", "reason": CANARY}), wrong("outcome", "unknown_value")),
        (json!({"outcome": "delivered", "reason": ""}), wrong("reason", "length")),
        (json!({"outcome": "delivered", "reason": "r".repeat(501)}), wrong("reason", "length")),
        (
            json!({"outcome": "delivered", "reason": format!("{CANARY}\n")}),
            wrong("reason", "control_character"),
        ),
        (json!({"outcome": 1, "reason": CANARY}), wrong("outcome", "invalid_type")),
        (json!({"outcome": "delivered", "reason": CANARY, "by": "me"}), wrong("by", "unknown_field")),
    ] {
        cases.push(with("POST", format!("{delivery}/resolve"), body, expected));
    }
    let refused = |why| (409, "refused_by_state", "dlv_", why);
    let resolution = json!({"outcome": "delivered", "reason": CANARY});
    cases.push(with("POST", format!("{delivery}/resolve"), resolution.clone(), refused("not_unknown")));
    let cancelled = format!("/v1/messages/{}", target.cancelled);
    for verb in ["hold", "release", "redrive"] {
        cases.push(with("POST", format!("{cancelled}/{verb}"), Value::Null, refused("final")));
    }
    cases.push(with("PATCH", cancelled, json!({"send_at": target.later}), refused("final")));
    cases.push(with("GET", format!("{delivery}/content"), Value::Null, (409, "not_attempted", "", "")));
    for (body, expected) in [
        (json!({}), wrong("send_at", "required")),
        (json!({"send_at": null}), wrong("send_at", "invalid_type")),
        (json!({"send_at": "soon"}), wrong("send_at", "invalid_time")),
        (json!({"send_at": "2000-01-01T00:00:00Z"}), wrong("send_at", "out_of_range")),
        (json!({"send_at": "9999-01-01T00:00:00Z"}), wrong("send_at", "out_of_range")),
        (json!({"send_at": target.later, "status": "delivered"}), wrong("status", "unknown_field")),
        (Value::Null, (400, "invalid_json", "", "")),
    ] {
        cases.push(with("PATCH", message.clone(), body, expected));
    }
    for (body, expected) in [
        (json!({}), wrong("messages", "required")),
        (json!([]), wrong("", "invalid_type")),
        (json!({"messages": []}), wrong("messages", "out_of_range")),
        (json!({"messages": vec![0; 501]}), wrong("messages", "out_of_range")),
        (json!({"messages": {}}), wrong("messages", "invalid_type")),
        (json!({"messages": CANARY}), wrong("messages", "invalid_type")),
        (json!({"messages": [], "atomic": true}), wrong("atomic", "unknown_field")),
    ] {
        cases.push(with("POST", "/v1/messages/batch".into(), body, expected));
    }
    for (item, expected) in [
        (json!(1), wrong("", "invalid_type")),
        (json!(null), wrong("", "invalid_type")),
        (json!({}), wrong("from", "required")),
        (json!({"messages": []}), wrong("messages", "unknown_field")),
    ] {
        cases.push(
            with("POST", "/v1/messages/batch".into(), json!({"messages": [item]}), expected).in_batch(),
        );
    }
    cases
}

fn keys(target: &Target) -> Vec<Case> {
    let wrong = |field, why| (422, "invalid_request", field, why);
    let scopes = json!(["send"]);
    let rows = [
        (json!({}), wrong("scopes", "required")),
        (json!({"scopes": []}), wrong("scopes", "required")),
        (json!({"scopes": "send"}), wrong("scopes", "invalid_type")),
        (json!({"scopes": ["send", "root"]}), wrong("scopes[1]", "unknown_value")),
        (json!({"scopes": ["Send"]}), wrong("scopes[0]", "unknown_value")),
        (json!({"scopes": [1]}), wrong("scopes[0]", "invalid_type")),
        (json!({"scopes": scopes, "tenant": ""}), wrong("tenant", "invalid_name")),
        (json!({"scopes": scopes, "tenant": "A b"}), wrong("tenant", "invalid_name")),
        (json!({"scopes": scopes, "tenant": "t".repeat(65)}), wrong("tenant", "invalid_name")),
        (json!({"scopes": scopes, "tenant": 1}), wrong("tenant", "invalid_type")),
        (json!({"scopes": scopes, "tenant": "other"}), (403, "tenant_forbidden", "", "")),
        (json!({"scopes": scopes, "expires_after": "59s"}), wrong("expires_after", "out_of_range")),
        (json!({"scopes": scopes, "expires_after": "3651d"}), wrong("expires_after", "out_of_range")),
        (json!({"scopes": scopes, "expires_after": "soon"}), wrong("expires_after", "invalid_duration")),
        (json!({"scopes": scopes, "key": CANARY}), wrong("key", "unknown_field")),
        (json!({"scopes": scopes, "id": CANARY}), wrong("id", "unknown_field")),
    ];
    let mut cases: Vec<Case> = rows
        .into_iter()
        .map(|(body, expected)| {
            let body = body.to_string();
            Case::new(
                format!("a key {body:.60}"),
                call(&target.key, "POST", "/v1/keys", body.as_bytes()),
                expected,
            )
        })
        .collect();
    for id in ["key_", "key_0000000000000000", "0", "key_canary7f3a", "%00"] {
        let bytes = call(&target.key, "DELETE", &format!("/v1/keys/{id}"), b"");
        cases.push(Case::new(format!("revoke {id}"), bytes, NOT_FOUND));
    }
    let foreign = format!("/v1/keys/{}", &target.key.replace("plk_", "key_")[..20]);
    cases.push(Case::new("revoke another's", call(&target.foreign, "DELETE", &foreign, b""), NOT_FOUND));
    cases
}
