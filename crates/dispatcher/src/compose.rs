//! Renders a draft as an Internet message (RFC 5322, RFC 2045 to 2047, RFC 2231).
//!
//! What cannot be rendered safely is refused with the field's name; nothing is silently changed but line ends.

mod fields;
mod parts;

use fields::Fields;
use postledger_core::compose::{Composer, Draft, Rendered, Unrenderable};
use postledger_core::id::MessageId;

/// The longest line without its CRLF (RFC 5322 2.1.1).
const MAX_LINE: usize = 998;

/// Renders with lettre's builder.
///
/// * Message-ID is `<32 hex digits of the id@domain of From>`; boundaries derive from the id.
/// * Subject, names and further header fields are encoded where they are not ASCII, and folded.
/// * Text and HTML become `multipart/alternative`; files with a `content_id` stand beside the HTML in
///   `multipart/related`; the other files in `multipart/mixed`. Files are base64, texts 7bit, quoted-printable
///   or base64: the output is ASCII, unless an address has a local part in UTF-8 (RFC 6532).
/// * Further header fields: `X-…`, `List-…`, `References`, `In-Reply-To`, `Precedence`, `Auto-Submitted`,
///   `Feedback-ID`, `Importance`, `Priority`, `Sensitivity`, `Keywords`, `Comments`, `Organization`,
///   `Archived-At`, `Thread-Topic`, `Thread-Index`. All others are the service's own to write, or none's.
/// * There is no `Date` and no `Bcc`.
#[derive(Debug, Clone, Copy, Default)]
pub struct MimeComposer;

impl Composer for MimeComposer {
    fn compose(&self, id: MessageId, draft: &Draft) -> Result<Rendered, Unrenderable> {
        let id = id.to_string();
        let hex = id.trim_start_matches("msg_");
        let message_id_header = format!("<{hex}@{}>", draft.from.address.domain());
        let mut fields = Fields::default();
        fields.set_message_id(&message_id_header)?;
        fields.set_addresses(draft)?;
        fields.set_subject(&draft.subject)?;
        for (name, value) in &draft.headers {
            fields.add(name, value)?;
        }
        let body = parts::render(hex, draft)?;
        let mut bytes = fields.finish().into_bytes();
        bytes.extend_from_slice(&body);
        // The parts' own header fields are bounded by what was checked; this is the proof.
        if bytes.split(|&byte| byte == b'\n').any(|line| line.len() > MAX_LINE + 1) {
            return Err(refused(
                "attachments",
                "too_long",
                "a header field of a part does not fit on a line",
            ));
        }
        Ok(Rendered { bytes: bytes.into(), message_id_header })
    }
}

fn refused(field: impl Into<String>, code: &'static str, detail: impl Into<String>) -> Unrenderable {
    Unrenderable { field: field.into(), code, detail: detail.into() }
}

/// A text for a header field or a parameter: one line, no control character.
fn plain<'a>(field: &str, text: &'a str) -> Result<&'a str, Unrenderable> {
    if text.chars().any(char::is_control) {
        return Err(refused(
            field,
            "control_character",
            "control characters, line ends included, are not allowed",
        ));
    }
    Ok(text)
}

#[cfg(test)]
mod tests;
