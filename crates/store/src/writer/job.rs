//! What stands in the writer's queue.

use crate::codec::{self, Encoded};
use bytes::Bytes;
use postledger_core::clock::Entropy;
use postledger_core::event::{Event, MailEvent, Recorded};
use postledger_core::id::{MessageId, Ordinal, Stream};
use postledger_core::ledger::{Append, LedgerError, Submission, Submitted};
use postledger_core::name::Tenant;
use postledger_core::time::Timestamp;
use std::sync::Arc;
use tokio::sync::oneshot;

type Reply<T> = oneshot::Sender<Result<T, LedgerError>>;

/// Something to commit, and who waits for it.
#[derive(Debug)]
pub(crate) enum Job {
    Submit(Vec<Accepting>, Reply<Vec<Submitted>>),
    Append(Appending, Reply<Vec<Recorded>>),
    /// A piece of a large content, before the message that binds it.
    Chunk(Chunk, Reply<()>),
}

/// A message to accept, encoded by its caller's thread.
#[derive(Debug)]
pub(crate) struct Accepting {
    pub submission: Submission,
    pub entry: Entry,
    /// Its content was handed in before, in chunks.
    pub is_chunked: bool,
}

/// Events to append to one stream.
#[derive(Debug)]
pub(crate) struct Appending {
    pub stream: Stream,
    pub tenant: Tenant,
    pub at: Timestamp,
    pub message_version: Option<u32>,
    pub entries: Vec<Entry>,
}

/// One event with its stored form.
#[derive(Debug)]
pub(crate) struct Entry {
    pub ordinal: Ordinal,
    pub after_version: u32,
    pub event: Event,
    pub encoded: Encoded,
}

/// See [`Job::Chunk`].
#[derive(Debug)]
pub(crate) struct Chunk {
    pub message: MessageId,
    pub number: i64,
    pub bytes: Bytes,
}

/// What a job came to.
#[derive(Debug)]
pub(crate) enum Answer {
    Submitted(Vec<Submitted>),
    Recorded(Vec<Recorded>),
    Stored,
    Refused(LedgerError),
}

impl Entry {
    pub(crate) fn new(ordinal: Ordinal, after_version: u32, event: Event, entropy: &dyn Entropy) -> Self {
        let encoded = codec::encode(&event, || entropy.salt());
        Self { ordinal, after_version, event, encoded }
    }
}

impl Accepting {
    pub(crate) fn new(submission: Submission, is_chunked: bool, entropy: &dyn Entropy) -> Self {
        let event = Event::Mail(MailEvent::Queued(Arc::clone(&submission.queued)));
        let entry = Entry::new(Ordinal::MESSAGE, 0, event, entropy);
        Self { submission, entry, is_chunked }
    }
}

impl Appending {
    pub(crate) fn new(append: Append, entropy: &dyn Entropy) -> Self {
        let Append { stream, tenant, at, message_version, changes } = append;
        let entry = |change: postledger_core::ledger::Change| {
            Entry::new(change.ordinal, change.after_version, change.event, entropy)
        };
        Self { stream, tenant, at, message_version, entries: changes.into_iter().map(entry).collect() }
    }
}

impl Job {
    /// Events and bytes of content.
    pub(crate) fn size(&self) -> (usize, usize) {
        match self {
            Self::Submit(items, _) => {
                let stored = items.iter().filter(|item| !item.is_chunked);
                (items.len(), stored.map(|item| item.submission.content.bytes.len()).sum())
            }
            Self::Append(append, _) => (append.entries.len(), 0),
            Self::Chunk(chunk, _) => (0, chunk.bytes.len()),
        }
    }

    pub(crate) fn is_append(&self) -> bool {
        matches!(self, Self::Append(..))
    }

    /// Whoever has stopped waiting changes nothing: a failed send is fine.
    pub(crate) fn answer(self, answer: Answer) {
        match (self, answer) {
            (Self::Submit(_, reply), Answer::Submitted(submitted)) => drop(reply.send(Ok(submitted))),
            (Self::Append(_, reply), Answer::Recorded(recorded)) => drop(reply.send(Ok(recorded))),
            (Self::Chunk(_, reply), Answer::Stored) => drop(reply.send(Ok(()))),
            (job, Answer::Refused(error)) => job.refuse(error),
            (job, _) => job.refuse(LedgerError::Stopped),
        }
    }

    pub(crate) fn refuse(self, error: LedgerError) {
        match self {
            Self::Submit(_, reply) => drop(reply.send(Err(error))),
            Self::Append(_, reply) => drop(reply.send(Err(error))),
            Self::Chunk(_, reply) => drop(reply.send(Err(error))),
        }
    }
}
