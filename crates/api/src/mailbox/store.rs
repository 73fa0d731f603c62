//! The last of the mail, bounded.

use bytes::Bytes;
use std::collections::VecDeque;
use std::sync::Arc;

const MAX_MESSAGES: usize = 1000;
const MAX_BYTES: usize = 64 * 1024 * 1024;

/// A message as it came in.
#[derive(Debug)]
pub(crate) struct Caught {
    /// From 1, in order of arrival; given when it is kept.
    pub number: u64,
    /// The reverse path; empty for `<>`.
    pub from: String,
    /// The forward paths.
    pub to: Vec<String>,
    /// The message, unstuffed.
    pub bytes: Bytes,
    /// Whether the sender was left without an answer.
    pub is_unanswered: bool,
}

#[derive(Debug, Default)]
pub(super) struct Store {
    kept: VecDeque<Arc<Caught>>,
    bytes: usize,
    last: u64,
}

impl Store {
    pub fn keep(&mut self, caught: Caught) {
        self.last += 1;
        self.bytes += caught.bytes.len();
        self.kept.push_back(Arc::new(Caught { number: self.last, ..caught }));
        while self.kept.len() > MAX_MESSAGES || (self.bytes > MAX_BYTES && self.kept.len() > 1) {
            if let Some(oldest) = self.kept.pop_front() {
                self.bytes -= oldest.bytes.len();
            }
        }
    }

    pub fn newest(&self) -> Vec<Arc<Caught>> {
        self.kept.iter().rev().cloned().collect()
    }

    pub fn message(&self, number: u64) -> Option<Arc<Caught>> {
        self.kept.iter().find(|caught| caught.number == number).cloned()
    }
}

impl Caught {
    /// The value of its first header field of that name, decoded as far as a list needs it; folded lines are joined.
    pub fn header(&self, name: &str) -> Option<String> {
        let text = String::from_utf8_lossy(&self.bytes[..self.bytes.len().min(64 * 1024)]).into_owned();
        let head =
            text.split("\r\n\r\n").next().unwrap_or_default().replace("\r\n ", " ").replace("\r\n\t", " ");
        head.split("\r\n").find_map(|line| {
            let (field, value) = line.split_once(':')?;
            field.eq_ignore_ascii_case(name).then(|| decoded(value.trim()))
        })
    }
}

/// Encoded words in UTF-8 (RFC 2047), the only ones that Postledger writes; others stay as they are.
fn decoded(value: &str) -> String {
    let mut text = String::new();
    let (mut rest, mut was_word) = (value, false);
    while let Some(start) = rest.find("=?") {
        let Some((word, after)) = encoded_word(&rest[start..]) else {
            text.push_str(&rest[..start + 2]);
            rest = &rest[start + 2..];
            was_word = false;
            continue;
        };
        // White space between two encoded words is not part of the text.
        if !(was_word && rest[..start].trim().is_empty()) {
            text.push_str(&rest[..start]);
        }
        text.push_str(&word);
        (rest, was_word) = (after, true);
    }
    text + rest
}

fn encoded_word(text: &str) -> Option<(String, &str)> {
    use base64::Engine;
    let (charset, rest) = text.strip_prefix("=?")?.split_once('?')?;
    let (encoding, rest) = rest.split_once('?')?;
    let (word, rest) = rest.split_once("?=")?;
    let bytes = match encoding {
        "B" | "b" => base64::engine::general_purpose::STANDARD.decode(word).ok()?,
        "Q" | "q" => unquoted(word)?,
        _ => return None,
    };
    charset.eq_ignore_ascii_case("utf-8").then(|| (String::from_utf8_lossy(&bytes).into_owned(), rest))
}

fn unquoted(word: &str) -> Option<Vec<u8>> {
    let mut bytes = word.bytes();
    let mut plain = Vec::with_capacity(word.len());
    while let Some(byte) = bytes.next() {
        plain.push(match byte {
            b'_' => b' ',
            b'=' => {
                let digits = [bytes.next()?, bytes.next()?];
                u8::from_str_radix(std::str::from_utf8(&digits).ok()?, 16).ok()?
            }
            other => other,
        });
    }
    Some(plain)
}
