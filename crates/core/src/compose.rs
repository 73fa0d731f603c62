//! The port that renders a message: draft in, bytes out.

use crate::address::Mailbox;
use crate::id::MessageId;
use bytes::Bytes;

/// What shall be rendered. Addresses are valid; texts are checked by the composer.
#[derive(Debug, Clone)]
pub struct Draft {
    /// From.
    pub from: Mailbox,
    /// To.
    pub to: Vec<Mailbox>,
    /// Cc. There is no Bcc: it stands in the envelope only.
    pub cc: Vec<Mailbox>,
    /// Reply-To.
    pub reply_to: Vec<Mailbox>,
    /// Subject.
    pub subject: String,
    /// The plain part.
    pub text: Option<String>,
    /// The HTML part.
    pub html: Option<String>,
    /// Further header fields.
    pub headers: Vec<(String, String)>,
    /// Attached files.
    pub attachments: Vec<Attachment>,
}

/// A file to attach.
#[derive(Debug, Clone)]
pub struct Attachment {
    /// Its name as the reader sees it.
    pub filename: String,
    /// Its media type (RFC 2045 5.1).
    pub content_type: String,
    /// Set for a part that the HTML refers to as `cid:`.
    pub content_id: Option<String>,
    /// Its bytes.
    pub bytes: Bytes,
}

/// A rendered message.
#[derive(Debug, Clone)]
pub struct Rendered {
    /// Header fields but `Date` (a delivery's own head adds it), an empty line, the body; CRLF only.
    pub bytes: Bytes,
    /// The value of Message-ID, with brackets.
    pub message_id_header: String,
}

/// The draft cannot be rendered as a safe message.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {detail}")]
pub struct Unrenderable {
    /// The field of the request, such as `headers.X-Order` or `attachments[0].content_type`.
    pub field: String,
    /// Stable, snake_case.
    pub code: &'static str,
    /// What is wrong and what is allowed.
    pub detail: String,
}

/// Renders drafts. Pure: the same id and draft give the same bytes.
pub trait Composer: Send + Sync {
    /// Renders `draft` as the message `id`. Message-ID and MIME boundaries derive from the id.
    ///
    /// # Errors
    /// [`Unrenderable`] names the field that would make it unsafe or not well-formed.
    fn compose(&self, id: MessageId, draft: &Draft) -> Result<Rendered, Unrenderable>;
}
