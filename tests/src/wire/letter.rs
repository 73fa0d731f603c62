//! What is asked for: a message of an awkward kind, or one that no mail can be made of.

use super::words::{line, pick, text};
use crate::dice::Dice;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

/// A display name and an address.
#[derive(Debug, Clone)]
pub(super) struct Party {
    pub(super) name: String,
    local: String,
    /// As it is given, and as it must stand on the wire.
    domain: (&'static str, &'static str),
}

/// A file to attach.
#[derive(Debug, Clone)]
pub(super) struct File {
    pub(super) name: String,
    pub(super) kind: &'static str,
    pub(super) id: Option<String>,
    pub(super) bytes: Vec<u8>,
}

/// Why it must be refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Flaw {
    SubjectLineEnd,
    SubjectNul,
    SubjectTooLong,
    NameLineEnd,
    TextCr,
    TextNul,
    HtmlNul,
    HeaderLineEnd,
    HeaderName,
    HeaderNotAllowed,
    FileNameLineEnd,
    FileType,
    AddressLineEnd,
}

const FLAWS: [Flaw; 13] = [
    Flaw::SubjectLineEnd,
    Flaw::SubjectNul,
    Flaw::SubjectTooLong,
    Flaw::NameLineEnd,
    Flaw::TextCr,
    Flaw::TextNul,
    Flaw::HtmlNul,
    Flaw::HeaderLineEnd,
    Flaw::HeaderName,
    Flaw::HeaderNotAllowed,
    Flaw::FileNameLineEnd,
    Flaw::FileType,
    Flaw::AddressLineEnd,
];

const DOMAINS: [(&str, &str); 5] = [
    ("example.net", "example.net"),
    ("Mail.Example.ORG", "mail.example.org"),
    ("bücher.example", "xn--bcher-kva.example"),
    ("例え.example", "xn--r8jz45g.example"),
    ("a.very-long.sub-domain.of.some.example", "a.very-long.sub-domain.of.some.example"),
];

/// See the module.
#[derive(Debug, Clone)]
pub(super) struct Letter {
    pub(super) number: u64,
    pub(super) flaw: Option<Flaw>,
    pub(super) from: Party,
    pub(super) to: Vec<Party>,
    pub(super) cc: Vec<Party>,
    bcc: Vec<Party>,
    pub(super) reply_to: Vec<Party>,
    pub(super) subject: String,
    pub(super) text: Option<String>,
    pub(super) html: Option<String>,
    pub(super) headers: Vec<(String, String)>,
    pub(super) files: Vec<File>,
}

/// The letter that an envelope recipient belongs to.
pub(super) fn number_of(recipient: &str) -> Option<u64> {
    recipient.strip_prefix('n')?.split('.').next()?.parse().ok()
}

impl Party {
    fn new(local: String, dice: &mut Dice) -> Self {
        let at = usize::try_from(dice.below(DOMAINS.len() as u64)).unwrap_or_default();
        let name = if dice.below(4) == 0 { String::new() } else { line(dice) };
        Self { name, local, domain: DOMAINS[at] }
    }

    /// As it must stand on the wire.
    pub(super) fn address(&self) -> String {
        format!("{}@{}", self.local, self.domain.1)
    }

    fn request(&self) -> Value {
        json!({"email": format!("{}@{}", self.local, self.domain.0), "name": self.name})
    }
}

impl Letter {
    pub(super) fn new(number: u64, dice: &mut Dice) -> Self {
        const LOCALS: [&str; 8] = ["a", "a+b", "o'neil", "x=y", "{a|b}~", "ä", "日本", "!#$%&*-/?^_`"];
        let parties = |dice: &mut Dice, role: &str, most: u64| -> Vec<Party> {
            let count = dice.below(most + 1);
            let local = |n: u64, dice: &mut Dice| format!("n{number}.{role}{n}.{}", pick(dice, &LOCALS));
            (0..count)
                .map(|n| {
                    let local = local(n, dice);
                    Party::new(local, dice)
                })
                .collect()
        };
        let mut to = parties(dice, "t", 2);
        let (cc, bcc) = (parties(dice, "c", 1), parties(dice, "b", 1));
        if to.is_empty() && cc.is_empty() && bcc.is_empty() {
            to.push(Party::new(format!("n{number}.t"), dice));
        }
        let reply_to = parties(dice, "r", 1);
        let kind = dice.below(4);
        let mut letter = Self {
            number,
            flaw: None,
            from: Party::new(pick(dice, &["shop", "no-reply", "grüße"]).to_owned(), dice),
            to,
            cc,
            bcc,
            reply_to,
            subject: line(dice),
            text: (kind != 0).then(|| text(dice)),
            html: kind.is_multiple_of(2).then(|| format!("<p>{}</p>\n{}", line(dice), text(dice))),
            headers: headers(dice),
            files: files(dice),
        };
        if dice.below(8) == 0 {
            letter.spoil(dice);
        }
        letter
    }

    /// The plainest there is, for the controls.
    #[cfg(test)]
    pub(super) fn make_plain(&mut self) {
        let party =
            |name: &str, local: &str| Party { name: name.into(), local: local.into(), domain: DOMAINS[0] };
        let file = File { name: "a.pdf".into(), kind: "application/pdf", id: None, bytes: vec![0, 1, 2] };
        *self = Self {
            number: 1,
            flaw: None,
            from: party("Shop", "shop"),
            to: vec![party("Ann", "n1.t")],
            cc: vec![],
            bcc: vec![],
            reply_to: vec![],
            subject: "Your order".into(),
            text: Some("Hello".into()),
            html: None,
            headers: vec![("X-Order".into(), "17".into())],
            files: vec![file],
        };
    }

