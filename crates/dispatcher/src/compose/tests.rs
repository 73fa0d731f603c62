use super::*;
use bytes::Bytes;
use mail_parser::{MessageParser, MimeHeaders};
use postledger_core::compose::Attachment;
use postledger_core::time::Timestamp;

fn id(n: u8) -> MessageId {
    MessageId::new(Timestamp::from_micros(1_796_115_600_000_000), [n; 10])
}

fn draft() -> Draft {
    Draft {
        from: "Shop <no-reply@shop.example>".parse().expect("a literal mailbox"),
        to: vec!["Ann <ann@example.net>".parse().expect("a literal mailbox")],
        cc: vec![],
        reply_to: vec![],
        subject: "Your order".into(),
        text: Some("Hello\nAnn".into()),
        html: None,
        headers: vec![],
        attachments: vec![],
    }
}

fn file(content_type: &str, content_id: Option<&str>) -> Attachment {
    Attachment {
        filename: "a.pdf".into(),
        content_type: content_type.into(),
        content_id: content_id.map(str::to_owned),
        bytes: Bytes::from_static(b"%PDF-\n\xff\0"),
    }
}

fn render(draft: &Draft) -> String {
    let rendered = MimeComposer.compose(id(1), draft).expect("it can be rendered");
    String::from_utf8(rendered.bytes.to_vec()).expect("UTF-8")
}

fn refusal(change: impl FnOnce(&mut Draft)) -> (String, &'static str) {
    let mut draft = draft();
    change(&mut draft);
    let refused = MimeComposer.compose(id(1), &draft).expect_err("it cannot be rendered");
    (refused.field, refused.code)
}

#[test]
fn a_plain_text_is_a_message_without_date() {
    let hex = id(1).to_string().replace("msg_", "");
    let expected = format!(
        "Message-ID: <{hex}@shop.example>\r\nFrom: Shop <no-reply@shop.example>\r\nTo: Ann <ann@example.net>\r\n\
         Subject: Your order\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\
         Content-Transfer-Encoding: 7bit\r\n\r\nHello\r\nAnn\r\n"
    );
    assert_eq!(render(&draft()), expected);
}

#[test]
fn the_same_draft_gives_the_same_bytes_and_another_id_others() {
    let mut draft = draft();
    draft.html = Some("<p>Hello</p>".into());
    draft.attachments = vec![file("application/pdf", None), file("image/png", Some("logo"))];
    let bytes = |n| MimeComposer.compose(id(n), &draft).expect("it can be rendered").bytes;
    assert_eq!(bytes(1), bytes(1));
    assert_ne!(bytes(1), bytes(2));
}

#[test]
fn another_reader_finds_every_part_as_it_was_given() {
    let mut draft = draft();
    draft.subject = "Größe: ✓ 日本語の件名はとても長いので折り返されるはずです。もっと長くします。".into();
    draft.from = "Łódź \"Shop\", Inc. <shop@xn--mnchen-3ya.example>".parse().expect("a mailbox");
    draft.cc = vec!["Bo <bo@example.net>".parse().expect("a mailbox")];
    draft.reply_to = vec!["help@shop.example".parse().expect("a mailbox")];
    draft.text = Some("Grüße\n.\nFrom here\n".into());
    draft.html = Some(format!("<p>{}</p>", "ü".repeat(2000)));
    draft.headers = vec![("X-Order".into(), "17".into()), ("References".into(), "<a@b> <c@d>".into())];
    draft.attachments = vec![file("application/pdf", None), file("image/png", Some("logo@shop"))];
    draft.attachments[0].filename = "Übersicht \"2026\".pdf".into();
    let rendered = render(&draft);
    let parsed = MessageParser::default().parse(rendered.as_bytes()).expect("it parses");
    assert_eq!(parsed.subject(), Some(draft.subject.as_str()));
    let from = parsed.from().and_then(|from| from.first()).expect("one author");
    assert_eq!(from.name(), Some("Łódź \"Shop\", Inc."));
    assert_eq!(from.address(), Some("shop@xn--mnchen-3ya.example"));
    assert_eq!(parsed.body_text(0).as_deref(), Some("Grüße\r\n.\r\nFrom here"));
    assert_eq!(parsed.body_html(0).as_deref(), draft.html.as_deref());
    assert_eq!(parsed.date(), None);
    assert_eq!(parsed.header_raw("X-Order").map(str::trim), Some("17"));
    let contents: Vec<_> = parsed.parts.iter().filter(|part| part.attachment_name().is_some()).collect();
    let found: Vec<_> =
        contents.iter().map(|part| (part.attachment_name(), part.content_id(), part.contents())).collect();
    assert_eq!(
        found,
        [
            (Some("a.pdf"), Some("logo@shop"), b"%PDF-\n\xff\0".as_slice()),
            (Some("Übersicht \"2026\".pdf"), None, b"%PDF-\n\xff\0".as_slice()),
        ]
    );
    assert!(rendered.is_ascii());
    assert!(rendered.split("\r\n").all(|line| line.len() <= MAX_LINE && !line.contains(['\r', '\n'])));
}

