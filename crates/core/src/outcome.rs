//! What an attempt came to. A failed delivery is an outcome, not an error.

mod class;

pub use class::{Verdict, broken_off, interrupted, replied};

use crate::reply::Reply;

/// The classes of an attempt's end (docs/outcomes.md).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// A complete 2yz to the dot.
    Accepted(Reply),
    /// A complete 4yz to MAIL, RCPT, DATA or the dot.
    Transient(Reply),
    /// A complete 5yz to MAIL, RCPT, DATA or the dot.
    Permanent(Reply),
    /// Known not to have been accepted: it may go to another relay at once.
    NotSent(NotSent),
    /// The dot may have left and no complete reply was read.
    Unknown(Trouble),
}

/// Where and why nothing was sent.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct NotSent {
    /// The stage that failed.
    pub stage: Stage,
    /// How it failed.
    pub trouble: Trouble,
    /// What the server said, where it said something complete.
    pub reply: Option<Reply>,
}

macro_rules! closed_set {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $text:literal,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name { $($(#[$variant_doc])* $variant,)* }

        impl $name {
            /// Every value, in order.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The word that stands in events, API, docs and metrics.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)* }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::outcome::UnknownWord;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Self::ALL.iter().copied().find(|value| value.as_str() == text).ok_or($crate::outcome::UnknownWord)
            }
        }
    };
}
pub(crate) use closed_set;

/// The text is not a word of this set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not one of the known words")]
pub struct UnknownWord;

closed_set! {
    /// The stages of a session, in order.
    Stage {
        /// Resolving the relay's name.
        Dns = "dns",
        /// Opening the connection.
        Connect = "connect",
        /// Waiting for the greeting.
        Banner = "banner",
        /// EHLO.
        Ehlo = "ehlo",
        /// STARTTLS and the TLS handshake.
        Tls = "tls",
        /// AUTH.
        Auth = "auth",
        /// MAIL FROM.
        Mail = "mail",
        /// RCPT TO.
        Rcpt = "rcpt",
        /// DATA.
        Data = "data",
        /// The message text.
        Body = "body",
        /// The final dot and its reply.
        Dot = "dot",
        /// RSET and QUIT; nothing depends on it.
        Quit = "quit",
    }
}

closed_set! {
    /// How an attempt broke off.
    Trouble {
        /// The deadline of the stage passed.
        Timeout = "timeout",
        /// The peer closed the connection.
        Closed = "closed",
        /// The connection was reset, or the system reported another error.
        Reset = "reset",
        /// What was read is no SMTP reply, or none that may stand here.
        Protocol = "protocol",
        /// The peer refused with a complete reply.
        Refused = "refused",
        /// TLS is required and could not be had, or the certificate is not valid.
        Tls = "tls",
        /// The name did not resolve.
        NotFound = "not_found",
        /// The peer lacks an extension that the message needs (SMTPUTF8, 8BITMIME, SIZE, AUTH).
        Unsupported = "unsupported",
        /// `Attempted` could not be committed, so the dot was withheld.
        Withheld = "withheld",
        /// The service stopped or crashed.
        Interrupted = "interrupted",
        /// The address to connect from is not this machine's, or of another family than the relay's.
        SourceAddress = "source_address",
        /// The relay's proxy cannot be reached.
        ProxyUnreachable = "proxy_unreachable",
        /// The relay's proxy gave no answer in time.
        ProxyTimeout = "proxy_timeout",
        /// The relay's proxy refused the login, or the way to the relay.
        ProxyRefused = "proxy_refused",
        /// The relay's proxy could not reach the relay.
        ProxyFailed = "proxy_failed",
        /// What the relay's proxy answered is of no proxy of its kind.
        ProxyProtocol = "proxy_protocol",
    }
}
