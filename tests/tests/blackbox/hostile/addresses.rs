//! Addresses that are none, and too many of them.

use super::case::CANARY;
use super::fields::Row;
use serde_json::json;

fn many(count: usize) -> Vec<String> {
    (0..count).map(|n| format!("{CANARY}{n}@example.net")).collect()
}

/// What an address may not be, in the field of the author.
pub fn authors() -> Vec<Row> {
    let wrong = [
        String::new(),
        " ".into(),
        CANARY.into(),
        format!("{CANARY}@"),
        format!("@{CANARY}.example"),
        format!("{CANARY}@@a.example"),
        format!("{CANARY} b@a.example"),
        format!(".{CANARY}@a.example"),
        format!("{CANARY}.@a.example"),
        format!("{CANARY}..b@a.example"),
        format!("\"{CANARY} b\"@a.example"),
        format!("{CANARY}@[127.0.0.1]"),
        format!("{CANARY}@-a.example"),
        format!("{CANARY}@a-.example"),
        format!("{CANARY}@a_b.example"),
        format!("{CANARY}@a..example"),
        format!("{CANARY}@a b.example"),
        format!("{CANARY}@a.example:25"),
        format!("{CANARY}@a.example/x"),
        format!("{CANARY}@xn--\u{fffd}.example"),
        format!("{}@a.example", "l".repeat(65)),
        format!("{CANARY}@{}.example", "d".repeat(64)),
        format!("{CANARY}@{}example", "d.".repeat(124)),
        format!("{CANARY}@a.example, b@a.example"),
        format!("{CANARY}@a.example; b@a.example"),
        format!("<{CANARY}@a.example"),
        format!("{CANARY}@a.example>"),
        format!("Shop <{CANARY}@a.example> and more"),
        format!("Shop <{CANARY}@a.example"),
        format!("Shop <<{CANARY}@a.example>>"),
        "Shop <>".into(),
        format!("{CANARY}@a.example\r\nBcc: eve@example.net"),
        format!("{CANARY}@a.example\n"),
        format!("{CANARY}\0@a.example"),
        format!("Shop\r\nBcc: eve@example.net <{CANARY}@a.example>"),
        format!("\u{1b}[2J <{CANARY}@a.example>"),
    ];
    let mut rows: Vec<Row> =
        wrong.into_iter().map(|address| (json!({"from": address}), "from", "invalid_address")).collect();
    rows.extend([
        (json!({"from": null}), "from", "required"),
        (json!({"from": []}), "from", "required"),
        (json!({"from": many(2)}), "from", "too_many"),
        (json!({"from": 1}), "from", "invalid_type"),
        (json!({"from": true}), "from", "invalid_type"),
        (json!({"from": [[CANARY]]}), "from[0]", "invalid_type"),
        (json!({"from": {}}), "from.email", "required"),
        (json!({"from": {"name": CANARY}}), "from.email", "required"),
        (json!({"from": {"email": null}}), "from.email", "invalid_type"),
        (json!({"from": {"email": [CANARY]}}), "from.email", "invalid_type"),
        (json!({"from": {"email": "a@a.example", "name": 1}}), "from.name", "invalid_type"),
        (json!({"from": {"email": "a@a.example", "title": CANARY}}), "from.title", "unknown_field"),
        (json!({"from": {"email": format!("Shop <{CANARY}@a.example>")}}), "from", "invalid_address"),
        (
            json!({"from": {"email": "a@a.example", "name": format!("{CANARY}\r\nBcc: x")}}),
            "from",
            "invalid_address",
        ),
        (json!({"from": {"email": "a@a.example", "name": "\u{85}"}}), "from", "invalid_address"),
    ]);
    rows
}

pub fn recipients() -> Vec<Row> {
    let mut rows = vec![
        (json!({"to": null}), "to", "required"),
        (json!({"to": [], "cc": [], "bcc": []}), "to", "required"),
        (json!({"to": {}}), "to.email", "required"),
        (json!({"to": 17}), "to", "invalid_type"),
        (json!({"to": [null]}), "to[0]", "invalid_type"),
        (json!({"to": ["a@a.example", 1]}), "to[1]", "invalid_type"),
        (json!({"to": ["a@a.example", {"email": "b@a.example", "x": 1}]}), "to[1].x", "unknown_field"),
        (json!({"to": many(51)}), "to", "too_many"),
        (json!({"to": many(20), "cc": many(19), "bcc": many(12)}), "to", "too_many"),
        (json!({"to": many(1), "bcc": many(50)}), "bcc", "too_many"),
        (json!({"cc": many(10_000)}), "cc", "too_many"),
        (json!({"reply_to": many(11)}), "reply_to", "too_many"),
        (json!({"reply_to": false}), "reply_to", "invalid_type"),
        (json!({"return_path": ""}), "return_path", "invalid_address"),
        (json!({"return_path": "<>"}), "return_path", "invalid_address"),
        (json!({"return_path": format!("Shop <{CANARY}@a.example>")}), "return_path", "invalid_address"),
        (
            json!({"return_path": format!("{CANARY}@a.example\r\nRCPT TO:<eve@example.net>")}),
            "return_path",
            "invalid_address",
        ),
        (json!({"return_path": ["a@a.example"]}), "return_path", "invalid_type"),
        (json!({"return_path": {"email": "a@a.example"}}), "return_path", "invalid_type"),
    ];
    for (one, first, second) in [
        ("to", "to", "to[1]"),
        ("cc", "cc", "cc[1]"),
        ("bcc", "bcc", "bcc[1]"),
        ("reply_to", "reply_to", "reply_to[1]"),
    ] {
        let evil = format!("{CANARY}@a.example>\r\nDATA");
        rows.push((json!({one: evil}), first, "invalid_address"));
        rows.push((json!({one: ["b@a.example", evil]}), second, "invalid_address"));
        rows.push((
            json!({one: ["b@a.example", {"email": "c@a.example", "name": "\0"}]}),
            second,
            "invalid_address",
        ));
    }
    rows
}