    /// Everybody who gets a copy.
    pub(super) fn recipients(&self) -> impl Iterator<Item = &Party> {
        self.to.iter().chain(&self.cc).chain(&self.bcc)
    }

    fn spoil(&mut self, dice: &mut Dice) {
        let at = usize::try_from(dice.below(FLAWS.len() as u64)).unwrap_or_default();
        let end = pick(dice, &["\r\n", "\n", "\r", "\r\n\r\n", "\n.\n", "\u{85}"]);
        let injected = format!("a{end}Bcc: eve@evil.example{end}");
        let file = || File { name: "a.bin".into(), kind: "a/b", id: None, bytes: vec![0, 1, 2] };
        match FLAWS[at] {
            Flaw::SubjectLineEnd => self.subject = injected + "x",
            Flaw::SubjectNul => self.subject = "a\0b".into(),
            Flaw::SubjectTooLong => self.subject = "x".repeat(1500),
            Flaw::NameLineEnd => self.from.name = injected + "x",
            Flaw::TextCr => self.text = Some(pick(dice, &["a\rb", "a\r", "\r\r\n", "a\r.\r\n"]).to_owned()),
            Flaw::TextNul => self.text = Some("a\0".into()),
            Flaw::HtmlNul => self.html = Some("\0".into()),
            Flaw::HeaderLineEnd => self.headers.push(("X-Injected".into(), injected + "x")),
            Flaw::HeaderName => {
                let name = pick(dice, &["X-A:", "X A", "X-A\r\nBcc", "", "X-ä", "X-A\0"]);
                self.headers.push((name.into(), "a".into()));
            }
            Flaw::HeaderNotAllowed => {
                let names = [
                    "Bcc",
                    "Date",
                    "Content-Type",
                    "Received",
                    "DKIM-Signature",
                    "Return-Path",
                    "Sender",
                    "X-",
                    "MIME-Version",
                ];
                self.headers.push((pick(dice, &names).into(), "a".into()));
            }
            Flaw::FileNameLineEnd => self.files.push(File { name: injected + "x", ..file() }),
            Flaw::FileType => {
                let kinds = ["multipart/mixed", "message/rfc822", "pdf", "*/*", "a/b\r\nX: y"];
                self.files.push(File { kind: pick(dice, &kinds), ..file() });
            }
            Flaw::AddressLineEnd => self.from.local = format!("a{end}b"),
        }
        self.flaw = Some(FLAWS[at]);
    }

    /// The body of the request.
    pub(super) fn request(&self) -> Value {
        let list = |parties: &[Party]| parties.iter().map(Party::request).collect::<Value>();
        let file = |file: &File| json!({"filename": file.name, "content_type": file.kind, "content_id": file.id, "content": STANDARD.encode(&file.bytes)});
        let headers: serde_json::Map<String, Value> =
            self.headers.iter().map(|(name, value)| (name.clone(), value.as_str().into())).collect();
        json!({
            "from": self.from.request(), "to": list(&self.to), "cc": list(&self.cc), "bcc": list(&self.bcc),
            "reply_to": list(&self.reply_to), "subject": self.subject, "text": self.text, "html": self.html,
            "headers": headers, "attachments": self.files.iter().map(file).collect::<Value>(),
            "retry": {"schedule": ["1s"]},
        })
    }
}

fn headers(dice: &mut Dice) -> Vec<(String, String)> {
    let mut headers = Vec::new();
    for name in ["X-Order", "X-!#$%&'*+-.^_`|~", "Keywords"] {
        if dice.below(4) == 0 {
            headers.push((name.to_owned(), line(dice)));
        }
    }
    if dice.below(6) == 0 {
        let ids: Vec<_> =
            (0..=dice.below(40)).map(|n| format!("<{n}.{}@shop.example>", "i".repeat(20))).collect();
        headers.push(("References".into(), ids.join(" ")));
    }
    if dice.below(6) == 0 {
        let token = "t".repeat(usize::try_from(dice.below(800)).unwrap_or_default());
        headers.push(("List-Unsubscribe".into(), format!("<https://shop.example/u?t={token}>")));
    }
    headers
}

fn files(dice: &mut Dice) -> Vec<File> {
    const KINDS: [&str; 7] = [
        "application/pdf",
        "text/plain",
        "text/plain; charset=utf-8",
        "text/html",
        "image/png",
        "application/octet-stream",
        "text/csv",
    ];
    let count = [0, 0, 0, 1, 1, 3][usize::try_from(dice.below(6)).unwrap_or_default()];
    let file = |n: usize, dice: &mut Dice| {
        let mut name = line(dice);
        while name.len() > 255 {
            name.pop();
        }
        if name.is_empty() {
            name.push('a');
        }
        let bytes = match dice.below(5) {
            0 => Vec::new(),
            1 => ".\r\n.\r\n..\r\n\0\r\n".repeat(3).into_bytes(),
            2 => (0..=255).collect(),
            _ => (0..dice.below(3000)).map(|_| u8::try_from(dice.below(256)).unwrap_or_default()).collect(),
        };
        let id =
            (dice.below(3) == 0).then(|| format!("part{n}.{}@shop.example", pick(dice, &["logo", "a-b_c"])));
        File { name, kind: pick(dice, &KINDS), id, bytes }
    };
    (0..count).map(|n| file(n, dice)).collect()
}
