//! One SMTP session of the mailbox (RFC 5321), over smtp-proto's parser: EHLO, PIPELINING, 8BITMIME, SMTPUTF8, SIZE.

use super::magic::Verdict;
use super::{Caught, Mailbox};
use smtp_proto::request::receiver::{DataReceiver, RequestReceiver};
use smtp_proto::{Error, Request};
use std::io;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// A message, bytes (SIZE, RFC 1870).
const MAX_MESSAGE: usize = 32 * 1024 * 1024;
const MAX_RECIPIENTS: usize = 1000;
/// The server's timeout of RFC 5321 4.5.3.2.7.
const TIMEOUT: Duration = Duration::from_secs(300);

/// What the session is doing.
#[derive(Debug, Default)]
struct Transaction {
    from: Option<String>,
    to: Vec<String>,
    is_dropped: bool,
}

/// What follows a reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Then {
    Go,
    Data,
    Close,
}

/// Serves one client to its end.
pub(super) async fn run(
    mailbox: &Mailbox,
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
) -> io::Result<()> {
    stream.write_all(b"220 mailbox.localhost ESMTP Postledger development mailbox\r\n").await?;
    let mut transaction = Transaction::default();
    let mut receiver = RequestReceiver::default();
    let mut data: Option<(DataReceiver, Vec<u8>)> = None;
    let mut buffer = vec![0; 16 * 1024];
    let mut replies = Vec::new();
    loop {
        let read = tokio::time::timeout(TIMEOUT, stream.read(&mut buffer)).await??;
        if read == 0 {
            return Ok(());
        }
        let mut bytes = buffer[..read].iter();
        while !bytes.as_slice().is_empty() {
            if let Some((body, text)) = &mut data {
                let is_whole = body.ingest(&mut bytes, text);
                if text.len() > MAX_MESSAGE {
                    // Only a closed connection stops a client before its dot.
                    replies.extend_from_slice(b"552 5.3.4 message too large\r\n");
                    return stream.write_all(&replies).await;
                }
                if !is_whole {
                    continue;
                }
                let text = std::mem::take(text);
                data = None;
                let is_dropped = transaction.is_dropped;
                mailbox.keep(std::mem::take(&mut transaction).caught(text));
                if is_dropped {
                    // What was asked before the dot is answered, the dot is not.
                    return stream.write_all(&replies).await;
                }
                replies.extend_from_slice(b"250 2.0.0 caught\r\n");
                continue;
            }
            let request = match receiver.ingest(&mut bytes) {
                Err(Error::NeedsMoreData { .. }) => continue,
                request => request,
            };
            let (reply, then) = transaction.answer(mailbox, request);
            replies.extend_from_slice(reply.as_bytes());
            replies.extend_from_slice(b"\r\n");
            match then {
                Then::Go => {}
                Then::Data => data = Some((at_a_line_begin(), Vec::new())),
                Then::Close => return stream.write_all(&replies).await,
            }
        }
        // One write for all that was asked in one read: PIPELINING (RFC 2920 3.2).
        stream.write_all(&replies).await?;
        replies.clear();
    }
}

/// The first line of a message begins a line, too: a dot there is stuffed, or the end.
fn at_a_line_begin() -> DataReceiver {
    let mut receiver = DataReceiver::new();
    receiver.ingest(&mut b"\r\n".iter(), &mut Vec::new());
    receiver
}

impl Transaction {
    fn answer<T: AsRef<str>>(
        &mut self,
        mailbox: &Mailbox,
        request: Result<Request<T>, Error>,
    ) -> (&'static str, Then) {
        let reply = match request {
            Ok(Request::Ehlo { .. }) => {
                *self = Self::default();
                "250-mailbox.localhost\r\n250-PIPELINING\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n\
                 250-ENHANCEDSTATUSCODES\r\n250 SIZE 33554432"
            }
            Ok(Request::Helo { .. }) => {
                *self = Self::default();
                "250 mailbox.localhost"
            }
            Ok(Request::Mail { .. }) if self.from.is_some() => "503 5.5.1 a transaction is open",
            Ok(Request::Mail { from }) if from.size > MAX_MESSAGE => "552 5.3.4 message too large",
            Ok(Request::Mail { from }) => {
                self.from = Some(from.address.as_ref().to_owned());
                "250 2.1.0 ok"
            }
            Ok(Request::Rcpt { .. }) if self.from.is_none() => "503 5.5.1 MAIL comes first",
            Ok(Request::Rcpt { .. }) if self.to.len() >= MAX_RECIPIENTS => "452 4.5.3 too many recipients",
            Ok(Request::Rcpt { to }) => self.recipient(mailbox, to.address.as_ref()),
            Ok(Request::Data) if self.to.is_empty() => "503 5.5.1 RCPT comes first",
            Ok(Request::Data) => return ("354 end with <CRLF>.<CRLF>", Then::Data),
            Ok(Request::Rset) => {
                *self = Self::default();
                "250 2.0.0 ok"
            }
            Ok(Request::Noop { .. }) => "250 2.0.0 ok",
            Ok(Request::Vrfy { .. }) => "252 2.1.5 everything is caught",
            Ok(Request::Help { .. }) => "214 2.0.0 all mail is caught; nothing leaves this machine",
            Ok(Request::Quit) => return ("221 2.0.0 bye", Then::Close),
            Ok(_) => "502 5.5.1 not implemented",
            Err(Error::UnknownCommand) => "500 5.5.2 unknown command",
            Err(Error::InvalidSenderAddress) => "501 5.1.7 no address",
            Err(Error::InvalidRecipientAddress) => "501 5.1.3 no address",
            Err(Error::InvalidParameter { .. }) => "501 5.5.4 invalid parameter",
            Err(Error::UnsupportedParameter { .. }) => "555 5.5.4 unsupported parameter",
            // After an overlong line nothing that follows can be trusted to be a command.
            Err(Error::ResponseTooLong) => return ("500 5.5.2 line too long", Then::Close),
            Err(_) => "501 5.5.2 syntax error",
        };
        (reply, Then::Go)
    }

    fn recipient(&mut self, mailbox: &Mailbox, address: &str) -> &'static str {
        match mailbox.magic().judge(address) {
            Verdict::Reject => return "550 5.1.1 no such user here",
            // Of one mailbox (RFC 3463 3.3): a domain that asks for silence would keep the others of it waiting.
            Verdict::Defer => return "450 4.2.0 mailbox busy, come back later",
            Verdict::Drop => self.is_dropped = true,
            Verdict::Accept => {}
        }
        self.to.push(address.to_owned());
        "250 2.1.5 ok"
    }

    fn caught(self, text: Vec<u8>) -> Caught {
        Caught {
            number: 0,
            from: self.from.unwrap_or_default(),
            to: self.to,
            bytes: text.into(),
            is_unanswered: self.is_dropped,
        }
    }
}
