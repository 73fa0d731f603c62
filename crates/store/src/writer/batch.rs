//! One transaction, planned in memory: who gets which position, and who is refused.

use super::job::{Accepting, Answer, Appending, Chunk, Entry, Job};
use super::store::Known;
use crate::chain::{self, Hash, Header};
use crate::codec;
use postledger_core::content::Content;
use postledger_core::event::{Idempotency, Recorded};
use postledger_core::id::{Epoch, MessageId, Ordinal, Position, Stream};
use postledger_core::ledger::{Committed, LedgerError, Submitted};
use postledger_core::name::Tenant;
use postledger_core::time::Timestamp;

/// What a transaction writes, in order, and what is answered once it has committed.
#[derive(Debug)]
pub(crate) struct Batch<'j> {
    pub rows: Vec<Row<'j>>,
    pub contents: Vec<(Position, &'j Content, bool)>,
    pub keys: Vec<(&'j Tenant, &'j Idempotency, Position)>,
    pub chunks: Vec<&'j Chunk>,
    /// Chunks of submissions that turned out to be repetitions.
    pub unbound: Vec<MessageId>,
    /// Streams whose content goes.
    pub removed: Vec<Stream>,
    /// Streams whose personal parts go.
    pub erased: Vec<Stream>,
    pub committed: Committed,
    pub answers: Vec<Answer>,
    /// Roughly how much the write-ahead log grows.
    pub bytes: usize,
    pub position: Position,
    pub hash: Hash,
    epoch: Epoch,
    known: Known,
}

/// A row to insert.
#[derive(Debug)]
pub(crate) struct Row<'j> {
    pub position: i64,
    pub stream: String,
    pub delivery: i64,
    pub version: i64,
    pub epoch: i64,
    pub tenant: &'j str,
    pub at_us: i64,
    pub encoded: &'j codec::Encoded,
    pub hash: Hash,
}

impl<'j> Batch<'j> {
    /// Plans the jobs in order; each sees what those before it append.
    pub(crate) fn plan(jobs: &'j [Job], known: Known, epoch: Epoch, position: Position, hash: Hash) -> Self {
        let mut batch = Self {
            rows: Vec::new(),
            contents: Vec::new(),
            keys: Vec::new(),
            chunks: Vec::new(),
            unbound: Vec::new(),
            removed: Vec::new(),
            erased: Vec::new(),
            committed: Committed::default(),
            answers: Vec::with_capacity(jobs.len()),
            bytes: 0,
            position,
            hash,
            epoch,
            known,
        };
        for job in jobs {
            let answer = match job {
                Job::Submit(items, _) => {
                    Answer::Submitted(items.iter().map(|item| batch.accept(item)).collect())
                }
                Job::Append(append, _) => batch.append(append),
                Job::Chunk(chunk, _) => {
                    batch.bytes += chunk.bytes.len();
                    batch.chunks.push(chunk);
                    Answer::Stored
                }
            };
            batch.answers.push(answer);
        }
        batch
    }

    fn accept(&mut self, item: &'j Accepting) -> Submitted {
        let submission = &item.submission;
        let idempotency = submission.queued.idempotency.as_ref();
        if let Some(idempotency) = idempotency
            && let Some((message, request)) = self.known.key(&submission.tenant, &idempotency.key)
        {
            if item.is_chunked {
                self.unbound.push(submission.id);
            }
            return if request == idempotency.request {
                Submitted::Replayed(message)
            } else {
                Submitted::KeyReused(message)
            };
        }
        let stream = Stream::Message(submission.id);
        let recorded = self.push(stream, &submission.tenant, submission.at, &item.entry);
        if let Some(idempotency) = idempotency {
            self.known.insert_key(&submission.tenant, idempotency, submission.id);
            self.keys.push((&submission.tenant, idempotency, recorded.position));
        }
        self.contents.push((recorded.position, &submission.content, item.is_chunked));
        if !item.is_chunked {
            self.bytes += submission.content.bytes.len();
            self.committed.contents.push((submission.id, submission.content.clone()));
        }
        Submitted::Accepted(Box::new(recorded))
    }

    fn append(&mut self, append: &'j Appending) -> Answer {
        if !self.is_expected(append) {
            return Answer::Refused(LedgerError::Conflict);
        }
        for entry in &append.entries {
            if codec::is_content_removal(&entry.event) {
                self.removed.push(append.stream);
            }
            if codec::is_erasure(&entry.event) {
                self.erased.push(append.stream);
            }
        }
        let entries = append.entries.iter();
        Answer::Recorded(entries.map(|e| self.push(append.stream, &append.tenant, append.at, e)).collect())
    }

    fn is_expected(&self, append: &Appending) -> bool {
        if append.stream == Stream::Node {
            return true;
        }
        let version = |ordinal| self.known.version(append.stream, ordinal);
        let message = append.message_version.is_none_or(|expected| expected == version(Ordinal::MESSAGE));
        message
            && append.entries.iter().enumerate().all(|(n, entry)| {
                let before = append.entries[..n].iter().rev().find(|before| before.ordinal == entry.ordinal);
                let present =
                    before.map_or_else(|| version(entry.ordinal), |before| before.after_version + 1);
                entry.after_version == present
            })
    }

    fn push(&mut self, stream: Stream, tenant: &'j Tenant, at: Timestamp, entry: &'j Entry) -> Recorded {
        let version = match stream {
            Stream::Node => self.known.version(stream, entry.ordinal) + 1,
            Stream::Message(_) | Stream::Key(_) => entry.after_version + 1,
        };
        let text = stream.to_string();
        let encoded = &entry.encoded;
        self.position = Position(self.position.0 + 1);
        let header = Header {
            position: self.position.0,
            stream: &text,
            delivery: i64::from(entry.ordinal.0),
            version: i64::from(version),
            epoch: self.epoch.0,
            tenant: tenant.as_str(),
            kind: encoded.kind,
            schema: encoded.schema,
            at_us: at.as_micros(),
        };
        let digest = encoded.personal.as_ref().map(|personal| &personal.digest[..]);
        self.hash = chain::next(&self.hash, &header, encoded.data.as_bytes(), digest);
        let Header { position, delivery, version: stored_version, epoch, at_us, .. } = header;
        let (tenant_text, hash) = (tenant.as_str(), self.hash);
        self.bytes += 512 + encoded.data.len();
        self.rows.push(Row {
            position,
            stream: text,
            delivery,
            version: stored_version,
            epoch,
            tenant: tenant_text,
            at_us,
            encoded,
            hash,
        });
        self.known.set_version(stream, entry.ordinal, version);
        let recorded = Recorded {
            position: self.position,
            stream,
            ordinal: entry.ordinal,
            version,
            epoch: self.epoch,
            tenant: tenant.clone(),
            at,
            hash: self.hash,
            event: entry.event.clone(),
        };
        self.committed.events.push(recorded.clone());
        recorded
    }
}