#[test]
fn structure_follows_what_there_is() {
    type Row = (bool, bool, &'static [Option<&'static str>], &'static [&'static str]);
    let table: [Row; 6] = [
        (true, false, &[], &["text/plain"]),
        (false, true, &[], &["text/html"]),
        (true, true, &[], &["multipart/alternative", "text/plain", "text/html"]),
        (true, false, &[None], &["multipart/mixed", "text/plain", "application/pdf"]),
        (
            true,
            true,
            &[Some("logo"), None],
            &[
                "multipart/mixed",
                "multipart/alternative",
                "text/plain",
                "multipart/related",
                "text/html",
                "application/pdf",
                "application/pdf",
            ],
        ),
        (true, false, &[Some("logo")], &["multipart/mixed", "text/plain", "application/pdf"]),
    ];
    for (text, html, files, expected) in table {
        let mut draft = draft();
        draft.text = text.then(|| "t".into());
        draft.html = html.then(|| "<p>h</p>".into());
        draft.attachments = files.iter().map(|id| file("application/pdf", *id)).collect();
        let rendered = render(&draft);
        let types: Vec<_> = rendered
            .split("\r\n")
            .filter_map(|line| line.strip_prefix("Content-Type: "))
            .map(|value| value.split(';').next().unwrap_or_default())
            .collect();
        assert_eq!(types, expected);
    }
}

#[test]
fn what_is_unsafe_is_refused_by_field() {
    type Change = Box<dyn FnOnce(&mut Draft)>;
    fn with(change: impl FnOnce(&mut Draft) + 'static) -> Change {
        Box::new(change)
    }
    fn header(name: &'static str, value: &'static str) -> Change {
        with(move |d| d.headers.push((name.into(), value.into())))
    }
    let table: Vec<(Change, &str, &str)> = vec![
        (with(|d| d.subject = "a\r\nBcc: x@y".into()), "subject", "control_character"),
        (with(|d| d.subject = "a\0".into()), "subject", "control_character"),
        (with(|d| d.subject = "a".repeat(1500)), "subject", "too_long"),
        (with(|d| d.from.name = Some("a\nb".into())), "from", "control_character"),
        (with(|d| d.to[0].name = Some("a\u{85}".into())), "to", "control_character"),
        (with(|d| d.text = Some("a\rb".into())), "text", "control_character"),
        (with(|d| d.text = Some("a\r".into())), "text", "control_character"),
        (with(|d| d.text = Some("a\r\r\nb".into())), "text", "control_character"),
        (with(|d| d.html = Some("a\0b".into())), "html", "control_character"),
        (with(|d| d.text = None), "text", "required"),
        (header("X-A", "a\r\nX-B: c"), "headers.X-A", "control_character"),
        (header("X-A:", "a"), "headers", "invalid_name"),
        (header("X A", "a"), "headers", "invalid_name"),
        (header("", "a"), "headers", "invalid_name"),
        (header("X-\u{e4}", "a"), "headers", "invalid_name"),
        (header("X-A\r\nBcc", "a"), "headers", "invalid_name"),
        (header("X-", "a"), "headers.X-", "not_allowed"),
        (header("Bcc", "a@b.example"), "headers.Bcc", "not_allowed"),
        (header("date", "now"), "headers.date", "not_allowed"),
        (header("Content-Type", "text/html"), "headers.Content-Type", "not_allowed"),
        (header("DKIM-Signature", "a"), "headers.DKIM-Signature", "not_allowed"),
        (
            with(|d| d.headers = vec![("X-A".into(), "1".into()), ("x-a".into(), "2".into())]),
            "headers.x-a",
            "duplicate",
        ),
        (
            with(|d| d.attachments.push(file("multipart/mixed", None))),
            "attachments[0].content_type",
            "not_allowed",
        ),
        (
            with(|d| d.attachments.push(file("Message/rfc822", None))),
            "attachments[0].content_type",
            "not_allowed",
        ),
        (with(|d| d.attachments.push(file("pdf", None))), "attachments[0].content_type", "invalid"),
        (with(|d| d.attachments.push(file("*/*", None))), "attachments[0].content_type", "invalid"),
        (
            with(|d| d.attachments.push(file("a/b\r\nX: y", None))),
            "attachments[0].content_type",
            "control_character",
        ),
        (with(|d| d.attachments.push(file("a/b", Some("a>b")))), "attachments[0].content_id", "invalid"),
        (
            with(|d| {
                d.attachments.push(file("a/b", None));
                d.attachments[0].filename = "a\nb".into();
            }),
            "attachments[0].filename",
            "control_character",
        ),
    ];
    for (change, field, code) in table {
        assert_eq!(refusal(change), (field.to_owned(), code));
    }
}

