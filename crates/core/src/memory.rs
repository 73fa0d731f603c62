//! A ledger in memory, for tests of whoever uses one. It forgets everything and passes the conformance suite.

use crate::content::Content;
use crate::event::{Event, MailEvent, Recorded};
use crate::id::{Epoch, MessageId, Ordinal, Position, Stream};
use crate::ledger::{
    Append, BoxFuture, Change, Committed, Ledger, LedgerError, LedgerHead, OpenMessage, Submission,
    Submitted, Subscriber,
};
use crate::message::Message;
use crate::name::Tenant;
use crate::time::Timestamp;
use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// See the module.
#[derive(Default)]
pub struct MemoryLedger {
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    events: Vec<Recorded>,
    versions: HashMap<(Stream, Ordinal), u32>,
    contents: HashMap<MessageId, Content>,
    keys: HashMap<(Tenant, [u8; 32]), (MessageId, [u8; 32])>,
    subscribers: Vec<Arc<dyn Subscriber>>,
    is_stopped: bool,
}

impl MemoryLedger {
    /// From now on every write is answered with [`LedgerError::Stopped`], as after a failed sync.
    pub fn stop(&self) {
        self.inner().is_stopped = true;
    }

    /// All events so far.
    pub fn events(&self) -> Vec<Recorded> {
        self.inner().events.clone()
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn record(&mut self, stream: Stream, tenant: &Tenant, at: Timestamp, change: Change) -> Recorded {
        let version = match stream {
            Stream::Node => self.version(stream, change.ordinal) + 1,
            Stream::Message(_) | Stream::Key(_) => change.after_version + 1,
        };
        let (previous_position, previous) =
            self.events.last().map_or((0, [0; 32]), |last| (last.position.0, last.hash));
        let recorded = Recorded {
            position: Position(previous_position + 1),
            stream,
            ordinal: change.ordinal,
            version,
            epoch: Epoch(1),
            tenant: tenant.clone(),
            at,
            hash: *blake3::hash(&previous).as_bytes(),
            event: change.event,
        };
        self.versions.insert((stream, change.ordinal), version);
        self.events.push(recorded.clone());
        recorded
    }

    fn version(&self, stream: Stream, ordinal: Ordinal) -> u32 {
        self.versions.get(&(stream, ordinal)).copied().unwrap_or(0)
    }

    fn submit(&mut self, submission: Submission, committed: &mut Committed) -> Submitted {
        let Submission { id, tenant, at, queued, content } = submission;
        if let Some(idempotency) = &queued.idempotency {
            let slot = (tenant.clone(), idempotency.key);
            match self.keys.get(&slot) {
                Some((known, request)) if *request == idempotency.request => {
                    return Submitted::Replayed(*known);
                }
                Some((known, _)) => return Submitted::KeyReused(*known),
                None => self.keys.insert(slot, (id, idempotency.request)),
            };
        }
        let event = Event::Mail(MailEvent::Queued(queued));
        let change = Change { ordinal: Ordinal::MESSAGE, after_version: 0, event };
        let recorded = self.record(Stream::Message(id), &tenant, at, change);
        self.contents.insert(id, content.clone());
        committed.events.push(recorded.clone());
        committed.contents.push((id, content));
        Submitted::Accepted(Box::new(recorded))
    }

    fn is_expected(&self, append: &Append) -> bool {
        if append.stream == Stream::Node {
            return true;
        }
        let mut next = HashMap::new();
        let message =
            append.message_version.is_none_or(|v| v == self.version(append.stream, Ordinal::MESSAGE));
        message
            && append.changes.iter().all(|change| {
                let version =
                    next.entry(change.ordinal).or_insert_with(|| self.version(append.stream, change.ordinal));
                let fits = *version == change.after_version;
                *version += 1;
                fits
            })
    }

    fn publish(&self, committed: Committed) {
        let committed = Arc::new(committed);
        self.subscribers.iter().for_each(|subscriber| subscriber.committed(&committed));
    }
}

fn ready<'a, T: Send + 'a>(value: T) -> BoxFuture<'a, T> {
    Box::pin(std::future::ready(value))
}

