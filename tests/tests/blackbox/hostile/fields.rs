//! Every field of a message, with what may not stand there: alone, and as an item of a batch.

use super::addresses;
use super::case::{CANARY, Case, Target, call, message_with, shortened};
use serde_json::{Value, json};

/// The field's part of the message, the field that is named, and why.
pub type Row = (Value, &'static str, &'static str);

/// One case for each row, and for every seventh a batch with it.
pub fn cases(target: &Target) -> Vec<Case> {
    let tables = [
        addresses::authors(),
        addresses::recipients(),
        texts(),
        headers(),
        attachments(),
        plans(),
        labels(),
        others(),
    ];
    let rows = tables.into_iter().flatten().enumerate();
    rows.map(|(index, (fields, field, why))| {
        let message = message_with(&fields);
        let expected = (422, "invalid_request", field, why);
        let name = shortened(&fields.to_string());
        if index % 7 == 3 && field != "idempotency_key" {
            let batch = json!({"messages": [message]}).to_string();
            let bytes = call(&target.key, "POST", "/v1/messages/batch", batch.as_bytes());
            Case::new(format!("batch of {name}"), bytes, expected).in_batch()
        } else {
            let bytes = call(&target.key, "POST", "/v1/messages", message.to_string().as_bytes());
            Case::new(name, bytes, expected)
        }
    })
    .collect()
}

fn texts() -> Vec<Row> {
    let mut rows = vec![
        (json!({"subject": "s".repeat(999)}), "subject", "length"),
        (json!({"subject": 1}), "subject", "invalid_type"),
        (json!({"subject": {"text": CANARY}}), "subject", "invalid_type"),
        (json!({"text": null}), "text", "required"),
        (json!({"text": null, "html": null}), "text", "required"),
        (json!({"text": 1}), "text", "invalid_type"),
        (json!({"text": [CANARY]}), "text", "invalid_type"),
        (json!({"text": format!("{CANARY}\0")}), "text", "control_character"),
        (json!({"html": false}), "html", "invalid_type"),
        (json!({"html": format!("<p>{CANARY}\0")}), "html", "control_character"),
    ];
    for evil in ["\r\nBcc: eve@example.net", "\n", "\r", "\0", "\u{1b}[2J", "\u{7f}", "\u{85}", "\t"] {
        rows.push((json!({"subject": format!("{CANARY}{evil}")}), "subject", "control_character"));
    }
    rows
}

