//! Which command was given and how a good server answers it (RFC 5321, section 4).

use super::log::{Outcome, Transaction};
use super::message::Received;
use super::script::{Extensions, Script, Stage, Tls};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::time::Duration;

/// A reply of any number of lines.
pub(super) struct Answer {
    pub(super) code: u16,
    pub(super) lines: Vec<String>,
}

impl Answer {
    pub(super) fn one(code: u16, line: &str) -> Self {
        Self { code, lines: vec![line.to_owned()] }
    }

    pub(super) fn bytes(&self) -> Vec<u8> {
        let mut text = String::new();
        for (at, line) in self.lines.iter().enumerate() {
            let more = if at + 1 < self.lines.len() { '-' } else { ' ' };
            text.push_str(&format!("{}{more}{line}\r\n", self.code));
        }
        text.into_bytes()
    }
}

/// What was said so far on one connection.
#[derive(Default)]
pub(super) struct Dialogue {
    from: Option<(Box<str>, Box<str>)>,
    /// The reverse path of a MAIL that is being answered.
    offered: Option<(Box<str>, Box<str>)>,
    /// The forward path of a RCPT that is being answered.
    pub(super) candidate: Option<Box<str>>,
    pub(super) recipients: Vec<Box<str>>,
    /// The name that AUTH gave.
    pub(super) login: Option<String>,
}

impl Dialogue {
    /// The stage that a line belongs to, if it is one that can be scripted, and the usual answer.
    pub(super) fn command(&mut self, line: &[u8], script: &Script, tls: bool) -> (Option<Stage>, Answer) {
        let text = String::from_utf8_lossy(line);
        let (verb, rest) = text.split_once(' ').unwrap_or((&text, ""));
        match verb.to_ascii_uppercase().as_str() {
            "MAIL" => self.mail(rest, &script.extensions),
            "RCPT" => self.rcpt(rest),
            "DATA" if self.recipients.is_empty() => (None, Answer::one(503, "5.5.1 nobody to send it to")),
            "DATA" => (Some(Stage::Data), Answer::one(354, "end with <CRLF>.<CRLF>")),
            "EHLO" => (Some(Stage::Ehlo), offer(script, tls)),
            "HELO" => (Some(Stage::Ehlo), Answer::one(250, "sink.example")),
            "QUIT" => (Some(Stage::Quit), Answer::one(221, "2.0.0 bye")),
            "RSET" => {
                self.reset();
                (None, Answer::one(250, "2.0.0 forgotten"))
            }
            "NOOP" => (None, Answer::one(250, "2.0.0 ok")),
            "STARTTLS" if matches!(script.tls, Tls::Starttls(_)) && !tls => {
                (Some(Stage::Starttls), Answer::one(220, "2.0.0 go ahead"))
            }
            "AUTH" if script.extensions.auth.is_some() => (Some(Stage::Auth), self.auth(rest, script)),
            _ => (None, Answer::one(500, "5.5.2 not understood")),
        }
    }

    /// Takes the answer to a stage for what it means.
    pub(super) fn went(&mut self, stage: Stage, code: Option<u16>) {
        let good = matches!(code, Some(200..=299));
        match stage {
            Stage::Ehlo => self.reset(),
            Stage::Mail if good => self.from = self.offered.take(),
            Stage::Rcpt if good => self.recipients.extend(self.candidate.take()),
            Stage::Mail
            | Stage::Rcpt
            | Stage::Banner
            | Stage::Starttls
            | Stage::Auth
            | Stage::Data
            | Stage::Body
            | Stage::Dot
            | Stage::Quit => {}
        }
    }

    /// Closes the transaction.
    pub(super) fn finish(
        &mut self,
        received: Received,
        connection: u64,
        at: Duration,
        tls: bool,
        outcome: Outcome,
    ) -> Transaction {
        let (from, parameters) = self.from.take().unwrap_or_default();
        let recipients = std::mem::take(&mut self.recipients);
        let Received { size, digest, message, message_id, token } = received;
        let written = false;
        Transaction {
            at,
            connection,
            from,
            parameters,
            recipients,
            size,
            digest,
            message,
            message_id,
            token,
            outcome,
            written,
            tls,
        }
    }

    fn reset(&mut self) {
        self.from = None;
        self.recipients.clear();
    }

