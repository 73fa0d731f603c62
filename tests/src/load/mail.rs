//! The requests: cheap to make by the ten thousand, and each with a token that no other has.

use super::Load;
use super::ledger::Intent;
use crate::sink::TOKEN_MARK;
use std::fmt::Write as _;
use std::sync::Arc;

/// What is put behind a recipient's local part, by number of the message and of the recipient, both from 0.
pub type Fate = Arc<dyn Fn(u64, usize) -> String + Send + Sync>;

/// What all messages of a load have in common.
pub(super) struct Mail {
    run: String,
    recipients: usize,
    fate: Option<Fate>,
    idempotent: bool,
    batch: usize,
    /// From behind the subject to the end.
    tail: String,
    /// Of the request, up to its length.
    head: String,
}

impl Mail {
    pub(super) fn new(load: &Load) -> Self {
        let line =
            "Postledger takes the word of nobody, least of all its own, as this line of text will show.";
        let text: String = line.chars().chain("\\n".chars()).cycle().take(load.body_bytes).collect();
        // A cut through the escape at the end would be no JSON.
        let text = text.strip_suffix('\\').unwrap_or(&text);
        let mut tail = format!("\",\"text\":\"{text}\"");
        for member in
            [load.priority.as_ref().map(|it| format!("\"priority\":\"{it}\"")), load.members.clone()]
        {
            tail.extend(member.map(|it| format!(",{it}")));
        }
        let path = if load.batch > 1 { "/v1/messages/batch" } else { "/v1/messages" };
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: postledger\r\nAuthorization: Bearer {}\r\nContent-Type: application/json\r\n",
            load.key
        );
        let (run, fate) = (load.run.clone(), load.fate.clone());
        let (recipients, idempotent, batch) = (load.recipients, load.idempotent, load.batch);
        Self { run, recipients, fate, idempotent, batch, tail, head }
    }

    /// The message of this number.
    pub(super) fn intent(&self, number: u64) -> Intent {
        let token = format!("{}-{number}", self.run);
        let recipients = (0..self.recipients)
            .map(|at| {
                let fate = self.fate.as_ref().map(|fate| fate(number, at)).unwrap_or_default();
                format!("to{at}.{token}{fate}@load.example")
            })
            .collect();
        let key = self.idempotent.then(|| format!("key-{token}"));
        Intent { token, key, recipients }
    }

    /// The request that submits these: one, or a batch.
    pub(super) fn request(&self, intents: &[Intent], into: &mut Vec<u8>) {
        let mut body = String::with_capacity(intents.len() * (self.tail.len() + 256));
        if self.batch > 1 {
            body.push_str("{\"messages\":[");
        }
        for (at, intent) in intents.iter().enumerate() {
            if at > 0 {
                body.push(',');
            }
            self.message(intent, &mut body);
        }
        if self.batch > 1 {
            body.push_str("]}");
        }
        into.clear();
        into.extend_from_slice(self.head.as_bytes());
        if let ([Intent { key: Some(key), .. }], 1) = (intents, self.batch) {
            into.extend_from_slice(format!("Idempotency-Key: {key}\r\n").as_bytes());
        }
        into.extend_from_slice(format!("Content-Length: {}\r\n\r\n", body.len()).as_bytes());
        into.extend_from_slice(body.as_bytes());
    }

    fn message(&self, intent: &Intent, body: &mut String) {
        body.push_str("{\"from\":\"Load <load@sender.example>\",\"to\":[");
        for (at, recipient) in intent.recipients.iter().enumerate() {
            let comma = if at > 0 { "," } else { "" };
            let _infallible = write!(body, "{comma}\"{recipient}\"");
        }
        if let (Some(key), true) = (&intent.key, self.batch > 1) {
            let _infallible = write!(body, "],\"idempotency_key\":\"{key}\",\"subject\":\"Load {TOKEN_MARK}");
        } else {
            let _infallible = write!(body, "],\"subject\":\"Load {TOKEN_MARK}");
        }
        body.push_str(&intent.token);
        body.push_str(&self.tail);
        body.push('}');
    }
}