fn headers() -> Vec<Row> {
    let too_many: Value =
        (0..51).map(|n| (format!("X-{n}"), Value::from(CANARY))).collect::<serde_json::Map<_, _>>().into();
    let mut rows = vec![
        (json!({"headers": [CANARY]}), "headers", "invalid_type"),
        (json!({"headers": CANARY}), "headers", "invalid_type"),
        (json!({"headers": {"X-A": 1}}), "headers.X-A", "invalid_type"),
        (json!({"headers": {"X-A": null}}), "headers.X-A", "invalid_type"),
        (json!({"headers": {"X-A": [CANARY]}}), "headers.X-A", "invalid_type"),
        (json!({"headers": {"X-A": "v".repeat(4001)}}), "headers.X-A", "length"),
        (json!({"headers": {"X-A": "v".repeat(1000)}}), "headers.X-A", "too_long"),
        (json!({"headers": {"X-A": CANARY, "x-a": CANARY}}), "headers.x-a", "duplicate_field"),
        (json!({"headers": too_many}), "headers", "too_many"),
    ];
    for evil in ["\r\nBcc: eve@example.net", "\r\n\r\nbody", "\n", "\r", "\0", "\u{b}"] {
        rows.push((
            json!({"headers": {"X-A": format!("{CANARY}{evil}")}}),
            "headers.X-A",
            "control_character",
        ));
    }
    for (name, field) in [
        ("", "headers."),
        ("X A", "headers.X A"),
        ("X-A:", "headers.X-A:"),
        ("X-A: b\r\nBcc", "headers.X-A: b\u{fffd}\u{fffd}Bcc"),
        ("X-A\0", "headers.X-A\u{fffd}"),
        ("X-Ä", "headers.X-Ä"),
    ] {
        rows.push((json!({"headers": {name: CANARY}}), field, "invalid_header_name"));
    }
    rows.push((
        json!({"headers": {format!("X-{}", "a".repeat(75)): CANARY}}),
        LONG_NAME,
        "invalid_header_name",
    ));
    for (name, field) in [
        ("From", "headers.From"),
        ("Sender", "headers.Sender"),
        ("To", "headers.To"),
        ("Bcc", "headers.Bcc"),
        ("Reply-To", "headers.Reply-To"),
        ("Subject", "headers.Subject"),
        ("Date", "headers.Date"),
        ("Message-ID", "headers.Message-ID"),
        ("message-id", "headers.message-id"),
        ("Return-Path", "headers.Return-Path"),
        ("Received", "headers.Received"),
        ("Resent-To", "headers.Resent-To"),
        ("MIME-Version", "headers.MIME-Version"),
        ("Content-Type", "headers.Content-Type"),
        ("Content-Transfer-Encoding", "headers.Content-Transfer-Encoding"),
        ("DKIM-Signature", "headers.DKIM-Signature"),
        ("ARC-Seal", "headers.ARC-Seal"),
        ("Authentication-Results", "headers.Authentication-Results"),
        ("X-", "headers.X-"),
        ("List-", "headers.List-"),
        ("Anything", "headers.Anything"),
    ] {
        rows.push((json!({"headers": {name: CANARY}}), field, "not_allowed"));
    }
    rows
}

const LONG_NAME: &str =
    "headers.X-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

fn attachments() -> Vec<Row> {
    let one = |name: &str, value: Value| {
        let mut file = json!({"filename": "a.pdf", "content": "JVBERi0=", "content_type": "application/pdf"});
        file[name] = value;
        json!({"attachments": [file]})
    };
    let mut rows = vec![
        (json!({"attachments": CANARY}), "attachments", "invalid_type"),
        (json!({"attachments": {"filename": "a"}}), "attachments", "invalid_type"),
        (json!({"attachments": [1]}), "attachments[0]", "invalid_type"),
        (json!({"attachments": [["a", "YQ=="]]}), "attachments[0]", "invalid_type"),
        (json!({"attachments": [{}]}), "attachments[0].filename", "required"),
        (json!({"attachments": [{"filename": "a"}]}), "attachments[0].content", "required"),
        (one("surplus", CANARY.into()), "attachments[0].surplus", "unknown_field"),
        (one("path", "/etc/passwd".into()), "attachments[0].path", "unknown_field"),
        (one("url", "http://127.0.0.1/".into()), "attachments[0].url", "unknown_field"),
        (
            json!({"attachments": vec![json!({"filename": "a", "content": ""}); 101]}),
            "attachments",
            "too_many",
        ),
        (one("content", "A".repeat(2 * 1024 * 1024).into()), "attachments", "too_large"),
    ];
    for wrong in [json!(null), json!(7), json!(["a"])] {
        rows.push((one("filename", wrong.clone()), "attachments[0].filename", "invalid_type"));
        rows.push((one("content", wrong), "attachments[0].content", "invalid_type"));
    }
    for wrong in [CANARY, "YQ", "YQ=", "YQ==\n", "Y Q=", "YQ==YQ==", "_-8=", "data:,a", "%59%51"] {
        rows.push((one("content", wrong.into()), "attachments[0].content", "not_base64"));
    }
    for wrong in ["", "pdf", "application/", "/pdf", "a/b/c", "a b/c", "a/b; x=\r\ny", "a/b\r\nX-A: b", "a/ä"]
    {
        rows.push((one("content_type", wrong.into()), "attachments[0].content_type", "invalid_media_type"));
    }
    for wrong in ["", "<a@b>", "a b", "a\r\nb", "ä"] {
        rows.push((one("content_id", wrong.into()), "attachments[0].content_id", "invalid_content_id"));
    }
    let long = "a".repeat(256);
    rows.extend([
        (
            one("content_type", format!("a/{long}").into()),
            "attachments[0].content_type",
            "invalid_media_type",
        ),
        (one("content_id", long.clone().into()), "attachments[0].content_id", "invalid_content_id"),
        (one("filename", long.into()), "attachments[0].filename", "length"),
        (one("filename", "".into()), "attachments[0].filename", "length"),
        (
            one("filename", format!("{CANARY}\"\r\nX-A: b").into()),
            "attachments[0].filename",
            "control_character",
        ),
        (one("filename", format!("{CANARY}\0.pdf").into()), "attachments[0].filename", "control_character"),
    ]);
    rows
}

