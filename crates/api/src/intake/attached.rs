//! The files of a message.

use super::Findings;
use crate::limits;
use crate::request::{Few, NewAttachment, Object};
use postledger_core::compose::Attachment;

const MOST: usize = 100;

pub(super) fn check(
    files: Few<Object<NewAttachment>>,
    most_bytes: usize,
    findings: &mut Findings,
) -> Vec<Attachment> {
    if files.count > MOST {
        findings.add("attachments", "too_many", format!("a message has at most {MOST} attachments"));
        return Vec::new();
    }
    let files = files.kept.into_iter().enumerate();
    let attachments: Vec<_> = files.map(|(index, file)| one(index, file.0, findings)).collect();
    if attachments.iter().map(|attachment| attachment.bytes.len()).sum::<usize>() > most_bytes {
        let detail =
            format!("attachments have at most {} together, before encoding", limits::size(most_bytes));
        findings.add("attachments", "too_large", detail);
    }
    attachments
}

fn one(index: usize, file: NewAttachment, findings: &mut Findings) -> Attachment {
    let field = |name: &str| format!("attachments[{index}].{name}");
    findings.line(&field("filename"), &file.filename, 1..=255);
    let content_type = file.content_type.unwrap_or_else(|| "application/octet-stream".to_owned());
    if !is_media_type(&content_type) {
        let detail =
            "a media type such as application/pdf, with parameters after ; (RFC 2045 5.1), at most 255 bytes";
        findings.add(field("content_type"), "invalid_media_type", detail);
    }
    if file.content_id.as_deref().is_some_and(|id| !is_content_id(id)) {
        let detail = "1 to 255 of letters, digits and .!#$%&'*+-/=?^_{|}~@ without brackets";
        findings.add(field("content_id"), "invalid_content_id", detail);
    }
    if file.content.0.is_none() {
        findings.add(
            field("content"),
            "not_base64",
            "base64 with padding and without line ends (RFC 4648 4)",
        );
    }
    Attachment {
        filename: file.filename,
        content_type,
        content_id: file.content_id,
        bytes: file.content.0.unwrap_or_default(),
    }
}

fn is_media_type(text: &str) -> bool {
    let (essence, parameters) = text.split_once(';').unwrap_or((text, ""));
    let is_token = |token: &str| {
        let allowed = |b: u8| b.is_ascii_alphanumeric() || b"!#$&-^_.+".contains(&b);
        !token.is_empty() && token.bytes().all(allowed)
    };
    let essence = essence.trim().split_once('/').is_some_and(|(kind, sub)| is_token(kind) && is_token(sub));
    essence && text.len() <= 255 && parameters.bytes().all(|b| matches!(b, b' '..=b'~'))
}

fn is_content_id(text: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b".!#$%&'*+-/=?^_{|}~@".contains(&b);
    matches!(text.len(), 1..=255) && text.bytes().all(allowed)
}
