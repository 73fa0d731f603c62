//! The body of `POST /v1/messages` as it stands on the wire. Nothing here is checked against limits; what has a
//! form of its own (addresses, durations, words, base64) is parsed on the way in and judged by [`crate::intake`].

mod few;
mod object;
mod parsed;
mod party;

pub(crate) use few::Few;
pub(crate) use object::Object;
pub(crate) use parsed::{Base64, Parsed, Span};
pub(crate) use party::Parties;

use postledger_core::address::Address;
use postledger_core::policy::{OnUnknown, Priority};
use postledger_core::time::Timestamp;
use serde::Deserialize;
use serde::de::IgnoredAny;
use utoipa::ToSchema;

/// A message to send. Every field but `from`, a recipient, and one of `text` and `html` may be left out or null.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "from": "Shop <no-reply@shop.example>", "to": ["Ann <ann@example.net>"], "subject": "Your order",
    "text": "It is on its way.", "tags": ["order"], "metadata": {"order": "17"}
}))]
pub(crate) struct NewMessage {
    /// The author: `"Shop <no-reply@shop.example>"` or `{"email", "name"}`; exactly one.
    #[serde(default)]
    #[schema(value_type = party::PartiesSchema)]
    pub from: Parties,
    /// To. `to`, `cc` and `bcc` name 1 to 50 addresses together; one named twice gets one delivery (the first of
    /// to, cc, bcc counts).
    #[serde(default)]
    #[schema(value_type = party::PartiesSchema)]
    pub to: Parties,
    /// Cc.
    #[serde(default)]
    #[schema(value_type = party::PartiesSchema)]
    pub cc: Parties,
    /// Bcc: in no header field.
    #[serde(default)]
    #[schema(value_type = party::PartiesSchema)]
    pub bcc: Parties,
    /// Where answers go; at most 10.
    #[serde(default)]
    #[schema(value_type = party::PartiesSchema)]
    pub reply_to: Parties,
    /// The envelope's sender, to which bounces go: an address without a name. Default: the configured bounce address,
    /// else the address of `from`.
    #[schema(value_type = Option<String>, example = "bounces@shop.example")]
    pub return_path: Option<Parsed<Address>>,
    /// At most 998 characters, no control characters. Default: empty.
    #[schema(max_length = 998)]
    pub subject: Option<String>,
    /// The plain text. No NUL; line ends of any kind become CRLF.
    pub text: Option<String>,
    /// The HTML. No NUL; line ends of any kind become CRLF.
    pub html: Option<String>,
    /// Further header fields, at most 50: `X-…`, `List-…`, and a few that say something to mail programs, such as
    /// `References`, `In-Reply-To`, `Auto-Submitted`, `Precedence`, `Importance`, `Feedback-ID`, `Keywords`. Values have no
    /// control characters and at most 4000 characters.
    #[schema(value_type = Option<std::collections::BTreeMap<String, String>>)]
    pub headers: Option<Few<(String, String)>>,
    /// Files, at most 100 and 18 MiB together before encoding.
    #[schema(value_type = Option<Vec<NewAttachment>>)]
    pub attachments: Option<Few<Object<NewAttachment>>>,
    /// Not supported yet: refused.
    #[schema(value_type = Option<Object>)]
    pub template: Option<IgnoredAny>,
    /// `critical`, `high`, `normal` or `low`. Default: `normal`.
    #[schema(value_type = Option<String>, example = "normal")]
    pub priority: Option<Parsed<Priority>>,
    /// Not before this time (RFC 3339); at most one year ahead, at most one day past.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub send_at: Option<Parsed<Timestamp>>,
    /// The lifetime from when it is ready to be sent: `1m` to `30d`. Default: `24h`.
    #[schema(value_type = Option<String>, example = "24h")]
    pub expires_after: Option<Span>,
    /// When to try again after a deferral.
    #[schema(value_type = Option<NewRetry>)]
    pub retry: Option<Object<NewRetry>>,
    /// What follows an attempt whose result is not known: `retry` (a second copy is better than none; the default) or
    /// `hold` (never again without an operator).
    #[schema(value_type = Option<String>, example = "retry")]
    pub on_unknown: Option<Parsed<OnUnknown>>,
    /// A configured route. Without it each delivery goes by the first route whose `match` takes it, else by `default`.
    pub route: Option<String>,
    /// Labels for search and statistics: at most 10, each of 1 to 64 characters without control characters.
    #[schema(value_type = Option<Vec<String>>)]
    pub tags: Option<Few<String>>,
    /// The application's own data: at most 20 entries; keys of 1 to 40, values of at most 500 characters.
    #[schema(value_type = Option<std::collections::BTreeMap<String, String>>)]
    pub metadata: Option<Few<(String, String)>>,
    /// Not supported yet: refused.
    #[schema(value_type = Option<Object>)]
    pub prepare: Option<IgnoredAny>,
    /// Only in a batch, where it stands for the header field `Idempotency-Key`.
    #[schema(max_length = 255)]
    pub idempotency_key: Option<String>,
}

/// A file to attach.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewAttachment {
    /// Its name: 1 to 255 characters without control characters.
    #[schema(max_length = 255, example = "a.pdf")]
    pub filename: String,
    /// Its bytes in base64 (RFC 4648 4: padded, without line ends).
    #[schema(value_type = String, example = "JVBERi0xLjQK")]
    pub content: Base64,
    /// Its media type. Default: `application/octet-stream`.
    #[schema(example = "application/pdf")]
    pub content_type: Option<String>,
    /// Set for what the HTML refers to as `cid:…`: 1 to 255 of letters, digits and `.!#$%&'*+-/=?^_{|}~@`.
    pub content_id: Option<String>,
}

/// Attempts and the waits between them.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewRetry {
    /// 1 to 100; what was known not sent does not count. Default: as many as fit the lifetime.
    #[schema(minimum = 1, maximum = 100)]
    pub max_attempts: Option<u32>,
    /// 1 to 50 waits of `1s` to `30d`; the last repeats, each is spread by ±20 %.
    #[schema(value_type = Option<Vec<String>>, example = json!(["10s", "1m", "5m"]))]
    pub schedule: Option<Few<Span>>,
}
