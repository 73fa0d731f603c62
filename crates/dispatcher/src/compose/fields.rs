//! The header fields of the message itself.

use super::{MAX_LINE, plain, refused};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use lettre::Address;
use lettre::message::header::{
    Cc, From, Header, HeaderName, HeaderValue, Headers, MIME_VERSION_1_0, MessageId, ReplyTo, To,
};
use lettre::message::{Mailbox, Mailboxes};
use postledger_core::address;
use postledger_core::compose::{Draft, Unrenderable};

/// Names of further fields that an application may set, in lower case.
const ALLOWED: &[&str] = &[
    "references",
    "in-reply-to",
    "precedence",
    "auto-submitted",
    "feedback-id",
    "importance",
    "priority",
    "sensitivity",
    "keywords",
    "comments",
    "organization",
    "archived-at",
    "thread-topic",
    "thread-index",
];
const ALLOWED_PREFIXES: &[&str] = &["x-", "list-"];
/// As long as lettre takes them; RFC 5322 2.1.1 wants the name on the first line.
const MAX_NAME: usize = 76;

/// Collects fields, each checked to fit on its lines.
#[derive(Debug, Default)]
pub(super) struct Fields {
    text: String,
    further: Vec<String>,
}

impl Fields {
    pub(super) fn set_message_id(&mut self, id: &str) -> Result<(), Unrenderable> {
        self.push("from", MessageId::from(id.to_owned()).display())
    }

    pub(super) fn set_addresses(&mut self, draft: &Draft) -> Result<(), Unrenderable> {
        let from = std::slice::from_ref(&draft.from);
        self.push("from", From::from(mailboxes("from", from)?).display())?;
        if !draft.to.is_empty() {
            self.push("to", To::from(mailboxes("to", &draft.to)?).display())?;
        }
        if !draft.cc.is_empty() {
            self.push("cc", Cc::from(mailboxes("cc", &draft.cc)?).display())?;
        }
        if !draft.reply_to.is_empty() {
            self.push("reply_to", ReplyTo::from(mailboxes("reply_to", &draft.reply_to)?).display())?;
        }
        Ok(())
    }

    pub(super) fn set_subject(&mut self, subject: &str) -> Result<(), Unrenderable> {
        let subject = plain("subject", subject)?;
        let name = HeaderName::new_from_ascii_str("Subject");
        self.push("subject", text_field(name, subject.trim()))
    }

    /// A further field, if its name is allowed.
    pub(super) fn add(&mut self, name: &str, value: &str) -> Result<(), Unrenderable> {
        let is_name = matches!(name.len(), 1..=MAX_NAME)
            && name.bytes().all(|byte| byte.is_ascii_graphic() && byte != b':');
        if !is_name {
            // The name itself is not repeated: it may hold anything.
            let detail = "a header name is 1 to 76 printable ASCII characters without space and colon";
            return Err(refused("headers", "invalid_name", detail));
        }
        let field = format!("headers.{name}");
        let lower = name.to_ascii_lowercase();
        let is_prefixed = ALLOWED_PREFIXES.iter().any(|p| lower.len() > p.len() && lower.starts_with(p));
        if !is_prefixed && !ALLOWED.contains(&lower.as_str()) {
            let allowed = "allowed are X-…, List-… and a few others; addresses, subject, date and structure have fields of their own";
            return Err(refused(field, "not_allowed", allowed));
        }
        if self.further.contains(&lower) {
            return Err(refused(field, "duplicate", "each header field can be given once"));
        }
        let value = plain(&field, value)?.trim();
        let name = HeaderName::new_from_ascii(name.to_owned())
            .map_err(|_| refused("headers", "invalid_name", "not a header name"))?;
        self.push(&field, text_field(name, value))?;
        self.further.push(lower);
        Ok(())
    }

    /// All of them; the fields of the outermost part follow.
    pub(super) fn finish(self) -> String {
        let mut headers = Headers::new();
        headers.set(MIME_VERSION_1_0);
        self.text + &headers.to_string()
    }

    fn push(&mut self, field: &str, value: HeaderValue) -> Result<(), Unrenderable> {
        let mut headers = Headers::new();
        headers.insert_raw(value);
        let rendered = headers.to_string();
        if rendered.split("\r\n").any(|line| line.len() > MAX_LINE) {
            let detail = format!("it has a word too long for a line of {MAX_LINE} characters");
            return Err(refused(field, "too_long", detail));
        }
        self.text.push_str(&rendered);
        Ok(())
    }
}

/// Bytes in one encoded-word: with its frame it has at most 75 characters (RFC 2047 2).
const WORD: usize = 42;

/// A field of free text. What looks like an encoded-word already would be read as what it decodes to: it is encoded as it
/// stands, which lettre does only to what is not ASCII.
fn text_field(name: HeaderName, text: &str) -> HeaderValue {
    if has_encoded_word(text) {
        let encoded = encoded_words(text);
        HeaderValue::dangerous_new_pre_encoded(name, text.to_owned(), encoded)
    } else {
        HeaderValue::new(name, text.to_owned())
    }
}

/// `=?charset?b?text?=` or `=?charset?q?text?=` (RFC 2047 2).
fn has_encoded_word(text: &str) -> bool {
    text.match_indices("=?").any(|(at, mark)| {
        let mut parts = text[at + mark.len()..].splitn(4, '?').skip(1);
        let is_encoding = parts.next().is_some_and(|it| matches!(it, "b" | "B" | "q" | "Q"));
        is_encoding && parts.nth(1).is_some_and(|rest| rest.starts_with('='))
    })
}

fn encoded_words(text: &str) -> String {
    let mut words = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let (word, left) = rest.split_at(rest.floor_char_boundary(WORD));
        words.push(format!("=?utf-8?b?{}?=", STANDARD.encode(word)));
        rest = left;
    }
    words.join("\r\n ")
}

fn mailboxes(field: &str, all: &[address::Mailbox]) -> Result<Mailboxes, Unrenderable> {
    let convert = |mailbox: &address::Mailbox| {
        let name = mailbox.name.as_deref().map(|name| plain(field, name)).transpose()?;
        let name = name.map(str::trim).filter(|name| !name.is_empty()).map(str::to_owned);
        // The address was checked when it became one; a second opinion could only disagree.
        let address = Address::new_dangerous(mailbox.address.local_part(), mailbox.address.domain());
        Ok(Mailbox::new(name, address))
    };
    all.iter().map(convert).collect()
}
