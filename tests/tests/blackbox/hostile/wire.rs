//! What is no HTTP/1.1 (RFC 9112), is another kind of HTTP, or says of its length what is not so.

use super::case::{CANARY, Case, Expected, Target, call, message, request};

const MALFORMED: Expected = (400, "malformed_request", "", "");
const UNKNOWN: Expected = (401, "unauthenticated", "", "");
const INCOMPLETE: Expected = (400, "body_incomplete", "", "");
const NOT_FOUND: Expected = (404, "not_found", "", "");

pub fn cases(target: &Target) -> Vec<Case> {
    [lines(), hosts(), fields(), lengths(target), chunks(target), connections(target)]
        .into_iter()
        .flatten()
        .collect()
}

fn lines() -> Vec<Case> {
    let case = |name: &str, text: &str, expected| Case::new(name, text, expected);
    let host = "Host: x\r\nConnection: close\r\n\r\n";
    let mut cases: Vec<Case> = [
        ("zeros", "\0\0\0\0\r\n\r\n"),
        ("a TLS handshake", "\x16\x03\x01\x02\x00\x01\x00\x01\x7c\x03\x03canary7f3a\r\n\r\n"),
        ("SMTP", "EHLO canary7f3a\r\nMAIL FROM:<>\r\n\r\n"),
        ("an SSH greeting", "SSH-2.0-canary7f3a\r\n\r\n"),
        ("HTTP/0.9", "GET /livez\r\n\r\n"),
        ("HTTP/9.9", "GET /livez HTTP/9.9\r\nHost: x\r\n\r\n"),
        ("HTTP/1.", "GET /livez HTTP/1.\r\nHost: x\r\n\r\n"),
        ("http/1.1", "GET /livez http/1.1\r\nHost: x\r\n\r\n"),
        ("HTTPS/1.1", "GET /livez HTTPS/1.1\r\nHost: x\r\n\r\n"),
        ("no path", "GET HTTP/1.1\r\nHost: x\r\n\r\n"),
        ("two spaces", "GET  /livez HTTP/1.1\r\nHost: x\r\n\r\n"),
        ("a space in the path", "GET /livez canary7f3a HTTP/1.1\r\nHost: x\r\n\r\n"),
        ("no slash", "GET livez/x HTTP/1.1\r\nHost: x\r\n\r\n"),
        ("a method that is no token", "G@T\x7f /livez HTTP/1.1\r\nHost: x\r\n\r\n"),
        ("no method", " /livez HTTP/1.1\r\nHost: x\r\n\r\n"),
        ("a NUL in the path", "GET /livez\0canary7f3a HTTP/1.1\r\nHost: x\r\n\r\n"),
        ("a CR in the path", "GET /livez\rcanary7f3a HTTP/1.1\r\nHost: x\r\n\r\n"),
    ]
    .into_iter()
    .map(|(name, text)| case(name, text, MALFORMED))
    .collect();
    cases.extend([
        case(
            "another's address",
            &format!("GET http://evil.example/v1/messages HTTP/1.1\r\n{host}"),
            UNKNOWN,
        ),
        case(
            "another's address, no such path",
            &format!("GET http://evil.example/v1/x HTTP/1.1\r\n{host}"),
            NOT_FOUND,
        ),
        case("CONNECT", &format!("CONNECT evil.example:443 HTTP/1.1\r\n{host}"), NOT_FOUND),
        case("CONNECT to a path", &format!("CONNECT /livez HTTP/1.1\r\n{host}"), NOT_A_CALL),
        case("raw UTF-8 in the path", &format!("GET /v1/{CANARY}ä HTTP/1.1\r\n{host}"), NOT_FOUND),
        case("a fragment", &format!("GET /v1/messages#{CANARY} HTTP/1.1\r\n{host}"), UNKNOWN),
        case("a backslash", &format!("GET /v1\\messages HTTP/1.1\r\n{host}"), NOT_FOUND),
        case("line feeds alone", "GET /v1/messages HTTP/1.1\nHost: x\nConnection: close\n\n", UNKNOWN),
        case("empty lines first", &format!("\r\n\r\nGET /v1/messages HTTP/1.1\r\n{host}"), UNKNOWN),
        case("a long method", &format!("{} / HTTP/1.1\r\n{host}", "A".repeat(5000)), NOT_A_CALL),
        case("a long path", &format!("GET /{} HTTP/1.1\r\n{host}", "a".repeat(100_000)), TOO_LARGE),
    ]);
    cases
}

const NOT_A_CALL: Expected = (405, "method_not_allowed", "", "");
const TOO_LARGE: Expected = (431, "header_too_large", "", "");

