//! Two parsers that share no code with the service, nor with each other.

use super::reading::{Attached, Quirks, Reading, short};
use crate::python::Python;
use anyhow::{Context as _, Result};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use mail_parser::{Address, HeaderForm, HeaderValue, MessageParser, MimeHeaders as _, PartType};
use serde_json::Value;

/// Header fields that are no further ones.
const STRUCTURE: [&str; 11] = [
    "message-id",
    "from",
    "to",
    "cc",
    "reply-to",
    "subject",
    "mime-version",
    "date",
    "received",
    "content-type",
    "content-transfer-encoding",
];

/// Python's email package, many messages at once.
///
/// # Errors
/// When the script ends, or answers what is no reading.
pub(super) fn python<'a>(
    python: &mut Python,
    messages: impl Iterator<Item = &'a [u8]>,
) -> Result<Vec<Reading>> {
    let request: Value = messages.map(|message| STANDARD.encode(message)).collect();
    let answers = python.ask(&request)?;
    answers
        .as_array()
        .context("a list of readings")?
        .iter()
        .map(|it| of_json(it).context("a reading"))
        .collect()
}

fn of_json(read: &Value) -> Option<Reading> {
    let strings = |value: &Value| -> Option<Vec<String>> {
        value.as_array()?.iter().map(|it| it.as_str().map(str::to_owned)).collect()
    };
    let parties = |value: &Value| -> Option<Vec<(String, String)>> {
        value
            .as_array()?
            .iter()
            .map(|it| Some((it[0].as_str()?.to_owned(), it[1].as_str()?.to_owned())))
            .collect()
    };
    let file = |it: &Value| -> Option<Attached> {
        let id = it[2].as_str().map(bare);
        let bytes = short(&STANDARD.decode(it[3].as_str()?).ok()?);
        Some(Attached { name: it[0].as_str()?.to_owned(), kind: it[1].as_str()?.to_owned(), id, bytes })
    };
    let further = read["further"].as_object()?.iter();
    Some(Reading {
        names: strings(&read["names"])?,
        from: parties(&read["from"])?,
        to: parties(&read["to"])?,
        cc: parties(&read["cc"])?,
        reply_to: parties(&read["reply_to"])?,
        subject: read["subject"].as_str()?.to_owned(),
        further: further
            .map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned())))
            .collect::<Option<_>>()?,
        text: read["text"].as_str().map(str::to_owned),
        html: read["html"].as_str().map(str::to_owned),
        files: read["files"].as_array()?.iter().map(file).collect::<Option<_>>()?,
        defects: strings(&read["defects"])?,
        quirks: Quirks { runs_over_backslash: true, ..Quirks::default() },
    })
}

/// The crate mail-parser.
///
/// # Errors
/// When it finds no message, or a part that is none.
pub(super) fn mail_parser(octets: &[u8]) -> Result<Reading, String> {
    let message = MessageParser::default().parse(octets).ok_or("it finds no message")?;
    let mut reading = Reading {
        names: message.headers().iter().map(|it| it.name().to_owned()).collect(),
        from: addresses(message.from()),
        to: addresses(message.to()),
        cc: addresses(message.cc()),
        reply_to: addresses(message.reply_to()),
        subject: message.subject().unwrap_or_default().to_owned(),
        quirks: Quirks { one_space: true, decodes_parameters: true, ..Quirks::default() },
        ..Reading::default()
    };
    for field in message.headers() {
        let name = field.name().to_ascii_lowercase();
        if STRUCTURE.contains(&&*name) {
            continue;
        }
        // What has a structure of its own is read as a text here.
        let values = message.header_as(field.name.clone(), HeaderForm::Text);
        let value = values.first().and_then(HeaderValue::as_text).unwrap_or_default().to_owned();
        reading.further.push((name, value));
    }
    for part in &message.parts {
        if matches!(part.body, PartType::Multipart(_)) {
            continue;
        }
        if part.is_encoding_problem {
            reading.defects.push("an encoding".into());
        }
        let Some(name) = part.attachment_name() else {
            let text = |text: &str| Some(text.replace("\r\n", "\n"));
            match &part.body {
                PartType::Text(it) => reading.text = text(it),
                PartType::Html(it) => reading.html = text(it),
                _ => return Err("a part of no kind without a name".into()),
            }
            continue;
        };
        let kind =
            part.content_type().map(|it| format!("{}/{}", it.ctype(), it.subtype().unwrap_or_default()));
        // The reader decodes what it takes for text; the octets of a file are looked at as they came.
        let (from, to) = (part.raw_body_offset(), part.raw_end_offset());
        let raw = octets.get(usize::try_from(from).unwrap_or(0)..usize::try_from(to).unwrap_or(0));
        let raw: Vec<u8> =
            raw.unwrap_or_default().iter().copied().filter(|byte| !byte.is_ascii_whitespace()).collect();
        let bytes = short(&STANDARD.decode(raw).map_err(|error| format!("{name}: {error}"))?);
        let id = part.content_id().map(bare);
        reading.files.push(Attached { name: name.to_owned(), kind: kind.unwrap_or_default(), id, bytes });
    }
    Ok(reading)
}

/// Without its brackets.
fn bare(id: &str) -> String {
    id.trim_start_matches('<').trim_end_matches('>').to_owned()
}

fn addresses(field: Option<&Address<'_>>) -> Vec<(String, String)> {
    let text = |it: Option<&str>| it.unwrap_or_default().to_owned();
    field.into_iter().flat_map(Address::iter).map(|it| (text(it.name()), text(it.address()))).collect()
}
