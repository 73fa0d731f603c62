//! One transaction with one recipient, pipelined where the server offers it (RFC 2920).

use super::{Envelope, Expect, Progress, Session};
use postledger_core::outcome::{NotSent, Outcome, Stage, Trouble, Verdict, broken_off, replied};
use postledger_core::reply::{Class, Reply};

impl Session {
    /// Begins a transaction. Ready must have been polled.
    ///
    /// # Errors
    /// The server lacks what the message needs; nothing was written, the session stays usable.
    pub fn begin(&mut self, envelope: Envelope) -> Result<(), NotSent> {
        let offered = self.capabilities;
        let is_too_large = offered.size.is_some_and(|largest| envelope.size > largest);
        // RFC 6531 3.1: who offers SMTPUTF8 offers 8BITMIME.
        let lacks_utf8 = envelope.is_utf8 && !(offered.smtp_utf8 && offered.eight_bit_mime);
        if is_too_large || lacks_utf8 || envelope.is_eight_bit && !offered.eight_bit_mime {
            return Err(NotSent { stage: Stage::Mail, trouble: Trouble::Unsupported, reply: None });
        }
        self.verdict = None;
        self.is_in_body = false;
        self.is_mail_answered = false;
        self.envelope = Some(envelope);
        if std::mem::take(&mut self.needs_reset) {
            self.command(Expect::Reset, "RSET\r\n");
            if !offered.pipelining {
                return Ok(());
            }
        }
        self.send_mail();
        if offered.pipelining {
            self.send_rcpt();
            self.send_data();
        }
        Ok(())
    }

    fn send_mail(&mut self) {
        let Some(envelope) = &self.envelope else { return };
        let mut line = format!("MAIL FROM:<{}>", envelope.return_path);
        if self.capabilities.size.is_some() {
            line += &format!(" SIZE={}", envelope.size);
        }
        if envelope.is_eight_bit {
            line += " BODY=8BITMIME";
        }
        if envelope.is_utf8 {
            line += " SMTPUTF8";
        }
        self.command(Expect::Mail, &(line + "\r\n"));
    }

    fn send_rcpt(&mut self) {
        let Some(envelope) = &self.envelope else { return };
        let line = format!("RCPT TO:<{}>\r\n", envelope.recipient);
        self.command(Expect::Rcpt, &line);
    }

    fn send_data(&mut self) {
        self.command(Expect::Data, "DATA\r\n");
    }

    pub(super) fn handle_transaction_reply(&mut self, expect: Expect, stage: Stage, reply: Reply) {
        self.is_mail_answered |= expect == Expect::Mail && reply.code != 421;
        if self.is_stale() {
            return self.end_session(broken_off(stage, Trouble::Refused, Some(reply)));
        }
        if expect == Expect::Reset {
            return match reply.class() {
                Some(Class::Completion) if !self.capabilities.pipelining => self.send_mail(),
                Some(Class::Completion) => {}
                Some(Class::Intermediate | Class::Transient | Class::Permanent) | None => {
                    self.end_session(broken_off(stage, Trouble::Refused, Some(reply)));
                }
            };
        }
        self.is_mail_answered = true;
        if self.verdict.is_some() {
            // DATA was pipelined behind a refused command and the server wants a text all the same. Only an
            // empty one could be given, and it might be delivered: RFC 2920 3.1. Closing says nothing.
            self.is_open &= reply.code != 354;
        } else {
            match (replied(stage, reply), expect) {
                (Verdict::Ended(outcome), _) => {
                    self.needs_reset = expect != Expect::Dot;
                    self.is_open &= !matches!(outcome, Outcome::NotSent(_) | Outcome::Unknown(_));
                    self.verdict = Some(outcome);
                }
                (Verdict::Continue, Expect::Data) => {
                    self.is_in_body = true;
                    self.next = Some(Progress::SendBody);
                    return;
                }
                (Verdict::Continue, Expect::Mail) if self.expected.is_empty() => self.send_rcpt(),
                (Verdict::Continue, Expect::Rcpt) if self.expected.is_empty() => self.send_data(),
                (Verdict::Continue, _) => {}
            }
        }
        let is_over = self.expected.is_empty() || !self.is_open;
        if is_over && let Some(outcome) = self.verdict.take() {
            self.end_transaction(outcome);
        }
    }
}
