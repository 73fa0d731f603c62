//! Facts, in the past tense. The journal holds nothing else.
//!
//! Every field is either plain (in the hashed `data`) or *personal*: addresses, subject, tags, metadata, reply
//! texts, frozen heads. The store keeps personal fields apart, so that they can be erased while the chain still
//! verifies; a field that was erased reads as `None` or an empty text.

mod kind;

pub use kind::KINDS;

use crate::address::{Address, Mailbox};
use crate::content::ContentRef;
use crate::id::{Epoch, Ordinal, Position, Stream};
use crate::key::KeyEvent;
use crate::name::{Actor, RelayName, Source, Tenant};
use crate::outcome::{NotSent, Trouble, closed_set};
use crate::policy::Policy;
use crate::reply::Reply;
use crate::secret::KeyedDigest;
use crate::time::Timestamp;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// An event with its place in the journal.
#[derive(Debug, Clone, PartialEq)]
pub struct Recorded {
    /// Order in the journal.
    pub position: Position,
    /// Whose event it is.
    pub stream: Stream,
    /// The delivery, or 0 for the stream itself.
    pub ordinal: Ordinal,
    /// Counts inside (stream, ordinal), from 1. `Queued` is version 1 of ordinal 0; deliveries start at 0.
    pub version: u32,
    /// The epoch it was written in.
    pub epoch: Epoch,
    /// Whose data it is.
    pub tenant: Tenant,
    /// When it was decided, by the wall clock of its time.
    pub at: Timestamp,
    /// The chain up to and including this event.
    pub hash: [u8; 32],
    /// The fact.
    pub event: Event,
}

/// A fact of any stream.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// Of a message or one of its deliveries.
    Mail(MailEvent),
    /// Of an API key.
    Key(KeyEvent),
    /// Of the service itself.
    Node(NodeEvent),
}

/// What can happen to a message (first five) and to a delivery.
#[derive(Debug, Clone, PartialEq)]
pub enum MailEvent {
    /// The message was accepted; all its deliveries exist from here on.
    Queued(Arc<Queued>),
    /// A prepared message was committed by its application.
    Committed,
    /// A prepared message was aborted; each delivery's `Failed` follows.
    Aborted,
    /// The content was removed when its retention passed.
    ContentRemoved,
    /// Personal parts and content of the message were erased.
    Erased,

    /// A relay accepted the recipient; the dot may leave once this has committed.
    Attempted(Attempted),
    /// A relay took the mail with a complete 2yz to the dot.
    Delivered {
        /// The attempt.
        attempt: u32,
        /// The reply to the dot.
        reply: Reply,
    },
    /// The attempt did not deliver and another will follow.
    Deferred {
        /// The attempt.
        attempt: u32,
        /// Why.
        reason: Deferral,
        /// The earliest next attempt.
        due: Timestamp,
    },
    /// The dot may have left and no complete reply was read.
    Unknown {
        /// The attempt.
        attempt: u32,
        /// How the wait for the reply ended.
        trouble: Trouble,
        /// The earliest next attempt, should there be one.
        due: Timestamp,
    },
    /// No attempt will follow. Folds to the state `unknown` where an unknown attempt is unresolved.
    Failed {
        /// Why.
        cause: Cause,
        /// The attempt that decided it, where one did.
        attempt: Option<u32>,
        /// Its reply.
        reply: Option<Reply>,
    },
    /// Paused until released.
    Held {
        /// Why.
        reason: HoldReason,
        /// By whom.
        by: Actor,
    },
    /// Resumed; lifetime counts anew.
    Released {
        /// By whom.
        by: Actor,
    },
    /// Withdrawn before it was sent.
    Cancelled {
        /// By whom.
        by: Actor,
    },
    /// Given another time to be sent at.
    Rescheduled {
        /// The new time.
        send_at: Timestamp,
        /// By whom.
        by: Actor,
    },
    /// An operator found out what became of the unknown attempts.
    Resolved {
        /// What became of them.
        resolution: Resolution,
        /// How the operator knows. Personal.
        reason: String,
        /// By whom.
        by: Actor,
    },
    /// Put back in the queue after it had failed, with a fresh budget of attempts.
    Redriven {
        /// The lifetime from now.
        expires_after: Duration,
        /// By whom.
        by: Actor,
    },
    /// A bounce came back after delivery (RFC 3464).
    Bounced {
        /// What the report said.
        reply: Reply,
    },
    /// The recipient complained (RFC 5965).
    Complained,
}

/// What an application submitted, as far as the journal keeps it.
#[derive(Debug, Clone, PartialEq)]
pub struct Queued {
    /// Where it came in.
    pub source: Source,
    /// Who submitted it.
    pub by: Actor,
    /// Kind of each recipient, by ordinal from 1.
    pub kinds: Vec<RecipientKind>,
    /// How it wants to be delivered.
    pub policy: Arc<Policy>,
    /// Not before.
    pub send_at: Option<Timestamp>,
    /// The rendered content.
    pub content: ContentRef,
    /// The idempotency record, where a key was given.
    pub idempotency: Option<Idempotency>,
    /// The Message-ID header field's value, with brackets.
    pub message_id_header: String,
    /// `None` once erased.
    pub personal: Option<QueuedPersonal>,
}

/// The personal part of [`Queued`].
#[derive(Debug, Clone, PartialEq)]
pub struct QueuedPersonal {
    /// The author.
    pub from: Mailbox,
    /// The reverse path.
    pub return_path: Address,
    /// Forward paths, by ordinal from 1.
    pub recipients: Vec<Address>,
    /// The subject, decoded.
    pub subject: String,
    /// Labels for search and statistics.
    pub tags: Vec<String>,
    /// The application's own data.
    pub metadata: BTreeMap<String, String>,
}