fn plans() -> Vec<Row> {
    let mut rows = Vec::new();
    for (field, wrong) in [
        ("priority", json!(["", "urgent", "High", "1", CANARY])),
        ("on_unknown", json!(["", "resend", "Retry", CANARY])),
    ] {
        for wrong in wrong.as_array().into_iter().flatten() {
            rows.push((json!({field: wrong}), field, "unknown_value"));
        }
    }
    for wrong in ["", "Default", "default ", "nowhere", "../default", CANARY] {
        rows.push((json!({"route": wrong}), "route", "unknown_route"));
    }
    for field in ["priority", "on_unknown", "route", "send_at", "expires_after"] {
        for wrong in [json!(1), json!(true), json!([CANARY]), json!({})] {
            rows.push((json!({field: wrong}), field, "invalid_type"));
        }
    }
    for wrong in [
        "",
        "tomorrow",
        "2026-13-01T00:00:00Z",
        "2026-02-30T00:00:00Z",
        "2026-12-01T25:00:00Z",
        "2026-12-01T09:00:00",
        "2026-12-01",
        "1796115600",
        "2026-12-01T09:00:00+25:00",
        "2026-12-01T09:00:00+01",
        "20261201T090000Z",
        "2026-12-01T09:00Z",
        "2026-335T09:00:00Z",
        "2026-12-01T09:00:00+00:00[Europe/Berlin]",
        "-002026-12-01T09:00:00Z",
        CANARY,
    ] {
        rows.push((json!({"send_at": wrong}), "send_at", "invalid_time"));
    }
    for wrong in ["2000-01-01T00:00:00Z", "9999-01-01T00:00:00Z", "0001-01-01T00:00:00Z"] {
        rows.push((json!({"send_at": wrong}), "send_at", "out_of_range"));
    }
    for wrong in [
        "",
        "1",
        "h",
        "1.5h",
        "-1h",
        "+1h",
        "1h30m",
        "1w",
        "1 h",
        "１h",
        "1e3s",
        "99999999999999999999d",
        CANARY,
    ] {
        rows.push((json!({"expires_after": wrong}), "expires_after", "invalid_duration"));
    }
    for wrong in ["0s", "59s", "31d", "99999999999d"] {
        rows.push((json!({"expires_after": wrong}), "expires_after", "out_of_range"));
    }
    let retry = |retry: Value| json!({"retry": retry});
    rows.extend([
        (retry(json!([])), "retry", "invalid_type"),
        (retry(json!(3)), "retry", "invalid_type"),
        (retry(json!({"attempts": 3})), "retry.attempts", "unknown_field"),
        (retry(json!({"max_attempts": 0})), "retry.max_attempts", "out_of_range"),
        (retry(json!({"max_attempts": 101})), "retry.max_attempts", "out_of_range"),
        (retry(json!({"max_attempts": -1})), "retry.max_attempts", "invalid_type"),
        (retry(json!({"max_attempts": 1.5})), "retry.max_attempts", "invalid_type"),
        (retry(json!({"max_attempts": "3"})), "retry.max_attempts", "invalid_type"),
        (retry(json!({"max_attempts": u64::MAX})), "retry.max_attempts", "invalid_type"),
        (retry(json!({"schedule": "10s"})), "retry.schedule", "invalid_type"),
        (retry(json!({"schedule": []})), "retry.schedule", "out_of_range"),
        (retry(json!({"schedule": vec!["1s"; 51]})), "retry.schedule", "out_of_range"),
        (retry(json!({"schedule": vec!["1s"; 10_000]})), "retry.schedule", "out_of_range"),
        (retry(json!({"schedule": ["10s", "0s"]})), "retry.schedule[1]", "out_of_range"),
        (retry(json!({"schedule": ["31d"]})), "retry.schedule[0]", "out_of_range"),
        (retry(json!({"schedule": ["10s", "soon"]})), "retry.schedule[1]", "invalid_duration"),
        (retry(json!({"schedule": [10]})), "retry.schedule[0]", "invalid_type"),
        (retry(json!({"schedule": [null]})), "retry.schedule[0]", "invalid_type"),
    ]);
    rows
}

