//! The port that makes things durable, and the port that searches.
//!
//! One journal, one writer. Whoever decides something hands it in as an [`Append`] with the versions it decided
//! on; the writer commits many appends at once and answers each after the commit. Everybody else learns of it
//! as a [`Subscriber`].

use crate::content::Content;
use crate::event::{Event, MailEvent, Queued, Recorded};
use crate::id::{Epoch, MessageId, Ordinal, Position, Stream};
use crate::message::{Message, MessageStatus};
use crate::name::Tenant;
use crate::policy::Priority;
use crate::time::Timestamp;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

/// A boxed future: the ports are used as `Arc<dyn …>`.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// The journal with the contents beside it.
///
/// # Cancel safety
/// Dropping a future of `submit` or `append` does not undo it: what has reached the writer is committed.
pub trait Ledger: Send + Sync {
    /// Accepts messages, all in one commit: `Queued`, content and idempotency record of each. Durable on return.
    /// One answer per submission, in order. Waits a bounded time for its turn.
    ///
    /// # Errors
    /// [`LedgerError::Busy`], [`LedgerError::Full`] and [`LedgerError::Stopped`]: nothing was stored.
    /// [`LedgerError::Undecided`]: nobody knows.
    fn submit(&self, submissions: Vec<Submission>) -> BoxFuture<'_, Result<Vec<Submitted>, LedgerError>>;

    /// Appends events to one stream, all or none. Durable on return. Answers with what was recorded. Nobody decides on
    /// what stands in the node's stream: there the versions are not compared, but follow what is.
    ///
    /// # Errors
    /// [`LedgerError::Conflict`]: another append came first; re-read, decide again. The others as for `submit`.
    fn append(&self, append: Append) -> BoxFuture<'_, Result<Vec<Recorded>, LedgerError>>;

    /// The whole history of each message, in the order asked for; empty for an unknown one. Never behind an
    /// answered commit.
    ///
    /// # Errors
    /// [`LedgerError::Corrupt`] names the first record that cannot be read.
    fn histories(&self, ids: Vec<MessageId>) -> BoxFuture<'_, Result<Vec<Vec<Recorded>>, LedgerError>>;

    /// The content of a message; `None` once it is gone.
    ///
    /// # Errors
    /// [`LedgerError::Stopped`] if it cannot be read.
    fn content(&self, id: MessageId) -> BoxFuture<'_, Result<Option<Content>, LedgerError>>;

    /// Every event of every key's stream, in order.
    ///
    /// # Errors
    /// As for `histories`.
    fn key_events(&self) -> BoxFuture<'_, Result<Vec<Recorded>, LedgerError>>;

    /// Messages with a delivery that has not ended, in order of acceptance, after the one accepted at `after`.
    /// At most `limit`; an empty page is the end. Meant for the start, before anything is appended.
    ///
    /// # Errors
    /// As for `histories`.
    fn open_messages(
        &self,
        after: Position,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<OpenMessage>, LedgerError>>;

    /// From now on `subscriber` sees every commit, in order, before its callers are answered.
    fn subscribe(&self, subscriber: Arc<dyn Subscriber>);

    /// Where the journal stands.
    fn head(&self) -> LedgerHead;
}

/// Search over the views. May lag the journal by a moment.
pub trait Views: Send + Sync {
    /// Ids of messages, newest first.
    ///
    /// # Errors
    /// [`ViewsError::Rebuilding`] until the views have caught up with the journal after a start.
    fn list(&self, query: MessageQuery) -> BoxFuture<'_, Result<MessagePage, ViewsError>>;
}

/// A message to accept.
#[derive(Debug, Clone)]
pub struct Submission {
    /// Its id, fresh.
    pub id: MessageId,
    /// Whose it is.
    pub tenant: Tenant,
    /// When it was decided.
    pub at: Timestamp,
    /// The event; `queued.content` refers to `content`, `queued.idempotency` is what is checked.
    pub queued: Arc<Queued>,
    /// The rendered bytes.
    pub content: Content,
}

/// What became of a submission.
#[derive(Debug, Clone, PartialEq)]
pub enum Submitted {
    /// It is accepted and durable.
    Accepted(Box<Recorded>),
    /// The same request was accepted before, as this message.
    Replayed(MessageId),
    /// Its key was used before with another request; nothing was stored.
    KeyReused(MessageId),
}

/// Events for one stream.
#[derive(Debug, Clone)]
pub struct Append {
    /// Whose stream.
    pub stream: Stream,
    /// Whose data.
    pub tenant: Tenant,
    /// When it was decided.
    pub at: Timestamp,
    /// For a message's stream: the version of ordinal 0 that was decided on.
    pub message_version: Option<u32>,
    /// The events, each with the version of its ordinal before it.
    pub changes: Vec<Change>,
}

/// One event of an [`Append`].
#[derive(Debug, Clone)]
pub struct Change {
    /// The delivery, or 0.
    pub ordinal: Ordinal,
    /// The version before it; the event becomes the next.
    pub after_version: u32,
    /// The fact.
    pub event: Event,
}

/// A message with open deliveries, for the queue.
#[derive(Debug, Clone)]
pub struct OpenMessage {
    /// Where its `Queued` stands.
    pub position: Position,
    /// The fold of its history.
    pub message: Message,
}

/// Where the journal stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LedgerHead {
    /// The last committed position.
    pub position: Position,
    /// The hash of the chain there.
    pub hash: [u8; 32],
    /// The epoch that appends carry.
    pub epoch: Epoch,
    /// False once a write failed: nothing more is acknowledged and nothing may be sent.
    pub is_writable: bool,
}