fn hosts() -> Vec<Case> {
    let wrong = |why| (400, "malformed_request", "Host", why);
    let get = |name: &str, version: &str, hosts: &str, expected| {
        Case::new(
            name,
            format!("GET /v1/messages HTTP/{version}\r\nConnection: close\r\n{hosts}\r\n"),
            expected,
        )
    };
    let mut cases = vec![
        get("no Host", "1.1", "", wrong("required")),
        get("two Hosts", "1.1", "Host: x\r\nHost: y\r\n", wrong("duplicate_field")),
        get("two equal Hosts", "1.1", "Host: x\r\nhost: x\r\n", wrong("duplicate_field")),
        get("HTTP/1.0 needs no Host", "1.0", "", UNKNOWN),
        get("HTTP/1.0 with two Hosts", "1.0", "Host: x\r\nHost: y\r\n", wrong("duplicate_field")),
        get("an empty Host", "1.1", "Host:\r\n", UNKNOWN),
    ];
    for host in
        ["a b", "a/b", "user@x", "x:port", "x:99999", "canary7f3a, y", "a\\b", "[::1", "x?y", "<x>", "\u{e4}"]
    {
        cases.push(get(&format!("Host: {host}"), "1.1", &format!("Host: {host}\r\n"), wrong("invalid_host")));
    }
    cases
}

fn fields() -> Vec<Case> {
    let get = |name: &str, fields: &str, expected| {
        let text = format!("GET /v1/messages HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{fields}\r\n");
        Case::new(name, text, expected)
    };
    let mut cases: Vec<Case> = [
        ("a folded line", "X-A: canary7f3a\r\n folded\r\n"),
        ("a folded first line", " canary7f3a\r\n"),
        ("a space before the colon", "X-A : canary7f3a\r\n"),
        ("no colon", "canary7f3a\r\n"),
        ("no name", ": canary7f3a\r\n"),
        ("a name that is no token", "X@A(: canary7f3a\r\n"),
        ("a NUL in the name", "X\0A: canary7f3a\r\n"),
        ("a NUL in a value", "X-A: canary7f3a\0\r\n"),
        ("a CR in a value", "X-A: canary7f3a\rX-B: b\r\n"),
        ("an escape in a value", "X-A: \x1b[2Jcanary7f3a\r\n"),
    ]
    .into_iter()
    .map(|(name, fields)| get(name, fields, MALFORMED))
    .collect();
    cases.extend([
        get("101 fields", &"X: a\r\n".repeat(101), TOO_LARGE),
        get("1000 fields", &"X: a\r\n".repeat(1000), TOO_LARGE),
        get("a field of 17 KiB", &format!("X: {}\r\n", "a".repeat(17 * 1024)), TOO_LARGE),
        get("a field of 1 MiB", &format!("X: {}\r\n", "a".repeat(1024 * 1024)), TOO_LARGE),
        get("a name of 1 MiB", &format!("{}: a\r\n", "a".repeat(1024 * 1024)), TOO_LARGE),
        get("an upgrade to h2c", "Upgrade: h2c\r\nHTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n", UNKNOWN),
        get("an upgrade to a web socket", "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n", UNKNOWN),
        get("an expectation of nobody", "Expect: canary7f3a\r\n", UNKNOWN),
        get("a range", "Range: bytes=0-,0-,0-,0-\r\n", UNKNOWN),
        get("another method on top", "X-HTTP-Method-Override: DELETE\r\n", UNKNOWN),
        get("another path on top", "X-Original-URL: /livez\r\nX-Rewrite-URL: /livez\r\n", UNKNOWN),
        get("another request id", "X-Request-Id: canary7f3a\r\n", UNKNOWN),
    ]);
    cases
}

/// What a request with a key and these fields before its body is.
fn posted(target: &Target, fields: &str, body: &[u8]) -> Vec<u8> {
    let key = &target.key;
    let head = format!(
        "POST /v1/messages HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer {key}\r\n\
         Content-Type: application/json\r\n{fields}\r\n"
    );
    [head.as_bytes(), body].concat()
}