#[test]
fn long_lines_and_long_lists_fit() {
    let mut draft = draft();
    draft.to =
        (0..50).map(|n| format!("\"Name, {n} ä\" <r{n}@example.net>").parse().expect("a mailbox")).collect();
    draft.text = Some("word ".repeat(1000));
    draft.headers = vec![("X-Long".into(), "word ".repeat(500))];
    let rendered = render(&draft);
    assert!(rendered.split("\r\n").all(|line| line.len() <= MAX_LINE));
    let parsed = MessageParser::default().parse(rendered.as_bytes()).expect("it parses");
    assert_eq!(parsed.to().map(|to| to.iter().count()), Some(50));
}

/// An application that sends `=?utf-8?q?a?=` as the subject wants just that to be read.
#[test]
fn what_looks_encoded_already_is_read_as_it_stands() {
    for text in ["=?utf-8?q?a_b?=", "x =?UTF-8?B?w6Q=?= y", &"ä=?utf-8?q?c?= ".repeat(20)] {
        let text = text.trim();
        let mut draft = draft();
        draft.subject = text.to_owned();
        draft.headers = vec![("X-Text".into(), text.to_owned())];
        let rendered = render(&draft);
        let parsed = MessageParser::default().parse(rendered.as_bytes()).expect("it parses");
        assert_eq!(parsed.subject(), Some(text));
        let field = parsed.header_as("X-Text", mail_parser::HeaderForm::Text);
        assert_eq!(field[0].as_text(), Some(text));
    }
    // A URL is no text.
    let url = "<https://shop.example/?a=?&b=?=>";
    let mut draft = draft();
    draft.headers = vec![("List-Unsubscribe".into(), url.into())];
    assert!(render(&draft).contains(url));
}

#[test]
fn a_large_text_takes_linear_time() {
    let mut draft = draft();
    draft.text = Some("line\n".repeat(1_000_000));
    assert!(render(&draft).len() > 6_000_000);
}

proptest::proptest! {
    #[test]
    fn whatever_is_given_the_output_is_safe_or_refused(
        subject in ".{0,80}", name in ".{0,40}", text in "[\\PC\r\n\0]{0,200}", value in ".{0,80}", filename in ".{0,40}",
    ) {
        let mut draft = draft();
        draft.subject = subject;
        draft.from.name = Some(name);
        draft.text = Some(text);
        draft.headers = vec![("X-Value".into(), value)];
        draft.attachments = vec![file("a/b", None)];
        draft.attachments[0].filename = filename;
        if let Ok(rendered) = MimeComposer.compose(id(1), &draft) {
            let bytes = rendered.bytes;
            proptest::prop_assert!(bytes.is_ascii() && bytes.ends_with(b"\r\n"));
            let text = String::from_utf8(bytes.to_vec()).expect("ASCII");
            proptest::prop_assert!(text.split("\r\n").all(|line| line.len() <= MAX_LINE && !line.contains(['\r', '\n', '\0'])));
            let (head, _) = text.split_once("\r\n\r\n").expect("a header and a body");
            let names = head.split("\r\n").filter(|line| !line.starts_with([' ', '\t']));
            let known = ["Message-ID", "From", "To", "Subject", "X-Value", "MIME-Version", "Content-Type"];
            for name in names {
                let name = name.split(':').next().unwrap_or_default();
                proptest::prop_assert!(known.contains(&name), "{name:?}");
            }
        }
    }
}
