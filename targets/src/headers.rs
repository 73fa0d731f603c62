//! Everything that ends in a header field: names, subject, further fields, the name of a file.

use crate::message::is_mail;
use crate::service::Service;
use serde_json::json;

/// What the service writes itself, and once.
const OWN: [&str; 9] = [
    "from",
    "to",
    "cc",
    "reply-to",
    "subject",
    "message-id",
    "mime-version",
    "content-type",
    "content-transfer-encoding",
];

/// No value can make a field of its own, or end the header section. The parts of the input are separated by 0xFF, which
/// stands in no UTF-8: the author's name, the recipient's, the subject, a field's name and value, a file's name, and the
/// text.
pub(crate) fn headers(input: &[u8]) {
    let mut parts = input.split(|byte| *byte == 0xff).map(|part| String::from_utf8_lossy(part).into_owned());
    let mut part = || parts.next().unwrap_or_default();
    let (author, recipient, subject, name, value) = (part(), part(), part(), part(), part());
    let (file, text) = (part(), part());
    let mut message = json!({
        "from": {"email": "a@a.example", "name": author}, "to": {"email": "b@b.example", "name": recipient},
        "subject": subject, "headers": {name.clone(): value}, "text": text,
    });
    if name.is_empty() {
        message["headers"] = json!({});
    }
    if !file.is_empty() {
        message["attachments"] = json!([{"filename": file, "content": "eA=="}]);
    }
    Service::with(|service| {
        let answer = service.submit(message.to_string().as_bytes());
        if answer.status != 202 {
            return;
        }
        let content = service.content(&answer);
        is_mail(&content);
        let end = content.windows(4).position(|it| it == b"\r\n\r\n").expect("an end of the header section");
        let fields: Vec<String> = String::from_utf8_lossy(&content[..end])
            .split("\r\n")
            .filter(|line| !line.starts_with([' ', '\t']))
            .map(|line| line.split_once(':').expect("a field has a colon").0.to_ascii_lowercase())
            .collect();
        let own = name.to_ascii_lowercase();
        for field in &fields {
            assert!(
                OWN.contains(&field.as_str()) || *field == own,
                "{field:?} came from nowhere: {fields:?}"
            );
            assert_eq!(fields.iter().filter(|it| *it == field).count(), 1, "{field:?} twice");
        }
    });
}
