//! A bad request as it goes over the wire, and what it is to be told.

use serde_json::{Value, json};

/// In everything that callers send: it must stand in no log line, and in no answer.
pub const CANARY: &str = "canary7f3a";

/// What the cases need to know of the service.
#[derive(Debug)]
pub struct Target {
    /// A key with every scope.
    pub key: String,
    /// A key that may only read.
    pub reader: String,
    /// A key that was revoked.
    pub revoked: String,
    /// A key of another tenant, with every scope.
    pub foreign: String,
    /// A message that is scheduled far ahead.
    pub message: String,
    /// Its delivery.
    pub delivery: String,
    /// A message that was cancelled.
    pub cancelled: String,
    /// A time at which everything may be sent.
    pub later: String,
}

/// Status, code, field, and the field's code; the last two empty where no field is to blame. Where a state refuses, the
/// field is a delivery's id, and given by its begin.
pub type Expected = (u16, &'static str, &'static str, &'static str);

/// Where the problem is to be found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answered {
    /// It is the answer.
    Whole,
    /// It is the first result of a batch, whose answer is 207.
    InBatch,
    /// Several answers on one connection: the last one counts.
    Last,
}

/// A bad request.
#[derive(Debug)]
pub struct Case {
    /// For who reads that it failed.
    pub name: String,
    /// Everything that is sent.
    pub bytes: Vec<u8>,
    /// Whether the sending side is closed after that.
    pub half_closed: bool,
    /// Where the problem stands.
    pub answered: Answered,
    /// What it says.
    pub expected: Expected,
}

impl Case {
    pub fn new(name: impl Into<String>, bytes: impl Into<Vec<u8>>, expected: Expected) -> Self {
        let (name, bytes) = (name.into(), bytes.into());
        Self { name, bytes, half_closed: false, answered: Answered::Whole, expected }
    }

    pub fn in_batch(mut self) -> Self {
        self.answered = Answered::InBatch;
        self
    }

    pub fn last(mut self) -> Self {
        self.answered = Answered::Last;
        self
    }

    pub fn half_closed(mut self) -> Self {
        self.half_closed = true;
        self
    }
}

/// A request; `headers` come after those that every request has, and may repeat them.
pub fn request(method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Vec<u8> {
    let mut head = format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n");
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    if !body.is_empty() {
        head.push_str(&format!("Content-Length: {}\r\n", body.len()));
    }
    [head.as_bytes(), b"\r\n", body].concat()
}

/// A request in JSON with a key.
pub fn call(key: &str, method: &str, path: &str, body: &[u8]) -> Vec<u8> {
    let authorization = format!("Bearer {key}");
    let headers = [("Authorization", &authorization[..]), ("Content-Type", "application/json")];
    request(method, path, &headers, body)
}

/// A message that would be accepted.
pub fn message() -> Value {
    json!({"from": "shop@shop.example", "to": "canary7f3a@example.net", "subject": CANARY, "text": CANARY})
}

/// The same with other or further fields.
pub fn message_with(fields: &Value) -> Value {
    let mut message = message();
    for (name, value) in fields.as_object().into_iter().flatten() {
        message[name] = value.clone();
    }
    message
}

/// Enough of a value to find the case by.
pub fn shortened(text: &str) -> String {
    text.chars().take(100).collect()
}