closed_set! {
    /// Which header field names the recipient.
    RecipientKind {
        /// To.
        To = "to",
        /// Cc.
        Cc = "cc",
        /// In no header field.
        Bcc = "bcc",
    }
}

/// Keyed digests by which a repeated request is recognised.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Idempotency {
    /// Of tenant, source and key.
    pub key: KeyedDigest,
    /// Of the canonical request.
    pub request: KeyedDigest,
    /// Which secret keyed the digests.
    pub secret: [u8; 8],
    /// Which form of canonical request was digested.
    pub fingerprint_version: u16,
    /// Kept at least until then.
    pub keep_until: Timestamp,
}

/// The beginning of an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempted {
    /// Numbered from 1.
    pub attempt: u32,
    /// The next hop.
    pub relay: RelayName,
    /// The head that is the delivery's own, in its first attempt only; later attempts reuse it. Personal.
    pub head: Option<Arc<Head>>,
}

/// What is the delivery's own on the wire, frozen at its first attempt.
#[derive(Clone, PartialEq, Eq)]
pub struct Head {
    /// The reverse path.
    pub return_path: Address,
    /// Header fields that stand before the content, each ended by CRLF.
    pub fields: String,
}

impl std::fmt::Debug for Head {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Head({} bytes)", self.fields.len())
    }
}

/// Why an attempt did not deliver, though another will follow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Deferral {
    /// A complete 4yz.
    Transient(Reply),
    /// Known not sent; does not count towards `max_attempts`.
    NotSent(NotSent),
}

closed_set! {
    /// Why a delivery failed.
    Cause {
        /// A complete 5yz.
        Rejected = "rejected",
        /// Its lifetime passed.
        Expired = "expired",
        /// `max_attempts` was reached.
        Exhausted = "exhausted",
        /// The address is not to be tried.
        Suppressed = "suppressed",
        /// No relay of the route can take it.
        Unroutable = "unroutable",
        /// The application aborted the prepared message.
        Aborted = "aborted",
        /// An operator found that no unknown attempt had delivered it.
        Resolved = "resolved",
    }
}

closed_set! {
    /// Why a delivery is held.
    HoldReason {
        /// An operator said so.
        Operator = "operator",
        /// An attempt's result is not known and the policy is `hold`.
        Unknown = "unknown",
        /// The application neither committed nor aborted.
        PrepareUnanswered = "prepare_unanswered",
        /// It was in flight at repeated crashes, or its record is damaged.
        Quarantined = "quarantined",
        /// It was open when the ledger was restored from a backup.
        Restored = "restored",
        /// It is too old to be sent without a word.
        Stale = "stale",
    }
}

closed_set! {
    /// What an operator found out.
    Resolution {
        /// An unknown attempt had delivered it.
        Delivered = "delivered",
        /// None had.
        NotDelivered = "not_delivered",
    }
}

/// What happens to the service itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NodeEvent {
    /// A start raised the epoch.
    Started {
        /// The version of the program.
        version: String,
    },
    /// An orderly stop: nothing was in flight.
    Stopped,
    /// A relay gets no mail for a while.
    BreakerOpened {
        /// The relay.
        relay: RelayName,
        /// Why nothing could be sent there; `None`: on purpose, for a drill.
        not_sent: Option<NotSent>,
        /// Until then.
        until: Timestamp,
        /// By whom.
        by: Actor,
    },
    /// A connection without mail, then one delivery, shows whether a relay can be used again.
    BreakerProbing {
        /// The relay.
        relay: RelayName,
    },
    /// A relay gets mail again.
    BreakerClosed {
        /// The relay.
        relay: RelayName,
        /// By whom.
        by: Actor,
    },
}

impl MailEvent {
    /// The complete reply of a relay that it records, where there was one.
    pub fn reply(&self) -> Option<&Reply> {
        match self {
            Self::Delivered { reply, .. } | Self::Bounced { reply } => Some(reply),
            Self::Deferred { reason: Deferral::Transient(reply), .. } => Some(reply),
            Self::Deferred { reason: Deferral::NotSent(not_sent), .. } => not_sent.reply.as_ref(),
            Self::Failed { reply, .. } => reply.as_ref(),
            Self::Queued(_)
            | Self::Committed
            | Self::Aborted
            | Self::ContentRemoved
            | Self::Erased
            | Self::Attempted(_)
            | Self::Unknown { .. }
            | Self::Held { .. }
            | Self::Released { .. }
            | Self::Cancelled { .. }
            | Self::Rescheduled { .. }
            | Self::Resolved { .. }
            | Self::Redriven { .. }
            | Self::Complained => None,
        }
    }

    /// Whether it stands at ordinal 0.
    pub fn is_of_message(&self) -> bool {
        match self {
            Self::Queued(_) | Self::Committed | Self::Aborted | Self::ContentRemoved | Self::Erased => true,
            Self::Attempted(_)
            | Self::Delivered { .. }
            | Self::Deferred { .. }
            | Self::Unknown { .. }
            | Self::Failed { .. }
            | Self::Held { .. }
            | Self::Released { .. }
            | Self::Cancelled { .. }
            | Self::Rescheduled { .. }
            | Self::Resolved { .. }
            | Self::Redriven { .. }
            | Self::Bounced { .. }
            | Self::Complained => false,
        }
    }
}
