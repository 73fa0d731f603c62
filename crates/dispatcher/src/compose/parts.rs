//! The body: texts and files as a tree of MIME parts.

use super::{plain, refused};
use lettre::message::header::{ContentDisposition, ContentId, ContentTransferEncoding, ContentType};
use lettre::message::{Body, MultiPart, MultiPartBuilder, SinglePart};
use postledger_core::compose::{Attachment, Draft, Unrenderable};

/// Longest file name, content type and content id, in bytes.
const MAX_PARAMETER: usize = 255;

enum Part {
    Single(SinglePart),
    Multi(MultiPart),
}

/// The outermost part with its header fields.
pub(super) fn render(id: &str, draft: &Draft) -> Result<Vec<u8>, Unrenderable> {
    let text = draft.text.as_deref().map(|text| line_ends("text", text)).transpose()?;
    let html = draft.html.as_deref().map(|html| line_ends("html", html)).transpose()?;
    let (mut inline, mut attached) = (Vec::new(), Vec::new());
    for (index, file) in draft.attachments.iter().enumerate() {
        let is_inline = file.content_id.is_some() && html.is_some();
        if is_inline { &mut inline } else { &mut attached }.push(Part::Single(part(index, file)?));
    }
    let boundary = |builder: MultiPartBuilder, kind: &str| builder.boundary(format!("=_{id}_{kind}"));
    let html = html.map(|html| {
        let html = Part::Single(SinglePart::html(html));
        if inline.is_empty() { html } else { nested(boundary(MultiPart::related(), "related"), html, inline) }
    });
    let body = match (text.map(|text| Part::Single(SinglePart::plain(text))), html) {
        (Some(text), Some(html)) => {
            nested(boundary(MultiPart::alternative(), "alternative"), text, vec![html])
        }
        (Some(one), None) | (None, Some(one)) => one,
        (None, None) => return Err(refused("text", "required", "a message has text, html, or both")),
    };
    let whole = if attached.is_empty() {
        body
    } else {
        nested(boundary(MultiPart::mixed(), "mixed"), body, attached)
    };
    Ok(match whole {
        Part::Single(part) => part.formatted(),
        Part::Multi(part) => part.formatted(),
    })
}

fn nested(builder: MultiPartBuilder, first: Part, others: Vec<Part>) -> Part {
    let add = |whole: MultiPart, part| match part {
        Part::Single(part) => whole.singlepart(part),
        Part::Multi(part) => whole.multipart(part),
    };
    Part::Multi(others.into_iter().fold(add(builder.build(), first), add))
}

/// CRLF between lines and none at the end, which lettre adds. Its own conversion takes quadratic time.
fn line_ends(field: &str, text: &str) -> Result<String, Unrenderable> {
    let mut lines = String::with_capacity(text.len() + text.len() / 16);
    for (index, line) in text.split('\n').enumerate() {
        if index > 0 {
            lines.push_str("\r\n");
        }
        lines.push_str(line.strip_suffix('\r').unwrap_or(line));
    }
    let is_bare = |(at, _): (usize, &str)| lines.as_bytes().get(at + 1) != Some(&b'\n');
    if lines.contains('\0') || text.ends_with('\r') || lines.match_indices('\r').any(is_bare) {
        return Err(refused(field, "control_character", "NUL, and CR without LF, are not allowed"));
    }
    lines.truncate(lines.strip_suffix("\r\n").map_or(lines.len(), str::len));
    Ok(lines)
}

fn part(index: usize, file: &Attachment) -> Result<SinglePart, Unrenderable> {
    let field = |name: &str| format!("attachments[{index}].{name}");
    let content_type = content_type(field("content_type"), &file.content_type)?;
    let filename = bounded(&field("filename"), &file.filename)?;
    let mut builder = SinglePart::builder().header(content_type);
    builder = match &file.content_id {
        Some(id) => builder
            .header(ContentId::from(content_id(field("content_id"), id)?))
            .header(ContentDisposition::inline_with_name(filename)),
        None => builder.header(ContentDisposition::attachment(filename)),
    };
    // Always base64: a text file's own line ends are part of the file.
    let body = Body::new_with_encoding(file.bytes.to_vec(), ContentTransferEncoding::Base64)
        .map_err(|_| refused(field("content"), "invalid", "it cannot be encoded"))?;
    Ok(builder.body(body))
}

fn bounded<'a>(field: &str, text: &'a str) -> Result<&'a str, Unrenderable> {
    if !matches!(text.len(), 1..=MAX_PARAMETER) {
        return Err(refused(field, "invalid", format!("1 to {MAX_PARAMETER} bytes are allowed")));
    }
    plain(field, text)
}

/// A media type (RFC 2045 5.1) of a leaf: what is multipart has a structure, and a message inside a message
/// must not be base64 (RFC 2046 5.2.1).
fn content_type(field: String, text: &str) -> Result<ContentType, Unrenderable> {
    bounded(&field, text)?;
    let is_structured =
        |kind: &str| text.get(..kind.len()).is_some_and(|start| start.eq_ignore_ascii_case(kind));
    if is_structured("multipart/") || is_structured("message/") {
        return Err(refused(field, "not_allowed", "multipart and message types cannot be attached"));
    }
    let invalid = || refused(field.clone(), "invalid", "a media type such as application/pdf");
    if !text.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic()) {
        return Err(invalid());
    }
    let parsed = ContentType::parse(text).map_err(|_| invalid())?;
    // A range such as */* is no type.
    if text.contains('*') { Err(invalid()) } else { Ok(parsed) }
}

/// Without brackets in the request, with them in the field (RFC 2392).
fn content_id(field: String, id: &str) -> Result<String, Unrenderable> {
    let is_valid = matches!(id.len(), 1..=MAX_PARAMETER)
        && id.bytes().all(|byte| byte.is_ascii_graphic() && !b"<>()[]\\,;:\"".contains(&byte));
    if is_valid {
        Ok(format!("<{id}>"))
    } else {
        let detail = "1 to 255 printable ASCII characters without brackets, quotes, commas, colons";
        Err(refused(field, "invalid", detail))
    }
}