/// What one commit made durable.
#[derive(Debug, Default)]
pub struct Committed {
    /// In order of position.
    pub events: Vec<Recorded>,
    /// The contents of the `Queued` among them, small enough to be worth handing on.
    pub contents: Vec<(MessageId, Content)>,
}

/// Sees every commit.
pub trait Subscriber: Send + Sync {
    /// Called by the writer after the commit and before the callers are answered: must be quick, must not block.
    fn committed(&self, committed: &Arc<Committed>);
}

/// Why the ledger did not do it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LedgerError {
    /// The writer is behind; nothing was stored. Try again in a moment.
    #[error("the ledger is busy")]
    Busy,
    /// The disk is full; nothing was stored.
    #[error("the disk is full")]
    Full,
    /// The expected version is not the present one; nothing was stored.
    #[error("another append came first")]
    Conflict,
    /// A write or a sync failed before, or the service is stopping. Nothing was stored; nothing more is acknowledged.
    #[error("the ledger does not accept writes")]
    Stopped,
    /// The very write of this failed: it may turn out to be stored at the next start. Ask again then.
    #[error("a write failed; whether it is stored shows at the next start")]
    Undecided,
    /// A record cannot be read.
    #[error("corrupt record at position {position} of {stream}: {detail}")]
    Corrupt {
        /// Where.
        position: Position,
        /// Whose.
        stream: String,
        /// What is wrong, without personal data.
        detail: String,
    },
    /// Reading failed.
    #[error("the ledger cannot be read: {0}")]
    Unreadable(String),
}

/// What to search for. All conditions hold together.
#[derive(Debug, Clone)]
pub struct MessageQuery {
    /// Only of this tenant; `None`: of all.
    pub tenant: Option<Tenant>,
    /// The message's status.
    pub status: Option<MessageStatus>,
    /// A recipient's address, as normalised.
    pub recipient: Option<String>,
    /// One of its tags.
    pub tag: Option<String>,
    /// Its priority.
    pub priority: Option<Priority>,
    /// Accepted before (exclusive).
    pub created_before: Option<Timestamp>,
    /// Accepted at or after.
    pub created_after: Option<Timestamp>,
    /// The present, which tells `scheduled` from `queued`.
    pub now: Timestamp,
    /// Only what was accepted before this position.
    pub before: Option<Position>,
    /// At most so many.
    pub limit: usize,
}

/// A page of a search.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MessagePage {
    /// Newest first.
    pub ids: Vec<MessageId>,
    /// Where the next page begins; `None` at the end.
    pub next: Option<Position>,
}

/// Why there is no answer to a search.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ViewsError {
    /// They are being rebuilt from the journal.
    #[error("the views are being rebuilt")]
    Rebuilding,
    /// They cannot be read.
    #[error("the views cannot be read: {0}")]
    Unreadable(String),
}

impl Append {
    /// Events that one delivery's decision made, to follow its present version.
    pub fn to_delivery(message: &Message, ordinal: Ordinal, at: Timestamp, events: Vec<MailEvent>) -> Self {
        let version = message.delivery(ordinal).map_or(0, |delivery| delivery.version);
        Self {
            stream: Stream::Message(message.id),
            tenant: message.tenant.clone(),
            at,
            message_version: Some(message.version),
            changes: Change::run(ordinal, version, events.into_iter().map(Event::Mail)),
        }
    }
}

impl Change {
    /// Events that follow each other at one ordinal, the first after `version`.
    pub fn run(ordinal: Ordinal, version: u32, events: impl IntoIterator<Item = Event>) -> Vec<Self> {
        let numbered = (version..).zip(events);
        numbered.map(|(after_version, event)| Self { ordinal, after_version, event }).collect()
    }
}

impl fmt::Debug for dyn Ledger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Ledger({:?})", self.head())
    }
}
