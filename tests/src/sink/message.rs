//! The little that a sink reads of a message: its size, its digest and two names.

use super::log::{Keep, Transaction};
use bytes::{Bytes, BytesMut};
use memchr::memmem;

/// The header field in which the load generator puts a token that no other message has.
pub(crate) const TOKEN_HEADER: &str = "X-Postledger-Token";
/// How the token stands in a subject, where header fields of its own are not wanted.
pub(crate) const TOKEN_MARK: &str = "token:";

/// A message as it came to its dot.
pub(super) struct Received {
    pub(super) size: usize,
    pub(super) digest: [u8; 32],
    pub(super) message: Option<Bytes>,
    pub(super) message_id: Option<Box<str>>,
    pub(super) token: Option<Box<str>>,
}

impl Received {
    /// Reads the bytes between 354 and the dot, still stuffed (RFC 5321, section 4.5.2).
    pub(super) fn read(stuffed: BytesMut, keep: Keep) -> Self {
        let message = unstuffed(stuffed);
        let message_id = field(&message, "Message-ID").map(String::into_boxed_str);
        let token =
            field(&message, TOKEN_HEADER).or_else(|| subject_token(&message)).map(String::into_boxed_str);
        let digest = if keep == Keep::Count { [0; 32] } else { *blake3::hash(&message).as_bytes() };
        let size = message.len();
        Self { size, digest, message: (keep == Keep::Message).then_some(message), message_id, token }
    }
}

impl Transaction {
    /// The first header field of this name, unfolded, where the message was kept.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<String> {
        field(self.message.as_deref()?, name)
    }
}

fn unstuffed(stuffed: BytesMut) -> Bytes {
    if !stuffed.starts_with(b".") && memmem::find(&stuffed, b"\r\n.").is_none() {
        return stuffed.freeze();
    }
    let mut plain = BytesMut::with_capacity(stuffed.len());
    let mut rest = stuffed.strip_prefix(b".").unwrap_or(&stuffed);
    while let Some(at) = memmem::find(rest, b"\r\n.") {
        plain.extend_from_slice(&rest[..at + 2]);
        rest = &rest[at + 3..];
    }
    plain.extend_from_slice(rest);
    plain.freeze()
}

/// The first header field of this name, unfolded and trimmed.
fn field(message: &[u8], name: &str) -> Option<String> {
    let head = &message[..memmem::find(message, b"\r\n\r\n").map_or(message.len(), |at| at + 2)];
    let mut start = 0;
    while start < head.len() {
        let mut end = start;
        // A line that begins with white space belongs to the field before it (RFC 5322, section 2.2.3).
        loop {
            end = memmem::find(&head[end..], b"\r\n").map_or(head.len(), |at| end + at + 2);
            if !matches!(head.get(end), Some(b' ' | b'\t')) {
                break;
            }
        }
        let line = &head[start..end];
        let value = line.get(..name.len()).filter(|it| it.eq_ignore_ascii_case(name.as_bytes()));
        if value.is_some() && line.get(name.len()) == Some(&b':') {
            let value = String::from_utf8_lossy(&line[name.len() + 1..]).replace("\r\n", "");
            return Some(value.trim().to_owned());
        }
        start = end;
    }
    None
}

fn subject_token(message: &[u8]) -> Option<String> {
    let subject = field(message, "Subject")?;
    let token = subject.split_whitespace().find_map(|word| word.strip_prefix(TOKEN_MARK))?;
    Some(token.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_found_unfolded_and_in_any_case() {
        let message = b"subject: a\r\n b\r\nMESSAGE-ID:\r\n <x@y>\r\n\r\nX-Postledger-Token: body\r\n";
        assert_eq!(field(message, "Message-ID").as_deref(), Some("<x@y>"));
        assert_eq!(field(message, "Subject").as_deref(), Some("a b"));
        assert_eq!(field(message, TOKEN_HEADER), None);
    }

    #[test]
    fn dots_are_unstuffed() {
        for (stuffed, plain) in [
            ("..\r\n", ".\r\n"),
            ("a\r\n..b\r\n...\r\n", "a\r\n.b\r\n..\r\n"),
            ("a.\r\nb\r\n", "a.\r\nb\r\n"),
        ] {
            assert_eq!(unstuffed(BytesMut::from(stuffed)), plain.as_bytes(), "{stuffed:?}");
        }
    }

    #[test]
    fn a_token_in_the_subject_serves_where_there_is_no_field() {
        let stuffed = BytesMut::from("Subject: order token:abc-1 thanks\r\n\r\nhello\r\n");
        assert_eq!(Received::read(stuffed, Keep::Count).token.as_deref(), Some("abc-1"));
    }
}
