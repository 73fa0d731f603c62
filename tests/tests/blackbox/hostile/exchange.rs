//! Sends a case and judges the answer.

use super::case::{Answered, CANARY, Case};
use serde_json::Value;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// Longer than any limit of the service under test.
const PATIENCE: Duration = Duration::from_secs(20);

/// An answer as it came.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub fields: BTreeMap<String, String>,
    pub body: Vec<u8>,
}

/// What was found wrong with the answer to a case, if anything.
pub async fn finding(addr: SocketAddr, case: &Case) -> Option<String> {
    let answers = match tokio::time::timeout(PATIENCE, exchange(addr, case)).await {
        Ok(Ok(answers)) => answers,
        Ok(Err(error)) => return Some(format!("{}: {error}", case.name)),
        Err(_) => return Some(format!("{}: no end of the answer", case.name)),
    };
    let is_one = answers.len() == 1 || case.answered == Answered::Last;
    let Some(answer) = answers.last().filter(|_| is_one) else {
        return Some(format!("{}: {} answers", case.name, answers.len()));
    };
    let wrong = judged(answer, case);
    let body = String::from_utf8_lossy(&answer.body);
    (!wrong.is_empty())
        .then(|| format!("{}: {}\n    {} {body:.700}", case.name, wrong.join(", "), answer.status))
}

/// Sends everything and reads to the end of the connection: requests say `Connection: close`, or are none.
async fn exchange(addr: SocketAddr, case: &Case) -> Result<Vec<Answer>, String> {
    let stream = TcpStream::connect(addr).await.map_err(|error| format!("no connection: {error}"))?;
    let (mut input, mut output) = stream.into_split();
    let sending = async {
        // The service may have heard enough before the end, and close.
        let _heard_enough = output.write_all(&case.bytes).await;
        if case.half_closed {
            let _closed_already = output.shutdown().await;
        }
    };
    let mut received = Vec::new();
    let (read, ()) = tokio::join!(input.read_to_end(&mut received), sending);
    read.map_err(|error| format!("the connection broke after {} bytes: {error}", received.len()))?;
    let mut answers = Vec::new();
    let mut rest = &received[..];
    while !rest.is_empty() {
        let (answer, next) = parse(rest).ok_or_else(|| {
            format!("no answer in HTTP: {}", String::from_utf8_lossy(&rest[..rest.len().min(200)]))
        })?;
        answers.push(answer);
        rest = next;
    }
    Ok(answers)
}

fn parse(bytes: &[u8]) -> Option<(Answer, &[u8])> {
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n")?;
    let mut lines = std::str::from_utf8(&bytes[..end]).ok()?.split("\r\n");
    let status = lines.next()?.strip_prefix("HTTP/1.")?.get(2..5)?.parse().ok()?;
    let field = |line: &str| {
        let (name, value) = line.split_once(": ")?;
        Some((name.to_ascii_lowercase(), value.to_owned()))
    };
    let fields = lines.map(field).collect::<Option<BTreeMap<_, _>>>()?;
    let length: usize = fields.get("content-length")?.parse().ok()?;
    let (body, rest) = bytes[end + 4..].split_at_checked(length)?;
    Some((Answer { status, fields, body: body.to_vec() }, rest))
}

fn judged(answer: &Answer, case: &Case) -> Vec<String> {
    let mut findings = Vec::new();
    let mut check = |holds: bool, what: &str| {
        if !holds {
            findings.push(what.to_owned());
        }
    };
    let field = |name: &str| answer.fields.get(name).map_or("", String::as_str);
    let whole: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    let (status, code, of_field, why) = case.expected;
    let (problem, media_type) = match case.answered {
        Answered::InBatch => (&whole["results"][0]["problem"], "application/json"),
        Answered::Whole | Answered::Last => (&whole, "application/problem+json"),
    };
    let expected = if case.answered == Answered::InBatch { 207 } else { status };
    check(answer.status == expected, &format!("the status is not {expected}"));
    check(field("content-type") == media_type, "the media type");
    check(problem["status"] == status && problem["code"] == code, &format!("not {status} {code}"));
    check(problem["type"] == format!("urn:postledger:problem:{code}"), "the type");
    for name in ["title", "detail"] {
        check(problem[name].as_str().is_some_and(|text| !text.is_empty()), name);
    }
    let first = &problem["errors"][0];
    let named = first["field"].as_str().unwrap_or_default();
    let is_named = if code == "refused_by_state" { named.starts_with(of_field) } else { named == of_field };
    check(is_named, &format!("not the field {of_field:?}"));
    check(first["code"].as_str().unwrap_or_default() == why, &format!("not {why:?} of the field"));
    let id = problem["request_id"].as_str().unwrap_or_default();
    check(id.starts_with("req_") && id == field("x-request-id"), "the request id");
    let is_later =
        answer.status < 500 || matches!(answer.status, 503 | 507) && !field("retry-after").is_empty();
    check(is_later, "a fault of the server, or no Retry-After");
    check(answer.status != 405 || !field("allow").is_empty(), "405 without Allow");
    check(
        answer.status != 401 || field("www-authenticate").starts_with("Bearer"),
        "401 without WWW-Authenticate",
    );
    check(field("x-content-type-options") == "nosniff" && field("cache-control") == "no-store", "the guards");
    check(!answer.fields.keys().any(|name| name.starts_with("access-control")), "an Access-Control field");
    // The path that was asked for is the caller's own, and the one thing that is repeated.
    let mut said = problem.clone();
    said["instance"] = Value::Null;
    check(!said.to_string().contains(CANARY), "it repeats what was sent");
    findings
}
