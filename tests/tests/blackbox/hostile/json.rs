//! Bodies that are no JSON, are JSON of the wrong kind, or are something else altogether.

use super::case::{CANARY, Case, Expected, Target, call, message, request};

const NO_JSON: Expected = (400, "invalid_json", "", "");

pub fn cases(target: &Target) -> Vec<Case> {
    let post = |name: &str, body: &[u8], expected| {
        Case::new(name, call(&target.key, "POST", "/v1/messages", body), expected)
    };
    let mut cases: Vec<Case> =
        texts().into_iter().map(|(body, expected)| post(body, body.as_bytes(), expected)).collect();
    cases.extend(bytes().into_iter().map(|(name, body, expected)| post(name, &body, expected)));
    cases.extend(nested().into_iter().map(|(body, expected)| post(&body[..40], body.as_bytes(), expected)));
    cases.extend(kinds(target));
    cases
}

fn texts() -> Vec<(&'static str, Expected)> {
    let kind: Expected = (422, "invalid_request", "", "invalid_type");
    let twice = |field| (422, "invalid_request", field, "duplicate_field");
    let in_field = |field| (400, "invalid_json", field, "invalid_json");
    vec![
        ("", NO_JSON),
        (" ", NO_JSON),
        ("\n\n", NO_JSON),
        ("canary7f3a", NO_JSON),
        ("[]", kind),
        ("null", kind),
        ("true", kind),
        ("17", kind),
        ("\"canary7f3a\"", kind),
        ("{", NO_JSON),
        ("}", NO_JSON),
        ("{} {}", NO_JSON),
        ("{}]", NO_JSON),
        ("{},", NO_JSON),
        ("{'to': 'a@b.example'}", NO_JSON),
        ("{to: \"a@b.example\"}", NO_JSON),
        ("{\"to\"}", NO_JSON),
        ("{\"from\"", NO_JSON),
        ("{\"from\": \"a@b.example\"", NO_JSON),
        ("{\"from\": \"a@b.example\", \"t", NO_JSON),
        ("{\"from\": \"canary7f3a", in_field("from")),
        ("{\"to\": }", in_field("to")),
        ("{\"to\": \"a@b.example\",}", NO_JSON),
        ("{\"tags\": [\"a\",]}", in_field("tags")),
        ("{\"to\": \"a@b.example\" /* canary7f3a */}", NO_JSON),
        ("{\"to\": \"a\nb\"}", in_field("to")),
        ("{\"to\": \"\\x41\"}", in_field("to")),
        ("{\"to\": \"\\u12\"}", in_field("to")),
        ("{\"subject\": \"\\ud800\"}", in_field("subject")),
        ("{\"subject\": \"\\udc00\\ud800\"}", in_field("subject")),
        ("{\"retry\": {\"max_attempts\": NaN}}", in_field("retry.max_attempts")),
        ("{\"retry\": {\"max_attempts\": Infinity}}", in_field("retry.max_attempts")),
        ("{\"retry\": {\"max_attempts\": 1e999}}", in_field("retry.max_attempts")),
        ("{\"retry\": {\"max_attempts\": 0x10}}", in_field("retry")),
        ("{\"retry\": {\"max_attempts\": 007}}", in_field("retry.max_attempts")),
        ("{\"retry\": {\"max_attempts\": +1}}", in_field("retry.max_attempts")),
        (
            "{\"retry\": {\"max_attempts\": 99999999999999999999999}}",
            (422, "invalid_request", "retry.max_attempts", "invalid_type"),
        ),
        ("{\"to\": \"a@b.example\", \"to\": \"c@d.example\"}", twice("to")),
        ("{\"t\\u006f\": \"a@b.example\", \"to\": \"c@d.example\"}", twice("to")),
        ("{\"from\": {\"email\": \"a@b.example\", \"email\": \"c@d.example\"}}", twice("from.email")),
        ("{\"retry\": {\"max_attempts\": 1, \"max_attempts\": 2}}", twice("retry.max_attempts")),
        ("{\"attachments\": [{\"filename\": \"a\", \"filename\": \"b\"}]}", twice("attachments[0].filename")),
        (
            "{\"from\": \"a@b.example\", \"to\": \"c@d.example\", \"text\": \"x\", \"metadata\": {\"k\": \"1\", \"k\": \"2\"}}",
            twice("metadata.k"),
        ),
        (
            "{\"from\": \"a@b.example\", \"to\": \"c@d.example\", \"text\": \"x\", \"headers\": {\"X-A\": \"1\", \"X-A\": \"2\"}}",
            twice("headers.X-A"),
        ),
    ]
}