fn labels() -> Vec<Row> {
    let too_many: Value =
        (0..21).map(|n| (format!("k{n}"), Value::from(CANARY))).collect::<serde_json::Map<_, _>>().into();
    vec![
        (json!({"tags": CANARY}), "tags", "invalid_type"),
        (json!({"tags": {"a": 1}}), "tags", "invalid_type"),
        (json!({"tags": [1]}), "tags[0]", "invalid_type"),
        (json!({"tags": ["a", null]}), "tags[1]", "invalid_type"),
        (json!({"tags": vec![CANARY; 11]}), "tags", "too_many"),
        (json!({"tags": [""]}), "tags[0]", "length"),
        (json!({"tags": ["a", "t".repeat(65)]}), "tags[1]", "length"),
        (json!({"tags": [format!("{CANARY}\n")]}), "tags[0]", "control_character"),
        (json!({"metadata": [CANARY]}), "metadata", "invalid_type"),
        (json!({"metadata": CANARY}), "metadata", "invalid_type"),
        (json!({"metadata": {"order": 17}}), "metadata.order", "invalid_type"),
        (json!({"metadata": {"order": {"id": CANARY}}}), "metadata.order", "invalid_type"),
        (json!({"metadata": {"order": null}}), "metadata.order", "invalid_type"),
        (json!({"metadata": too_many}), "metadata", "too_many"),
        (json!({"metadata": {"": CANARY}}), "metadata.", "length"),
        (
            json!({"metadata": {"k".repeat(41): CANARY}}),
            "metadata.kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk",
            "length",
        ),
        (json!({"metadata": {"a\nb": CANARY}}), "metadata.a\u{fffd}b", "control_character"),
        (json!({"metadata": {"order": "v".repeat(501)}}), "metadata.order", "length"),
        (json!({"metadata": {"order": format!("{CANARY}\0")}}), "metadata.order", "length"),
    ]
}

fn others() -> Vec<Row> {
    vec![
        (json!({"template": {"id": CANARY}}), "template", "not_supported"),
        (json!({"template": "{{7*7}}"}), "template", "not_supported"),
        (
            json!({"prepare": {"commit_within": "5m", "check_url": "http://127.0.0.1/"}}),
            "prepare",
            "not_supported",
        ),
        (json!({"prepare": 1}), "prepare", "not_supported"),
        (json!({"idempotency_key": CANARY}), "idempotency_key", "unknown_field"),
        (json!({"surprise": CANARY}), "surprise", "unknown_field"),
        (json!({"From": CANARY}), "From", "unknown_field"),
        (json!({"to ": CANARY}), "to ", "unknown_field"),
        (json!({"__proto__": {"admin": true}}), "__proto__", "unknown_field"),
        (json!({"tenant": "other"}), "tenant", "unknown_field"),
        (json!({"id": "msg_00000000000000000000000000000000"}), "id", "unknown_field"),
        (json!({"": CANARY}), "", "unknown_field"),
    ]
}
