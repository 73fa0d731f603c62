//! What the sink does at a stage instead of answering as a good server would.

use std::time::Duration;

/// One way to answer, or not to.
///
/// The fault model: a peer may say anything, at any speed, and vanish at any byte. It can not forge what it did not
/// receive. Whatever follows a complete 2yz to the dot changes nothing; whatever is not one delivers nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// A complete reply. A 2yz or 3yz lets the dialogue go on, 421 closes, another refuses.
    Reply {
        /// The code; also impossible ones such as 999.
        code: u16,
        /// The lines of text, enhanced status first where there is one.
        lines: Vec<String>,
    },
    /// Bytes as they are, after which the dialogue goes on as if the reply had been `as_code`, or as if it had been
    /// refused without one.
    Raw {
        /// What is written.
        bytes: Vec<u8>,
        /// What the sink itself takes it for.
        as_code: Option<u16>,
    },
    /// Bytes, one at a time; otherwise as [`Raw`](Self::Raw).
    Drip {
        /// What is written.
        bytes: Vec<u8>,
        /// The pause before each byte.
        every: Duration,
        /// What the sink itself takes it for.
        as_code: Option<u16>,
    },
    /// Another action, late.
    Late {
        /// How late.
        after: Duration,
        /// What then.
        then: Box<Action>,
    },
    /// At [`Dot`](super::Stage::Dot): nothing now, and this when the next dot has come on the same connection, right
    /// before that one's own answer. Who reads answers without knowing whose they are takes it for the next one's.
    WithNext(Box<Action>),
    /// One action, and then another at once.
    Both(Box<Action>, Box<Action>),
    /// Never answers, but goes on reading, so that it sees the peer leave.
    Hang,
    /// Never answers and reads nothing more: the peer's writes fill the socket buffers and block.
    StopReading,
    /// RST: everything in flight is thrown away.
    Reset,
    /// FIN, in good order, without an answer.
    Close,
}

impl Action {
    /// A complete one-line reply.
    #[must_use]
    pub fn reply(code: u16, text: &str) -> Self {
        Self::Reply { code, lines: vec![text.to_owned()] }
    }

    /// Text that is no SMTP.
    #[must_use]
    pub fn garbage() -> Self {
        Self::Raw { bytes: b"\x00\x01 HTTP/1.1 200 OK 2\xc3\x28\xff\r\n".to_vec(), as_code: None }
    }

    /// A reply whose text is not UTF-8, which is no reason not to understand its code.
    #[must_use]
    pub fn non_utf8(code: u16) -> Self {
        let mut bytes = code.to_string().into_bytes();
        bytes.extend_from_slice(b" caf\xe9 \xff\xfe\r\n");
        Self::Raw { bytes, as_code: Some(code) }
    }

    /// One reply line of a million bytes.
    #[must_use]
    pub fn megabyte_line(code: u16) -> Self {
        let mut bytes = format!("{code} ").into_bytes();
        bytes.resize(1_000_000, b'x');
        bytes.extend_from_slice(b"\r\n");
        Self::Raw { bytes, as_code: Some(code) }
    }

    /// One reply of so many lines.
    #[must_use]
    pub fn many_lines(code: u16, lines: usize) -> Self {
        let mut text: String = (1..lines).map(|line| format!("{code}-line {line}\r\n")).collect();
        text.push_str(&format!("{code} last\r\n"));
        Self::Raw { bytes: text.into_bytes(), as_code: Some(code) }
    }

    /// A multi-line reply that changes its code on the way, which makes it none.
    #[must_use]
    pub fn code_change(first: u16, last: u16) -> Self {
        Self::Raw { bytes: format!("{first}-so far\r\n{last} changed\r\n").into_bytes(), as_code: None }
    }

    /// The beginning of a reply, cut before its end, and FIN.
    #[must_use]
    pub fn cut(code: u16) -> Self {
        let bytes = format!("{code} 2.0").into_bytes();
        Self::Both(Box::new(Self::Raw { bytes, as_code: None }), Box::new(Self::Close))
    }

    /// A complete reply, and RST after it.
    #[must_use]
    pub fn reply_then_reset(code: u16, text: &str) -> Self {
        Self::Both(Box::new(Self::reply(code, text)), Box::new(Self::Reset))
    }

    /// A reply that comes late.
    #[must_use]
    pub fn late(after: Duration, code: u16, text: &str) -> Self {
        Self::Late { after, then: Box::new(Self::reply(code, text)) }
    }

    /// At [`Dot`](super::Stage::Dot): a reply that comes only with the next one.
    #[must_use]
    pub fn with_next(code: u16, text: &str) -> Self {
        Self::WithNext(Box::new(Self::reply(code, text)))
    }

    /// A reply at one byte per interval.
    #[must_use]
    pub fn drip(every: Duration, code: u16, text: &str) -> Self {
        Self::Drip { bytes: format!("{code} {text}\r\n").into_bytes(), every, as_code: Some(code) }
    }

    /// At [`Starttls`](super::Stage::Starttls): 220 with more plaintext behind it, which a client must not take for
    /// something said under TLS (RFC 3207, section 4.2; CVE-2011-0411).
    #[must_use]
    pub fn inject(plaintext: &str) -> Self {
        Self::Raw { bytes: format!("220 2.0.0 go ahead\r\n{plaintext}").into_bytes(), as_code: Some(220) }
    }

    /// Reads the short form that a recipient's local part can carry: `550`, `hang`, `reset`, …
    pub(super) fn from_word(word: &str) -> Option<Self> {
        Some(match word {
            "hang" => Self::Hang,
            "deaf" => Self::StopReading,
            "reset" => Self::Reset,
            "close" => Self::Close,
            "cut" => Self::cut(250),
            "garbage" => Self::garbage(),
            "binary" => Self::non_utf8(250),
            "mega" => Self::megabyte_line(250),
            "lines" => Self::many_lines(250, 10_000),
            "change" => Self::code_change(250, 550),
            "drip" => Self::drip(Duration::from_secs(1), 250, "2.0.0 ok"),
            code => {
                let code = code.parse().ok().filter(|code| (100..1000).contains(code))?;
                Self::reply(code, &format!("{}.0.0 as its address asks", code / 100))
            }
        })
    }
}
