//! One connection's dialogue as a state machine: what to write, what each reply means, when it is over.
//!
//! The caller moves the bytes and keeps the time. [`Session::poll`] says what is to be done next; whatever goes
//! wrong outside is told to [`Session::broke`], which knows what that means at the present stage.

mod opening;
mod transaction;

use super::capabilities::Capabilities;
use super::reply::{RawReply, ReplyReader};
use crate::config::{Credentials, TlsMode};
use base64::engine::general_purpose::STANDARD as BASE64;
use postledger_core::address::Address;
use postledger_core::outcome::{Outcome, Stage, Trouble, Verdict, broken_off, replied};
use postledger_core::reply::{Class, Reply};
use std::collections::VecDeque;
use std::fmt;

/// The envelope of one transaction, and what its text needs of the server.
#[derive(Debug, Clone)]
pub struct Envelope {
    /// The reverse path.
    pub return_path: Address,
    /// The one forward path.
    pub recipient: Address,
    /// Before dot-stuffing, line ends included (RFC 1870 4).
    pub size: u64,
    /// Some byte of the text is not ASCII.
    pub is_eight_bit: bool,
    /// Addresses or header fields are not ASCII.
    pub is_utf8: bool,
}

/// What the caller has to do next.
#[derive(Debug, Clone, PartialEq)]
pub enum Progress {
    /// Write the output, then read.
    Await,
    /// Shake hands, then call [`Session::secured`].
    StartTls,
    /// A transaction may begin.
    Ready,
    /// Write the text, then call [`Session::hand_over_dot`] or close.
    SendBody,
    /// The transaction has ended, or none can begin.
    Ended(Outcome),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Expect {
    Banner,
    Ehlo,
    Helo,
    StartTls,
    AuthPlain,
    AuthUser,
    AuthPassword,
    AuthEnd,
    Reset,
    Mail,
    Rcpt,
    Data,
    Dot,
    Quit,
}

/// See the module.
pub struct Session {
    hello_name: String,
    tls: TlsMode,
    credentials: Option<Credentials>,
    reader: ReplyReader,
    output: Vec<u8>,
    expected: VecDeque<Expect>,
    /// Of those, the last ones whose commands still stand in the output.
    unsent: usize,
    capabilities: Capabilities,
    banner: String,
    is_secure: bool,
    is_open: bool,
    next: Option<Progress>,
    envelope: Option<Envelope>,
    /// What the transaction has come to, while replies to commands already sent are still read.
    verdict: Option<Outcome>,
    is_in_body: bool,
    /// The server may remember a refused transaction.
    needs_reset: bool,
    /// The connection has carried a transaction before this one.
    is_reused: bool,
    is_mail_answered: bool,
    answered: u32,
}

impl Session {
    /// A session on a fresh connection, encrypted already if `tls` is implicit.
    pub fn new(hello_name: String, tls: TlsMode, credentials: Option<Credentials>) -> Self {
        Self {
            hello_name,
            tls,
            credentials,
            reader: ReplyReader::default(),
            output: Vec::new(),
            expected: VecDeque::from([Expect::Banner]),
            unsent: 0,
            capabilities: Capabilities::default(),
            banner: String::new(),
            is_secure: tls == TlsMode::Implicit,
            is_open: true,
            next: None,
            envelope: None,
            verdict: None,
            is_in_body: false,
            needs_reset: false,
            is_reused: false,
            is_mail_answered: false,
            answered: 0,
        }
    }

    /// What the server offers, as of its last EHLO reply.
    pub const fn capabilities(&self) -> Capabilities {
        self.capabilities
    }

    /// The first line of the greeting.
    pub fn banner(&self) -> &str {
        &self.banner
    }

    /// Whether the connection is encrypted.
    pub const fn is_secure(&self) -> bool {
        self.is_secure
    }

    /// Whether it can carry another transaction.
    pub const fn is_open(&self) -> bool {
        self.is_open
    }

    /// Counts replies: a new number is a new deadline.
    pub(crate) const fn answered(&self) -> u32 {
        self.answered
    }

    /// Where the dialogue stands: whose deadline runs, and what a failure means.
    pub fn stage(&self) -> Stage {
        match self.expected.front() {
            Some(Expect::Banner) => Stage::Banner,
            Some(Expect::Ehlo | Expect::Helo) => Stage::Ehlo,
            Some(Expect::StartTls) => Stage::Tls,
            Some(Expect::AuthPlain | Expect::AuthUser | Expect::AuthPassword | Expect::AuthEnd) => {
                Stage::Auth
            }
            Some(Expect::Reset | Expect::Mail) => Stage::Mail,
            Some(Expect::Rcpt) => Stage::Rcpt,
            Some(Expect::Data) => Stage::Data,
            Some(Expect::Dot) => Stage::Dot,
            Some(Expect::Quit) => Stage::Quit,
            None if self.is_in_body => Stage::Body,
            None if self.tls == TlsMode::Starttls && !self.is_secure => Stage::Tls,
            None => Stage::Mail,
        }
    }

    /// What is to be written, once.
    pub fn take_output(&mut self) -> Vec<u8> {
        self.unsent = 0;
        std::mem::take(&mut self.output)
    }

