//! Names and values that an application makes up: header fields, tags, metadata.

use super::Findings;
use crate::request::Few;
use std::collections::{BTreeMap, HashSet};

const MOST_HEADERS: usize = 50;
const MOST_TAGS: usize = 10;
const MOST_METADATA: usize = 20;

/// Header fields whose names are names (RFC 5322 2.2) and whose values are one line. Which names are allowed is the
/// composer's to say.
pub(super) fn headers(headers: Few<(String, String)>, findings: &mut Findings) -> Vec<(String, String)> {
    if headers.count > MOST_HEADERS {
        findings.add("headers", "too_many", format!("at most {MOST_HEADERS} header fields may stand here"));
        return Vec::new();
    }
    let mut seen = HashSet::new();
    for (name, value) in &headers.kept {
        let is_name = |b: u8| b.is_ascii_graphic() && b != b':';
        if !matches!(name.len(), 1..=76) || !name.bytes().all(is_name) {
            let detail =
                "a header field's name is 1 to 76 printable ASCII characters without space and colon";
            findings.add(field("headers", name), "invalid_header_name", detail);
            continue;
        }
        let field = field("headers", name);
        if !seen.insert(name.to_ascii_lowercase()) {
            findings.add(field, "duplicate_field", "this header field is given twice");
            continue;
        }
        findings.line(&field, value, 0..=4000);
    }
    headers.kept
}

/// Each tag once.
pub(super) fn tags(tags: Few<String>, findings: &mut Findings) -> Vec<String> {
    if tags.count > MOST_TAGS {
        findings.add("tags", "too_many", format!("a message has at most {MOST_TAGS} tags"));
        return Vec::new();
    }
    let mut unique = Vec::with_capacity(tags.kept.len());
    for (index, tag) in tags.kept.into_iter().enumerate() {
        findings.line(&format!("tags[{index}]"), &tag, 1..=64);
        if !unique.contains(&tag) {
            unique.push(tag);
        }
    }
    unique
}

pub(super) fn metadata(metadata: Few<(String, String)>, findings: &mut Findings) -> BTreeMap<String, String> {
    if metadata.count > MOST_METADATA {
        findings.add(
            "metadata",
            "too_many",
            format!("a message has at most {MOST_METADATA} entries of metadata"),
        );
        return BTreeMap::new();
    }
    let mut entries = BTreeMap::new();
    for (key, value) in metadata.kept {
        let field = field("metadata", &key);
        findings.line(&field, &key, 1..=40);
        if value.contains('\0') || value.chars().count() > 500 {
            findings.add(&field, "length", "a value has at most 500 characters and no NUL");
        }
        if entries.insert(key, value).is_some() {
            findings.add(field, "duplicate_field", "this key is given twice");
        }
    }
    entries
}

/// The path of an entry. What stands in its name is the caller's own text: shown only as far as it is harmless.
fn field(map: &str, name: &str) -> String {
    let shown: String = name.chars().take(76).map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect();
    format!("{map}.{shown}")
}