    fn mail(&mut self, rest: &str, extensions: &Extensions) -> (Option<Stage>, Answer) {
        if self.from.is_some() {
            return (None, Answer::one(503, "5.5.1 one at a time"));
        }
        let Some((path, parameters)) = path(rest, "FROM:") else {
            return (None, Answer::one(501, "5.5.4 MAIL FROM:<path>"));
        };
        let upper = parameters.to_ascii_uppercase();
        let not_offered = (upper.contains("SMTPUTF8") && !extensions.utf8)
            || (upper.contains("BODY=") && !extensions.eight_bit)
            || (upper.contains("SIZE=") && extensions.size.is_none());
        if not_offered {
            return (None, Answer::one(555, "5.5.4 that was not offered"));
        }
        self.offered = Some((path.into(), parameters.into()));
        let size = upper
            .split("SIZE=")
            .nth(1)
            .and_then(|it| it.split(' ').next())
            .and_then(|it| it.parse::<u64>().ok());
        let answer = match (size, extensions.size) {
            (Some(size), Some(limit)) if size > limit => Answer::one(552, "5.3.4 too big"),
            _ => Answer::one(250, "2.1.0 ok"),
        };
        (Some(Stage::Mail), answer)
    }

    fn rcpt(&mut self, rest: &str) -> (Option<Stage>, Answer) {
        if self.from.is_none() {
            return (None, Answer::one(503, "5.5.1 MAIL first"));
        }
        let Some((path, _)) = path(rest, "TO:").filter(|(path, _)| path.contains('@')) else {
            return (None, Answer::one(501, "5.5.4 RCPT TO:<path>"));
        };
        self.candidate = Some(path.into());
        (Some(Stage::Rcpt), Answer::one(250, "2.1.5 ok"))
    }

    fn auth(&mut self, rest: &str, script: &Script) -> Answer {
        match rest.split_once(' ').unwrap_or((rest, "")) {
            ("PLAIN", "") => Answer::one(334, ""),
            ("PLAIN", initial) => self.credential(initial.as_bytes(), script),
            ("LOGIN", "") => Answer::one(334, "VXNlcm5hbWU6"),
            ("LOGIN", initial) => {
                self.login = decoded(initial.as_bytes());
                Answer::one(334, "UGFzc3dvcmQ6")
            }
            _ => Answer::one(504, "5.5.4 no such mechanism"),
        }
    }

    /// One line of credentials: PLAIN's only one, or LOGIN's name, then its password.
    pub(super) fn credential(&mut self, line: &[u8], script: &Script) -> Answer {
        let Some(text) = decoded(line) else { return Answer::one(501, "5.5.2 broken base64") };
        let password = match (text.split('\0').collect::<Vec<_>>().as_slice(), &self.login) {
            ([_, name, password], _) => {
                self.login = Some((*name).to_owned());
                (*password).to_owned()
            }
            (_, None) => {
                self.login = Some(text);
                return Answer::one(334, "UGFzc3dvcmQ6");
            }
            (_, Some(_)) => text,
        };
        match &script.extensions.auth {
            Some(Some((name, secret))) if self.login.as_ref() != Some(name) || password != *secret => {
                Answer::one(535, "5.7.8 no")
            }
            Some(_) | None => Answer::one(235, "2.7.0 welcome"),
        }
    }
}

fn offer(script: &Script, tls: bool) -> Answer {
    let Extensions { pipelining, eight_bit, utf8, enhanced, size, auth } = &script.extensions;
    let mut lines = vec!["sink.example".to_owned()];
    for (offered, name) in [
        (*pipelining, "PIPELINING"),
        (*eight_bit, "8BITMIME"),
        (*utf8, "SMTPUTF8"),
        (*enhanced, "ENHANCEDSTATUSCODES"),
        (auth.is_some(), "AUTH PLAIN LOGIN"),
        (matches!(script.tls, Tls::Starttls(_)) && !tls, "STARTTLS"),
    ] {
        if offered {
            lines.push(name.to_owned());
        }
    }
    lines.extend(size.map(|size| format!("SIZE {size}")));
    Answer { code: 250, lines }
}

/// The path in brackets behind a keyword, and what stands behind it.
fn path<'a>(rest: &'a str, keyword: &str) -> Option<(&'a str, &'a str)> {
    let behind = rest.get(..keyword.len()).filter(|it| it.eq_ignore_ascii_case(keyword))?;
    let (path, parameters) = rest[behind.len()..].trim_start().strip_prefix('<')?.split_once('>')?;
    Some((path, parameters.trim()))
}

fn decoded(base64: &[u8]) -> Option<String> {
    String::from_utf8(STANDARD.decode(base64).ok()?).ok()
}