    /// Bytes from the peer.
    pub fn handle_input(&mut self, bytes: &[u8]) {
        self.reader.feed(bytes);
    }

    /// The connection failed, a deadline passed, or the caller gives up. It is not to be used any more.
    pub fn broke(&mut self, trouble: Trouble) -> Outcome {
        self.is_open = false;
        let stage = self.stage();
        self.verdict.take().unwrap_or_else(|| broken_off(stage, trouble, None))
    }

    /// `cancelled_send`: takes the transaction for ended and the connection for good, whatever reply is still to come.
    #[cfg(feature = "sabotage")]
    pub(crate) fn abandon(&mut self, trouble: Trouble) -> Outcome {
        self.end_transaction(Outcome::Unknown(trouble));
        self.next = None;
        Outcome::Unknown(trouble)
    }

    /// A kept connection turned out to be closed before MAIL was answered: nothing was tried at all.
    pub(crate) const fn is_stale(&self) -> bool {
        !self.is_open && self.is_reused && !self.is_mail_answered
    }

    /// The next thing to do.
    pub fn poll(&mut self) -> Progress {
        loop {
            if let Some(next) = self.next.take() {
                return next;
            }
            let Some(&expect) = self.expected.front() else {
                return self.poll_unexpected();
            };
            // An answer to what was not asked yet is an answer to something else.
            if self.unsent >= self.expected.len() && !self.reader.is_empty() {
                return self.poll_unexpected();
            }
            match self.reader.take() {
                Ok(Some(reply)) => self.handle_reply(expect, reply),
                Ok(None) => return Progress::Await,
                Err(_) => return Progress::Ended(self.broke(Trouble::Protocol)),
            }
        }
    }

    /// Between transactions, while the text is written, and before a command is sent the server has nothing to say.
    fn poll_unexpected(&mut self) -> Progress {
        match self.reader.take() {
            Ok(Some(reply)) => {
                self.is_open = false;
                let stage = self.stage();
                let reply = reply.into_reply();
                let trouble = match reply.class() {
                    Some(Class::Transient | Class::Permanent) => Trouble::Refused,
                    Some(Class::Completion | Class::Intermediate) | None => Trouble::Protocol,
                };
                Progress::Ended(broken_off(stage, trouble, Some(reply)))
            }
            Ok(None) if self.reader.is_empty() && !self.is_in_body => Progress::Ready,
            Ok(None) if self.reader.is_empty() => Progress::Await,
            Ok(None) | Err(_) => Progress::Ended(self.broke(Trouble::Protocol)),
        }
    }

    fn handle_reply(&mut self, expect: Expect, raw: RawReply) {
        let stage = self.stage();
        self.answered += 1;
        self.expected.pop_front();
        if expect == Expect::Banner {
            self.banner = raw.lines.first().cloned().unwrap_or_default();
        }
        let offers = matches!(expect, Expect::Ehlo).then(|| Capabilities::parse(&raw));
        let reply = raw.into_reply();
        if reply.code == 421 {
            self.is_open = false;
        }
        match expect {
            Expect::Quit => self.is_open = false,
            Expect::Ehlo if is_unknown_command(&reply) && self.may_greet_plainly() => {
                self.command(Expect::Helo, &format!("HELO {}\r\n", self.hello_name));
            }
            Expect::Reset | Expect::Mail | Expect::Rcpt | Expect::Data | Expect::Dot => {
                self.handle_transaction_reply(expect, stage, reply);
            }
            Expect::Banner
            | Expect::Ehlo
            | Expect::Helo
            | Expect::StartTls
            | Expect::AuthPlain
            | Expect::AuthUser
            | Expect::AuthPassword
            | Expect::AuthEnd => {
                let code = reply.code;
                match replied(stage, reply) {
                    Verdict::Continue => {
                        self.capabilities = offers.unwrap_or(self.capabilities);
                        self.advance(expect, code);
                    }
                    Verdict::Ended(outcome) => self.end_session(outcome),
                }
            }
        }
    }

    /// From here on the text may be delivered: the final dot is in the output.
    pub fn hand_over_dot(&mut self) {
        self.is_in_body = false;
        self.command(Expect::Dot, ".\r\n");
    }

    /// Says goodbye.
    pub fn quit(&mut self) {
        self.command(Expect::Quit, "QUIT\r\n");
    }

    fn command(&mut self, expect: Expect, line: &str) {
        self.output.extend_from_slice(line.as_bytes());
        self.expected.push_back(expect);
        self.unsent += 1;
    }

    fn end_session(&mut self, outcome: Outcome) {
        self.is_open = false;
        self.end_transaction(outcome);
    }

    fn end_transaction(&mut self, outcome: Outcome) {
        self.expected.clear();
        self.unsent = 0;
        self.envelope = None;
        self.is_reused = true;
        self.is_in_body = false;
        self.next = Some(Progress::Ended(outcome));
    }
}

/// Buffers hold addresses and a login.
impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Session(at {}, open: {})", self.stage(), self.is_open)
    }
}

/// A server before RFC 1869 does not know EHLO.
const fn is_unknown_command(reply: &Reply) -> bool {
    matches!(reply.code, 500..=502 | 504)
}

#[cfg(test)]
mod tests;