fn bytes() -> Vec<(&'static str, Vec<u8>, Expected)> {
    let whole = message().to_string();
    let utf16 = |order: fn(u16) -> [u8; 2]| whole.encode_utf16().flat_map(order).collect::<Vec<u8>>();
    // A gzip member: what follows its header does not matter.
    let gzip = [&[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3][..], whole.as_bytes()].concat();
    vec![
        ("a byte order mark", [b"\xef\xbb\xbf", whole.as_bytes()].concat(), NO_JSON),
        ("UTF-16, little end first", utf16(u16::to_le_bytes), NO_JSON),
        ("UTF-16, big end first", utf16(u16::to_be_bytes), NO_JSON),
        (
            "a lone byte of Latin-1",
            b"{\"to\": \"\xe4@b.example\"}".to_vec(),
            (400, "invalid_json", "to", "invalid_json"),
        ),
        (
            "an overlong slash",
            b"{\"to\": \"\xc0\xaf\"}".to_vec(),
            (400, "invalid_json", "to", "invalid_json"),
        ),
        (
            "a surrogate in UTF-8",
            b"{\"to\": \"\xed\xa0\x80\"}".to_vec(),
            (400, "invalid_json", "to", "invalid_json"),
        ),
        ("no UTF-8 at all", b"\xff\xfe\xfd".to_vec(), NO_JSON),
        ("compressed, and not said so", gzip, NO_JSON),
        ("zeros", vec![0; 4096], NO_JSON),
    ]
}

fn nested() -> Vec<(String, Expected)> {
    let deep = |open: &str, close: &str| open.repeat(10_000) + &close.repeat(10_000);
    let kind = |field| (422, "invalid_request", field, "invalid_type");
    vec![
        (deep("[", "]"), kind("")),
        (deep("{\"from\":", "}"), (422, "invalid_request", "from.from", "unknown_field")),
        (format!("{{\"to\": {}}}", deep("[", "]")), kind("to[0]")),
        (format!("{{\"metadata\": {}}}", deep("[", "]")), kind("metadata")),
        (format!("{{\"template\": {}}}", deep("[", "]")), (422, "invalid_request", "from", "required")),
        (
            format!("{{\"surprise\": {}}}", deep("{\"a\":", "}")),
            (422, "invalid_request", "surprise", "unknown_field"),
        ),
        (format!("{{\"to\": [{}1]}}", "1,".repeat(200_000)), kind("to[0]")),
        (
            format!("{{\"tags\": [{}\"\"]}}", "\"t\",".repeat(200_000)),
            (422, "invalid_request", "from", "required"),
        ),
        (
            format!("{{\"subject\": \"{}", "\\".repeat(100_000)),
            (400, "invalid_json", "subject", "invalid_json"),
        ),
    ]
}

/// What the header fields say of the body.
fn kinds(target: &Target) -> Vec<Case> {
    let authorization = format!("Bearer {}", target.key);
    let body = message().to_string();
    let post = |name: &str, headers: &[(&str, &str)], expected| {
        let headers = [&[("Authorization", &authorization[..])], headers].concat();
        Case::new(name, request("POST", "/v1/messages", &headers, body.as_bytes()), expected)
    };
    let media: Expected = (415, "unsupported_media_type", "", "");
    let encoding: Expected = (415, "unsupported_encoding", "", "");
    let json = ("Content-Type", "application/json");
    let mut cases = vec![
        post("no media type", &[], media),
        post("two media types", &[json, ("Content-Type", "text/plain")], media),
    ];
    for wrong in [
        "",
        "text/plain",
        "text/json",
        "application/jsonx",
        "application/json, text/plain",
        "application/problem+json",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/json; charset=utf-16",
        "application/json; charset=latin1",
        "application/json; charset=\"\"",
    ] {
        cases.push(post(&format!("Content-Type: {wrong}"), &[("Content-Type", wrong)], media));
    }
    for wrong in ["gzip", "GZIP", "br", "deflate", "zstd", "identity, gzip", "", CANARY] {
        cases.push(post(
            &format!("Content-Encoding: {wrong}"),
            &[json, ("Content-Encoding", wrong)],
            encoding,
        ));
    }
    cases.push(post(
        "two encodings",
        &[json, ("Content-Encoding", "identity"), ("Content-Encoding", "gzip")],
        encoding,
    ));
    cases
}