impl Ledger for MemoryLedger {
    fn submit(&self, submissions: Vec<Submission>) -> BoxFuture<'_, Result<Vec<Submitted>, LedgerError>> {
        let mut inner = self.inner();
        if inner.is_stopped {
            return ready(Err(LedgerError::Stopped));
        }
        let mut committed = Committed::default();
        let submitted = submissions.into_iter().map(|s| inner.submit(s, &mut committed)).collect();
        inner.publish(committed);
        ready(Ok(submitted))
    }

    fn append(&self, append: Append) -> BoxFuture<'_, Result<Vec<Recorded>, LedgerError>> {
        let mut inner = self.inner();
        if inner.is_stopped {
            return ready(Err(LedgerError::Stopped));
        }
        if !inner.is_expected(&append) {
            return ready(Err(LedgerError::Conflict));
        }
        let Append { stream, tenant, at, changes, .. } = append;
        let events: Vec<_> = changes.into_iter().map(|c| inner.record(stream, &tenant, at, c)).collect();
        inner.publish(Committed { events: events.clone(), contents: Vec::new() });
        ready(Ok(events))
    }

    fn histories(&self, ids: Vec<MessageId>) -> BoxFuture<'_, Result<Vec<Vec<Recorded>>, LedgerError>> {
        let inner = self.inner();
        let history = |id: MessageId| {
            inner.events.iter().filter(|event| event.stream == Stream::Message(id)).cloned().collect()
        };
        ready(Ok(ids.into_iter().map(history).collect()))
    }

    fn content(&self, id: MessageId) -> BoxFuture<'_, Result<Option<Content>, LedgerError>> {
        ready(Ok(self.inner().contents.get(&id).cloned()))
    }

    fn key_events(&self) -> BoxFuture<'_, Result<Vec<Recorded>, LedgerError>> {
        let inner = self.inner();
        let keys = inner.events.iter().filter(|event| matches!(event.stream, Stream::Key(_)));
        ready(Ok(keys.cloned().collect()))
    }

    fn open_messages(
        &self,
        after: Position,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<OpenMessage>, LedgerError>> {
        let inner = self.inner();
        let mut open = Vec::new();
        for first in inner.events.iter().filter(|event| event.position > after) {
            if !matches!(first.event, Event::Mail(MailEvent::Queued(_))) {
                continue;
            }
            let history = inner.events.iter().filter(|event| event.stream == first.stream);
            match Message::fold(history) {
                Ok(Some(message)) if !message.is_final() => {
                    open.push(OpenMessage { position: first.position, message });
                }
                Ok(_) => {}
                Err(broken) => {
                    let (position, stream) = (first.position, first.stream.to_string());
                    return ready(Err(LedgerError::Corrupt { position, stream, detail: broken.to_string() }));
                }
            }
            if open.len() == limit {
                break;
            }
        }
        ready(Ok(open))
    }

    fn subscribe(&self, subscriber: Arc<dyn Subscriber>) {
        self.inner().subscribers.push(subscriber);
    }

    fn head(&self) -> LedgerHead {
        let inner = self.inner();
        LedgerHead {
            position: inner.events.last().map_or(Position(0), |last| last.position),
            hash: inner.events.last().map_or([0; 32], |last| last.hash),
            epoch: Epoch(1),
            is_writable: !inner.is_stopped,
        }
    }
}

impl fmt::Debug for MemoryLedger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MemoryLedger({} events)", self.inner().events.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_conforms() {
        let subject = || -> Arc<dyn Ledger> { Arc::new(MemoryLedger::default()) };
        for (name, case) in crate::conformance::CASES {
            pollster::block_on(async {
                case(subject()).await.unwrap_or_else(|reason| panic!("{name}: {reason}"));
            });
        }
    }
}