fn lengths(target: &Target) -> Vec<Case> {
    let body = message().to_string();
    let post = |name: &str, fields: &str, expected| {
        Case::new(name, posted(target, fields, body.as_bytes()), expected)
    };
    let mut cases: Vec<Case> =
        ["-1", "+5", "five", "0x10", "1 1", "5, 6", "1.0", "99999999999999999999999", "", "\u{665}"]
            .into_iter()
            .map(|length| {
                post(
                    &format!("Content-Length: {length}"),
                    &format!("Content-Length: {length}\r\n"),
                    MALFORMED,
                )
            })
            .collect();
    let too_large: Expected = (413, "body_too_large", "", "");
    cases.extend([
        post("two lengths", "Content-Length: 5\r\nContent-Length: 6\r\n", MALFORMED),
        post("an announced giant", &format!("Content-Length: {}\r\n", u64::MAX / 2), too_large),
        post(
            "an announced giant that waits",
            "Expect: 100-continue\r\nContent-Length: 99999999999\r\n",
            too_large,
        ),
        post("less than announced", &format!("Content-Length: {}\r\n", body.len() + 1), INCOMPLETE)
            .half_closed(),
        post("nothing of what was announced", "Content-Length: 1000000\r\n", INCOMPLETE).half_closed(),
        // RFC 9112 6.1: the transfer coding counts, and the connection ends after it.
        post(
            "both lengths",
            &format!("Content-Length: {}\r\nTransfer-Encoding: chunked\r\n", body.len()),
            INCOMPLETE,
        ),
        post(
            "both lengths, the other way",
            &format!("Transfer-Encoding: chunked\r\nContent-Length: {}\r\n", body.len()),
            INCOMPLETE,
        ),
        Case::new("no body", posted(target, "", b""), (400, "invalid_json", "", "")).half_closed(),
    ]);
    let smuggled = format!(
        "0\r\n\r\n{}",
        String::from_utf8_lossy(&call(&target.key, "POST", "/v1/messages", body.as_bytes()))
    );
    for fields in [
        format!("Content-Length: {}\r\nTransfer-Encoding: chunked\r\n", smuggled.len()),
        format!("Transfer-Encoding: chunked\r\nContent-Length: {}\r\n", smuggled.len()),
    ] {
        let bytes = posted(target, &fields, smuggled.as_bytes());
        cases.push(Case::new("a second request in the body", bytes, (400, "invalid_json", "", "")));
    }
    let giant = vec![b' '; 5 * 1024 * 1024];
    cases.push(Case::new("five MiB", call(&target.key, "POST", "/v1/messages", &giant), too_large));
    cases.push(Case::new("five MiB without a key", request("POST", "/v1/messages", &[], &giant), UNKNOWN));
    let elsewhere = request("POST", "/v1/x", &[("Content-Type", "application/json")], &giant);
    cases.push(Case::new("five MiB to nowhere", elsewhere, NOT_FOUND));
    cases
}

fn chunks(target: &Target) -> Vec<Case> {
    let post = |name: &str, fields: &str, body: &str, expected| {
        Case::new(name, posted(target, fields, body.as_bytes()), expected)
    };
    let chunked = "Transfer-Encoding: chunked\r\n";
    let body = message().to_string();
    let mut cases: Vec<Case> =
        ["gzip", "gzip, chunked, identity", "xchunked", "identity", "", "chunked, gzip", "canary7f3a"]
            .into_iter()
            .map(|coding| {
                let fields = format!("Transfer-Encoding: {coding}\r\n");
                post(&format!("Transfer-Encoding: {coding}"), &fields, "0\r\n\r\n", MALFORMED)
            })
            .collect();
    cases.push(Case::new(
        "chunks in HTTP/1.0",
        String::from_utf8_lossy(&posted(target, chunked, b"0\r\n\r\n")).replace("HTTP/1.1", "HTTP/1.0"),
        MALFORMED,
    ));
    for (name, text) in [
        ("a size that is none", "zz\r\n"),
        ("a negative size", "-1\r\nx\r\n"),
        ("an empty size", "\r\nx\r\n"),
        ("a size past all numbers", "ffffffffffffffff1\r\nx"),
        ("a longer chunk than said", "1\r\n{}\r\n0\r\n\r\n"),
        ("a chunk without its line end", "2\r\n{}0\r\n\r\n"),
        ("a size with a space before", " 2\r\n{}\r\n0\r\n\r\n"),
    ] {
        cases.push(post(name, chunked, text, INCOMPLETE));
    }
    let long = format!("2;{}\r\n{{}}\r\n0\r\n\r\n", "x".repeat(20_000));
    cases.push(post("a long extension of a chunk", chunked, &long, INCOMPLETE));
    let trailers = format!("0\r\n{}\r\n", "X: canary7f3a\r\n".repeat(2000));
    cases.push(post("a flood of trailers", chunked, &trailers, INCOMPLETE));
    let tiny: String = body.chars().map(|c| format!("{:x}\r\n{c}\r\n", c.len_utf8())).collect();
    cases.push(post("one chunk a letter, and no end", chunked, &tiny, INCOMPLETE).half_closed());
    let giant = format!("500000\r\n{}\r\n0\r\n\r\n", " ".repeat(0x50_0000));
    cases.push(post("five MiB in a chunk", chunked, &giant, (413, "body_too_large", "", "")));
    cases
}

fn connections(target: &Target) -> Vec<Case> {
    let get = request("GET", "/v1/messages", &[], b"");
    let kept = String::from_utf8_lossy(&get).replace("Connection: close\r\n", "");
    let posted = String::from_utf8_lossy(&call(&target.key, "POST", "/v1/messages", b"{}"))
        .replace("Connection: close\r\n", "");
    vec![
        Case::new("half closed after the request", get, UNKNOWN).half_closed(),
        Case::new(
            "two in one go",
            format!("{kept}GET /v1/x HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"),
            NOT_FOUND,
        )
        .last(),
        Case::new("three, the last one broken", format!("{kept}{kept}canary7f3a\r\n\r\n"), MALFORMED).last(),
        Case::new("a body longer than said", format!("{posted}canary7f3a\r\n\r\n"), MALFORMED).last(),
        Case::new(
            "a hundred in one go",
            format!("{}GET /v1/x HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", kept.repeat(100)),
            NOT_FOUND,
        )
        .last(),
    ]
}
