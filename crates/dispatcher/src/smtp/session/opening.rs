//! From the greeting to a session that is encrypted and logged in as configured.

use super::{BASE64, Expect, Progress, Session};
use crate::config::{Credentials, TlsMode};
use crate::smtp::capabilities::Capabilities;
use base64::Engine;
use postledger_core::outcome::{Stage, Trouble, broken_off};

impl Session {
    /// The dialogue up to the first transaction.
    pub(super) fn advance(&mut self, expect: Expect, code: u16) {
        match expect {
            Expect::Banner => self.command(Expect::Ehlo, &format!("EHLO {}\r\n", self.hello_name)),
            Expect::Ehlo | Expect::Helo => self.secure_or_log_in(),
            // What came in the same breath as the 220 was said in the clear, by whoever (RFC 3207 5).
            Expect::StartTls if self.reader.is_empty() => self.next = Some(Progress::StartTls),
            Expect::AuthUser if code == 334 => {
                self.send_secret(Expect::AuthPassword, |login| &login.username)
            }
            Expect::AuthPassword if code == 334 => self.send_secret(Expect::AuthEnd, |login| &login.password),
            Expect::AuthPlain | Expect::AuthEnd if code != 334 => {}
            Expect::StartTls
            | Expect::AuthPlain
            | Expect::AuthUser
            | Expect::AuthPassword
            | Expect::AuthEnd
            | Expect::Reset
            | Expect::Mail
            | Expect::Rcpt
            | Expect::Data
            | Expect::Dot
            | Expect::Quit => {
                let stage = if expect == Expect::StartTls { Stage::Tls } else { Stage::Auth };
                self.end_session(broken_off(stage, Trouble::Protocol, None));
            }
        }
    }

    fn secure_or_log_in(&mut self) {
        if self.tls == TlsMode::Starttls && !self.is_secure {
            if self.capabilities.starttls {
                self.command(Expect::StartTls, "STARTTLS\r\n");
            } else {
                self.end_session(broken_off(Stage::Tls, Trouble::Tls, None));
            }
            return;
        }
        let Some(Credentials { username, password }) = &self.credentials else { return };
        if self.capabilities.auth_plain {
            let secret = BASE64.encode(format!("\0{username}\0{password}"));
            self.command(Expect::AuthPlain, &format!("AUTH PLAIN {secret}\r\n"));
        } else if self.capabilities.auth_login {
            self.command(Expect::AuthUser, "AUTH LOGIN\r\n");
        } else {
            self.end_session(broken_off(Stage::Auth, Trouble::Unsupported, None));
        }
    }

    fn send_secret(&mut self, expect: Expect, part: impl Fn(&Credentials) -> &String) {
        let secret = self.credentials.as_ref().map(|login| BASE64.encode(part(login))).unwrap_or_default();
        self.command(expect, &format!("{secret}\r\n"));
    }

    /// The handshake that [`Progress::StartTls`] asked for is done. What the server said before does not count.
    pub fn secured(&mut self) {
        self.is_secure = true;
        self.capabilities = Capabilities::default();
        self.command(Expect::Ehlo, &format!("EHLO {}\r\n", self.hello_name));
    }

    /// Whether EHLO can be done without: nothing it offers is required.
    pub(super) fn may_greet_plainly(&self) -> bool {
        self.is_open && self.tls != TlsMode::Starttls && self.credentials.is_none()
    }
}
